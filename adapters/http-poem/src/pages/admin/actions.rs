//! Refresh, delete and revoke: a page asks for confirmation, and its form performs the action.

use central_oauth_domain::grant::Account;
use central_oauth_domain::grant::revocation::RevocationStatus;
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::usecases::Refusal;
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Response, Result, handler};

use super::desk::{AdminDesk, Desk, Sent};
use super::templates::{Asks, Confirm};
use crate::api::account_id;
use crate::pages::visit;

/// The texts of the page that asks for confirmation of an action on an account.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    /// The last part of the path.
    pub(super) action: &'a str,
    pub(super) heading: &'a str,
    pub(super) text: &'a str,
    pub(super) button: &'a str,
    pub(super) asks: Asks,
}

pub(super) const REFRESH: Words<'_> = Words {
    action: "refresh",
    heading: "Refresh this account?",
    text: "The service asks the provider for new tokens now. This is safe, and seldom needed: tokens are refreshed in time.",
    button: "Refresh",
    asks: Asks::Nothing,
};

pub(super) const REVOKE: Words<'_> = Words {
    action: "revoke",
    heading: "Delete this account and revoke its tokens?",
    text: "All its keys stop working at once. This cannot be undone: the person has to link the account anew, and programs need new keys.",
    button: "Delete and revoke",
    asks: Asks::OwnKey,
};

/// `GET /admin/accounts/{id}/{action}`.
#[handler]
pub(super) async fn ask(
    AdminDesk(desk): AdminDesk<'_>,
    Path(id): Path<String>,
    Data(words): Data<&Words<'static>>,
) -> Response {
    let account = desk.account(&id).await;
    desk.answer(account.map(|account| confirmation(&desk, &account, words, None)))
}

/// `POST /admin/accounts/{id}/refresh`.
#[handler]
pub(super) async fn refresh(Sent { desk, .. }: Sent<'_>, Path(id): Path<String>) -> Response {
    let accounts = &desk.services().accounts;
    let refreshed = accounts.refresh(desk.caller(), account_id(&id), desk.visit.address);
    let refreshed = refreshed.await;
    let done = |account: Account| desk.done(&desk.account_page(account.id), "refreshed");
    desk.answer(refreshed.map(done))
}

/// `POST /admin/accounts/{id}/revoke`.
#[handler]
pub(super) async fn revoke(
    Sent { desk, fields }: Sent<'_>,
    Path(id): Path<String>,
) -> Result<Response> {
    desk.require_admin()?;
    let key = AccessKey::new(fields.get("key").unwrap_or_default().trim());
    let revoked = match revoking(&desk, &id, &key).await {
        // The account is already deleted, probably by the first request of a double click.
        Err(Refusal::NotFound(_)) => Ok(revocations(&desk, "deleted")),
        revoked => revoked,
    };
    Ok(desk.answer(revoked))
}

async fn revoking(desk: &Desk<'_>, id: &str, key: &AccessKey) -> Result<Response, Refusal> {
    let account = desk.account(id).await?;
    let sessions = &desk.services().admin_sessions;
    match sessions.confirm(&desk.who, key, desk.visit.address) {
        Ok(()) => {}
        Err(Refusal::Unauthorized(_)) => {
            let problem = Some("This is not the key that you logged in with.");
            return Ok(confirmation(desk, &account, &REVOKE, problem));
        }
        Err(refusal) => return Err(refusal),
    }
    let accounts = &desk.services().accounts;
    let deleted = accounts.delete(desk.caller(), account.id, desk.visit.address);
    let done = match deleted.await? {
        RevocationStatus::Revoked => "revoked",
        RevocationStatus::Unsupported => "unsupported",
        RevocationStatus::Pending | RevocationStatus::Failed | RevocationStatus::Cancelled => {
            "unconfirmed"
        }
    };
    Ok(revocations(desk, done))
}

fn revocations(desk: &Desk<'_>, done: &str) -> Response {
    desk.done(&format!("{}/revocations", desk.site.base), done)
}

pub(super) fn confirmation(
    desk: &Desk<'_>,
    account: &Account,
    words: &Words<'_>,
    problem: Option<&str>,
) -> Response {
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::FORBIDDEN,
    };
    let page = Confirm {
        visit: &desk.visit,
        desk,
        account,
        words,
        problem,
    };
    visit::html(status, &page)
}
