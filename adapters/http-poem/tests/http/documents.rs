//! The OpenAPI document and Swagger UI.

use std::collections::BTreeSet;

use central_oauth_domain::link::CodeLimit;
use central_oauth_domain::usecases::Keys;
use central_oauth_http_poem::{spec_json, spec_yaml};
use serde_json::{Value, json};

use crate::support::World;

fn document() -> Value {
    serde_json::from_str(&spec_json("/")).unwrap()
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().values();
        operations.map(|operation| (path.as_str(), operation))
    })
}

#[test]
fn the_published_documents_are_the_present_ones() {
    let again = "`central-oauth openapi [--yaml]` prints it, see openapi/README.md";
    let json = include_str!("../../../../openapi/openapi.json");
    assert!(
        json == spec_json("/"),
        "openapi.json is out of date; {again}"
    );
    let yaml = include_str!("../../../../openapi/openapi.yaml");
    assert!(
        yaml == spec_yaml("/"),
        "openapi.yaml is out of date; {again}"
    );
}

#[test]
fn both_documents_say_the_same() {
    let yaml: Value = serde_yaml::from_str(&spec_yaml("/")).unwrap();
    assert_eq!(yaml, document());
}

#[test]
fn the_document_has_the_routes_of_the_contract() {
    let document = document();
    let paths: BTreeSet<_> = operations(&document).map(|(path, _)| path).collect();
    let expected = [
        "/.well-known/oauth-authorization-server",
        "/oauth/token",
        "/v1/accounts",
        "/v1/accounts/{id}",
        "/v1/accounts/{id}/keys",
        "/v1/accounts/{id}/keys/{key_id}",
        "/v1/accounts/{id}/refresh",
        "/v1/accounts/{id}/relink",
        "/v1/accounts/{id}/workloads",
        "/v1/accounts/{id}/workloads/{workload_id}",
        "/v1/audit",
        "/v1/healthz",
        "/v1/link-code",
        "/v1/link/{link_code}/confirm",
        "/v1/poll/{link_code}",
        "/v1/providers",
        "/v1/readyz",
        "/v1/revocations",
        "/v1/token",
    ];
    assert_eq!(paths, expected.into());
    assert!(document["openapi"].as_str().unwrap().starts_with("3.0."));
    assert_eq!(document["servers"][0]["url"], "/");
}

#[test]
fn every_operation_has_an_id_a_summary_security_and_problems() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, operation) in operations(&document) {
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{path}"
        );
        assert!(operation["summary"].is_string(), "{path}");
        assert!(operation["security"].is_array(), "{path}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(
            answers.keys().any(|status| status.starts_with('4')),
            "{path}"
        );
        let said = |answer: &Value| answer["description"].as_str().map_or(0, str::len);
        assert!(answers.values().all(|answer| said(answer) > 10), "{path}");
        for (status, answer) in answers
            .iter()
            .filter(|(status, _)| *status >= &"400".to_owned())
        {
            let content = answer["content"].as_object().unwrap();
            let is_oauth = path == "/oauth/token";
            assert!(
                content.contains_key("application/problem+json") != is_oauth,
                "{path} {status}"
            );
        }
    }
}

#[test]
fn everything_is_described() {
    let document = document();
    let tags = document["tags"].as_array().unwrap().iter();
    let names: Vec<_> = tags.map(|tag| tag["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Links", "Tokens", "Accounts", "Keys", "Service"]);
    assert!(document["info"]["contact"]["name"].is_string());
    for (path, operation) in operations(&document) {
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{path}"
        );
        assert!(
            names.contains(&operation["tags"][0].as_str().unwrap()),
            "{path}"
        );
        assert!(operation["description"].is_string(), "{path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{path}: {parameter}");
            let has_example = parameter["schema"]["example"].is_string();
            assert!(
                parameter["in"] != "path" || has_example,
                "{path}: {parameter}"
            );
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (member, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_described = property["description"].is_string() || property["$ref"].is_string();
            assert!(is_described, "{name}.{member}");
        }
    }
}

// The examples of problems come from `Documented`, which requires one for each problem and builds it like the real one.
#[test]
fn every_body_has_an_example_of_its_own() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let schema = |content: &Value| {
        let name = content["schema"]["$ref"].as_str().unwrap();
        schemas[name.rsplit('/').next().unwrap()].clone()
    };
    for (path, operation) in operations(&document) {
        let request = &operation["requestBody"]["content"]["application/json"];
        if request.is_object() {
            assert!(
                schema(request)["example"].is_object(),
                "{path}: the request"
            );
        }
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let problem = &answer["content"]["application/problem+json"];
            let Some(examples) = problem["examples"].as_object() else {
                let content = &answer["content"]["application/json"];
                let has_example = content.is_null() || schema(content)["example"].is_object();
                assert!(has_example, "{path}: {status}");
                continue;
            };
            assert!(!examples.is_empty(), "{path}: {status}");
            for (name, example) in examples {
                let (summary, problem) = (&example["summary"], &example["value"]);
                let code = problem["code"].as_str().unwrap();
                assert!(name.starts_with(code), "{path}: {name}");
                assert_eq!(problem["status"].to_string(), *status, "{path}: {name}");
                assert!(
                    summary.as_str().is_some_and(|text| text.len() > 10),
                    "{path}"
                );
                let said = answer["description"].as_str().unwrap();
                assert!(said.contains(&format!("`{code}`: ")), "{path}: {said}");
            }
        }
    }
}

#[test]
fn every_operation_with_a_key_says_how_it_is_throttled() {
    let document = document();
    let burst = Keys::UNKNOWN_AT_ONCE.to_string();
    let every = format!("every {} seconds", Keys::UNKNOWN_EVERY.as_secs());
    for (path, operation) in operations(&document) {
        if operation["security"].as_array().unwrap().is_empty() {
            continue;
        }
        let said = &operation["responses"]["429"]["description"];
        let said = said.as_str().unwrap_or_else(|| panic!("{path}: no 429"));
        assert!(
            said.contains(&burst) && said.contains(&every),
            "{path}: {said}"
        );
    }
    let said = &document["paths"]["/v1/link-code"]["post"]["responses"]["429"]["description"];
    let codes = format!("{} link codes", CodeLimit::PER_NETWORK);
    assert!(said.as_str().unwrap().contains(&codes), "{said}");
}

#[test]
fn security_is_said_as_it_is() {
    let document = document();
    let security = |path: &str, method: &str| document["paths"][path][method]["security"].clone();
    let (key, none) = (serde_json::json!({"bearer": []}), serde_json::json!({}));
    assert_eq!(security("/v1/token", "get"), Value::from(vec![key.clone()]));
    let either = Value::from(vec![key, none]);
    assert_eq!(security("/v1/link-code", "post"), either);
    assert_eq!(security("/v1/poll/{link_code}", "get"), either);
    assert_eq!(security("/v1/healthz", "get"), serde_json::json!([]));
}

#[test]
fn generators_find_what_they_need() {
    let document = document();
    let text = document.to_string();
    for odd in ["uint64", "uint32", "uint16"] {
        assert!(!text.contains(&format!("\"format\":\"{odd}\"")), "{odd}");
    }
    assert!(!text.contains("charset"));
    let schemas = &document["components"]["schemas"];
    for request in ["NewLink", "NewAccessKey"] {
        assert_eq!(schemas[request]["additionalProperties"], false, "{request}");
    }
    let expires_at = &schemas["NewAccessKey"]["properties"]["expires_at"];
    assert_eq!(expires_at["format"], "date-time");
    assert_eq!(schemas["NewAccessKey"]["required"], json!(["name"]));
    for (path, needed) in [("/v1/link-code", false), ("/v1/accounts/{id}/keys", true)] {
        let body = &document["paths"][path]["post"]["requestBody"];
        assert_eq!(
            body["required"].as_bool().unwrap_or(false),
            needed,
            "{path}"
        );
    }
    assert_eq!(
        schemas["StartedLink"]["properties"]["expires_in"]["minimum"],
        0
    );
    let required = schemas["Token"]["required"].as_array().unwrap();
    assert!(!required.contains(&"expires_at".into()));
    // The constants of all enums must be unique, because some languages, such as Go, have one name space for them.
    let mut constants = BTreeSet::new();
    for (name, schema) in schemas.as_object().unwrap() {
        let words = schema["enum"].as_array().map_or(0, Vec::len);
        let names = schema["x-enum-varnames"].as_array().into_iter().flatten();
        let new = names.filter(|constant| constants.insert(constant.to_string()));
        assert_eq!(new.count(), words, "{name}");
        // Without `additionalProperties`, generated Go clients reject unknown fields.
        let is_object = schema["type"] == "object";
        assert_eq!(
            schema["additionalProperties"].is_boolean(),
            is_object,
            "{name}"
        );
    }
    // openapi-python-client omits operations that use an enum whose `allOf` has a second part.
    for (schema, member) in [
        ("Workload", "role"),
        ("NewLink", "role"),
        ("AccountDetails", "last_error"),
    ] {
        let member = &schemas[schema]["properties"][member];
        let parts = member["allOf"].as_array().unwrap();
        assert!(parts.len() == 1 && parts[0]["$ref"].is_string(), "{member}");
        assert!(member["description"].is_string(), "{member}");
    }
    let codes = &schemas["Problem"]["properties"]["code"];
    assert!(codes.get("enum").is_none() && codes["x-extensible-enum"].is_array());
    let parameters = &document["paths"]["/v1/accounts"]["get"]["parameters"];
    let limit = &parameters[0]["schema"];
    assert_eq!(
        (&limit["minimum"], &limit["maximum"]),
        (&1.into(), &200.into())
    );
    assert_eq!(limit["default"], 50);
}

#[tokio::test]
async fn the_documents_are_served() {
    let world = World::new().await;
    let json = world.get("/openapi.json").send().await;
    json.assert(200);
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.text, spec_json("/"));
    let yaml = world.get("/openapi.yaml").send().await;
    yaml.assert(200);
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    assert_eq!(yaml.text, spec_yaml("/"));
}

/// If a service is below a path, "Try it out" in Swagger UI and generated clients need the path in the document.
#[tokio::test]
async fn the_documents_have_the_path_of_the_public_address() {
    let world = World::with(|it| it.public_url = "https://example.com/broker/").await;
    let json = world.get("/openapi.json").send().await;
    assert_eq!(json.body["servers"], json!([{ "url": "/broker" }]));
    let yaml = world.get("/openapi.yaml").send().await;
    assert_eq!(yaml.text, spec_yaml("/broker"));
}

#[tokio::test]
async fn swagger_ui_is_served_from_here_alone() {
    let world = World::new().await;
    let page = world.get("/docs").send().await;
    page.assert(200);
    assert!(!page.text.contains("http:") && !page.text.contains("https:"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    for (path, kind, least) in [
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", 100_000),
        (
            "/docs/swagger-ui.js",
            "text/javascript; charset=utf-8",
            1_000_000,
        ),
        ("/docs/start.js", "text/javascript; charset=utf-8", 50),
    ] {
        assert!(page.text.contains(&path[1..]), "{path}");
        let file = world.get(path).send().await;
        file.assert(200);
        assert_eq!(file.header("content-type"), Some(kind));
        assert!(
            file.text.len() > least && !file.text.contains("</script>"),
            "{path}"
        );
    }
}

/// A route that accepts the JWT of a workload answers 503 if the issuer does not respond, and must document this
/// answer.
#[tokio::test]
async fn each_route_for_workloads_documents_an_issuer_that_does_not_answer() {
    let world = crate::workloads::trusting().await;
    world.identities.be_away(true);
    let document = document();
    let mut accepting = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{link_code}", "12345678");
            let path = path.replace("{id}", "1").replace("{key_id}", "1");
            let path = path.replace("{workload_id}", "1");
            let mut call = world.call(method, &path).key(&world.job(&[]));
            let body = &operation["requestBody"]["content"]["application/json"];
            if let Some(schema) = body["schema"]["$ref"].as_str() {
                let name = schema.rsplit('/').next().unwrap();
                call = call.json(&document["components"]["schemas"][name]["example"]);
            }
            let answer = call.send().await;
            if answer.status != 503 {
                continue;
            }
            answer.assert_problem(503, "provider_unavailable");
            accepting.insert(id);
            let documented = &operation["responses"]["503"]["content"];
            let examples = documented["application/problem+json"]["examples"].to_string();
            let unknowable = "the signing keys of the token's issuer are not known yet";
            assert!(examples.contains(unknowable), "{id}");
        }
    }
    let expected = [
        "confirm_link",
        "get_account",
        "get_token",
        "poll_link",
        "start_link",
    ];
    assert_eq!(accepting, expected.into());
    // Token exchange takes a form, and its errors are those of RFC 6749.
    assert!(document["paths"]["/oauth/token"]["post"]["responses"]["503"].is_object());
}
