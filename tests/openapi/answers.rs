//! Every documented operation is there, and answers with a status and a body that the document knows.

use reqwest::Method;
use serde_json::Value;

use super::document::published;
use crate::support::http::{self, Answer};
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

/// The media type and the example of a body that must be there.
fn body<'a>(document: &'a Value, operation: &'a Value) -> Option<(&'a str, &'a Value)> {
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
    (request["required"] == true).then_some((media.as_str(), example))
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
