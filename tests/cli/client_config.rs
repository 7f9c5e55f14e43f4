//! Invalid settings of the client commands.

use super::machine::Machine;
use crate::support::process::free_port;

#[tokio::test]
async fn each_mistake_is_one_line_that_names_the_variable() {
    let machine = Machine::new();
    let key = format!("coak_{}", "x".repeat(40));
    const ALL: &[&str] = &["link", "token", "accounts", "refresh"];
    for (variable, value, commands) in [
        ("SERVER", "auth.example.com", ALL),
        ("SERVER", "https://me:hunter2@auth.example.com", ALL),
        ("ACCESS_KEY", "hunter2", &ALL[1..]),
        ("ACCESS_KEY", &format!("{key}\nhunter2"), &ALL[1..]),
        ("ENROLL_KEY", "hunter2", &["link"]),
        ("ADMIN_KEY", "hunter2", &["accounts", "refresh"]),
    ] {
        for command in commands {
            let run = machine
                .run_with(&[(variable, value)], &[command])
                .await
                .expect(1);
            let expected = format!("central-oauth: CENTRAL_OAUTH_{variable}: is not ");
            assert!(run.only_line().starts_with(&expected), "{run:?}");
            assert!(!run.stderr.contains("hunter2"), "{run:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_stops_only_commands_that_need_it() {
    let machine = Machine::new();
    let server = format!("http://127.0.0.1:{}", free_port());
    let key = format!("coak_{}", "x".repeat(40));
    for (wrong, value) in [
        ("ADMIN_KEY", "short"),
        ("ADMIN_KEY_FILE", "missing"),
        ("ENROLL_KEY", "short"),
        ("ENROLL_KEY_FILE", "missing"),
    ] {
        let settings = [
            ("SERVER", server.as_str()),
            ("ACCESS_KEY", &key),
            (wrong, value),
        ];
        let run = machine.run_with(&settings, &["token"]).await.expect(8);
        assert!(run.only_line().contains("cannot be reached"), "{run:?}");
    }
    for wrong in ["ADMIN_KEY_FILE", "ACCESS_KEY_FILE"] {
        let settings = [("SERVER", server.as_str()), (wrong, "missing")];
        let run = machine.run_with(&settings, &["link"]).await.expect(8);
        assert!(run.only_line().contains("cannot be reached"), "{run:?}");
        let run = machine.run_with(&settings, &["token", "--profile", "work"]);
        let run = run.await.expect(3);
        assert!(
            run.only_line().contains("no access key is saved"),
            "{run:?}"
        );
    }
}

#[tokio::test]
async fn a_key_and_a_server_are_all_that_ci_needs() {
    let machine = Machine::new();
    let server = format!("http://127.0.0.1:{}", free_port());
    let key = format!("coak_{}", "x".repeat(40));
    let settings = [("SERVER", server.as_str()), ("ACCESS_KEY", &key)];
    let mut command = machine.command_with(&settings, &["token"]);
    command.env_remove("HOME").env_remove("XDG_CONFIG_HOME");
    let run = super::machine::Run::of(command).await.expect(8);
    assert!(run.only_line().contains("cannot be reached"), "{run:?}");
    assert!(!run.stderr.contains(&key), "{run:?}");
}

#[tokio::test]
async fn a_misspelt_variable_is_a_warning() {
    let machine = Machine::new();
    let settings = [("ACCES_KEY", "x"), ("SERVER", "http://127.0.0.1:1")];
    for command in ["token", "accounts", "link"] {
        let run = machine.run_with(&settings, &[command]).await;
        let warning = "central-oauth: warning: CENTRAL_OAUTH_ACCES_KEY is unknown; did you mean CENTRAL_OAUTH_ACCESS_KEY?";
        assert_eq!(run.stderr.lines().next(), Some(warning), "{run:?}");
        let run = machine.run_with(&settings, &[command, "--quiet"]).await;
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    }
}
