//! What the page's forms send.

use poem::http::{StatusCode, header};
use poem::{Body, Request, error::ReadBodyError};
use url::form_urlencoded;

/// More than any of our forms needs.
const MOST_BYTES: usize = 4096;

/// A form of the page.
pub(super) struct Form {
    /// The token that ties it to the browser it was made for.
    pub(super) csrf: String,
    /// The code as it was typed.
    pub(super) code: String,
    /// Which button was pressed.
    pub(super) action: Action,
}

/// What the person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// See who asks.
    LookUp,
    /// Go on to the provider.
    Confirm,
    /// Say no.
    Cancel,
}

/// Why a body is none of our forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoForm {
    /// It has another content type.
    OtherType,
    /// It is too large.
    TooLarge,
    /// It broke off.
    BrokenOff,
    /// It names a button that there is not.
    UnknownAction,
}

impl NoForm {
    /// Its HTTP status.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::OtherType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::UnknownAction => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// What is wrong, for whoever wrote the program that sent it: our own pages send no such thing.
    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::OtherType => {
                "The form must be sent as application/x-www-form-urlencoded, in UTF-8."
            }
            Self::TooLarge => "The form is larger than this page ever sends.",
            Self::BrokenOff => "The form did not arrive in full.",
            Self::UnknownAction => "The action must be look_up, confirm or cancel.",
        }
    }
}

impl Form {
    /// Reads a form from a request.
    pub(super) async fn read(request: &Request, body: Body) -> Result<Self, NoForm> {
        if !is_form(request) {
            return Err(NoForm::OtherType);
        }
        let bytes = body.into_bytes_limit(MOST_BYTES).await;
        let bytes = bytes.map_err(|error| match error {
            ReadBodyError::PayloadTooLarge => NoForm::TooLarge,
            _ => NoForm::BrokenOff,
        })?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, NoForm> {
        let (mut csrf, mut code, mut action) = (String::new(), String::new(), Action::LookUp);
        for (name, value) in form_urlencoded::parse(bytes) {
            match name.as_ref() {
                "csrf" => csrf = value.into_owned(),
                "code" => code = value.into_owned(),
                "action" => action = Action::named(&value).ok_or(NoForm::UnknownAction)?,
                _ => {}
            }
        }
        Ok(Self { csrf, code, action })
    }
}

impl Action {
    fn named(name: &str) -> Option<Self> {
        match name {
            "look_up" => Some(Self::LookUp),
            "confirm" => Some(Self::Confirm),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}

fn is_form(request: &Request) -> bool {
    const FORM: &str = "application/x-www-form-urlencoded";
    let content_type = request.header(header::CONTENT_TYPE).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(FORM)
}
