//! A response.

use std::sync::LazyLock;

use central_oauth_http_poem::spec_json;
use poem::Response;
use poem::http::{HeaderMap, Method};
use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&spec_json("/")).unwrap());

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, if it is JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let text = body.into_string().await.unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Bool(false)),
            text,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn text_at(&self, field: &str) -> String {
        self.body[field].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn assert(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
    }

    /// Asserts that the response is a problem with this code. Returns its detail.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) -> &str {
        self.assert(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], "about:blank");
        assert!(self.body["title"].as_str().is_some_and(|t| !t.is_empty()));
        self.body["detail"].as_str().unwrap()
    }

    /// Asserts the properties of every response.
    pub(super) fn assert_common(&self) {
        for header in [
            "x-request-id",
            "cache-control",
            "content-security-policy",
            "x-frame-options",
            "referrer-policy",
        ] {
            assert!(self.header(header).is_some(), "no {header}");
        }
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.header("server"), None);
        let challenge = self.header("www-authenticate");
        assert_eq!(challenge.is_some(), self.status == 401, "{challenge:?}");
        assert!(!holds_null(&self.body), "{}", self.text);
    }

    /// Asserts that the document lists the status of the operation. Unknown methods must get 405, and unknown paths
    /// 404.
    pub(super) fn assert_documented(&self, method: &Method, path: &str) {
        let path = path.split('?').next().unwrap_or_default();
        let paths = DOCUMENT["paths"].as_object().unwrap();
        let known = paths.iter().find(|(template, _)| is_of(template, path));
        let Some((template, operations)) = known else {
            return;
        };
        let method = if method == Method::HEAD {
            "get".to_owned()
        } else {
            method.as_str().to_lowercase()
        };
        let Some(operation) = operations.get(&method) else {
            return assert_eq!(self.status, 405, "{method} {template}");
        };
        let documented = &operation["responses"][self.status.to_string()];
        assert!(documented.is_object(), "{method} {template}: {}", self.text);
        if let Some(code) = self.body["code"].as_str().filter(|_| self.status >= 400) {
            let examples = &documented["content"]["application/problem+json"]["examples"];
            let codes = examples.as_object().unwrap().values();
            let mut codes = codes.map(|example| example["value"]["code"].as_str().unwrap());
            assert!(
                codes.any(|known| known == code),
                "{method} {template}: {code}"
            );
        }
    }
}

fn is_of(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(known, asked)| known == asked || known.starts_with('{') && !asked.is_empty())
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}
