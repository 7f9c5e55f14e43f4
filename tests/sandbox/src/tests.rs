use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::*;

async fn sandbox() -> Sandbox {
    let options = SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        auto_person: AutoPerson::SomebodyNew,
        ..SandboxOptions::default()
    };
    Sandbox::start(options).await.unwrap()
}

/// Posts a form. Returns the head and the body of the response. Both are empty if the connection was closed without a
/// response.
async fn post(sandbox: &Sandbox, path: &str, form: &str) -> (String, String) {
    let mut stream = ask(sandbox, path, form, "close").await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (head.to_owned(), body.to_owned())
}

async fn ask(sandbox: &Sandbox, path: &str, form: &str, connection: &str) -> TcpStream {
    let address = sandbox.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = format!("client_id=sandbox-client&{form}");
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: {connection}\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn text(body: &str, name: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    json[name].as_str().unwrap().to_owned()
}

async fn refresh_token(sandbox: &Sandbox) -> String {
    let (_, flow) = post(sandbox, "/device_authorization", "").await;
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let device_code = text(&flow, "device_code");
    let form = format!("grant_type={grant_type}&device_code={device_code}");
    let (_, tokens) = post(sandbox, "/token", &form).await;
    text(&tokens, "refresh_token")
}

async fn refresh(sandbox: &Sandbox, token: &str) -> (String, String) {
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    post(sandbox, "/token", &form).await
}

fn certainly(fault: Fault) -> Odds {
    Odds {
        faults: vec![(fault, 1.0)],
        ..Odds::default()
    }
}

#[tokio::test]
async fn the_rules_have_run_whatever_becomes_of_the_answer() {
    let sandbox = sandbox().await;
    for (number, fault) in Fault::ALL.into_iter().enumerate() {
        let token = refresh_token(&sandbox).await;
        sandbox.faults().set(Place::Token, certainly(fault));
        let (head, body) = refresh(&sandbox, &token).await;
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        assert!(parsed["refresh_token"].is_null(), "{fault:?}: {body}");
        let status = head.split(' ').nth(1).unwrap_or_default();
        let expected = match fault {
            Fault::Lost => "",
            Fault::ServerError => "502",
            _ => "200",
        };
        assert_eq!(status, expected, "{fault:?}: {head}");
        sandbox.faults().clear();
        let ledger = sandbox.ledger();
        let last = ledger.presentations().last().unwrap();
        assert_eq!(last.family, Some(number));
        assert_eq!(last.outcome, RefreshOutcome::Rotated, "{fault:?}");
        assert_eq!(last.delivery, Delivery::Lost, "{fault:?}");
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn answers_are_sent_whole_when_nothing_goes_wrong() {
    let sandbox = sandbox().await;
    let token = refresh_token(&sandbox).await;
    let (_, body) = refresh(&sandbox, &token).await;
    let ledger = sandbox.ledger();
    let first = &ledger.presentations()[0];
    assert_eq!(first.delivery, Delivery::Sent);
    let access_token = text(&body, "access_token");
    let entry = ledger.access_token(&access_token).unwrap();
    assert_eq!(entry.person, "sandbox-person-0001");
    assert!(first.connection.is_some() && first.answered_at >= Some(first.arrived_at));
    sandbox.stop().await.unwrap();
}

/// The timeout for events that the tests wait for.
const LATE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_client_that_disconnects_was_sent_nothing_and_its_end_is_noticed() {
    let sandbox = sandbox().await;
    let token = refresh_token(&sandbox).await;
    let slow = Odds {
        slow: 1.0,
        longest_delay: Duration::from_secs(3600),
        ..Odds::default()
    };
    sandbox.faults().set(Place::Token, slow);
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    let stream = ask(&sandbox, "/token", &form, "keep-alive").await;
    let start = Instant::now();
    while sandbox.ledger().presentations().is_empty() {
        assert!(start.elapsed() < LATE, "not arrived");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(stream);
    loop {
        let ledger = sandbox.ledger();
        let first = &ledger.presentations()[0];
        assert_eq!(first.delivery, Delivery::Unsent);
        let closed_at = ledger.closed_at(first.connection.unwrap());
        if closed_at.is_some_and(|at| at > first.arrived_at) {
            break;
        }
        assert!(start.elapsed() < LATE, "not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn while_it_is_down_no_rule_runs_and_nothing_is_forgotten() {
    let sandbox = sandbox().await;
    let token = refresh_token(&sandbox).await;
    sandbox.faults().go_down_for(Duration::from_secs(3600));
    let (head, _) = refresh(&sandbox, &token).await;
    assert_eq!(head, "");
    let seen = sandbox.ledger();
    assert!(seen.presentations().is_empty());
    assert_eq!(seen.turned_away().len(), 1, "the attempt is recorded");
    sandbox.faults().clear();
    let (head, _) = refresh(&sandbox, &token).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn an_ill_person_is_refused_while_others_are_refreshed() {
    let sandbox = sandbox().await;
    let (first, second) = (refresh_token(&sandbox).await, refresh_token(&sandbox).await);
    let wait = Duration::from_secs(7);
    let ill = "sandbox-person-0001";
    sandbox.faults().fall_ill(ill, Illness::RateLimited(wait));
    let (head, _) = refresh(&sandbox, &first).await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    assert!(head.contains("retry-after: 7"), "{head}");
    sandbox.faults().fall_ill(ill, Illness::ServerError);
    let (head, _) = refresh(&sandbox, &first).await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
    assert!(refresh(&sandbox, &second).await.0.contains(" 200 "));
    let waits: Vec<_> = sandbox
        .ledger()
        .turned_away()
        .iter()
        .map(|one| (one.family, one.retry_after))
        .collect();
    assert_eq!(waits, [(0, Some(wait)), (0, None)]);
    sandbox.faults().recover(ill);
    let (head, _) = refresh(&sandbox, &first).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_known_person_consents_again() {
    let sandbox = sandbox().await;
    refresh_token(&sandbox).await;
    let (_, flow) = post(&sandbox, "/device_authorization", "").await;
    let person = "sandbox-person-0001";
    assert!(sandbox.consent_as(&text(&flow, "user_code"), person));
    let device_code = text(&flow, "device_code");
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let form = format!("grant_type={grant_type}&device_code={device_code}");
    let (_, tokens) = post(&sandbox, "/token", &form).await;
    let ledger = sandbox.ledger();
    let entry = ledger.access_token(&text(&tokens, "access_token")).unwrap();
    assert_eq!((entry.person.as_str(), entry.family), (person, 1));
    assert_eq!(ledger.families_of(person), [0, 1]);
    sandbox.stop().await.unwrap();
}
