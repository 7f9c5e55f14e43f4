//! The page's forms.

use poem::http::{StatusCode, header};
use poem::{Body, Request, error::ReadBodyError};
use url::form_urlencoded;

/// Larger than any of our forms.
const MAX_BYTES: usize = 4096;

/// A form of the page.
pub(super) struct Form {
    /// The CSRF token.
    pub(super) csrf: String,
    /// The code as typed.
    pub(super) code: String,
    /// The button that was pressed.
    pub(super) action: Action,
}

/// The action of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Show who asks.
    LookUp,
    /// Confirm, and continue to the provider.
    Confirm,
    /// Cancel.
    Cancel,
    /// Take the consent back.
    Disown,
}

/// Why a body is not one of our forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoForm {
    /// Wrong content type.
    OtherType,
    /// Too large.
    TooLarge,
    /// Incomplete.
    BrokenOff,
    /// Unknown button.
    UnknownAction,
}

impl NoForm {
    /// Returns the HTTP status.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::OtherType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::UnknownAction => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// Explains the error to authors of programs; our own pages never cause it.
    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::OtherType => {
                "The form must be sent as application/x-www-form-urlencoded, in UTF-8."
            }
            Self::TooLarge => "The form is too large.",
            Self::BrokenOff => "The form is incomplete.",
            Self::UnknownAction => "The action must be look_up, confirm, cancel or disown.",
        }
    }
}

impl Form {
    /// Reads a form from a request.
    pub(super) async fn read(request: &Request, body: Body) -> Result<Self, NoForm> {
        if !is_form(request) {
            return Err(NoForm::OtherType);
        }
        let bytes = body.into_bytes_limit(MAX_BYTES).await;
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
            "disown" => Some(Self::Disown),
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
