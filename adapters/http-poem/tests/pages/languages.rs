//! Each page in each language.

use std::time::Duration;

use central_oauth_domain::link::ConsentLimit;
use central_oauth_domain::ports::{ProviderError, Redemption};
use central_oauth_domain::testing::ScriptedProvider;
use central_oauth_domain::usecases::Caller;

use super::browser::{Browser, Page, between};
use super::relinking::invited;
use super::return_code::Program;
use super::world::World;

const LANGUAGES: [(&str, &str); 5] = [
    ("en", "nl, *;q=0.1"),
    ("de", "de-AT, en;q=0.5"),
    ("fr", "fr-CA;q=0.9, de;q=0.2"),
    ("es", "es"),
    ("ja", "ja-JP"),
];

/// Visits pages in one language, checks them and collects their headings.
struct Tour {
    language: &'static str,
    accepted: &'static str,
    headings: Vec<String>,
}

impl Tour {
    fn browser<'a>(&self, world: &'a World) -> Browser<'a> {
        let mut browser = world.browser();
        browser.languages = self.accepted;
        browser
    }

    fn check(&mut self, page: &Page) {
        page.assert(
            page.status.as_u16(),
            &[&format!("<html lang=\"{}\">", self.language)],
        );
        assert_eq!(page.header("content-language"), self.language);
        assert_eq!(page.header("vary"), "accept-language");
        assert_eq!(page.header("cache-control"), "no-store");
        // A brace shows that a message or a value is missing.
        let html = page.html.replace("{8,12}", "").replace("{Nd}", "");
        assert!(!html.contains('{'), "{html}");
        // No `<a>` may remain in the messages, because the operator has no contact here.
        for mark in ["<a>", "&#60;a&#62;"] {
            page.assert_lacks(mark);
        }
        let heading = between(&page.html, "<h1>", "</h1>").unwrap();
        self.headings.push(heading.to_owned());
    }

    async fn at_the_provider<'a>(&mut self, world: &'a World) -> (String, Browser<'a>) {
        let code = world.ask("a program").await;
        let mut browser = self.browser(world);
        self.check(&browser.get("/device").await);
        self.check(&browser.post("look_up", &code).await);
        browser.post("confirm", &code).await;
        self.check(&browser.link(&code).await);
        (code, browser)
    }

    async fn ends(&mut self, answer: Result<Redemption, ProviderError>) {
        let world = World::new().await;
        let (code, mut browser) = self.at_the_provider(&world).await;
        world.provider_answers(answer).await;
        self.check(&browser.link(&code).await);
        let mut other = self.browser(&world);
        other.get("/device").await;
        self.check(&other.post("look_up", &code).await);
    }

    /// Visits the pages of a link with a return code. The program sends the return codes `typed`.
    async fn with_return_code(&mut self, typed: [&str; 3]) {
        let world = World::new().await;
        world.provider.send_people_back();
        let program = Program::ask(&world).await;
        let mut browser = self.browser(&world);
        program.consent(&mut browser).await;
        self.check(&browser.link(&program.code).await);
        for typed in typed {
            program.confirm(typed).await;
        }
        self.check(&browser.link(&program.code).await);
    }

    /// Visits the page of a link whose provider has agreed but does not identify the person at once.
    async fn finishing(&mut self) {
        let world = World::new().await;
        let (code, mut browser) = self.at_the_provider(&world).await;
        let silent = ProviderError::unavailable("time-out");
        world.provider.answer_identify(Err(silent));
        let grant = ScriptedProvider::grant("access", None);
        world.provider_answers(Ok(grant)).await;
        self.check(&browser.link(&code).await);
    }

    async fn taken_back(&mut self, is_linked_before: bool) {
        let world = World::new().await;
        if is_linked_before {
            self.link(&world).await;
        }
        let (code, mut browser) = self.link(&world).await;
        self.check(&browser.post("disown", &code).await);
        self.check(&browser.post("disown", &code).await);
    }

    async fn link<'a>(&mut self, world: &'a World) -> (String, Browser<'a>) {
        let (code, browser) = self.at_the_provider(world).await;
        let grant = ScriptedProvider::grant("access", Some("refresh"));
        world.provider_answers(Ok(grant)).await;
        (code, browser)
    }

    /// Visits the pages of requests that are rejected before the provider's flow starts.
    async fn refusals(&mut self) {
        let world = World::at("https://auth.example").await;
        let code = world.ask("a program").await;
        let mut browser = self.browser(&world);
        browser.get("/device").await;
        let elsewhere = [("origin", "https://evil.example")];
        self.check(&browser.post_with(&elsewhere, "confirm", &code).await);
        let csrf = std::mem::take(&mut browser.csrf);
        self.check(&browser.post("confirm", &code).await);
        browser.csrf = csrf;
        self.check(&browser.post("look_up", "").await);
        let json = world.client.post("/device").body_json(&());
        self.check(&browser.send(json).await);
        let prefetch = world.client.get("/callback/scripted?code=1&state=1");
        let prefetch = prefetch.header("sec-purpose", "prefetch");
        self.check(&browser.send(prefetch).await);
        world.clock.advance(Duration::from_secs(601));
        self.check(&browser.post("look_up", &code).await);
    }

    async fn crowded(&mut self) {
        let world = World::new().await;
        let mut browser = self.browser(&world);
        for _ in 0..ConsentLimit::PER_NETWORK {
            let code = world.ask("a program").await;
            browser.confirm(&code).await;
        }
        let code = world.ask("one more").await;
        self.check(&browser.confirm(&code).await);
    }

    async fn others(&mut self) {
        let world = World::new().await;
        let (code, mut browser) = self.at_the_provider(&world).await;
        let mut other = self.browser(&world);
        self.check(&other.post("look_up", &code).await);
        self.check(&other.post("look_up", "1").await);
        self.check(&other.post("look_up", "00000000").await);
        self.check(&other.post("look_up", &code).await);
        self.check(&other.post("jump", &code).await);
        self.check(&other.post("disown", &code).await);
        self.check(&other.get("/callback/scripted?code=1&state=1").await);
        browser.post("cancel", &code).await;
        self.check(&browser.link(&code).await);
        world.provider_is_down(Some(Duration::from_secs(60)));
        let code = world.ask("another").await;
        let page = browser.confirm(&code).await;
        self.check(&page);
        for _ in 0..40 {
            other.post("look_up", "11111111").await;
        }
        self.check(&other.post("look_up", "11111111").await);
    }

    async fn relinks(&mut self) {
        let world = World::new().await;
        let (_, path) = invited(&world).await;
        let mut browser = self.browser(&world);
        self.check(&browser.get("/device/relink/1").await);
        self.check(&browser.get(&path).await);
        self.check(&browser.send_form(&path, &[]).await);
        browser.csrf = String::new();
        self.check(&browser.send_form(&path, &[]).await);
        world.clock.advance(Duration::from_secs(7 * 24 * 60 * 60));
        self.check(&browser.get(&path).await);
        let (id, path) = invited(&world).await;
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let deleted = world.services.accounts.delete(&Caller::ADMIN, id, address);
        deleted.await.unwrap();
        self.check(&browser.get(&path).await);
    }
}

#[tokio::test(start_paused = true)]
async fn each_page_is_there_in_each_language() {
    let mut english = Vec::new();
    for (language, accepted) in LANGUAGES {
        let headings = Vec::new();
        let mut tour = Tour {
            language,
            accepted,
            headings,
        };
        tour.ends(Ok(ScriptedProvider::grant("access", Some("refresh"))))
            .await;
        tour.ends(Ok(Redemption::Denied(None))).await;
        tour.ends(Ok(Redemption::Expired)).await;
        tour.ends(Err(ProviderError::refused("no", "not today")))
            .await;
        tour.ends(Ok(Redemption::Denied(Some("not you".to_owned()))))
            .await;
        tour.finishing().await;
        tour.with_return_code(["wrong"; 3]).await;
        tour.taken_back(false).await;
        tour.taken_back(true).await;
        tour.refusals().await;
        tour.crowded().await;
        tour.others().await;
        tour.relinks().await;
        if language == "en" {
            english = tour.headings;
            continue;
        }
        assert_eq!(tour.headings.len(), english.len());
        for (heading, english) in tour.headings.iter().zip(&english) {
            assert_ne!(heading, english, "in {language}");
        }
    }
}
