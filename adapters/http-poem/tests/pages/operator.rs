//! The operator's name, contact and logo on all pages for people.

use std::io::Write as _;

use central_oauth_domain::ports::ProviderError;
use central_oauth_http_poem::{Contact, Logo, LogoError, OperatorDetails};
use poem::http::header;
use tempfile::NamedTempFile;

use super::browser::{Page, between};
use super::world::World;

const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

fn named() -> OperatorDetails {
    OperatorDetails {
        name: Some("Example & Co".to_owned()),
        contact: Contact::parse("https://example.com/help?a=1&b=2").ok(),
        logo: None,
    }
}

fn read(content: &[u8]) -> Result<Logo, LogoError> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    Logo::read(file.path())
}

async fn with_logo(content: &[u8]) -> World {
    World::of_operator(OperatorDetails {
        logo: read(content).ok(),
        ..OperatorDetails::default()
    })
    .await
}

const LINK: &str = "<a href=\"https://example.com/help?a=1&#38;b=2\">";

#[tokio::test]
async fn every_page_names_the_operator() {
    let world = World::of_operator(named()).await;
    let code = world.ask("cli").await;
    let code = &code;
    let mut browser = world.browser();
    let mut pages = vec![browser.get("/device").await];
    pages.push(browser.post("look_up", "12").await);
    pages.push(browser.post("look_up", code).await);
    browser.post("confirm", code).await;
    pages.push(browser.link(code).await);
    browser.post("cancel", code).await;
    pages.push(browser.link(code).await);
    let contact = format!("{LINK}Contact the operator</a>");
    for page in pages {
        let status = page.status.as_u16();
        page.assert(
            status,
            &["Example &#38; Co</bdi> runs this service.", &contact],
        );
    }
}

/// Returns a page that says "Tell the operator".
async fn failed(world: &World, languages: &'static str) -> Page {
    let code = world.ask("cli").await;
    world.provider.refuse_consent(ProviderError::misconfigured(
        "invalid_client",
        "<a>who are you?</a>",
    ));
    let mut browser = world.browser();
    browser.languages = languages;
    browser.confirm(&code).await;
    browser.link(&code).await
}

#[tokio::test]
async fn telling_the_operator_is_a_link() {
    let world = World::of_operator(named()).await;
    for (languages, words) in [
        ("en", "the operator of this service"),
        ("de", "dem Betreiber dieses Dienstes"),
        ("fr", "l’opérateur de ce service"),
        ("es", "al operador de este servicio"),
        ("ja", "このサービスの運営者"),
    ] {
        let page = failed(&world, languages).await;
        page.assert(200, &[&format!("{LINK}{words}</a>")]);
    }
    let anonymous = World::new().await;
    let page = failed(&anonymous, "en").await;
    page.assert(200, &["Tell the operator of this service; its log"]);
    page.assert_lacks("<a>");
    page.assert_lacks("runs this service");
}

#[tokio::test]
async fn the_logo_comes_from_the_service_itself() {
    for (name, content, content_type) in [
        ("logo.png", PNG, "image/png"),
        ("logo.svg", SVG.as_bytes(), "image/svg+xml"),
    ] {
        let world = with_logo(content).await;
        let mut browser = world.browser();
        let page = browser.get("/device").await;
        let address = between(&page.html, "<img class=\"logo\" src=\"", "\"").unwrap();
        assert!(
            address.starts_with(&format!("/device/assets/{name}?v=")),
            "{address}"
        );
        let mut logo = world.client.get(address).send().await.0;
        assert_eq!(logo.content_type(), Some(content_type));
        let header = |name| logo.header(name).unwrap_or_default().to_owned();
        // The logo runs no scripts, even if a browser opens it as a page.
        let policy = header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(policy.ends_with("; sandbox"), "{policy}");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(logo.take_body().into_vec().await.unwrap(), content);
    }
    let world = World::new().await;
    let page = world.browser().get("/device/assets/logo.png").await;
    page.assert(404, &[]);
}

#[test]
fn files_that_are_no_logos_are_refused() {
    let large = [PNG, &vec![0; 256 * 1024]].concat();
    for (content, problem) in [
        (
            &b"GIF89a"[..],
            "the file is neither a PNG nor an SVG picture",
        ),
        (b"", "the file is neither a PNG nor an SVG picture"),
        (&large, "the file is larger than 256 KiB"),
    ] {
        assert_eq!(read(content).unwrap_err().to_string(), problem);
    }
}
