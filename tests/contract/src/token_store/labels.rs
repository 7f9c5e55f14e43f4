//! Labels, and lists of accounts by label, provider and status.

use std::collections::BTreeMap;

use central_oauth_domain::audit::Actor;
use central_oauth_domain::grant::refresh::Outage;
use central_oauth_domain::grant::{
    Account, AccountFilter, AccountId, AccountStatus, NewGrant, ProviderName, StatusAsOf,
};
use central_oauth_domain::link::Requester;
use central_oauth_domain::ports::{NewLink, TokenStore};
use central_oauth_domain::{Fault, Label, Labels};

use super::Fixture;
use super::samples::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::stored(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

/// Returns link number `n`, requested with these labels.
fn asking_for(n: u8, labels: Labels) -> NewLink {
    let new = new_link(n);
    let requester = Requester {
        labels,
        ..new.requester
    };
    NewLink { requester, ..new }
}

/// Completes link number `n`, requested with these labels.
async fn labelled(store: &dyn TokenStore, n: u8, grant: NewGrant, of: Labels) -> Account {
    let link = keep(store, asking_for(n, of)).await;
    let link = begin(store, &link, 5).await;
    complete(store, &link, grant, 10).await.unwrap()
}

async fn labels_of(store: &dyn TokenStore, account: AccountId) -> Labels {
    let mut all = store.labels(&[account]).await.unwrap();
    all.remove(&account).unwrap_or_default()
}

pub(super) async fn a_link_keeps_those_that_it_was_asked_for_with(fixture: &dyn Fixture) {
    let store = fixture.store();
    let some = labels(&[("team", "billing=🌙: x"), ("a/b.c-d_9", "")]);
    for (n, asked) in [(1, some), (2, Labels::default())] {
        let link = keep(&*store, asking_for(n, asked.clone())).await;
        assert_eq!(link.requester.labels, asked);
        assert_eq!(found(&*store, n).await, link);
    }
}

pub(super) async fn the_account_gets_them_and_keeps_them(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = labels(&[("host", "db1"), ("team", "billing")]);
    let account = labelled(&*store, 1, grant("ada", "one"), first.clone()).await;
    assert_eq!(labels_of(&*store, account.id).await, first);
    let bob = labelled(&*store, 2, grant("bob", "one"), Labels::default()).await;
    let both = store.labels(&[account.id, bob.id, AccountId(777)]).await;
    assert_eq!(both.unwrap(), BTreeMap::from([(account.id, first)]));
    assert_eq!(store.labels(&[]).await.unwrap(), BTreeMap::new());

    let later = labels(&[("app", "backup"), ("team", "sales")]);
    labelled(&*store, 3, grant("ada", "two"), later).await;
    let kept = labels(&[("app", "backup"), ("host", "db1"), ("team", "billing")]);
    assert_eq!(labels_of(&*store, account.id).await, kept);

    let many = Labels::stored((0..16).map(|n| (format!("n{n:02}"), String::new())));
    labelled(&*store, 4, grant("ada", "three"), many).await;
    let full = labels_of(&*store, account.id).await;
    assert_eq!(full.iter().count(), Labels::MOST);
    assert!(
        kept.iter()
            .all(|label| full.iter().any(|known| known == label))
    );
}

pub(super) async fn they_go_with_the_account(fixture: &dyn Fixture) {
    let store = fixture.store();
    let first = labels(&[("team", "billing")]);
    let ada = labelled(&*store, 1, grant("ada", "one"), first.clone()).await;
    let seen = stored(&*store, ada.id).await;
    store
        .delete_account(&seen, new_revocation(1, Some("ada")), draft(Actor::ADMIN))
        .await
        .unwrap();
    assert_eq!(labels_of(&*store, ada.id).await, Labels::default());
    let again = labelled(&*store, 2, grant("ada", "two"), Labels::default()).await;
    assert_eq!(labels_of(&*store, again.id).await, Labels::default());
}

/// Links accounts of two providers, one for each status that can be shown. Among them is one that waits for the end of
/// an outage, and one whose access token has expired and that has no refresh token.
async fn population(store: &dyn TokenStore) -> Vec<Account> {
    let billing = || labels(&[("team", "billing")]);
    let elsewhere = |mut grant: NewGrant| {
        grant.account.provider = ProviderName::new("elsewhere");
        grant
    };
    let waiting = |person| NewGrant {
        next_refresh_at: Some(at(20)),
        ..grant(person, "one")
    };
    let over = NewGrant {
        refresh_token: None,
        access_token_expires_at: Some(at(30)),
        ..grant("eve", "one")
    };
    labelled(store, 1, grant("ada", "one"), billing()).await;
    labelled(store, 2, waiting("bob"), labels(&[("team", "sales")])).await;
    let dead = labelled(store, 3, grant("cid", "one"), billing()).await;
    labelled(store, 4, over, billing()).await;
    let ill = labelled(store, 5, elsewhere(grant("dan", "one")), billing()).await;
    labelled(store, 6, elsewhere(waiting("fay")), Labels::default()).await;
    require_relink(store, dead.id).await;
    let claimed = claim_refresh(store, ill.id, 15, 30).await;
    assert!(record_failure(store, &claimed, failure(5000)).await);
    store.accounts(None, 100).await.unwrap()
}

/// The rules of `Account::as_of` apply, in every combination.
pub(super) async fn lists_hold_what_the_filter_admits(fixture: &dyn Fixture) {
    let store = fixture.store();
    let all = population(&*store).await;
    let ids = Vec::from_iter(all.iter().map(|account| account.id));
    let labels = store.labels(&ids).await.unwrap();
    let github = ProviderName::new("github");
    let fault = Fault::new("provider_unavailable", "gone");
    let outage = Outage::begin(github.clone(), fault, None, at(20));
    let (mut listed, mut lists) = (0, 0);
    // PostgreSQL rejects a NUL.
    let nowhere = ["nowhere", "no\0where"].map(ProviderName::new);
    for provider in [None, Some(github)].into_iter().chain(nowhere.map(Some)) {
        for outages in [vec![], vec![outage.clone()]] {
            for status in [
                None,
                Some(AccountStatus::Active),
                Some(AccountStatus::Degraded),
                Some(AccountStatus::RelinkRequired),
            ] {
                for label in [None, Some("team:billing"), Some("team:sal")] {
                    let filter = AccountFilter {
                        provider: provider.clone(),
                        status: status.map(|status| StatusAsOf {
                            status,
                            now: at(100),
                            outages: outages.clone(),
                        }),
                        label: label.map(|label| Label::parse(label).unwrap()),
                    };
                    let none = Labels::default();
                    let admitted = all.iter().filter(|account| {
                        filter.admits(account, labels.get(&account.id).unwrap_or(&none))
                    });
                    let expected: Vec<_> = admitted.cloned().collect();
                    let found = store.accounts_matching(&filter, None, 100).await;
                    assert_eq!(found.unwrap(), expected, "{filter:?}");
                    if let Some(first) = expected.first() {
                        let rest = store.accounts_matching(&filter, Some(first.id), 1).await;
                        let next = &expected[1..expected.len().min(2)];
                        assert_eq!(rest.unwrap(), next, "{filter:?}");
                    }
                    listed += expected.len();
                    lists += usize::from(!expected.is_empty());
                }
            }
        }
    }
    // A filter that admits nothing would make this test useless.
    assert!(listed > 40 && lists > 20, "{listed} in {lists}");
}
