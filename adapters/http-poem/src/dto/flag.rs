//! Booleans in the query.

use std::borrow::Cow;

use poem_openapi::registry::MetaSchemaRef;
use poem_openapi::types::{ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;

/// A boolean in the query: `true` or `false`. Also accepts `1` and `0`, because OpenAPI Generator's PHP clients write
/// booleans in this way (OpenAPITools/openapi-generator#11683).
#[derive(Default)]
pub(crate) struct Flag(pub(crate) bool);

/// Describes the flag as a boolean in the OpenAPI document.
impl Type for Flag {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        bool::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        bool::schema_ref()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ParseFromParameter for Flag {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let text = match text {
            "1" => "true",
            "0" => "false",
            text => text,
        };
        let flag = bool::parse_from_parameter(text);
        flag.map(Self).map_err(|error| error.propagate())
    }
}

impl ToJSON for Flag {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}
