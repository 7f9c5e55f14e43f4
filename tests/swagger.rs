//! Swagger UI at /docs, in a real browser without access to other machines.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::support::browser::Browser;
use crate::support::http;
use crate::support::process::{eventually, within};
use crate::support::service::Service;

const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_api_can_be_tried_out_without_the_internet() {
    let service = Service::start(&[]).await;
    let browser = Browser::with_javascript().await;
    expect_complaints_to_be_seen(&browser, &service).await;
    browser.goto(&service.url("/docs")).await;
    assert_eq!(shown(&browser, &service).await, documented(&service).await);
    for (operation, answer) in [
        ("operations-Service-get_liveness", "\"status\": \"ok\""),
        ("operations-Service-list_providers", "\"items\": []"),
    ] {
        try_out(&browser, operation, answer).await;
    }
    expect_no_other_host(&browser, &service).await;
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
    browser.close().await;
}

/// Returns the operations that the page shows, each as `GET /v1/healthz`.
async fn shown(browser: &Browser, service: &Service) -> BTreeSet<String> {
    let count = documented(service).await.len();
    let script = "return [...document.querySelectorAll('.opblock')].map(block => \
                  block.querySelector('.opblock-summary-method').textContent + ' ' + \
                  block.querySelector('.opblock-summary-path').dataset.path)";
    let mut shown = BTreeSet::new();
    eventually(TIMEOUT, "the operations", async || {
        shown = texts(&run(browser, script).await);
        shown.len() >= count
    })
    .await;
    shown
}

async fn documented(service: &Service) -> BTreeSet<String> {
    let request = http::client().get(service.url("/openapi.json"));
    let document = http::send(request).await.expect(200).json;
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

/// Uses the page like a reader: unfolds the operation, tries it out, executes.
async fn try_out(browser: &Browser, operation: &str, answer: &str) {
    let part = |css: &str| format!("#{operation} {css}");
    browser.click(&part(".opblock-summary-control")).await;
    browser.click(&part(".try-out__btn")).await;
    browser.click(&part(".execute")).await;
    let live = part(".live-responses-table .response");
    let status = browser.find(&format!("{live} .response-col_status")).await;
    assert_eq!(status.text().await.unwrap().trim(), "200", "{operation}");
    let body = browser.find(&format!("{live} .highlight-code")).await;
    let body = body.text().await.unwrap();
    assert!(body.contains(answer), "{operation}: {body}");
}

/// Asserts that everything was loaded from the service.
async fn expect_no_other_host(browser: &Browser, service: &Service) {
    let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
    let loaded = texts(&run(browser, script).await);
    for name in ["/docs/swagger-ui.js", "/openapi.json", "/v1/healthz"] {
        assert!(loaded.contains(&service.url(name)), "{loaded:?}");
    }
    let ours = service.url("/");
    let is_ours = |url: &&String| url.starts_with(&ours) || url.starts_with("data:");
    let foreign: Vec<_> = loaded.iter().filter(|url| !is_ours(url)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// Asserts that errors of a page are reported: otherwise silence would prove nothing. Names do not resolve in this
/// browser.
async fn expect_complaints_to_be_seen(browser: &Browser, service: &Service) {
    browser.goto(&service.url("/device")).await;
    let script = "console.error('a complaint'); \
                  const image = new Image(); image.src = 'https://example.com/image.png'";
    run(browser, script).await;
    let mut heard = String::new();
    eventually(TIMEOUT, "complaints", async || {
        heard.push_str(&complaints(browser).await.join("\n"));
        heard.contains("a complaint") && heard.contains("example.com")
    })
    .await;
}

async fn run(browser: &Browser, script: &str) -> Value {
    let ran = browser.client.execute(script, Vec::new());
    within(TIMEOUT, script, ran).await.unwrap()
}

fn texts(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().unwrap().iter();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

/// Returns the browser's messages since the last call: script errors, failed requests, violations of the policy.
async fn complaints(browser: &Browser) -> Vec<String> {
    let asked: Result<Value, CmdError> = browser.client.issue_cmd(ReadLog).await;
    let entries = asked.unwrap();
    let entries = entries.as_array().unwrap().iter();
    entries
        .map(|entry| format!("{}: {}", entry["level"], entry["message"]))
        .collect()
}

/// The console, through a chromedriver extension of the WebDriver standard.
#[derive(Debug)]
struct ReadLog;

impl WebDriverCompatibleCommand for ReadLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
