//! Query plans for links, audit entries, wrong codes and revocations, and for other rows that become due or are
//! deleted.

use std::time::Duration;

use central_oauth_domain::audit::{AuditFilter, AuditKind, AuditNumber};
use central_oauth_domain::grant::refresh::REFRESH_HORIZON;
use central_oauth_domain::grant::revocation::REVOCATION_HORIZON;
use central_oauth_domain::grant::{AccessKeyId, AccountId, AccountKey, ProviderName};
use central_oauth_domain::link::polling::POLL_HORIZON;
use central_oauth_domain::link::{CodeLimit, GuessLimit};
use central_oauth_domain::secret::{KeyedHash, SealId};
use sea_orm::{DbBackend, QuerySelect, QueryTrait};

use super::{NOW, assert_uses, plan};
use crate::entities::{admin_sessions, device_codes, revocations as outgoing, wrong_codes};
use crate::links::queries;
use crate::statements::delete_before;
use crate::{audit, claims, clock_steps, guesses, outbox, sealed_rows};

#[tokio::test]
async fn links_are_found_by_their_code() {
    let query = queries::with_code(&KeyedHash::from_bytes([0; 32]));
    assert_uses(query, &["(code_hash=?)"]).await;
}

#[tokio::test]
async fn audit_entries_are_found_by_indexes() {
    let all = AuditFilter::default();
    let after = AuditNumber(7);
    assert_uses(audit::filtered(&all, after), &["(rowid>?)"]).await;
    let account = AuditFilter {
        account: Some(AccountId(1)),
        ..all.clone()
    };
    assert_uses(
        audit::filtered(&account, after),
        &["ix_audit_log_account_id"],
    )
    .await;
    let key = AuditFilter {
        key: Some(AccessKeyId(1)),
        ..all.clone()
    };
    assert_uses(audit::filtered(&key, after), &["ix_audit_log_key_id"]).await;
    let kind = AuditFilter {
        kind: Some(AuditKind::KeyDeleted),
        ..all
    };
    assert_uses(audit::filtered(&kind, after), &["ix_audit_log_kind"]).await;
    let references = vec![vec![1; 16], vec![2; 16]];
    assert_uses(audit::with_references(references), &["(reference=?)"]).await;
}

#[tokio::test]
async fn due_polls_are_claimed_by_an_index() {
    let busy = [ProviderName::new("github")];
    // Only the few due polls are sorted.
    let query = queries::due_interleaved(NOW, 10, &busy);
    let plan = plan(query.build(DbBackend::Sqlite)).await;
    assert!(plan.contains("poll_due_at<?"), "{plan}");
    assert!(!plan.contains("SCAN device_codes"), "{plan}");
    let next = claims::next_due::<device_codes::Entity>(&busy);
    assert_uses(next, &["ix_device_codes_poll_due_at"]).await;
}

#[tokio::test]
async fn what_a_wrong_clock_has_dated_is_found_by_indexes() {
    let paused = clock_steps::paused(NOW, REFRESH_HORIZON).limit(1);
    assert_uses(paused, &["ix_tokens_waiting_until (refresh_due_at>?)"]).await;
    let obtained = clock_steps::obtained_ahead(NOW).limit(1);
    assert_uses(obtained, &["ix_tokens_obtained_at (obtained_at>?)"]).await;
    let polls = clock_steps::beyond::<device_codes::Entity>(NOW, POLL_HORIZON).limit(1);
    assert_uses(polls, &["ix_device_codes_poll_due_at"]).await;
    let late = clock_steps::polled_late(NOW).limit(1);
    assert_uses(late, &["ix_device_codes_poll_due_at (poll_due_at>?)"]).await;
    let outbox = clock_steps::beyond::<outgoing::Entity>(NOW, REVOCATION_HORIZON).limit(1);
    assert_uses(outbox, &["ix_revocations_due_at"]).await;
    let endless = clock_steps::endless(NOW).limit(1);
    assert_uses(endless, &["ix_device_codes_expires_at (expires_at>?)"]).await;
}

#[tokio::test]
async fn open_links_are_counted_in_an_index() {
    let query = queries::open_links(NOW).limit(10_000);
    assert_uses(query, &["ix_device_codes_expires_at"]).await;
}

#[tokio::test]
async fn wrong_codes_are_counted_and_forgotten_by_an_index() {
    let index = ["ix_wrong_codes_tried_at"];
    let limit = GuessLimit::new(Duration::from_secs(600));
    let counting = limit.counting(NOW);
    assert_uses(guesses::latest(&counting, 100), &index).await;
    let network = KeyedHash::from_bytes([0; 32]);
    let of_network = ["ix_wrong_codes_network_tried_at"];
    assert_uses(guesses::latest_of(&network, &counting), &of_network).await;
    let surplus = guesses::delete_surplus(10_000).build(DbBackend::Sqlite);
    let surplus = plan(surplus).await;
    assert!(surplus.contains("COVERING INDEX ix_wrong_codes_tried_at (tried_at<?)"));
    let old = delete_before::<wrong_codes::Entity>(wrong_codes::Column::TriedAt, NOW, 10);
    assert_uses(old, &index).await;
}

#[tokio::test]
async fn sessions_are_forgotten_by_an_index() {
    let column = admin_sessions::Column::SeenAt;
    let unused = delete_before::<admin_sessions::Entity>(column, NOW, 10);
    assert_uses(unused, &["ix_admin_sessions_seen_at"]).await;
}

#[tokio::test]
async fn links_that_are_over_are_found_by_indexes() {
    let indexes = ["ix_device_codes_ended_at", "ix_device_codes_expires_at"];
    assert_uses(queries::over_before(NOW, NOW).limit(10), &indexes).await;
    let left_over = ["ix_device_codes_account_id"];
    assert_uses(queries::ended_without_account(NOW), &left_over).await;
    assert_uses(queries::ran_out_before(NOW), &indexes[1..]).await;
}

#[tokio::test]
async fn links_of_networks_are_counted_in_indexes() {
    let network = KeyedHash::from_bytes([0; 32]);
    let limit = CodeLimit::new(Duration::from_secs(600));
    let [all, crowd] = [0, u64::MAX].map(|open| {
        let quota = limit.of_network(open);
        let codes = queries::codes_of(&network, quota, &(NOW..NOW));
        codes.offset(quota.most - 1).limit(1)
    });
    let index = "INDEX ix_device_codes_network_created_at";
    assert_uses(all, &["COVERING", index]).await;
    assert_uses(crowd, &[index]).await;
    let of_network = queries::consents_in_progress_from(&network, NOW).limit(10);
    let index = ["ix_device_codes_confirmed_from_expires_at"];
    assert_uses(of_network, &index).await;
    let index = ["ix_device_codes_expires_at"];
    assert_uses(queries::consents_in_progress(NOW).limit(10), &index).await;
}

#[tokio::test]
async fn due_revocations_are_claimed_by_an_index() {
    let index = ["ix_revocations_due_at"];
    for busy in [vec![], vec![ProviderName::new("github")]] {
        let claim = claims::due::<outgoing::Entity>(NOW, 10, &busy);
        assert_uses(claim, &index).await;
        assert_uses(claims::next_due::<outgoing::Entity>(&busy), &index).await;
    }
}

#[tokio::test]
async fn revocations_that_are_over_are_found_by_an_index() {
    let query = delete_before::<outgoing::Entity>(outgoing::Column::EndedAt, NOW, 10);
    assert_uses(query, &["ix_revocations_ended_at"]).await;
}

#[tokio::test]
async fn what_is_pending_of_a_person_is_cancelled_by_an_index() {
    let (provider, account_id) = (ProviderName::new("github"), "ada".to_owned());
    let person = AccountKey {
        provider,
        account_id,
    };
    let index = ["ix_revocations_provider_person (provider=? AND person=?)"];
    assert_uses(outbox::pending_of(&person, NOW), &index).await;
    let index = ["ix_device_codes_expires_at (expires_at>? AND expires_at<?)"];
    assert_uses(queries::held_for(&person, NOW), &index).await;
}

/// Only rows that have not ended are read completely.
#[tokio::test]
async fn keys_of_what_passes_are_found_in_what_has_not_ended() {
    let links = sealed_rows::starts::<device_codes::Entity>();
    let links = plan(links.build(DbBackend::Sqlite)).await;
    assert!(
        links.contains("USING INDEX ix_device_codes_expires_at"),
        "{links}"
    );
    let outgoing = sealed_rows::starts::<outgoing::Entity>();
    let outgoing = plan(outgoing.build(DbBackend::Sqlite)).await;
    let index = "USING INDEX ix_revocations_provider_person";
    assert!(outgoing.contains(index), "{outgoing}");
}

#[tokio::test]
async fn rows_of_other_keys_come_in_the_order_of_their_numbers() {
    let query = sealed_rows::sealed::<device_codes::Entity>(Some(SealId([1; 5])), 7, 10);
    assert_uses(query, &["INTEGER PRIMARY KEY (rowid>?)"]).await;
}
