//! The login page, without passwords.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::consent::user_code;
use super::page::{go_to, page};
use super::visitor::Visitor;
use crate::app::App;
use crate::model::{Person, UserCode};
use crate::oauth::{Form, Params};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    csrf: &'a str,
    user_code: &'a UserCode,
    people: &'a [&'a str],
    typed: &'a str,
    is_wrong: bool,
}

/// `GET /login`
#[handler]
pub(crate) fn ask_person(Data(app): Data<&Arc<App>>, request: &Request) -> poem::Result<Response> {
    let code = user_code(&Params::of_query(request))?;
    let visitor = Visitor::welcome(app, request);
    let asked = page(
        StatusCode::OK,
        &LoginPage {
            csrf: &visitor.csrf,
            user_code: &code,
            people: &Person::OFFERED,
            typed: "",
            is_wrong: false,
        },
    )?;
    Ok(visitor.remember(asked))
}

/// `POST /login`
#[handler]
pub(crate) fn take_person(
    Data(app): Data<&Arc<App>>,
    request: &Request,
    Form(form): Form,
) -> poem::Result<Response> {
    let code = user_code(&form)?;
    let visitor = Visitor::of_form(app, request, &form)?;
    let typed = form.first("person");
    match Person::parse(typed) {
        Some(person) => {
            visitor.log_in(app, person);
            Ok(go_to("/consent", &code))
        }
        None => page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &LoginPage {
                csrf: &visitor.csrf,
                user_code: &code,
                people: &Person::OFFERED,
                typed,
                is_wrong: true,
            },
        ),
    }
}
