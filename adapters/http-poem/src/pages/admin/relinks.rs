//! Asks the person of an account to consent again: with a code for the next minutes, or with a link for seven days.

use askama::Template;
use central_oauth_domain::grant::Account;
use central_oauth_domain::usecases::Refusal;
use poem::web::Path;
use poem::{Response, handler};

use super::actions::Words;
use super::desk::{Desk, Sent};
use super::qr;
use super::templates::Asks;
use crate::pages::visit::Visit;

/// The page with the URL at which a person consents again.
#[derive(Template)]
#[template(path = "admin/relink.html")]
struct Relink<'a> {
    visit: &'a Visit<'a>,
    desk: &'a Desk<'a>,
    account: &'a Account,
    heading: &'a str,
    text: &'a str,
    address: &'a str,
    qr: Option<qr::Drawing>,
}

pub(super) const CODE: Words<'_> = Words {
    action: "relink",
    heading: "Ask for consent again?",
    text: "You get an address for the person whose account this is. Nothing changes until the person signs in at the provider.",
    button: "Make the address",
    asks: Asks::Nothing,
};

pub(super) const LINK: Words<'_> = Words {
    action: "relink-link",
    heading: "Make a relink link?",
    text: "You get a link for the person whose account this is. It is valid for seven days and gives nobody access. Nothing changes until the person signs in at the provider.",
    button: "Make the link",
    asks: Asks::Nothing,
};

/// `POST /admin/accounts/{id}/relink`. Responds with the page itself instead of a redirect, because the code is shown
/// only once.
#[handler]
pub(super) async fn make_code(Sent { desk, .. }: Sent<'_>, Path(id): Path<String>) -> Response {
    desk.answer(code(&desk, &id).await)
}

async fn code(desk: &Desk<'_>, id: &str) -> Result<Response, Refusal> {
    let account = desk.account(id).await?;
    let links = &desk.services().links;
    let started = links.start_relink(desk.caller(), account.id, desk.visit.address);
    let started = started.await?;
    let public_url = desk.site.device.public_url.as_str();
    let public_url = public_url.trim_end_matches('/');
    let address = format!("{public_url}/device?code={}", started.code.digits());
    let minutes = started.expires_in.as_secs() / 60;
    let text = format!(
        "Send this address to the person whose account it is, or let them scan the code. It works once and for {minutes} minutes."
    );
    Ok(desk.page(&Relink {
        visit: &desk.visit,
        desk,
        account: &account,
        heading: "Ask for consent again",
        text: &text,
        qr: qr::draw(&address),
        address: &address,
    }))
}

/// `POST /admin/accounts/{id}/relink-link`. Responds with the page itself instead of a redirect, because the service
/// does not store the link.
#[handler]
pub(super) async fn make_link(Sent { desk, .. }: Sent<'_>, Path(id): Path<String>) -> Response {
    desk.answer(link(&desk, &id).await)
}

async fn link(desk: &Desk<'_>, id: &str) -> Result<Response, Refusal> {
    let account = desk.account(id).await?;
    let links = &desk.services().links;
    let url = links.relink_url(desk.caller(), account.id, desk.visit.address);
    let url = url.await?;
    Ok(desk.page(&Relink {
        visit: &desk.visit,
        desk,
        account: &account,
        heading: "Relink link",
        text: "Send this link to the person whose account it is. It works until somebody has linked the account again, for seven days at most. It is not shown again, but you can make another.",
        qr: None,
        address: url.expose(),
    }))
}
