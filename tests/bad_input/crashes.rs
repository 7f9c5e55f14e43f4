//! The service crashes during a provider call, at every stage of a link.

use super::provider::Endpoint;
use super::scene::{Link, Scene, TIMEOUT, all};
use super::trouble::Trouble;
use crate::support::process::eventually;

#[tokio::test]
async fn a_link_outlives_a_crash_at_any_stage() {
    all(Endpoint::ALL.map(|at| Box::pin(outlives_a_crash(at)))).await;
}

async fn outlives_a_crash(endpoint: Endpoint) {
    let mut scene = Scene::new(&[]).await;
    let link = scene.begin().await;
    scene.provider.consent(true);
    scene.provider.suffer(endpoint, Trouble::Silent).await;
    die_over(&mut scene, &link, endpoint).await;
    let given = scene.provider.secrets();
    scene.provider.recover().await;
    scene.service.run().await;
    if endpoint == Endpoint::DeviceAuthorization {
        // Nothing had started; the code still belongs to the browser that confirmed it.
        scene.expect_status(&link, "pending").await;
        link.person.press("confirm", &link.code).await.expect(303);
    }
    scene.wait_for(&link, "linked").await;
    assert_eq!(scene.provider.redemptions(), [1]);
    // The provider's responses from before the crash were not requested again.
    assert!(scene.provider.secrets().starts_with(&given));
    let kinds = ["device-code", "UC", "access-token", "refresh-token"];
    assert_eq!(scene.provider.secrets().len(), kinds.len());
    scene.end(&["account linked"]).await;
}

/// Kills the service while it waits for a response of this endpoint.
async fn die_over(scene: &mut Scene, link: &Link, endpoint: Endpoint) {
    let pressed = link.person.press("confirm", &link.code);
    let asked = eventually(TIMEOUT, "the question", async || {
        !scene.provider.asked(endpoint).is_empty()
    });
    if endpoint == Endpoint::DeviceAuthorization {
        tokio::select! {
            page = pressed => panic!("the page did not wait: {page:?}"),
            () = asked => {}
        }
    } else {
        pressed.await.expect(303);
        asked.await;
    }
    if endpoint == Endpoint::Userinfo {
        assert_eq!(scene.provider.redemptions(), [1]);
    }
    scene.service.kill().await;
}
