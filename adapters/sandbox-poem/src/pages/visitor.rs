//! Finds the session of a request's browser.

use poem::http::HeaderValue;
use poem::{Request, Response};

use super::page::DeadEnd;
use crate::app::App;
use crate::model::Person;
use crate::oauth::Params;
use crate::random;

const COOKIE: &str = "sandbox_session";

/// A browser with a session.
pub(super) struct Visitor {
    id: String,
    is_new: bool,
    /// The CSRF token of the session's forms.
    pub(super) csrf: String,
    /// The person, if somebody has logged in.
    pub(super) person: Option<Person>,
}

impl Visitor {
    /// Returns the session of the browser; starts one for a new browser.
    pub(super) fn welcome(app: &App, request: &Request) -> Self {
        if let Some(known) = Self::known(app, request) {
            return known;
        }
        let (id, csrf) = (random::secret(), random::secret());
        let now = app.now();
        app.state().sessions.open(id.clone(), csrf.clone(), now);
        Self {
            id,
            is_new: true,
            csrf,
            person: None,
        }
    }

    /// Returns the session of the browser if the form contains the CSRF token of the session.
    pub(super) fn of_form(app: &App, request: &Request, form: &Params) -> Result<Self, DeadEnd> {
        Self::known(app, request)
            .filter(|known| form.first("csrf") == known.csrf)
            .ok_or(DeadEnd::StaleForm)
    }

    pub(super) fn log_in(&self, app: &App, person: Person) {
        let now = app.now();
        if let Some(session) = app.state().sessions.find(&self.id, now) {
            session.person = Some(person);
        }
    }

    /// Adds the cookie of a new session.
    pub(super) fn remember(&self, mut response: Response) -> Response {
        let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", self.id);
        if let (true, Ok(cookie)) = (self.is_new, HeaderValue::try_from(cookie)) {
            response.headers_mut().append("set-cookie", cookie);
        }
        response
    }

    fn known(app: &App, request: &Request) -> Option<Self> {
        let id = cookie(request)?;
        let now = app.now();
        let mut state = app.state();
        let session = state.sessions.find(id, now)?;
        Some(Self {
            id: id.to_owned(),
            is_new: false,
            csrf: session.csrf.clone(),
            person: session.person.clone(),
        })
    }
}

fn cookie(request: &Request) -> Option<&str> {
    let headers = request.headers().get_all("cookie").into_iter();
    headers
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}
