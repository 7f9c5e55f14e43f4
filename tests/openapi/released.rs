//! The document breaks no client of the last release, whose document is `openapi/released.json`.

use drift::{ChangeClass, ChangeDetails, compare};
use serde_json::{Value, json};

use super::document::published;

/// What an old client would stumble over, one line each.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let [old, new] = [old, new].map(|document| closed_as_said(document.clone()));
    for change in compare(&old, &new).unwrap() {
        for info in &change.changes {
            use ChangeClass::{BackwardIncompatible, Incompatible, Unhandled};
            // Clients handle a status that they do not know, as openapi/README.md asks them to.
            let is_addition = info.details == ChangeDetails::Added;
            let is_break = matches!(info.class, BackwardIncompatible | Incompatible | Unhandled);
            if is_break && !is_addition {
                let path = change.paths.first().map(|path| path.old.to_string());
                let (path, what) = (path.unwrap_or_default(), &info.old_subpath);
                found.push(format!(
                    "{path} {what}: {} ({:?})",
                    info.message, info.class
                ));
            }
        }
    }
    found
}

/// Leaves out that objects may have further members: it is the default, and `drift` compares no members beside it.
fn closed_as_said(mut document: Value) -> Value {
    let schemas = document["components"]["schemas"].as_object_mut();
    for schema in schemas.into_iter().flat_map(|schemas| schemas.values_mut()) {
        let members = schema.as_object_mut().unwrap();
        if members.get("additionalProperties") == Some(&json!(true)) {
            members.remove("additionalProperties");
        }
    }
    document
}

fn document(name: &str) -> Value {
    serde_json::from_str(&published(name)).unwrap()
}

#[test]
fn clients_of_the_last_release_go_on_working() {
    let breaks = breaks(&document("released.json"), &document("openapi.json"));
    assert!(breaks.is_empty(), "{}", breaks.join("\n"));
}

#[test]
fn a_change_that_breaks_clients_is_noticed_and_an_addition_is_none() {
    let released = document("released.json");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut new = released.clone();
        change(&mut new);
        breaks(&released, &new)
    };
    let schema = |new: &mut Value, name: &str| new["components"]["schemas"][name].take();
    let property = json!({"type": "string", "description": "Something new."});
    for (what, change) in [
        (
            "a route",
            &(|new: &mut Value| {
                new["paths"].as_object_mut().unwrap().remove("/v1/token");
            }) as &dyn Fn(&mut Value),
        ),
        ("a member of a response", &|new| {
            let mut token = schema(new, "Token");
            token["properties"]
                .as_object_mut()
                .unwrap()
                .remove("expires_at");
            new["components"]["schemas"]["Token"] = token;
        }),
        ("a member of a request", &|new| {
            let mut link = schema(new, "NewLink");
            link["properties"]
                .as_object_mut()
                .unwrap()
                .remove("client_name");
            new["components"]["schemas"]["NewLink"] = link;
        }),
        ("a request that needs more", &|new| {
            let mut link = schema(new, "NewLink");
            link["required"] = json!(["provider"]);
            new["components"]["schemas"]["NewLink"] = link;
        }),
        ("a parameter", &|new| {
            new["paths"]["/v1/token"]["get"]["parameters"] = json!([]);
        }),
        ("a type", &|new| {
            let mut token = schema(new, "Token");
            token["properties"]["access_token"]["type"] = json!("integer");
            new["components"]["schemas"]["Token"] = token;
        }),
    ] {
        assert!(!changed(change).is_empty(), "{what} may go");
    }
    for (what, change) in [
        (
            "a route",
            &(|new: &mut Value| {
                let route = new["paths"]["/v1/healthz"].clone();
                new["paths"]["/v1/new"] = route;
                new["paths"]["/v1/new"]["get"]["operationId"] = json!("new");
            }) as &dyn Fn(&mut Value),
        ),
        ("a member of a response", &|new| {
            new["components"]["schemas"]["Token"]["properties"]["new"] = property.clone();
        }),
        ("a member of a request", &|new| {
            new["components"]["schemas"]["NewLink"]["properties"]["new"] = property.clone();
        }),
        ("words", &|new| {
            new["info"]["description"] = json!("Other words.");
            new["paths"]["/v1/token"]["get"]["summary"] = json!("Other words");
        }),
    ] {
        assert_eq!(changed(change), Vec::<String>::new(), "{what}");
    }
}
