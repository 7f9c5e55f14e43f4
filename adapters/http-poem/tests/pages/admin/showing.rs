//! The pages that operators see.

use std::sync::Arc;

use central_oauth_domain::audit::{Actor, AuditEvent, AuditKind, AuditNumber};
use central_oauth_domain::grant::Identity;
use central_oauth_domain::ports::{
    Clock as _, HashKey, ProviderError, WebhookError, WebhookStore as _,
};
use central_oauth_domain::testing::{FakeCipher, audit_draft};
use central_oauth_domain::vault::Vault;
use central_oauth_domain::webhook::ReceiverName;
use central_oauth_domain::{Fault, Timestamp};

use super::super::browser::between;
use super::{ADMIN, AUDITOR, linked, logged_in, world, world_at};

#[tokio::test]
async fn the_root_leads_to_the_page_of_codes() {
    for (public_url, page) in [
        ("http://127.0.0.1:8080", "/device"),
        ("https://auth.example/broker/", "/broker/device"),
    ] {
        let world = world_at(public_url).await;
        world.browser().get("/").await.assert_sends_to(page);
    }
}

#[tokio::test]
async fn accounts_show_how_they_are_and_who_holds_keys() {
    let world = world().await;
    let account = linked(&world, "nightly-backup").await;
    for key in [ADMIN, AUDITOR] {
        let mut browser = logged_in(&world, key).await;
        let page = browser.get("/admin").await;
        let href = format!("href=\"{account}\"");
        page.assert(
            200,
            &[&href, "alice&#39;s name", "scripted", "active", "in 5"],
        );
        let page = browser.get(&account).await;
        page.assert(
            200,
            &["nightly-backup", "owner", "with a link code", "profile"],
        );
        page.assert_lacks("refresh\"</");
        assert_eq!(page.html.contains("Delete and revoke"), key == ADMIN);
    }
}

#[tokio::test]
async fn a_cursor_that_fits_no_list_gets_a_page() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, AUDITOR).await;
    for list in ["/admin", "/admin/revocations", &account] {
        let page = browser.get(&format!("{list}?cursor=zz")).await;
        page.assert(400, &["<html", "That did not work", "cursor is invalid"]);
    }
}

#[tokio::test]
async fn accounts_are_found_by_status_and_provider() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, AUDITOR).await;
    for (query, is_there) in [
        ("provider=scripted&status=active", true),
        ("provider=&status=", true),
        ("status=relink_required", false),
        ("provider=another", false),
        ("status=invented", true),
    ] {
        let page = browser.get(&format!("/admin?{query}")).await;
        page.assert(200, &["<option value=\"scripted\""]);
        assert_eq!(page.html.contains(&account), is_there, "{query}");
    }
    browser
        .get("/admin?cursor=x")
        .await
        .assert(400, &["cursor"]);
}

#[tokio::test]
async fn accounts_come_in_pages() {
    let world = world().await;
    let mut last = String::new();
    for n in 0..51 {
        world.provider.answer_identify(Ok(Identity::Known {
            account_id: format!("person-{n}"),
            display_name: None,
        }));
        last = linked(&world, "cron").await;
    }
    let mut browser = logged_in(&world, AUDITOR).await;
    let page = browser.get("/admin?status=active").await;
    page.assert_lacks(&format!("{last}\""));
    let next = between(&page.html, "<p class=\"centred\"><a href=\"", "\"").unwrap();
    let next = next.replace("&#38;", "&").replace("&amp;", "&");
    assert!(next.contains("status=active"), "{next}");
    let page = browser.get(&next).await;
    page.assert(200, &[&format!("{last}\"")]);
    page.assert_lacks("Next page");
    // A cursor is valid only with its filters.
    let other = next.replace("status=active", "status=degraded");
    browser.get(&other).await.assert(400, &["cursor"]);
}

#[tokio::test]
async fn revocations_providers_and_replicas_are_shown() {
    let world = world().await;
    let mut browser = logged_in(&world, AUDITOR).await;
    browser
        .get("/admin/revocations")
        .await
        .assert(200, &["None."]);
    let account = linked(&world, "cron").await;
    let down = ProviderError::unavailable("connection refused");
    world.provider.answer_revoke(Err(down));
    let mut admin = logged_in(&world, ADMIN).await;
    admin.get(&account).await;
    let revoke = format!("{account}/revoke");
    let page = admin.send_form(&revoke, &[("key", ADMIN)]).await;
    page.assert_sends_to("/admin/revocations?done=unconfirmed");
    let page = browser.get("/admin/revocations").await;
    page.assert(200, &["pending", "provider_unavailable"]);

    world.services.housekeeping.check_in().await.unwrap();
    let page = browser.get("/admin/service").await;
    page.assert(200, &["Scripted Provider", "works", "runs", ">test<"]);
    world.clock.advance(std::time::Duration::from_secs(60));
    browser.get("/admin/service").await.assert(200, &["gone"]);
}

#[tokio::test]
async fn receivers_of_webhooks_are_shown_with_their_trouble() {
    let world = world().await;
    let mut browser = logged_in(&world, AUDITOR).await;
    let page = browser.get("/admin/service").await;
    page.assert_lacks("Webhooks");
    let name = ReceiverName::parse("ops").unwrap();
    let added = AuditEvent::new(AuditKind::ReceiverAdded);
    let added = audit_draft(Actor::Service, Timestamp::from_millis(0)).entry(added);
    let cipher = Arc::new(FakeCipher::default());
    let hash_key = Vault::seal_hash_key(&*cipher, &HashKey::new([7; 32])).unwrap();
    let macs = Vault::unlock(cipher, &hash_key).unwrap().row_macs();
    let added = world.store.add_receiver(&name, None, &macs, added);
    assert!(added.await.unwrap());
    let receiver = world.store.receiver(&name).await.unwrap().unwrap();
    let refused = WebhookError {
        fault: Fault::new("receiver_refused", "the receiver answered with status 500"),
        retry_after: None,
    };
    let now = world.clock.now();
    let failed = receiver.attempted(AuditNumber(1), now, Err(refused), now, 0.0);
    assert!(world.store.save_receiver(&failed.0).await.unwrap());
    let page = browser.get("/admin/service").await;
    page.assert(
        200,
        &["Webhooks", ">ops<", "fails", "status 500", "none yet"],
    );
    let delivered = failed.0.attempted(AuditNumber(1), now, Ok(()), now, 0.0);
    assert!(world.store.save_receiver(&delivered.0).await.unwrap());
    let page = browser.get("/admin/service").await;
    page.assert(200, &[">ops<", "works"]);
    page.assert_lacks("status 500");
}

#[tokio::test]
async fn hostile_names_stay_text() {
    let world = world().await;
    let hostile = "</bdi><script>alert(1)</script>";
    world.provider.answer_identify(Ok(Identity::Known {
        account_id: hostile.to_owned(),
        display_name: Some(hostile.to_owned()),
    }));
    let account = linked(&world, hostile).await;
    let mut browser = logged_in(&world, ADMIN).await;
    for path in [
        "",
        "/refresh",
        "/relink",
        "/relink-link",
        "/revoke",
        "/keys/new",
    ] {
        let page = browser.get(&format!("{account}{path}")).await;
        page.assert(200, &["&#60;script&#62;"]);
        page.assert_lacks("<script>");
    }
    let page = browser.get("/admin?provider=%22%3E%3Cscript%3E").await;
    page.assert_lacks("<script>");
}

#[tokio::test]
async fn every_page_is_private_strict_and_without_scripts() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let mut pages = vec![world.browser().get("/admin/login").await];
    for path in ["/admin", "/admin/revocations", "/admin/service", &account] {
        pages.push(browser.get(path).await);
    }
    for path in [
        "/refresh",
        "/relink",
        "/relink-link",
        "/revoke",
        "/keys/new",
    ] {
        pages.push(browser.get(&format!("{account}{path}")).await);
    }
    for path in ["/relink", "/relink-link"] {
        pages.push(browser.send_form(&format!("{account}{path}"), &[]).await);
    }
    pages.push(browser.get("/admin/accounts/999").await);
    browser.csrf = "forged".to_owned();
    pages.push(browser.send_form("/admin/logout", &[]).await);
    for page in pages {
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert_eq!(page.header("cache-control"), "no-store");
        for inline in ["<style", " style=", "<script", " onclick", "javascript:"] {
            page.assert_lacks(inline);
        }
    }
}
