//! Operators log in at the page `/admin`.

use super::*;
use crate::admin_session::AdminSession;
use crate::audit::AuditFilter;
use crate::ports::{AdminSessionStore as _, Clock as _};

const AUDITOR: &str = "an-auditors-key-of-the-test";

fn key(name: &str, role: OperatorRole, key: &str) -> OperatorKey {
    OperatorKey {
        name: OperatorName::new(name).unwrap(),
        role,
        key: AccessKey::new(key),
    }
}

fn operators() -> [OperatorKey; 3] {
    [
        key("alice", OperatorRole::Admin, ADMIN),
        key("carol", OperatorRole::Auditor, AUDITOR),
        key("dave", OperatorRole::Enroll, "an-enrolment-key-of-the-test"),
    ]
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.operators.replace(&operators()).unwrap();
    stage
}

async fn log_in(stage: &Stage, key: &str) -> Result<BrowserToken, Refusal> {
    let sessions = &stage.admin_sessions;
    sessions.log_in(&AccessKey::new(key), HOME).await
}

async fn name(stage: &Stage, token: &BrowserToken) -> Option<String> {
    let resumed = stage.admin_sessions.resume(token).await.unwrap();
    resumed.map(|who| who.name().to_owned())
}

#[tokio::test]
async fn admins_and_auditors_have_sessions_and_nobody_else() {
    let stage = stage().await;
    let (alice, carol) = (
        log_in(&stage, ADMIN).await.unwrap(),
        log_in(&stage, AUDITOR).await.unwrap(),
    );
    let who = stage.admin_sessions.resume(&alice).await.unwrap().unwrap();
    assert!(matches!(who.caller(), Caller::Admin(_)) && who.is_admin());
    let who = stage.admin_sessions.resume(&carol).await.unwrap().unwrap();
    assert!(matches!(who.caller(), Caller::Auditor(_)) && !who.is_admin());
    for other in ["an-enrolment-key-of-the-test", "guessed", ""] {
        let refused = log_in(&stage, other).await.err();
        assert!(matches!(refused, Some(Refusal::Unauthorized(_))), "{other}");
    }
    let foreign = stage.consents.new_browser();
    assert_eq!(name(&stage, &foreign).await, None);
}

#[tokio::test]
async fn the_page_is_open_if_somebody_can_log_in() {
    let stage = Stage::new().await;
    let [alice, carol, dave] = operators();
    for (keys, is_open) in [
        (vec![alice], true),
        (vec![carol], true),
        (vec![], false),
        (vec![dave], false),
    ] {
        stage.operators.replace(&keys).unwrap();
        assert_eq!(stage.admin_sessions.is_open(), is_open);
    }
}

#[tokio::test]
async fn a_session_ends_after_a_pause_or_eight_hours() {
    let stage = stage().await;
    let token = log_in(&stage, ADMIN).await.unwrap();
    stage
        .clock
        .advance(AdminSession::LONGEST_PAUSE - Duration::from_secs(1));
    assert!(name(&stage, &token).await.is_some());
    stage.clock.advance(AdminSession::LONGEST_PAUSE);
    assert_eq!(name(&stage, &token).await, None);
    // Setting the clock back does not reactivate the session.
    stage
        .clock
        .set(stage.clock.now() - AdminSession::LONGEST_PAUSE);
    assert_eq!(name(&stage, &token).await, None);

    let token = log_in(&stage, ADMIN).await.unwrap();
    let ten_minutes = Duration::from_secs(600);
    for _ in 1..48 {
        stage.clock.advance(ten_minutes);
        assert!(name(&stage, &token).await.is_some());
    }
    stage.clock.advance(ten_minutes);
    assert_eq!(name(&stage, &token).await, None);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let stage = stage().await;
    let (alice, carol) = (
        log_in(&stage, ADMIN).await.unwrap(),
        log_in(&stage, AUDITOR).await.unwrap(),
    );
    // Alice's name stays, but her key changes.
    let renewed = key("alice", OperatorRole::Admin, "another-key-of-the-test");
    let [_, auditor, enroller] = operators();
    let keys = [renewed, auditor, enroller.clone()];
    stage.operators.replace(&keys).unwrap();
    assert_eq!(name(&stage, &alice).await, None);
    assert_eq!(name(&stage, &carol).await.as_deref(), Some("carol"));
    // Restoring the key does not reactivate the session either.
    stage.operators.replace(&operators()).unwrap();
    assert_eq!(name(&stage, &alice).await, None);
    // A session has the operator's current role, not the role at login.
    let promoted = key("carol", OperatorRole::Admin, AUDITOR);
    stage.operators.replace(&[promoted, enroller]).unwrap();
    let who = stage.admin_sessions.resume(&carol).await.unwrap().unwrap();
    assert!(who.is_admin());
}

#[tokio::test]
async fn a_row_that_somebody_else_has_written_is_no_session() {
    let stage = stage().await;
    let alice = log_in(&stage, ADMIN).await.unwrap();
    let stored = stage.ports.vault.hash_session(&alice);
    let stored = stage.store.session(&stored).await.unwrap().unwrap();
    // Somebody who can write to the database adds a session for a known cookie, and one with a later start.
    let known = stage.consents.new_browser();
    let forged = AdminSession {
        token: stage.ports.vault.hash_session(&known),
        ..stored.clone()
    };
    stage.store.begin_session(&forged).await.unwrap();
    assert_eq!(name(&stage, &known).await, None);
    stage.store.end_session(&stored.token).await.unwrap();
    let prolonged = AdminSession {
        created_at: stored.created_at + Duration::from_secs(1),
        ..stored
    };
    stage.store.begin_session(&prolonged).await.unwrap();
    assert_eq!(name(&stage, &alice).await, None);
}

#[tokio::test]
async fn wrong_keys_are_limited_and_the_right_one_is_not() {
    let stage = stage().await;
    let mut limited = None;
    for tried in 0..40 {
        if let Err(Refusal::TooManyUnknownKeys(_)) = log_in(&stage, "guessed").await {
            limited.get_or_insert(tried);
        }
    }
    assert_eq!(limited, Some(30));
    let token = log_in(&stage, ADMIN).await.unwrap();
    let who = stage.admin_sessions.resume(&token).await.unwrap().unwrap();
    let confirm = |key| {
        stage
            .admin_sessions
            .confirm(&who, &AccessKey::new(key), HOME)
    };
    assert!(confirm(ADMIN).is_ok());
    // Confirming with another operator's key counts as a wrong key.
    let refused = confirm(AUDITOR);
    assert!(matches!(refused, Err(Refusal::TooManyUnknownKeys(_))));
}

#[tokio::test]
async fn who_logs_in_and_out_is_recorded() {
    let stage = stage().await;
    let _ = log_in(&stage, "guessed").await;
    let token = log_in(&stage, ADMIN).await.unwrap();
    let who = stage.admin_sessions.resume(&token).await.unwrap().unwrap();
    for _ in 0..2 {
        let out = stage.admin_sessions.log_out(&who, &token, HOME).await;
        out.unwrap();
    }
    assert_eq!(name(&stage, &token).await, None);
    let all = AuditFilter::default();
    let log = stage.audit.list(&Caller::ADMIN, &all, None, 99).await;
    let log = log.unwrap().items.into_iter().map(|entry| entry.content);
    let log = log.filter(|entry| entry.kind.starts_with("admin."));
    let log: Vec<_> = log
        .map(|entry| format!("{} {} {}", entry.kind, entry.actor, entry.detail))
        .collect();
    let expected = [
        "admin.refused anonymous ",
        "admin.logged_in admin:alice operator=alice",
        "admin.logged_out admin:alice operator=alice",
    ];
    assert_eq!(log, expected);
}

#[tokio::test]
async fn only_operators_see_providers_and_replicas() {
    let stage = Stage::new().await;
    let (_, key) = stage.linked().await;
    for operator in [Caller::ADMIN, Caller::AUDITOR] {
        let state = stage.overview.state(&operator).await.unwrap();
        assert_eq!((state.providers.len(), state.replicas.len()), (1, 0));
    }
    let refused = stage.overview.state(&Caller::Nobody).await.err();
    assert!(matches!(refused, Some(Refusal::Unauthorized(_))));
    for other in [Caller::ENROLLER, stage.caller(&key).await] {
        let refused = stage.overview.state(&other).await.err();
        assert!(matches!(refused, Some(Refusal::Forbidden(_))));
    }
}

#[tokio::test]
async fn sessions_that_are_over_are_deleted() {
    let stage = stage().await;
    let old = log_in(&stage, ADMIN).await.unwrap();
    stage.clock.advance(AdminSession::LONGEST_PAUSE);
    let new = log_in(&stage, ADMIN).await.unwrap();
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.admin_sessions.purge(9).await.unwrap(), 1);
    assert_eq!(name(&stage, &old).await, None);
    assert!(name(&stage, &new).await.is_some());
}
