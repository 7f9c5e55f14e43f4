//! Query plans for accounts, their tokens and their keys.

use std::time::Duration;

use central_oauth_domain::grant::refresh::{Outage, WaitingAccount};
use central_oauth_domain::grant::{
    AccessKeyId, AccountFilter, AccountId, AccountStatus, ProviderName, StatusAsOf,
};
use central_oauth_domain::ports::RowVersion;
use central_oauth_domain::secret::KeyedHash;
use central_oauth_domain::{Fault, FaultCode, Label};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, DbBackend, QueryFilter, QueryOrder, QuerySelect, Statement};

use super::{NOW, assert_uses, plan, plan_on_server};
use crate::accounts::filtered;
use crate::accounts::labels::labels_of;
use crate::accounts::locked::locked;
use crate::entities::{access_keys, accounts, tokens, used_tokens};
use crate::links::queries;
use crate::refreshes::{open_providers, outages, saved};
use crate::statements::delete_before;
use crate::{claims, grant_ends, keys, outbox, reads, seals, workloads};

#[tokio::test]
async fn keys_are_found_by_their_hash_and_links_by_their_key() {
    let query = keys::with_hash(&KeyedHash::from_bytes([0; 32]));
    let links = "ix_device_codes_access_key_id";
    assert_uses(query, &["(hash=?)", links]).await;
    let query = workloads::with_identity(&KeyedHash::from_bytes([0; 32]), NOW);
    assert_uses(query, &["ix_workloads_identity", links]).await;
    let query = delete_before::<used_tokens::Entity>(used_tokens::Column::ExpiresAt, NOW, 100);
    assert_uses(query, &["ix_used_tokens_expires_at"]).await;
    let query = keys::expired(NOW, 100);
    assert_uses(query, &["ix_access_keys_expires_at", links]).await;
    let query = keys::links_of(AccessKeyId(1));
    assert_uses(query, &[links]).await;
}

#[tokio::test]
async fn what_keys_open_is_read_confirmed_and_saved_by_indexes() {
    let hash = KeyedHash::from_bytes([0; 32]);
    let seen = [(AccessKeyId(1), RowVersion("x".into()))];
    let questions = |backend| {
        [
            reads::opening(backend, &hash),
            reads::changed(backend, &seen),
        ]
    };
    for question in questions(DbBackend::Sqlite) {
        // `seen` is the list in the parameter, not a table.
        let plan = plan(question).await.replace("SCAN seen", "");
        assert!(!plan.contains("SCAN"), "{plan}");
    }
    let save = Statement::from_sql_and_values(DbBackend::Postgres, &*saved::SAVE, ["[]".into()]);
    for question in questions(DbBackend::Postgres).into_iter().chain([save]) {
        let plan = plan_on_server(question).await;
        assert!(!plan.contains("Seq Scan"), "{plan}");
    }
}

#[tokio::test]
async fn due_refreshes_are_claimed_by_an_index() {
    let index = ["ix_tokens_refresh_due_at"];
    assert_uses(claims::due::<tokens::Entity>(NOW, 10, &[]), &index).await;
    assert_uses(claims::next_due::<tokens::Entity>(&[]), &index).await;
    let lease = claims::lease_due(claims::due::<tokens::Entity>(NOW, 10, &[]), NOW);
    let plan = plan(DbBackend::Sqlite.build(&lease)).await;
    assert!(plan.contains("INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
    let plan = plan_on_server(DbBackend::Postgres.build(&lease)).await;
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test]
async fn busy_providers_are_passed_over_by_an_index() {
    for last in [None, Some("github")] {
        let index = ["ix_tokens_provider_refresh_due_at (provider>?)"];
        assert_uses(open_providers::next_provider(last), &index).await;
    }
    let index = ["ix_tokens_provider_refresh_due_at (provider=? AND refresh_due_at<?)"];
    let due = open_providers::due_at_provider("github", NOW, 10);
    assert_uses(due, &index).await;
}

#[tokio::test]
async fn the_next_probe_is_found_by_indexes() {
    let fault = Fault::new(FaultCode::ProviderUnavailable, "gone");
    let begun = Outage::begin(ProviderName::new("github"), fault, None, NOW);
    let outage = [1, 2].map(AccountId).into_iter();
    let outage = outage.fold(begun, |outage, account| {
        let waiting = WaitingAccount {
            account,
            failures: 0,
        };
        outage.probing(waiting, NOW)
    });
    let index = ["ix_tokens_provider_refresh_due_at (provider=? AND refresh_due_at<?)"];
    assert_uses(outages::unfailed(&outage, NOW), &index).await;
    assert_uses(outages::due(&outage, NOW), &index).await;
    let next = outages::next_unfailed(&outage);
    assert_uses(next, &["ix_tokens_provider_refresh_due_at"]).await;
}

#[tokio::test]
async fn tokens_are_locked_by_indexes() {
    let query = locked(tokens::Column::AccountId.eq(1));
    assert_uses(query, &["(account_id=?)"]).await;
    let provider = accounts::Column::Provider.eq("github");
    let ada = provider.and(accounts::Column::AccountId.eq("ada"));
    assert_uses(locked(ada), &["(provider=? AND account_id=?)"]).await;
}

#[tokio::test]
async fn ends_of_grants_are_found_by_indexes() {
    let week = NOW..NOW + Duration::from_secs(7 * 86_400);
    let indexes = [
        "ix_tokens_grant_expires_at",
        "ix_tokens_refresh_token_expires_at",
        "ix_tokens_access_token_expires_at",
    ];
    for (ending, index) in grant_ends::unannounced(&week).into_iter().zip(indexes) {
        assert_uses(ending, &[index]).await;
    }
    let [expired, given_up] = grant_ends::expired(NOW);
    assert_uses(expired.limit(10), &indexes[2..]).await;
    let index = "ix_accounts_status_id (status=?)";
    assert_uses(given_up.limit(10), &[index]).await;
}

#[tokio::test]
async fn live_accounts_are_found_by_indexes() {
    let provider = ProviderName::new("github");
    let ada = outbox::live_accounts(&provider, Some("ada"));
    assert_uses(ada, &["(provider=? AND account_id=?)"]).await;
    let anybody = outbox::live_accounts(&provider, None);
    assert_uses(anybody, &["ix_accounts_provider"]).await;
}

#[tokio::test]
async fn accounts_are_filtered_by_indexes() {
    let label = Label::parse("team:billing").unwrap();
    let by_label = AccountFilter {
        label: Some(label),
        ..AccountFilter::default()
    };
    let by_provider = AccountFilter {
        provider: Some(ProviderName::new("github")),
        ..AccountFilter::default()
    };
    let by_status = AccountFilter {
        status: Some(StatusAsOf {
            status: AccountStatus::Degraded,
            now: NOW,
            outages: Vec::new(),
        }),
        ..AccountFilter::default()
    };
    for (filter, index) in [
        (by_label, "(name=? AND value=? AND account_id>?)"),
        (by_provider, "ix_accounts_provider_id (provider=? AND id>?)"),
        (by_status, "ix_accounts_status_id (status=? AND id>?)"),
    ] {
        let query = filtered::matching(&filter, Some(AccountId(7)), 50);
        assert_uses(query, &[index]).await;
    }
    let labels = labels_of(&[AccountId(1), AccountId(2)]);
    assert_uses(labels, &["(account_id=?)"]).await;
}

#[tokio::test]
async fn keys_and_relinks_of_an_account_are_found_by_indexes() {
    let account = AccountId(1);
    let page = keys::keys_of(account).filter(access_keys::Column::Id.gt(7));
    let page = page.order_by_asc(access_keys::Column::Id).limit(10);
    assert_uses(page, &["ix_access_keys_account_id"]).await;
    let note = keys::note_use(AccessKeyId(1), NOW, NOW);
    assert_uses(note, &["INTEGER PRIMARY KEY (rowid=?)"]).await;
    let query = queries::relinks_of(account);
    assert_uses(query, &["ix_device_codes_relink_of"]).await;
}

#[tokio::test]
async fn keys_of_tokens_are_found_by_skipping_in_an_index() {
    let index = ["ix_tokens_sealed_with (sealed_with>?)"];
    for last in [None, Some(vec![1; 10])] {
        assert_uses(seals::next_seals(last.as_ref()), &index).await;
    }
}

#[tokio::test]
async fn tokens_of_other_keys_are_found_by_an_index() {
    let query = seals::tokens_sealed_with(vec![1; 10], 7, 10);
    assert_uses(query, &["ix_tokens_sealed_with (sealed_with=? AND id>?)"]).await;
}
