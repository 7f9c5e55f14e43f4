//! The document breaks no client of the last release, whose document is `openapi/released.json`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::document::published;

/// Returns incompatibilities with old clients, one line each.
///
/// Operations, members of objects, optional parameters and statuses may be added: clients ignore unknown members, and
/// handle problems by their status. Values of an enum may not be added, because generated clients know only the old
/// ones.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, operations) in members(&old["paths"]) {
        for (method, operation) in members(operations) {
            let what = format!("{method} {path}");
            operation_breaks(&what, operation, &new["paths"][path][method], &mut found);
        }
    }
    for (name, schema) in members(&old["components"]["schemas"]) {
        schema_breaks(
            name,
            schema,
            &new["components"]["schemas"][name],
            &mut found,
        );
    }
    found
}

fn operation_breaks(what: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let mut check = |holds: bool, why: &str| {
        if !holds {
            found.push(format!("{what}: {why}"));
        }
    };
    check(new.is_object(), "gone");
    check(
        old["operationId"] == new["operationId"],
        "another operationId",
    );
    let is_same =
        |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    let (old_ones, new_ones) = (items(&old["parameters"]), items(&new["parameters"]));
    for parameter in old_ones {
        let now = new_ones.iter().find(|now| is_same(now, parameter));
        let is_kept = now.is_some_and(|now| bare(&now["schema"]) == bare(&parameter["schema"]));
        check(is_kept, &format!("another parameter {}", parameter["name"]));
    }
    for parameter in new_ones.iter().filter(|new| new["required"] == true) {
        let mut before = old_ones.iter().filter(|old| is_same(old, parameter));
        let was_needed = before.any(|before| before["required"] == true);
        check(was_needed, &format!("needs {}", parameter["name"]));
    }
    let body = |operation: &Value| bare(&operation["requestBody"]["content"]);
    check(body(old) == body(new), "another body");
    let is_needed = |operation: &Value| operation["requestBody"]["required"] == true;
    check(is_needed(old) || !is_needed(new), "needs a body");
    for (status, answer) in members(&old["responses"]) {
        let is_kept = bare(&answer["content"]) == bare(&new["responses"][status]["content"]);
        check(is_kept, &format!("another {status}"));
    }
}

fn schema_breaks(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let mut check = |holds: bool, why: &str| {
        if !holds {
            found.push(format!("{name}: {why}"));
        }
    };
    for (member, property) in members(&old["properties"]) {
        let is_kept = bare(property) == bare(&new["properties"][member]);
        check(is_kept, &format!("another {member}"));
    }
    let words = |schema: &Value| {
        items(&schema["required"])
            .iter()
            .map(Value::to_string)
            .collect()
    };
    let (before, now): (BTreeSet<String>, BTreeSet<String>) = (words(old), words(new));
    if old["additionalProperties"] == false {
        check(now.is_subset(&before), "needs more");
    } else {
        check(now.is_superset(&before), "promises less");
    }
    for what in ["type", "enum", "x-enum-varnames"] {
        check(old[what] == new[what], &format!("another {what}"));
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Removes texts for people, and problem codes, which may be added, from a part of the document.
fn bare(value: &Value) -> Value {
    const LEFT_OUT: [&str; 4] = ["description", "example", "examples", "x-extensible-enum"];
    match value {
        Value::Array(items) => items.iter().map(bare).collect(),
        Value::Object(_) => {
            let kept = members(value).filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
            Value::Object(
                kept.map(|(name, part)| (name.clone(), bare(part)))
                    .collect(),
            )
        }
        value => value.clone(),
    }
}

fn document(name: &str) -> Value {
    serde_json::from_str(&published(name)).unwrap()
}

#[test]
fn clients_of_the_last_release_go_on_working() {
    let breaks = breaks(&document("released.json"), &document("openapi.json"));
    assert!(breaks.is_empty(), "{}", breaks.join("\n"));
}

type Change = (&'static str, fn(&mut Value));

/// Changes that break clients, and the expected report.
const BREAKS: [Change; 9] = [
    ("get /v1/token: gone", |new| {
        new["paths"]["/v1/token"] = json!({});
    }),
    ("get /v1/token: another parameter \"min_ttl\"", |new| {
        new["paths"]["/v1/token"]["get"]["parameters"] = json!([]);
    }),
    ("get /v1/token: needs \"new\"", |new| {
        let needed = json!({"name": "new", "in": "query", "required": true});
        let parameters = &mut new["paths"]["/v1/token"]["get"]["parameters"];
        parameters.as_array_mut().unwrap().push(needed);
    }),
    ("get /v1/token: another 200", |new| {
        new["paths"]["/v1/token"]["get"]["responses"]["200"] = json!({});
    }),
    ("post /v1/link-code: needs a body", |new| {
        new["paths"]["/v1/link-code"]["post"]["requestBody"]["required"] = json!(true);
    }),
    ("Token: another expires_at", |new| {
        let members = &mut new["components"]["schemas"]["Token"]["properties"];
        members.as_object_mut().unwrap().remove("expires_at");
    }),
    ("Token: promises less", |new| {
        new["components"]["schemas"]["Token"]["required"] = json!(["access_token"]);
    }),
    ("NewLink: needs more", |new| {
        new["components"]["schemas"]["NewLink"]["required"] = json!(["provider"]);
    }),
    ("AccountStatus: another enum", |new| {
        let words = &mut new["components"]["schemas"]["AccountStatus"]["enum"];
        words.as_array_mut().unwrap().push(json!("new"));
    }),
];

/// Changes that break no client.
const ADDITIONS: [Change; 4] = [
    ("a route", |new| {
        let route = new["paths"]["/v1/healthz"].clone();
        new["paths"]["/v1/new"] = route;
    }),
    ("members", |new| {
        for name in ["Token", "NewLink"] {
            let members = &mut new["components"]["schemas"][name]["properties"];
            members["new"] = json!({"type": "string"});
        }
    }),
    ("a status", |new| {
        let problem = new["paths"]["/v1/token"]["get"]["responses"]["401"].clone();
        new["paths"]["/v1/healthz"]["get"]["responses"]["418"] = problem;
    }),
    ("words", |new| {
        new["paths"]["/v1/token"]["get"]["description"] = json!("Other words.");
        new["components"]["schemas"]["Token"]["description"] = json!("Other words.");
    }),
];

#[test]
fn breaks_are_noticed_and_additions_are_none() {
    let released = document("released.json");
    let after = |change: fn(&mut Value)| {
        let mut new = released.clone();
        change(&mut new);
        breaks(&released, &new)
    };
    for (said, change) in BREAKS {
        let found = after(change);
        assert!(found.iter().any(|found| found == said), "{said}: {found:?}");
    }
    for (what, change) in ADDITIONS {
        assert_eq!(after(change), Vec::<String>::new(), "{what}");
    }
}
