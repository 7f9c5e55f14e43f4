//! Every documented operation exists, and its responses match the document.

use std::time::Duration;

use central_oauth_test_sandbox::{Sandbox, SandboxOptions};
use reqwest::Method;
use serde_json::Value;

use super::document::published;
use crate::support::http::{self, Answer};
use crate::support::linking::link;
use crate::support::service::Service;

const ADMIN: &str = "admin-key-0123456789";

#[tokio::test]
async fn every_operation_answers_as_documented() {
    let service = Service::start(&[("ADMIN_KEY", ADMIN)]).await;
    let document: Value = serde_json::from_str(&published("openapi.json")).unwrap();
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for key in [None, Some("coak_unknown"), Some(ADMIN)] {
                let body = body(&document, operation);
                let answer = call(&service, method, path, key, body).await;
                let what = format!(
                    "{method} {path} with {key:?}: {} {}",
                    answer.status, answer.text
                );
                expect_documented(&document, operation, &answer, &what);
            }
            count += 1;
        }
    }
    assert!(count >= 14, "{count} operations");
}

/// The examples of requests, as Swagger UI offers them, are accepted.
#[tokio::test]
async fn the_examples_of_requests_are_accepted() {
    let sandbox = Sandbox::start(SandboxOptions {
        auto_consent: Some(Duration::ZERO),
        ..SandboxOptions::default()
    });
    let sandbox = sandbox.await.unwrap();
    let mut service = Service::prepare_for(&sandbox);
    service.run().await;
    let document: Value = serde_json::from_str(&published("openapi.json")).unwrap();
    link(&service).await;
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Some(example) = example(&document, operation) else {
                continue;
            };
            // Only the page of a link knows its return code, only the client knows its key, and no workload is
            // configured.
            let id = operation["operationId"].as_str().unwrap();
            if ["confirm_link", "exchange_token", "grant_workload"].contains(&id) {
                continue;
            }
            let key = Some(Service::ADMIN_KEY);
            let answer = call(&service, method, path, key, Some(example)).await;
            assert!(
                answer.status.is_success(),
                "{method} {path}: {}",
                answer.text
            );
            count += 1;
        }
    }
    assert!(count >= 2, "{count} requests");
}

/// Returns the media type and the example of a required body.
fn body<'a>(document: &'a Value, operation: &'a Value) -> Option<(&'a str, &'a Value)> {
    let is_required = operation.get("requestBody")?["required"] == true;
    example(document, operation).filter(|_| is_required)
}

fn example<'a>(document: &'a Value, operation: &'a Value) -> Option<(&'a str, &'a Value)> {
    let request = operation.get("requestBody")?;
    let (media, content) = request["content"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let schema = content["schema"]["$ref"].as_str().unwrap();
    let name = schema.rsplit('/').next().unwrap();
    let example = &document["components"]["schemas"][name]["example"];
    assert!(example.is_object(), "{name} has no example");
    Some((media, example))
}

async fn call(
    service: &Service,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<(&str, &Value)>,
) -> Answer {
    let address = path
        .replace("{link_code}", "00000000")
        .replace("{id}", "1")
        .replace("{key_id}", "1");
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let mut request = http::client().request(method, service.url(&address));
    if let Some((media, body)) = body {
        request = if media.starts_with("application/json") {
            request.json(body)
        } else {
            request.form(body)
        };
    }
    http::send(match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    })
    .await
}

fn expect_documented(document: &Value, operation: &Value, answer: &Answer, what: &str) {
    let status = answer.status.as_u16();
    assert!(status != 405 && status != 500, "{what}");
    let promised = &operation["responses"][status.to_string()];
    assert!(promised.is_object(), "not documented: {what}");
    // Errors of the token endpoint have `error` (RFC 6749 section 5.2) instead of `code`.
    if status >= 400 && answer.json.get("error").is_none() {
        let examples = &promised["content"]["application/problem+json"]["examples"];
        let examples = examples.as_object().unwrap().values();
        let mut codes = examples.map(|example| &example["value"]["code"]);
        let is_known = codes.any(|code| *code == answer.json["code"]);
        assert!(is_known, "no example of this code: {what}");
    }
    let content_type = answer.header("content-type").split(';').next().unwrap();
    let Some(content) = promised["content"].as_object() else {
        assert!(answer.text.is_empty(), "{what}");
        return;
    };
    let schema = &content
        .get(content_type)
        .unwrap_or_else(|| panic!("{content_type}: {what}"))["schema"];
    let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][name];
    let body = answer
        .json
        .as_object()
        .unwrap_or_else(|| panic!("no object: {what}"));
    for required in schema["required"].as_array().into_iter().flatten() {
        let member = required.as_str().unwrap();
        assert!(body.contains_key(member), "{member} is missing: {what}");
    }
    for (member, value) in body {
        let known = schema["properties"].get(member).is_some();
        assert!(known, "{member} is not documented: {what}");
        assert!(!value.is_null(), "{member} is null: {what}");
    }
}
