//! Times in requests.

use std::borrow::Cow;

use central_oauth_domain::Timestamp;
use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::{
    Example, ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use serde::Deserialize;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, error};

use super::{A_DECADE, example_time, instant};
use crate::error::{Code, Problem};

/// A time as the caller wrote it. In a body, the time is parsed after the JSON, so that a malformed time gets
/// `invalid_request` (400) and not `unprocessable` (422).
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct TimeText(String);

impl TimeText {
    /// Returns the problem of a field that is not a time.
    pub(super) fn malformed(field: &str) -> Problem {
        let detail = format!("{field}: not an RFC 3339 time such as 2026-12-31T23:59:59Z");
        Problem::new(Code::InvalidRequest, detail)
    }

    /// Parses the time of a field.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if the text is not an RFC 3339 time.
    pub(crate) fn read(&self, field: &str) -> Result<Timestamp, Problem> {
        let time = parse(&self.0).map_err(|_| Self::malformed(field))?;
        Ok(instant(time))
    }
}

/// Parses an RFC 3339 time. The colon of the offset and seconds that are zero may be missing, because OpenAPI
/// Generator's clients omit them in the query (Python, OpenAPITools/openapi-generator#20961; Java,
/// OpenAPITools/openapi-generator#7185).
fn parse(text: &str) -> Result<OffsetDateTime, error::Parse> {
    const MINUTES: usize = "2026-06-03T12:00".len();
    let mut text = text.to_owned();
    let offset = text.get(MINUTES..).unwrap_or_default();
    if offset.starts_with(['Z', 'z', '+', '-']) {
        text.insert_str(MINUTES, ":00");
    }
    let before = text.trim_end_matches(|it: char| it.is_ascii_digit());
    if before.ends_with(['+', '-']) && text.len() == before.len() + 4 {
        text.insert(text.len() - 2, ':');
    }
    OffsetDateTime::parse(&text, &Rfc3339)
}

/// Describes the time as a date-time in the OpenAPI document.
impl Type for TimeText {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        OffsetDateTime::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        OffsetDateTime::schema_ref()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ParseFromJSON for TimeText {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let text = String::parse_from_json(value);
        text.map(Self).map_err(|error| error.propagate())
    }
}

impl ParseFromParameter for TimeText {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(ParseError::custom(error)),
        }
    }
}

impl ToJSON for TimeText {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}

/// The example is far in the future, so that people can try it out.
impl Example for TimeText {
    fn example() -> Self {
        let time = example_time(A_DECADE).format(&Rfc3339);
        Self(time.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<i64, Problem> {
        let instant = TimeText(text.to_owned()).read("expires_at");
        instant.map(Timestamp::as_millis)
    }

    #[test]
    fn times_may_have_any_offset() {
        for text in [
            "2026-06-03T12:00:00Z",
            "2026-06-03t12:00:00.000999z",
            "2026-06-03T14:00:00+02:00",
            "2026-06-02T23:30:00-12:30",
            "2026-06-03T14:00:00.000000+0200",
            "2026-06-03T12:00Z",
            "2026-06-03T14:00+02:00",
            "2026-06-03T14:00+0200",
        ] {
            assert_eq!(read(text).unwrap(), 1_780_488_000_000, "{text}");
        }
        assert_eq!(read("1969-12-31T23:59:59.5Z").unwrap(), -500);
        assert!(read("9999-12-31T23:59:59-23:59").is_ok());
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "tomorrow",
            "1780488000",
            "2026-06-03",
            "2026-06-03T12:00:00",
            "2026-06-03T12:00",
            "2026-06-03T12Z",
            "2026-06-03T12:00:00+02",
            "2026-06-03T12:00:00+02000",
            "2026-06-03T25:00:00Z",
            "2026-02-30T12:00:00Z",
            "+12026-06-03T12:00:00Z",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
