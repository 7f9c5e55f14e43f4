//! The actions of operators.

use central_oauth_domain::audit::AuditFilter;
use central_oauth_domain::grant::Identity;
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::testing::ScriptedProvider;
use central_oauth_domain::usecases::Caller;

use super::super::browser::between;
use super::super::world::World;
use super::{ADMIN, AUDITOR, linked, logged_in, world};

/// Returns the kinds of the admin's entries in the audit log.
async fn recorded(world: &World) -> Vec<String> {
    let all = AuditFilter::default();
    let log = world.services.audit.list(&Caller::ADMIN, &all, None, 200);
    let log = log.await.unwrap().items.into_iter();
    let log = log.map(|entry| entry.content);
    let by_admin = log.filter(|entry| entry.actor == "admin");
    by_admin.map(|entry| entry.kind).collect()
}

#[tokio::test]
async fn an_account_is_refreshed() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let page = browser.get(&format!("{account}/refresh")).await;
    page.assert(200, &["Refresh this account?", "Cancel"]);
    assert!(world.provider.presented().is_empty());
    let page = browser.send_form(&format!("{account}/refresh"), &[]).await;
    page.assert_sends_to(&format!("{account}?done=refreshed"));
    assert_eq!(world.provider.presented(), ["refresh"]);
    let page = browser.get(&format!("{account}?done=refreshed")).await;
    page.assert(200, &["has a new access token"]);
    assert!(
        recorded(&world)
            .await
            .contains(&"refresh.requested".to_owned())
    );
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_deleted() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let new = format!("{account}/keys/new");
    browser.get(&new).await.assert(200, &["Make a key"]);
    for (name, days, problem) in [
        ("", "", "name is empty"),
        ("report", "soon", "whole number"),
        ("report", "0", "whole number"),
        ("report", "100000", "whole number"),
    ] {
        let fields = [("name", name), ("days", days)];
        let page = browser.send_form(&new, &fields).await;
        page.assert(422, &[problem, &format!("value=\"{days}\"")]);
    }
    let fields = [("name", "report"), ("days", "30")];
    let page = browser.send_form(&new, &fields).await;
    page.assert(201, &["not shown again", "report"]);
    let key = between(&page.html, "<code translate=\"no\">", "<").unwrap();
    let from = "192.0.2.9".parse().unwrap();
    let (key, keys) = (AccessKey::new(key), &world.services.keys);
    assert!(keys.authenticate(Some(&key), from).await.is_ok());
    let page = browser.get(&account).await;
    page.assert(200, &["report", "by an operator", "in 30 days"]);
    page.assert_lacks(key.expose());

    let delete = "<a href=\"";
    let rows = page.html.split("report").nth(1).unwrap();
    let delete = between(rows, delete, "\"").unwrap().to_owned();
    let page = browser.get(&delete).await;
    page.assert(200, &["name=\"descendants\" value=\"yes\" checked"]);
    let page = browser.send_form(&delete, &[("descendants", "yes")]).await;
    page.assert_sends_to(&format!("{account}?done=key-deleted"));
    assert!(keys.authenticate(Some(&key), from).await.is_err());
    // The second request of a double click gets the same response as the first.
    let again = browser.send_form(&delete, &[]).await;
    again.assert_sends_to(&format!("{account}?done=key-deleted"));
    let recorded = recorded(&world).await;
    for kind in ["key.created", "key.deleted"] {
        assert!(recorded.contains(&kind.to_owned()), "{recorded:?}");
    }
}

#[tokio::test]
async fn an_account_is_deleted_with_the_operators_key() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let revoke = format!("{account}/revoke");
    let page = browser.get(&revoke).await;
    page.assert(200, &["cannot be undone", "type=\"password\""]);
    // The key of another operator is rejected too.
    for key in ["", AUDITOR] {
        let page = browser.send_form(&revoke, &[("key", key)]).await;
        page.assert(403, &["not the key that you logged in with"]);
    }
    assert!(world.provider.revoked().is_empty());
    let page = browser.send_form(&revoke, &[("key", ADMIN)]).await;
    page.assert_sends_to("/admin/revocations?done=revoked");
    assert_eq!(world.provider.revoked(), ["refresh", "access"]);
    // The second request of a double click gets the same response as the first.
    let again = browser.send_form(&revoke, &[("key", ADMIN)]).await;
    again.assert_sends_to("/admin/revocations?done=deleted");
    let page = browser.get("/admin/revocations?done=deleted").await;
    page.assert(200, &["The account does not exist any more"]);
    let page = browser.get("/admin/revocations?done=revoked").await;
    page.assert(200, &["provider has revoked its tokens", ">revoked<"]);
    browser
        .get(&account)
        .await
        .assert(404, &["no such account"]);
    let recorded = recorded(&world).await;
    assert!(recorded.contains(&"account.deleted".to_owned()));
}

#[tokio::test]
async fn the_person_consents_again_at_the_address() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let relink = format!("{account}/relink");
    browser
        .get(&relink)
        .await
        .assert(200, &["Make the address"]);
    let page = browser.send_form(&relink, &[]).await;
    page.assert(200, &["class=\"qr\"", "for 10 minutes"]);
    let code = between(&page.html, "http://127.0.0.1:8080/device?code=", "<");
    let code = code.unwrap().to_owned();
    let mut person = world.visitor().await;
    let page = person.post("look_up", &code).await;
    page.assert(200, &["cron", "sign in with the same account"]);
    page.assert(200, &["operator of this service has sent you"]);
    page.assert_lacks("sent you the code");
    page.assert_lacks("unknown address");
    person.post("confirm", &code).await;
    // Another person cannot take over the account.
    world
        .provider
        .answer_identify(Ok(ScriptedProvider::person("mallory")));
    let grant = ScriptedProvider::grant("access-2", Some("refresh-2"));
    world.provider_answers(Ok(grant)).await;
    person.shows(&code, &["different account"]).await;
    assert!(recorded(&world).await.contains(&"link.started".to_owned()));
}

#[tokio::test]
async fn nobody_is_asked_again_whom_the_provider_does_not_name() {
    let world = world().await;
    world.provider.answer_identify(Ok(Identity::Unknown));
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    browser.get(&account).await;
    for action in ["relink", "relink-link"] {
        let page = browser.send_form(&format!("{account}/{action}"), &[]).await;
        page.assert(422, &["does not identify people"]);
        browser.get(&account).await;
    }
}

#[tokio::test]
async fn a_relink_link_is_made_and_works() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    let link = format!("{account}/relink-link");
    let page = browser.get(&account).await;
    page.assert(200, &[&format!("href=\"{link}\"")]);
    browser
        .get(&link)
        .await
        .assert(200, &["Make the link", "gives nobody access"]);
    let page = browser.send_form(&link, &[]).await;
    page.assert(200, &["seven days at most", "not shown again"]);
    let url = between(
        &page.html,
        "<code translate=\"no\">https://auth.example",
        "<",
    );
    let mut person = world.browser();
    let page = person.get(url.unwrap()).await;
    page.assert(200, &["Link your account again", "cron"]);
    page.assert_lacks("alice");
    assert!(recorded(&world).await.contains(&"link.invited".to_owned()));
}

/// Returns the id of the first key that the page of an account offers to delete.
fn deletable(html: &str, account: &str) -> String {
    let link = format!("href=\"{account}/keys/");
    let links = html.split(&link).skip(1);
    let mut keys = links.filter_map(|link| link.split('"').next()?.strip_suffix("/delete"));
    keys.next().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_that_the_account_does_not_have_is_not_offered() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    world
        .provider
        .answer_identify(Ok(ScriptedProvider::person("bob")));
    let other = linked(&world, "backup").await;
    assert_ne!(account, other);
    let mut browser = logged_in(&world, ADMIN).await;
    let page = browser.get(&account).await;
    let own = deletable(&page.html, &account);
    let page = browser.get(&other).await;
    let others = deletable(&page.html, &other);
    let keys = format!("{account}/keys/");
    for key in [&*others, "999", "abc", "-1"] {
        let page = browser.get(&format!("{keys}{key}/delete")).await;
        page.assert(404, &["no such key"]);
    }
    let page = browser.get(&format!("{keys}{own}/delete")).await;
    page.assert(200, &["The program that holds it"]);
}

#[tokio::test]
async fn an_auditor_changes_nothing() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, AUDITOR).await;
    let page = browser.get(&account).await;
    page.assert(200, &["may only read"]);
    let actions = [
        "/refresh",
        "/relink",
        "/relink-link",
        "/revoke",
        "/keys/new",
    ];
    for action in actions.iter().chain(&["/keys/2/delete"]) {
        let path = format!("{account}{action}");
        page.assert_lacks(&path);
        browser.get(&path).await.assert(403, &["auditor"]);
        let fields = [("key", AUDITOR), ("name", "x")];
        let page = browser.send_form(&path, &fields).await;
        page.assert(403, &["auditor"]);
    }
    assert!(world.provider.presented().is_empty());
    assert!(world.provider.revoked().is_empty());
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let world = world().await;
    let account = linked(&world, "cron").await;
    let mut browser = logged_in(&world, ADMIN).await;
    browser.csrf = "forged".to_owned();
    for action in [
        "refresh",
        "relink",
        "relink-link",
        "revoke",
        "keys/new",
        "keys/2/delete",
    ] {
        let path = format!("{account}/{action}");
        let page = browser.send_form(&path, &[("key", ADMIN)]).await;
        page.assert(403, &["The form was not accepted"]);
        browser.csrf = "forged".to_owned();
    }
    assert!(world.provider.presented().is_empty());
    browser.get(&account).await.assert(200, &[]);
}
