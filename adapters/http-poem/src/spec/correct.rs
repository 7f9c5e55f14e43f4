//! Corrections of the OpenAPI document that poem-openapi's macros cannot express.

use serde_json::{Map, Value, json};

use crate::error::{Code, PROBLEM_JSON};
use crate::failure;

pub(super) fn correct(document: &mut Value) {
    correct_values(document);
    let schemas = document["components"]["schemas"].clone();
    let mut requests = Vec::new();
    for operation in operations(document) {
        // An operation without a key must have an empty `security`.
        operation.entry("security").or_insert_with(|| json!([]));
        requests.extend(operation.get("requestBody").and_then(schema_name));
        let answers = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        for answer in answers.into_iter().flat_map(Map::values_mut) {
            if answer["content"].get(PROBLEM_JSON).is_some() {
                failure::unpack(answer);
            } else if answer["description"] == "" {
                let schema = schema_name(answer).unwrap_or_default();
                answer["description"] = schemas[schema]["description"].clone();
            }
        }
    }
    let schemas = &mut document["components"]["schemas"];
    for request in requests {
        schemas[request]["additionalProperties"] = json!(false);
    }
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        correct_schema(name, schema);
    }
    // No `enum`, so that generated clients accept codes that are added later.
    let codes = Code::ALL.iter().map(|code| code.as_str());
    schemas["Problem"]["properties"]["code"]["x-extensible-enum"] = codes.collect();
}

/// Adds members that some client generators need.
fn correct_schema(name: &str, schema: &mut Value) {
    if let Some(words) = schema["enum"].as_array() {
        // Go and C have one name space for all constants, and several enums have a value `failed`.
        let names = words.iter().filter_map(Value::as_str);
        let names = names.map(|word| format!("{}_{}", constant_case(name), word.to_uppercase()));
        schema["x-enum-varnames"] = names.collect();
    } else if schema.get("additionalProperties").is_none() {
        // This is the default. It is stated because OpenAPI Generator's Go clients otherwise reject fields that are
        // added later.
        schema["additionalProperties"] = json!(true);
    }
}

/// Converts `LinkStatus` to `LINK_STATUS`.
fn constant_case(name: &str) -> String {
    let mut constant = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document["paths"].as_object_mut().into_iter();
    paths
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
}

/// Returns the name of the schema of a JSON body.
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
            give_nullable_a_type(object);
            bound_names_in_addresses(object);
            write_whole_bounds(object);
            // Removes the charset, because generators look for the bare media type.
            if let Some(content) = object.remove("application/json; charset=utf-8") {
                object.insert("application/json".to_owned(), content);
            }
            object.values_mut().for_each(correct_values);
        }
        _ => {}
    }
}

/// Replaces unsigned formats, which OpenAPI does not have.
fn use_known_formats(schema: &mut Map<String, Value>) {
    let known = match schema.get("format").and_then(Value::as_str) {
        Some("uint64") => "int64",
        Some("uint32" | "uint16") => "int32",
        _ => return,
    };
    schema.insert("format".to_owned(), json!(known));
    schema.entry("minimum").or_insert(json!(0));
}

/// Removes the part of an `allOf` that poem-openapi adds for `nullable` and a description, because
/// openapi-python-client omits operations with such an enum.
///
/// Instead, puts `nullable` beside the `allOf`, with the `type` that OpenAPI 3.0 requires. All nullable references name
/// enums of strings. poem-openapi also writes the description beside the `allOf`.
fn give_nullable_a_type(schema: &mut Map<String, Value>) {
    let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) else {
        return;
    };
    let is_nullable = parts.iter().any(|part| part.get("nullable").is_some());
    parts.retain(|part| part.get("$ref").is_some());
    if is_nullable {
        schema.insert("nullable".to_owned(), json!(true));
        schema.insert("type".to_owned(), json!("string"));
    }
}

/// Limits path parameters to 64 characters. Ids and link codes are shorter, and anything longer gets 404.
fn bound_names_in_addresses(parameter: &mut Map<String, Value>) {
    if parameter.get("in").is_some_and(|place| place == "path") {
        parameter["schema"]["maxLength"] = json!(64);
    }
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
