//! The OpenAPI document: poem-openapi's output with some corrections.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, Registry};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::{Api, service};
use crate::error::Code;

/// The OpenAPI document as JSON, ending with a new line.
#[must_use]
pub fn spec_json() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// The OpenAPI document as YAML.
#[must_use]
pub fn spec_yaml() -> String {
    serde_yaml::to_string(&document()).unwrap_or_default()
}

/// The parts in the order in which people read them. Below, keys are sorted, whatever features of serde_json another
/// crate enables, because the document must not depend on the build.
#[derive(Serialize)]
struct Document {
    openapi: Value,
    info: Value,
    servers: Value,
    tags: Value,
    paths: Value,
    components: Value,
}

fn document() -> Document {
    let written = service(Described::<Api>(PhantomData)).spec();
    let mut value: Value = serde_json::from_str(&written).unwrap_or_default();
    correct(&mut value);
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

/// Operations without a broker and database, for description only.
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

/// Adds what the macros cannot express.
fn correct(document: &mut Value) {
    correct_values(document);
    let schemas = document["components"]["schemas"].clone();
    let mut requests = Vec::new();
    for operation in operations(document) {
        // A public operation must say so.
        operation.entry("security").or_insert_with(|| json!([]));
        requests.extend(operation.get("requestBody").and_then(schema_name));
        let answers = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        for answer in answers.into_iter().flat_map(Map::values_mut) {
            if answer["description"] == "" {
                let schema = schema_name(answer).unwrap_or_default();
                answer["description"] = schemas[schema]["description"].clone();
            }
        }
    }
    let schemas = &mut document["components"]["schemas"];
    for request in requests {
        schemas[request]["additionalProperties"] = json!(false);
    }
    // No `enum`, so that generated clients accept codes that are added later.
    let codes = Code::ALL.iter().map(|code| code.as_str());
    schemas["Problem"]["properties"]["code"]["x-extensible-enum"] = codes.collect();
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document["paths"].as_object_mut().into_iter();
    paths
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
}

/// Returns the schema of a JSON body.
fn schema_name(holder: &Value) -> Option<String> {
    let reference = holder["content"]["application/json"]["schema"]["$ref"].as_str()?;
    let name = reference.strip_prefix("#/components/schemas/")?;
    Some(name.to_owned())
}

fn correct_values(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(correct_values),
        Value::Object(object) => {
            use_known_formats(object);
            write_whole_bounds(object);
            // Removes the charset, because generators look for the bare type.
            if let Some(content) = object.remove("application/json; charset=utf-8") {
                object.insert("application/json".to_owned(), content);
            }
            object.values_mut().for_each(correct_values);
        }
        _ => {}
    }
}

/// Removes unsigned formats, which OpenAPI does not have.
fn use_known_formats(schema: &mut Map<String, Value>) {
    let known = match schema.get("format").and_then(Value::as_str) {
        Some("uint64") => "int64",
        Some("uint32" | "uint16") => "int32",
        _ => return,
    };
    schema.insert("format".to_owned(), json!(known));
    schema.entry("minimum").or_insert(json!(0));
}

/// Writes `200` instead of `200.0`, because some generators copy the bounds of integers literally.
fn write_whole_bounds(schema: &mut Map<String, Value>) {
    for bound in ["minimum", "maximum"] {
        if let Some(number) = schema.get_mut(bound) {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            if let Some(whole) = whole {
                *number = json!(whole as i64);
            }
        }
    }
}
