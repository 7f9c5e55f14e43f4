//! `dev`: the whole flow with nothing else installed.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::browser::Browser;
use super::dev_run::{DevRun, send};
use super::linking::Linking;
use super::machine::{Machine, Run, names};
use super::world::greeted;
use crate::support::http::{self, client};
use crate::support::process::{free_port, within};

const STEPS: [&str; 8] = [
    "\n1. The client asks for a link code.",
    "\n2. The person opens the page.",
    "\n3. The person enters the code.",
    "\n4. The person confirms",
    "\n5. The sandbox's person consents",
    "\n6. The client asks for an access token.",
    "\n7. The client uses it at the provider.",
    "Hello, Alice! Your access token works.",
];

/// Asserts that every step was shown, in order, and that nothing is left behind.
fn played(machine: &Machine, run: &Run) {
    let mut rest = run.stdout.as_str();
    for step in STEPS {
        let found = rest.split_once(step);
        rest = found.unwrap_or_else(|| panic!("no {step:?} in {run:?}")).1;
    }
    assert!(run.stdout.contains("POST http://127.0.0.1:"), "{run:?}");
    assert_eq!(run.stderr, "");
    assert_eq!(names(&machine.tmp()), [""; 0]);
    assert_eq!(names(&machine.work()), [""; 0]);
}

#[tokio::test]
async fn auto_plays_the_whole_flow_though_its_port_is_taken() {
    // Port 8080 is in use now, either by this listener or by another program.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 8080));
    let machine = Machine::new();
    let run = machine.run(&["dev", "--auto"]).await.expect(0);
    played(&machine, &run);
    assert!(!run.stdout.contains("127.0.0.1:8080"), "{run:?}");
}

#[tokio::test]
async fn auto_needs_neither_certificates_nor_a_proxy() {
    let machine = Machine::new();
    let mut command = machine.command(&["dev", "--auto", "--port", "0"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    command.env("SSL_CERT_FILE", machine.tmp().join("nothing"));
    command.env("SSL_CERT_DIR", machine.tmp().join("nothing"));
    let run = Run::of(command).await.expect(0);
    played(&machine, &run);
}

#[tokio::test]
async fn auto_goes_on_when_nobody_reads() {
    let machine = Machine::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = machine.command(&["dev", "--auto", "--port", "0"]);
    let mut child = command.stdout(writer).spawn().unwrap();
    let ended = within(Duration::from_secs(60), "the end of `dev`", child.wait());
    assert_eq!(ended.await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn auto_can_be_interrupted() {
    let machine = Machine::new();
    let mut command = machine.command(&["dev", "--auto", "--port", "0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // `dev` creates the folder of its database after it has installed its signal handlers.
    while names(&machine.tmp()).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(child.try_wait().unwrap().is_none());
    }
    send(&child, Signal::INT);
    let ended = within(
        Duration::from_secs(30),
        "the end of `dev`",
        child.wait_with_output(),
    );
    let ended = ended.await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert_eq!(said, "central-oauth: stopped before the end\n");
    assert_eq!(names(&machine.tmp()), [""; 0]);
}

#[tokio::test]
async fn links_by_hand_as_it_tells_to() {
    let machine = Machine::new();
    let port = free_port().to_string();
    let dev = DevRun::start(machine.command(&["dev", "--port", &port])).await;
    assert_eq!(dev.service(), format!("http://127.0.0.1:{port}/"));

    let link = ["link", "--server", dev.service(), "--profile", "dev"];
    assert!(dev.said.contains(&link.join(" ")), "{}", dev.said);
    let linking = Linking::start(machine.command(&link)).await;
    let mut person = Browser::new();
    let asked = person.look_up(dev.service(), &linking.code).await;
    assert!(asked.contains("Read your name"), "{asked}");
    person.consent(dev.service(), &linking.code, "alice").await;
    linking.end().await.expect(0);

    // `dev` prints the admin key that it has created, also in the command to use it with.
    let admin_key = dev.word_after("the admin key ");
    let accounts = ["accounts", "--server", dev.service()];
    let printed = format!("ADMIN_KEY={admin_key} ");
    assert!(dev.said.contains(&printed) && dev.said.contains(&accounts.join(" ")));
    let settings = [("ADMIN_KEY", admin_key)];
    let listed = machine.run_with(&settings, &accounts).await.expect(0);
    let listed = listed.stdout;
    assert!(listed.contains("Alice"), "{listed}");
    for page in ["device", "docs"] {
        let address = format!("{}{page}", dev.service());
        assert!(dev.said.contains(&address), "{}", dev.said);
        http::send(http::client().get(address)).await.expect(200);
    }
    let admin = format!("{}admin", dev.service());
    assert!(dev.said.contains(&format!("{admin} ")), "{}", dev.said);
    let login = http::client().get(format!("{admin}/login"));
    http::send(login).await.expect(200);

    let token = machine.run(&["token", "--profile", "dev"]).await.expect(0);
    let message = greeted(dev.hello(), token.stdout.trim()).await;
    assert_eq!(message, "Hello, Alice! Your access token works.");

    let (status, events) = dev.stop_and_read(Signal::TERM).await;
    assert_eq!(status.code(), Some(0));
    for event in ["link code handed out", "consent started", "account linked"] {
        assert_eq!(events.matches(event).count(), 1, "{events}");
    }
    assert_eq!(names(&machine.tmp()), [""; 0]);
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let machine = Machine::new();
    let dev = DevRun::start(machine.command(&["dev", "--port", "0"])).await;
    let ask = async |host: &str| {
        let address = format!("{}v1/link-code", dev.service());
        let asked = client().post(address).header("host", host);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("rebound.evil.example").await, 400);
    assert_eq!(ask("localhost:1234").await, 201);
    assert_eq!(dev.stop(Signal::INT).await.code(), Some(0));
}

#[tokio::test]
async fn ends_with_ctrl_c_and_sigquit() {
    for signal in [Signal::INT, Signal::QUIT] {
        let machine = Machine::new();
        let dev = DevRun::start(machine.command(&["dev", "--port", "0"])).await;
        assert_eq!(dev.stop(signal).await.code(), Some(0));
        assert_eq!(names(&machine.tmp()), [""; 0]);
    }
}
