//! Finding accounts among many.

use crate::grant::{AccountStatus, ProviderName};
use crate::usecases::AccountSearch;
use crate::usecases::tests::*;

#[tokio::test]
async fn a_search_takes_breaks_and_misses_nobody() {
    let stage = Stage::new().await;
    for n in 0..9 {
        let person = ScriptedProvider::person(&format!("person-{n}"));
        stage.provider.answer_identify(Ok(person));
        stage.linked().await;
    }
    let search = async |wanted: AccountSearch, limit: u64| {
        let (mut found, mut pages, mut after) = (0, 0, None);
        loop {
            // Two accounts are read at a time, two times for a page.
            let page = stage
                .accounts
                .search_in(&Caller::Auditor, &wanted, after, limit, (2, 2));
            let page = page.await.unwrap();
            found += page.items.len();
            pages += 1;
            after = page.next;
            if after.is_none() {
                return (found, pages);
            }
        }
    };
    let of = |provider: &str, status| AccountSearch {
        provider: Some(ProviderName::new(provider)),
        status: Some(status),
    };
    assert_eq!(search(of("one", AccountStatus::Active), 100).await, (9, 3));
    assert_eq!(search(of("one", AccountStatus::Active), 1).await, (9, 9));
    assert_eq!(search(of("one", AccountStatus::Degraded), 9).await, (0, 3));
    assert_eq!(search(of("two", AccountStatus::Active), 9).await, (0, 3));
    let wanted = AccountSearch::default();
    let refused = stage.accounts.search(&Caller::Nobody, &wanted, None, 9);
    assert!(matches!(refused.await, Err(Refusal::Unauthorized(_))));
}
