//! The page where a person enters the user code (RFC 8628 section 3.3).

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::page::{go_to, page};
use super::visitor::Visitor;
use crate::app::{App, Endpoints};
use crate::model::UserCode;
use crate::oauth::{Form, Params};

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage<'a> {
    at: &'a Endpoints,
}

#[derive(Template)]
#[template(path = "device.html")]
struct CodePage<'a> {
    csrf: &'a str,
    user_code: &'a str,
    is_wrong: bool,
}

/// `GET /`: describes the sandbox.
#[handler]
pub(crate) fn index(Data(app): Data<&Arc<App>>) -> poem::Result<Response> {
    page(StatusCode::OK, &IndexPage { at: &app.endpoints })
}

/// `GET /device`: fills in the code of the query. The person still has to submit it.
#[handler]
pub(crate) fn ask_code(Data(app): Data<&Arc<App>>, request: &Request) -> poem::Result<Response> {
    let visitor = Visitor::welcome(app, request);
    let asked = page(
        StatusCode::OK,
        &CodePage {
            csrf: &visitor.csrf,
            user_code: Params::of_query(request).first("user_code"),
            is_wrong: false,
        },
    )?;
    Ok(visitor.remember(asked))
}

/// `POST /device`
#[handler]
pub(crate) fn take_code(
    Data(app): Data<&Arc<App>>,
    request: &Request,
    Form(form): Form,
) -> poem::Result<Response> {
    let visitor = Visitor::of_form(app, request, &form)?;
    let now = app.now();
    let typed = form.first("user_code");
    let code = UserCode::parse(typed);
    let found = code.filter(|code| app.state().flows.find(code, now).is_some());
    match found {
        Some(code) => Ok(go_to("/consent", &code)),
        None => page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &CodePage {
                csrf: &visitor.csrf,
                user_code: typed,
                is_wrong: true,
            },
        ),
    }
}
