//! The forms of the pages.

use poem::http::StatusCode;
use poem::{Body, Request, error::ReadBodyError};
use url::form_urlencoded;

use crate::body::{FORM, is_of_type};

/// Maximum size of a form in bytes. All forms of this service are smaller.
const MAX_BYTES: usize = 4096;

/// The fields of a form or of a query.
pub(super) struct Fields(Vec<(String, String)>);

pub(super) struct Form {
    pub(super) csrf: String,
    pub(super) code: String,
    pub(super) action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Show who requests access.
    LookUp,
    /// Confirm, and continue to the provider.
    Confirm,
    Cancel,
    /// Withdraw the consent ("This was not me").
    Disown,
}

/// Why a body is not a form of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoForm {
    /// Wrong content type.
    OtherType,
    TooLarge,
    /// Incomplete.
    BrokenOff,
    /// Unknown button.
    UnknownAction,
}

impl NoForm {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::OtherType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::UnknownAction => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// Explains the error to authors of programs. The pages of this service never cause it.
    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::OtherType => {
                "The form must be sent as application/x-www-form-urlencoded, in UTF-8, not compressed."
            }
            Self::TooLarge => "The form is too large.",
            Self::BrokenOff => "The form is incomplete.",
            Self::UnknownAction => "The action must be look_up, confirm, cancel or disown.",
        }
    }
}

impl Fields {
    pub(super) async fn read(request: &Request, body: Body) -> Result<Self, NoForm> {
        if !is_of_type(request, FORM) {
            return Err(NoForm::OtherType);
        }
        let bytes = body.into_bytes_limit(MAX_BYTES).await;
        let bytes = bytes.map_err(|error| match error {
            ReadBodyError::PayloadTooLarge => NoForm::TooLarge,
            _ => NoForm::BrokenOff,
        })?;
        Ok(Self::parse(&bytes))
    }

    pub(super) fn of_query(request: &Request) -> Self {
        Self::parse(request.uri().query().unwrap_or_default().as_bytes())
    }

    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Returns the last field of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut latest_first = self.0.iter().rev();
        let found = latest_first.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the last field of this name, unless it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(super) fn csrf(&self) -> &str {
        self.get("csrf").unwrap_or_default()
    }
}

impl Form {
    pub(super) async fn read(request: &Request, body: Body) -> Result<Self, NoForm> {
        let fields = Fields::read(request, body).await?;
        let action = fields
            .get("action")
            .map_or(Some(Action::LookUp), Action::named);
        Ok(Self {
            csrf: fields.csrf().to_owned(),
            code: fields.get("code").unwrap_or_default().to_owned(),
            action: action.ok_or(NoForm::UnknownAction)?,
        })
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
