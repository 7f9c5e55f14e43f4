//! Asks for one account at every process in turn until it has a token, to measure when it has one.

use std::time::Duration;

use tokio::time::sleep;

use super::asking::Asker;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks until the account has a token or the clients end.
///
/// The future is boxed because the code is recursive: clients start pursuits, and pursuits send requests as clients do.
pub(super) fn pursue(
    asker: Asker,
    account: usize,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        while asker.lacks_token(account) && !asker.is_over() {
            sleep(PAUSE).await;
            for process in 0..asker.urls.len() {
                if asker.lacks_token(account) {
                    asker.ask(account, process, "").await;
                }
            }
        }
    })
}
