//! A person opens a relink URL.

use crate::audit::AuditFilter;
use crate::grant::{Account, AccountStatus, Identity};
use crate::hex::hex;
use crate::link::{CodeLimit, ReturnCodePolicy};
use crate::secret::RelinkUrl;
use crate::usecases::tests::*;
use crate::usecases::{RelinkUrlError, RelinkUrls};

const DAY: u64 = 24 * 60 * 60;

/// Links Alice's account. Returns the account and the value of a relink URL for it.
async fn invited() -> (Stage, AccountId, String) {
    let stage = Stage::new().await;
    stage.linked().await;
    let id = stage.last_account().await;
    let value = value_for(&stage, id).await;
    (stage, id, value)
}

async fn value_for(stage: &Stage, id: AccountId) -> String {
    let url = stage.links.relink_url(&Caller::ADMIN, id, HOME).await;
    value_of(&url.unwrap_or_else(|refusal| panic!("{refusal}")))
}

fn value_of(url: &RelinkUrl) -> String {
    let value = url
        .expose()
        .strip_prefix("https://auth.example/device/relink/");
    value.unwrap().to_owned()
}

async fn refusal(stage: &Stage, value: &str) -> Option<RelinkUrlError> {
    let viewed = stage.links.view_relink(value).await.err();
    let started = stage.links.start_relink_at(value, HOME).await.err();
    let kind = |error: &Option<_>| error.as_ref().map(std::mem::discriminant);
    assert_eq!(kind(&viewed), kind(&started), "{viewed:?} {started:?}");
    viewed
}

async fn consent(stage: &Stage, code: &str) {
    stage.confirm(code).await.unwrap();
    let grant = ScriptedProvider::grant("access-2", None);
    stage.provider.answer_redeem(Ok(grant));
    stage.poll_providers().await;
}

#[tokio::test]
async fn the_person_relinks_and_the_address_is_used_up() {
    let (stage, id, value) = invited().await;
    let view = stage.links.view_relink(&value).await.unwrap();
    assert_eq!(view.client_name.as_deref(), Some("cron"));
    assert_eq!(view.expires_in, RelinkUrls::LIFETIME);
    let links = stage.links.start_relink_at(&value, HOME);
    let started = links.await.unwrap();
    assert!(started.access_key.is_none());
    // The URL stays valid until somebody has consented, because the person may have closed the tab.
    assert!(refusal(&stage, &value).await.is_none());
    stage.clock.advance(secs(1));
    // The new grant has no refresh token, so the account keeps its refresh token and generation. The URL must end
    // anyway.
    consent(&stage, started.code.digits()).await;
    let account = stage.accounts.get(&Caller::ADMIN, id).await.unwrap();
    assert_eq!(account.status, AccountStatus::Active);
    let done = refusal(&stage, &value).await;
    assert!(matches!(done, Some(RelinkUrlError::Done)), "{done:?}");
    assert!(
        refusal(&stage, &value_for(&stage, id).await)
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_refresh_does_not_use_it_up() {
    let (stage, id, value) = invited().await;
    let tokens = ScriptedProvider::tokens("access-2", Some("refresh-2"));
    stage.provider.answer_refresh(Ok(tokens));
    stage
        .accounts
        .refresh(&Caller::ADMIN, id, HOME)
        .await
        .unwrap();
    assert!(refusal(&stage, &value).await.is_none());
}

#[tokio::test]
async fn a_value_with_any_other_byte_is_unknown() {
    let (stage, _, value) = invited().await;
    let is_unknown = async |value: &str| {
        let refusal = refusal(&stage, value).await;
        matches!(refusal, Some(RelinkUrlError::Unknown))
    };
    for at in 0..value.len() {
        for other in *b"0123456789abcdefABCDEF.+- \0" {
            let mut bytes = value.clone().into_bytes();
            let before = std::mem::replace(&mut bytes[at], other);
            let changed = String::from_utf8(bytes).unwrap();
            assert!(other == before || is_unknown(&changed).await, "{changed}");
        }
        assert!(is_unknown(&value[..at]).await, "{at}");
    }
    for changed in [
        format!("{value}0"),
        format!(" {value}"),
        value.to_uppercase(),
        value.replace('.', ".0"),
        value.replace('.', ".+"),
        String::new(),
        "....".to_owned(),
    ] {
        assert!(is_unknown(&changed).await, "{changed}");
    }
}

#[tokio::test]
async fn a_mac_for_another_purpose_is_unknown() {
    let (stage, _, value) = invited().await;
    let (fields, _) = value.rsplit_once('.').unwrap();
    for purpose in ["link_code", "access_key", "browser", "csrf"] {
        let mac = stage.ports.vault.mac(purpose, fields.as_bytes());
        let forged = format!("{fields}.{}", hex(mac.as_bytes()));
        let refused = refusal(&stage, &forged).await;
        assert!(matches!(refused, Some(RelinkUrlError::Unknown)));
    }
}

#[tokio::test]
async fn it_expires_after_seven_days() {
    let (stage, _, value) = invited().await;
    stage
        .clock
        .advance(secs(7 * DAY) - Duration::from_millis(1));
    assert!(refusal(&stage, &value).await.is_none());
    stage.clock.advance(Duration::from_millis(1));
    let expired = refusal(&stage, &value).await;
    assert!(matches!(expired, Some(RelinkUrlError::Expired)));
}

#[tokio::test]
async fn a_clock_that_was_ahead_makes_it_valid_for_no_longer() {
    let (stage, _, value) = invited().await;
    stage.clock.set(stage.clock_now() - secs(DAY));
    let expired = refusal(&stage, &value).await;
    assert!(matches!(expired, Some(RelinkUrlError::Expired)));
}

#[tokio::test]
async fn it_ends_with_the_account() {
    let (stage, id, value) = invited().await;
    stage
        .accounts
        .delete(&Caller::ADMIN, id, HOME)
        .await
        .unwrap();
    let done = refusal(&stage, &value).await;
    assert!(matches!(done, Some(RelinkUrlError::Done)));
}

#[tokio::test]
async fn another_person_changes_nothing() {
    let (stage, id, value) = invited().await;
    let before = stage.accounts.get(&Caller::ADMIN, id).await.unwrap();
    let started = stage.links.start_relink_at(&value, HOME).await.unwrap();
    let mallory = ScriptedProvider::person("mallory");
    stage.provider.answer_identify(Ok(mallory));
    consent(&stage, started.code.digits()).await;
    let code = started.code.digits();
    let report = stage.links.poll(code, &Caller::ADMIN, HOME).await.unwrap();
    assert_eq!(report.error.unwrap().code, "account_mismatch".into());
    let after = stage.accounts.get(&Caller::ADMIN, id).await.unwrap();
    assert_eq!(before, after);
    assert!(refusal(&stage, &value).await.is_none());
}

#[tokio::test]
async fn none_is_made_for_a_random_id() {
    let stage = Stage::new().await;
    stage.provider.answer_identify(Ok(Identity::Unknown));
    stage.linked().await;
    let id = stage.last_account().await;
    let account = stage.accounts.get(&Caller::ADMIN, id).await.unwrap();
    assert!(!account.identified);
    let urls = RelinkUrls::new(&stage.ports, &settings());
    assert!(urls.url(&account, stage.clock_now()).is_none());
    let refused = stage.links.relink_url(&Caller::ADMIN, id, HOME).await.err();
    assert!(matches!(refused, Some(Refusal::Unprocessable(_))));
    // A URL from a time when the provider identified people starts no link either.
    let identified = Account {
        identified: true,
        ..account
    };
    let url = urls.url(&identified, stage.clock_now()).unwrap();
    let refused = refusal(&stage, &value_of(&url)).await;
    assert!(matches!(
        refused,
        Some(RelinkUrlError::Refused(Refusal::Unprocessable(_)))
    ));
}

#[tokio::test]
async fn none_is_made_where_every_link_needs_a_return_code() {
    let (stage, id, _) = invited().await;
    let account = stage.accounts.get(&Caller::ADMIN, id).await.unwrap();
    let settings = Settings {
        return_code: ReturnCodePolicy::Required,
        ..settings()
    };
    let urls = RelinkUrls::new(&stage.ports, &settings);
    assert!(urls.url(&account, stage.clock_now()).is_none());
}

#[tokio::test]
async fn only_the_admin_gets_one() {
    let (stage, id, _) = invited().await;
    for (caller, is_known) in [
        (Caller::Nobody, false),
        (Caller::ENROLLER, true),
        (Caller::AUDITOR, true),
    ] {
        let refused = stage.links.relink_url(&caller, id, HOME).await.err();
        let is_expected = match refused {
            Some(Refusal::Unauthorized(_)) => !is_known,
            Some(Refusal::Forbidden(_)) => is_known,
            _ => false,
        };
        assert!(is_expected);
    }
}

#[tokio::test]
async fn a_network_gets_no_more_codes_than_without_a_key() {
    let (stage, _, value) = invited().await;
    for _ in 0..CodeLimit::PER_NETWORK {
        let started = stage.links.start_relink_at(&value, HOME).await.unwrap();
        let code = started.code.digits();
        let cancelled = stage.consents.cancel(code, &stage.visitor()).await;
        cancelled.unwrap();
    }
    let refused = stage.links.start_relink_at(&value, HOME).await.err();
    assert!(matches!(
        refused,
        Some(RelinkUrlError::Refused(Refusal::TooManyLinks(_)))
    ));
    let other = stage.links.start_relink_at(&value, address(9)).await;
    assert!(other.is_ok());
}

#[tokio::test]
async fn the_service_is_recorded_as_the_one_that_started_the_link() {
    let (stage, id, value) = invited().await;
    stage.links.view_relink(&value).await.unwrap();
    let started = || async {
        let filter = AuditFilter {
            account: Some(id),
            ..AuditFilter::default()
        };
        let log = stage.audit.list(&Caller::ADMIN, &filter, None, 99).await;
        let log = log.unwrap().items.into_iter().map(|entry| entry.content);
        log.filter(|entry| entry.kind == "link.started")
            .map(|entry| format!("{} {}", entry.actor, entry.detail))
            .collect::<Vec<_>>()
    };
    assert!(started().await.is_empty(), "looking starts nothing");
    stage.links.start_relink_at(&value, HOME).await.unwrap();
    let entries = started().await;
    assert_eq!(entries.len(), 1);
    assert!(entries[0].starts_with("service "), "{entries:?}");
    assert!(entries[0].contains("relink=true"), "{entries:?}");
    assert!(!entries[0].contains(&value), "{entries:?}");
}
