//! The OpenAPI document: poem-openapi's output with some corrections.

mod correct;

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::api::{Api, service};
use correct::correct;

/// Returns the OpenAPI document as JSON, ending with a new line. `server` is the URL of the API, which may be a path.
#[must_use]
pub fn spec_json(server: &str) -> String {
    let mut text = serde_json::to_string_pretty(&document(server)).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns the OpenAPI document as YAML, like [`spec_json`].
#[must_use]
pub fn spec_yaml(server: &str) -> String {
    let text = serde_yaml::to_string(&document(server)).unwrap_or_default();
    text.lines().map(with_quoted_time).collect()
}

/// Adds a newline to a line of YAML, and quotes the value if it is a time. YAML 1.1, which many parsers still follow,
/// interprets an unquoted time as a timestamp instead of a string.
fn with_quoted_time(line: &str) -> String {
    let is_time = |value: &str| OffsetDateTime::parse(value, &Rfc3339).is_ok();
    match line.rsplit_once(' ') {
        Some((key, value)) if is_time(value) => format!("{key} '{value}'\n"),
        _ => format!("{line}\n"),
    }
}

/// The parts of the document in reading order. Within each part, keys are sorted, because their order would otherwise
/// depend on the features of serde_json that other crates enable.
#[derive(Serialize)]
struct Document {
    openapi: Value,
    info: Value,
    servers: Value,
    tags: Value,
    paths: Value,
    components: Value,
}

fn document(server: &str) -> Document {
    let written = service(Described::<Api>(PhantomData)).spec();
    let mut value: Value = serde_json::from_str(&written).unwrap_or_default();
    correct(&mut value);
    value["servers"] = json!([{ "url": server }]);
    sort_tags(&mut value["tags"]);
    value.sort_all_objects();
    let mut part = |name: &str| value.get_mut(name).map(Value::take).unwrap_or_default();
    Document {
        openapi: part("openapi"),
        info: part("info"),
        servers: part("servers"),
        tags: part("tags"),
        paths: part("paths"),
        components: part("components"),
    }
}

/// Sorts tags by their first operation, which gives the order of use.
fn sort_tags(tags: &mut Value) {
    let operations = Api::meta().into_iter().flat_map(|api| api.paths);
    let operations = operations.flat_map(|path| path.operations);
    let order: Vec<_> = operations.flat_map(|operation| operation.tags).collect();
    let place = |tag: &Value| order.iter().position(|known| tag["name"] == **known);
    if let Some(tags) = tags.as_array_mut() {
        tags.sort_by_key(place);
    }
}

/// Operations without routes, for the document only. They need no services and no database.
struct Described<T>(PhantomData<T>);

impl<T: OpenApi> OpenApi for Described<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}
