//! Tests of pages that the tests with a whole service do not reach.

use std::sync::Arc;
use std::time::Duration;

use central_oauth_domain::link::LinkCode;
use central_oauth_domain::ports::{CipherError, Prompt, StoreError};
use central_oauth_domain::secret::{ConsentUri, UserCode};
use central_oauth_domain::testing::{
    FixedClock, MemoryStore, ScriptedProvider, ports, services, settings,
};
use central_oauth_domain::usecases::{Caller, LinkRequest, LinkView, Links, Refusal, Visitor};
use poem::http::StatusCode;
use poem::{Request, Response};

use super::site::Site;
use super::visit::Visit;
use super::{progress, refused};
use crate::operator_details::OperatorDetails;

async fn site() -> (Site, Arc<Links>) {
    let provider = Arc::new(ScriptedProvider::new("scripted"));
    let (store, clock) = (Arc::new(MemoryStore::default()), FixedClock::default());
    let ports = ports(&store, &clock, 3, &provider).await;
    let services = services(&ports.unwrap(), &settings());
    let url = "https://auth.example".parse().unwrap();
    let site = Site::new(services.consents, &url, OperatorDetails::default(), None);
    (site, services.links)
}

/// Starts a link whose person is at the provider.
async fn at_the_provider(links: &Links, visit: &Visit<'_>) -> (LinkCode, LinkView) {
    let (consents, visitor): (_, Visitor<'_>) = (visit.consents(), visit.visitor());
    let started = links.start(&Caller::Nobody, LinkRequest::default());
    let code = started.await.unwrap().code;
    let link = consents.confirm(code.digits(), &visitor).await.unwrap();
    consents.start(&code, &link).await.unwrap();
    let view = consents.look_up(code.digits(), &visitor).await.unwrap();
    (code, view)
}

async fn html(mut response: Response) -> String {
    response.take_body().into_string().await.unwrap()
}

#[tokio::test]
async fn refusals_have_pages() {
    let (site, _) = site().await;
    let visit = Visit::of(&site, &Request::default());
    let down = || StoreError::Unavailable("no route to host".into());
    for (refusal, status, words, retry_after) in [
        (Refusal::Store(down()), 503, "not available", Some("5")),
        (
            Refusal::Store(StoreError::Conflict),
            503,
            "not available",
            Some("5"),
        ),
        (
            Refusal::Store(StoreError::Corrupt("bits".into())),
            500,
            "went wrong",
            None,
        ),
        (
            Refusal::Cipher(CipherError::Corrupt),
            500,
            "went wrong",
            None,
        ),
        (
            Refusal::ProviderNotConfigured(String::new()),
            503,
            "no longer available",
            None,
        ),
        (Refusal::OverCapacity, 429, "Too many people", Some("60")),
        (Refusal::LinkPending, 500, "went wrong", None),
    ] {
        let response = refused::answer(&visit, refusal, None);
        assert_eq!(response.status().as_u16(), status, "{words}");
        assert_eq!(response.header("retry-after"), retry_after, "{words}");
        let html = html(response).await;
        assert!(html.contains(words), "{html}");
        assert!(!html.contains("no route"), "{html}");
    }
}

#[tokio::test]
async fn refusals_have_pages_in_every_language() {
    let (site, _) = site().await;
    for language in ["de", "fr", "es", "ja"] {
        let request = Request::builder().header("accept-language", language);
        let visit = Visit::of(&site, &request.finish());
        for (refusal, english) in [
            (
                Refusal::Store(StoreError::Unavailable("no route".into())),
                "The service is not available",
            ),
            (
                Refusal::ProviderUnavailable {
                    detail: "no route".to_owned(),
                    retry_after: Duration::ZERO,
                },
                "The provider does not respond",
            ),
            (
                Refusal::ProviderNotConfigured(String::new()),
                "This provider is no longer available",
            ),
            (Refusal::LinkPending, "Something went wrong"),
        ] {
            let html = html(refused::answer(&visit, refusal, None)).await;
            let mark = format!("<html lang=\"{language}\">");
            assert!(html.contains(&mark), "{html}");
            // Each of these would show that a message, a value or a link is missing.
            for wrong in [english, "{", "<a>", "&#60;a&#62;"] {
                assert!(!html.contains(wrong), "{wrong} is in {html}");
            }
        }
    }
}

#[tokio::test]
async fn every_prompt_has_its_way_to_the_provider() {
    let (site, links) = site().await;
    let visit = Visit::of(&site, &Request::default());
    let (code, mut view) = at_the_provider(&links, &visit).await;
    let user_code = |uri: &str, complete: Option<&str>| Prompt::UserCode {
        user_code: UserCode::new("<WDJB>"),
        verification_uri: uri.to_owned(),
        verification_uri_complete: complete.map(ConsentUri::new),
    };
    let visit_at = |uri: &str| Prompt::Visit {
        uri: ConsentUri::new(uri),
    };
    for (prompt, has, lacks) in [
        (
            user_code("https://a.example/go", Some("https://a.example/go?c=1&d=2")),
            &[
                "href=\"https://a.example/go?c=1&#38;d=2\" target",
                "href=\"https://a.example/go\"",
                "&#60;WDJB&#62;</code>",
            ][..],
            "will ask for this code",
        ),
        (
            user_code("https://a.example/go", None),
            &[
                "class=\"main\" href=\"https://a.example/go\"",
                "will ask for this code",
                "&#60;WDJB&#62;</code>",
            ],
            "It must be this one",
        ),
        (
            user_code("https://a.example/go", Some("javascript:alert(1)")),
            &["class=\"main\" href=\"https://a.example/go\""],
            "javascript:",
        ),
        (
            user_code("data:text/html,x", Some("https://a.example/go?c=1")),
            &["<span class=\"mono\">data:text/html,x</span>"],
            "href=\"data:",
        ),
        (
            user_code("javascript:alert(1)", None),
            &["does not open", "&#60;WDJB&#62;</code>"],
            "javascript:",
        ),
        (
            visit_at("https://a.example/authorize?state=1"),
            &["class=\"main\" href=\"https://a.example/authorize?state=1\""],
            "user-code",
        ),
        (visit_at("file:///etc/passwd"), &["does not open"], "passwd"),
    ] {
        view.prompt = Some(prompt);
        let html = html(progress::page(&visit, &view, &code, StatusCode::OK)).await;
        for words in has {
            assert!(html.contains(words), "{words} is not in {html}");
        }
        assert!(!html.contains(lacks), "{lacks} is in {html}");
    }
}
