//! Reading accounts.

use central_oauth_domain::grant::{AccountId, ProviderName};

use super::Fixture;
use super::samples::*;

pub(super) async fn an_unknown_account_is_none(fixture: &dyn Fixture) {
    let store = fixture.store();
    assert_eq!(store.account(AccountId(1)).await.unwrap(), None);
    assert_eq!(store.tokens(AccountId(1)).await.unwrap(), None);
    assert_eq!(store.accounts(None, 10).await.unwrap(), []);
}

pub(super) async fn lists_come_in_pages(fixture: &dyn Fixture) {
    let store = fixture.store();
    let mut all = Vec::new();
    for (n, person) in (1..).zip(["eve", "ada", "dan", "bob", "cid"]) {
        all.push(linked(&*store, n, grant(person, "one"), 10).await);
    }
    assert!(all.is_sorted_by_key(|account| account.id));
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store.accounts(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), all);
    assert_eq!(store.accounts(None, 0).await.unwrap(), []);
    assert_eq!(store.accounts(None, u64::MAX).await.unwrap(), all);
}

pub(super) async fn others_are_those_alive_at_the_same_provider(fixture: &dyn Fixture) {
    let store = fixture.store();
    let one = linked(&*store, 1, grant("ada", "one"), 10).await;
    let mut elsewhere = grant("ada", "one");
    elsewhere.account.provider = ProviderName::new("elsewhere");
    linked(&*store, 2, elsewhere, 10).await;
    assert!(!store.has_others_alive(&one).await.unwrap());
    let two = linked(&*store, 3, grant("bob", "one"), 10).await;
    assert!(store.has_others_alive(&one).await.unwrap());
    require_relink(&*store, two.id).await;
    assert!(!store.has_others_alive(&one).await.unwrap());
    assert!(store.has_others_alive(&two).await.unwrap());
}
