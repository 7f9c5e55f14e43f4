//! A provider that fails, in every way and at every stage of a link: the link survives.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::provider::Endpoint;
use super::scene::{Link, Scene, TIMEOUT, all};
use super::trouble::Trouble;
use crate::support::http;
use crate::support::process::eventually;

#[tokio::test]
async fn a_link_outlives_whatever_its_provider_does() {
    let elsewhere = Elsewhere::listen().await;
    all(Trouble::PASSING.map(|(trouble, words)| {
        let trouble = match trouble {
            Trouble::Redirects(_) => Trouble::Redirects(elsewhere.port),
            trouble => trouble,
        };
        Box::pin(outlives(trouble, words))
    }))
    .await;
    assert_eq!(elsewhere.visits.load(Ordering::SeqCst), 0, "was redirected");
}

/// If `Retry-After` is longer than a person waits, the provider is called once.
#[tokio::test]
async fn a_provider_is_left_alone_when_it_says_so() {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    let endpoint = Endpoint::DeviceAuthorization;
    let peace = Trouble::Http503(40);
    scene.provider.suffer(endpoint, peace).await;
    let page = link.person.press("confirm", &link.code).await.expect(503);
    assert_eq!(page.header("retry-after"), "40");
    assert_eq!(scene.provider.asked(endpoint).len(), 1);
    scene.expect_status(&link, "pending").await;
    begin(&scene, &link).await;
    scene.end(&["HTTP 503"]).await;
}

async fn outlives(trouble: Trouble, words: &'static str) {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    begin_in_vain(&scene, &link, trouble).await;
    begin(&scene, &link).await;
    redeem(&scene, &link, trouble).await;
    identify(&scene, &link, trouble).await;
    expect_token(&scene, &link).await;
    let most = scene.provider.most_sent();
    // The service reads at most 2 MiB. The rest is in the kernel's buffers at both ends.
    assert!(most < 24 << 20, "{most} bytes were taken of one answer");
    let (begun, polled) = ("consent could not start", "asking the provider failed");
    scene.end(&[begun, polled, words]).await;
}

/// The person confirms while the provider fails: the page says so, and the link stays.
async fn begin_in_vain(scene: &Scene, link: &Link, trouble: Trouble) {
    let endpoint = Endpoint::DeviceAuthorization;
    scene.provider.suffer(endpoint, trouble).await;
    let page = link.person.press("confirm", &link.code).await.expect(503);
    assert!(page.text.contains("has not answered"), "{}", page.text);
    assert!(page.text.contains("Try again"), "{}", page.text);
    assert!(page.header("retry-after").parse::<u64>().unwrap() >= 1);
    if trouble != Trouble::Refused {
        let asked = scene.provider.asked(endpoint);
        assert!(asked.len() >= 2, "the page has no patience");
    }
    scene.expect_status(link, "pending").await;
    // A person who leaves and comes back sees the same page.
    let page = link.person.look(&link.code).await.expect(200);
    assert!(page.text.contains("has not answered"), "{}", page.text);
}

/// The provider is back: the same person tries again.
async fn begin(scene: &Scene, link: &Link) {
    scene.provider.recover().await;
    link.person.press("confirm", &link.code).await.expect(303);
    let page = link.person.look(&link.code).await.expect(200);
    // The page shows the user code of this attempt. The previous attempt may have succeeded after the page had given
    // up; then the page shows the code of that attempt.
    let issued = scene.provider.secrets();
    let has_user_code = issued.iter().any(|code| page.text.contains(code));
    assert!(has_user_code, "{}", page.text);
    scene.expect_status(link, "authorizing").await;
}

/// The provider fails while it is polled. Then it works again, and the person has not consented yet.
async fn redeem(scene: &Scene, link: &Link, trouble: Trouble) {
    let (endpoint, failed) = (Endpoint::Token, failures(scene));
    let asked = scene.provider.asked(endpoint).len();
    scene.provider.suffer(endpoint, trouble).await;
    expect_failures(scene, failed + 2).await;
    expect_pauses(&scene.provider.asked(endpoint)[asked..], trouble);
    scene.expect_status(link, "authorizing").await;
    scene.provider.recover().await;
    let asked = scene.provider.asked(endpoint).len();
    eventually(TIMEOUT, "a good poll", async || {
        scene.provider.asked(endpoint).len() > asked
    })
    .await;
    scene.expect_status(link, "authorizing").await;
}

/// The person consents, the tokens arrive, and identifying the person fails. Then it succeeds.
async fn identify(scene: &Scene, link: &Link, trouble: Trouble) {
    let (endpoint, failed) = (Endpoint::Userinfo, failures(scene));
    scene.provider.suffer(endpoint, trouble).await;
    scene.provider.consent(true);
    expect_failures(scene, failed + 1).await;
    assert_eq!(scene.provider.redemptions(), [1]);
    let asked = scene.provider.asked(endpoint).len();
    assert_eq!(asked == 0, trouble == Trouble::Refused);
    scene.expect_status(link, "authorizing").await;
    let page = link.person.look(&link.code).await.expect(200);
    assert!(page.text.contains("Almost done"), "{}", page.text);
    scene.provider.recover().await;
    let linked = scene.wait_for(link, "linked").await;
    assert_eq!(linked.json["account"]["account_id"], "person-7");
    // The tokens were requested once, however long it took to identify the person.
    assert_eq!(scene.provider.redemptions(), [1]);
    let page = link.person.look(&link.code).await.expect(200);
    assert!(page.text.contains("Kim Example"), "{}", page.text);
}

fn failures(scene: &Scene) -> usize {
    let log = scene.log();
    log.matches("asking the provider failed").count()
}

async fn expect_failures(scene: &Scene, wanted: usize) {
    let so_many = async || failures(scene) >= wanted;
    eventually(TIMEOUT, "failed questions", so_many).await;
}

/// Asserts that two requests are at least a second apart, or as long as the provider asked for.
fn expect_pauses(asked: &[Instant], trouble: Trouble) {
    let least = match trouble {
        Trouble::Http503(wait) => u64::from(wait),
        _ => 1,
    };
    for pair in asked.windows(2) {
        let pause = pair[1] - pair[0];
        // The service counts from the response, in whole milliseconds.
        assert!(
            pause >= Duration::from_millis(least * 1000 - 100),
            "{pause:?}"
        );
    }
}

/// The program gets the provider's token.
async fn expect_token(scene: &Scene, link: &Link) {
    let request = scene.get("/v1/token").bearer_auth(&link.key);
    let token = http::send(request).await.expect(200);
    let given = scene.provider.secrets();
    assert!(given.contains(&token.str("access_token").to_owned()));
}

/// The host that a redirect leads to.
struct Elsewhere {
    port: u16,
    visits: Arc<AtomicUsize>,
}

impl Elsewhere {
    async fn listen() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&visits);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, visits }
    }
}
