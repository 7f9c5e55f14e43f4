//! A request of an operator who has logged in, and its response.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use askama::Template;
use central_oauth_domain::grant::Account;
use central_oauth_domain::replica::Replica;
use central_oauth_domain::usecases::{Caller, LoggedInOperator, Refusal, Services};
use central_oauth_domain::{Fault, Timestamp};
use poem::error::NotFoundError;
use poem::http::{Method, StatusCode};
use poem::web::Data;
use poem::{Body, Error, FromRequest, Request, RequestBody, Response, Result};

use super::AdminSite;
use super::login::LOGGED_OUT;
use super::templates::{FromElsewhere, Message, Unavailable};
use crate::api::{Cursors, account_id};
use crate::error::{Problem, set_retry_after};
use crate::pages::form::Fields;
use crate::pages::visit::Visit;
use crate::pages::words::Moment;
use crate::pages::{see_other, visit};

/// A request of an operator who has logged in. Without a session, the response is a redirect to the login, or 404 if
/// nobody can log in.
pub(super) struct Desk<'a> {
    pub(super) site: &'a AdminSite,
    /// The request. Its browser token is the session token.
    pub(super) visit: Visit<'a>,
    pub(super) who: LoggedInOperator,
    pub(super) now: Timestamp,
}

/// A request of an operator who may make changes. Auditors get no forms, because the services would reject their
/// changes.
pub(super) struct AdminDesk<'a>(pub(super) Desk<'a>);

/// A form from a page of this session. The CSRF token is checked before the handler runs.
pub(super) struct Sent<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) fields: Fields,
}

impl<'a> FromRequest<'a> for Desk<'a> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let Data(site) = Data::<&Arc<AdminSite>>::from_request_without_body(request).await?;
        Self::open(site, request).await
    }
}

impl<'a> FromRequest<'a> for AdminDesk<'a> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let desk = Desk::from_request(request, body).await?;
        desk.require_admin().map(|()| Self(desk))
    }
}

impl<'a> FromRequest<'a> for Sent<'a> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let desk = Desk::from_request(request, body).await?;
        let fields = desk.form(request, body.take()?).await?;
        Ok(Self { desk, fields })
    }
}

impl<'a> Desk<'a> {
    async fn open(site: &'a AdminSite, request: &Request) -> Result<Self> {
        let sessions = &site.services.admin_sessions;
        if !sessions.is_open() {
            return Err(NotFoundError.into());
        }
        let token = site.cookie.read(request);
        let unavailable = |refusal| unavailable(site, request, refusal);
        let found = match &token {
            Some(token) => sessions.resume(token).await.map_err(unavailable)?,
            None => None,
        };
        let Some(who) = found else {
            return Err(Error::from_response(without_session(site, request)));
        };
        let visit = Visit::with_token(&site.device, request, token).in_english();
        let keys = &site.services.keys;
        keys.count_operator(who.caller(), visit.address);
        Ok(Self {
            now: site.services.overview.now(),
            site,
            visit,
            who,
        })
    }

    pub(super) fn services(&self) -> &'a Services {
        &self.site.services
    }

    /// Returns the operator as a caller of the services.
    pub(super) const fn caller(&self) -> &Caller {
        self.who.caller()
    }

    async fn form(&self, request: &Request, body: Body) -> Result<Fields> {
        let fields = Fields::read(request, body).await;
        let fields = fields
            .map_err(|why| self.error(why.status(), "The form could not be read", why.detail()))?;
        if self.visit.distrust(fields.csrf()).is_none() {
            return Ok(fields);
        }
        tracing::debug!("form of an operator rejected");
        let text = "It seems to come from another website or an earlier session. Go back, load the page again and repeat it.";
        let heading = "The form was not accepted";
        Err(self.error(StatusCode::FORBIDDEN, heading, text))
    }

    /// Rejects auditors.
    ///
    /// # Errors
    /// A page that says that auditors may change nothing.
    pub(super) fn require_admin(&self) -> Result<()> {
        if self.who.is_admin() {
            return Ok(());
        }
        let text = "An auditor may look at everything and change nothing.";
        Err(self.error(StatusCode::FORBIDDEN, "Not allowed", text))
    }

    pub(super) async fn account(&self, id: &str) -> Result<Account, Refusal> {
        let accounts = &self.services().accounts;
        accounts.get(self.caller(), account_id(id)).await
    }

    /// Returns the path of the page of the account with this id.
    pub(super) fn account_page(&self, id: impl Display) -> String {
        format!("{}/accounts/{id}", self.site.base)
    }

    /// Returns the last error of an account, or a warning.
    pub(super) fn fault(&self, account: &Account) -> Option<Fault> {
        let warning = self.services().accounts.warning(account);
        account.last_error.clone().or(warning)
    }

    /// Returns a time in words, if there is one.
    pub(super) fn moment(&self, at: &(impl Into<Option<Timestamp>> + Copy)) -> Option<Moment> {
        let at: Option<Timestamp> = (*at).into();
        at.map(|at| Moment::of(at, self.now))
    }

    pub(super) fn is_running(&self, replica: &Replica) -> bool {
        replica.is_running(self.now)
    }

    /// Redirects to another page after an action, so that reloading repeats nothing. `done` is a word that [`done`]
    /// knows.
    pub(super) fn done(&self, page: &str, done: &str) -> Response {
        see_other(&format!("{page}?done={done}"))
    }

    /// Returns the response, or a page that shows the refusal.
    pub(super) fn answer(&self, answer: Result<Response, Refusal>) -> Response {
        answer.unwrap_or_else(|refusal| self.failed(&Problem::from(refusal)))
    }

    /// Returns the item after which the list continues, if the query has a cursor.
    ///
    /// # Errors
    /// A page that says that the cursor is invalid.
    pub(super) fn after<Id: FromStr>(
        &self,
        cursors: &Cursors,
        query: &Fields,
    ) -> Result<Option<Id>> {
        let after = cursors.read(query.get("cursor"));
        after.map_err(|problem| Error::from_response(self.failed(&problem)))
    }

    fn failed(&self, problem: &Problem) -> Response {
        let mut response = self.message(problem.status(), "That did not work", problem.detail());
        set_retry_after(&mut response, problem.wait());
        response
    }

    fn error(&self, status: StatusCode, heading: &str, text: &str) -> Error {
        Error::from_response(self.message(status, heading, text))
    }

    fn message(&self, status: StatusCode, heading: &str, text: &str) -> Response {
        let page = Message {
            visit: &self.visit,
            desk: self,
            heading,
            text,
        };
        visit::html(status, &page)
    }

    pub(super) fn page(&self, page: &impl Template) -> Response {
        visit::html(StatusCode::OK, page)
    }
}

/// Returns the page for a request whose session could not be read.
fn unavailable(site: &AdminSite, request: &Request, refusal: Refusal) -> Error {
    let visit = Visit::of(&site.device, request).in_english();
    let problem = Problem::from(refusal);
    let page = Unavailable {
        visit: &visit,
        detail: problem.detail(),
    };
    let mut response = visit::html(problem.status(), &page);
    set_retry_after(&mut response, problem.wait());
    Error::from_response(response)
}

/// Redirects to the login. A browser that comes from another site omits its session cookie, so the page for it reloads
/// itself first.
fn without_session(site: &AdminSite, request: &Request) -> Response {
    let login = format!("{}/login", site.base);
    if request.method() != Method::GET {
        return see_other(&format!("{login}?{LOGGED_OUT}"));
    }
    match request.header("sec-fetch-site") {
        Some("cross-site" | "same-site") => {
            let visit = Visit::of(&site.device, request).in_english();
            visit::html(StatusCode::OK, &FromElsewhere { visit: &visit })
        }
        _ => see_other(&login),
    }
}

/// Returns the message about an action that was just done.
pub(super) fn done(fields: &Fields) -> Option<&'static str> {
    match fields.get("done")? {
        "refreshed" => Some("Refreshed: the account has a new access token."),
        "key-deleted" => Some("The key does not exist any more. No program can use it."),
        "deleted" => Some(
            "The account does not exist any more. The list shows whether the provider has revoked its tokens.",
        ),
        "revoked" => Some("The account is deleted, and the provider has revoked its tokens."),
        "unsupported" => Some("The account is deleted. The provider cannot revoke its tokens."),
        "unconfirmed" => Some(
            "The account is deleted. The provider has not confirmed the revocation yet and is asked again for a day.",
        ),
        _ => None,
    }
}
