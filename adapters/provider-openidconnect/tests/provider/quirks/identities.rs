//! The identity of a person if userinfo deviates from OpenID Connect.

use central_oauth_domain::ports::OAuthProvider as _;
use serde_json::{Value, json};

use super::{preset, saying};
use crate::support::{ACCESS_TOKEN, Subject, error_of, kind, known};

async fn person(name: &str, answer: Value, id: &str, display_name: &str) {
    let (subject, _stub) = saying(name, 200, &answer).await;
    let outcome = subject.identify(None).await;
    assert_eq!(outcome, Ok(known(id, Some(display_name))), "{name}");
}

// The responses are from the sources of each profile.
#[tokio::test]
async fn ids_and_names() {
    person(
        "github",
        json!({"id": 583_231, "login": "octocat", "name": null}),
        "583231",
        "octocat",
    )
    .await;
    let validated = json!({"client_id": "c", "login": "somebody", "user_id": "27620241"});
    person("twitch", validated, "27620241", "somebody").await;
    let tested = json!({"ok": true, "team": "T", "user": "ada", "team_id": "T1", "user_id": "U1"});
    person("slack", tested, "T1:U1", "ada").await;
    let me = json!({"id": "bot-1", "bot": {"owner": {"type": "user", "user": {"id": "p-1", "name": "Ada"}}}});
    person("notion", me, "bot-1:p-1", "Ada").await;
    let info = json!({"sub": "https://login.salesforce.com/id/x", "user_id": "005", "organization_id": "00D", "name": "Ada"});
    person("salesforce", info, "00D:005", "Ada").await;
    let account = json!({"account_id": "dbid:1", "name": {"display_name": "Ada"}});
    person("dropbox", account, "dbid:1", "Ada").await;
    person(
        "zoho",
        json!({"ZUID": 4711, "Display_Name": "Ada"}),
        "4711",
        "Ada",
    )
    .await;
    person(
        "discord",
        json!({"id": "80", "username": "ada", "global_name": null}),
        "80",
        "ada",
    )
    .await;
    person(
        "bitbucket",
        json!({"uuid": "{1}", "display_name": "Ada"}),
        "{1}",
        "Ada",
    )
    .await;
    person(
        "spotify",
        json!({"id": "ada", "display_name": null}),
        "ada",
        "ada",
    )
    .await;
}

// An id may have two parts. One part alone may belong to several people.
#[tokio::test]
async fn half_an_id_is_none() {
    let (subject, _stub) = saying("slack", 200, &json!({"ok": true, "user_id": "U1"})).await;
    let error = error_of(subject.identify(None).await);
    assert_eq!(kind(&error), ("nonsense", ""));
    assert!(
        error.to_string().contains("/team_id and /user_id"),
        "{error}"
    );
}

// ID tokens and userinfo may give different ids. The ids of Entra start with the tenant, which only ID tokens contain. The
// ids of Salesforce consist of members that only userinfo contains.
#[test]
fn whether_id_tokens_have_the_same_ids() {
    for (name, is_same) in [("google", true), ("entra", false), ("salesforce", false)] {
        let subject = Subject::new(preset(name, "http://127.0.0.1:9"));
        assert_eq!(subject.provider.userinfo_has_same_id(), is_same, "{name}");
    }
}

// Slack, `auth.test`: an error has status 200 and `ok` is false.
#[tokio::test]
async fn a_refusal_with_200() {
    let (subject, _stub) =
        saying("slack", 200, &json!({"ok": false, "error": "invalid_auth"})).await;
    let error = error_of(subject.identify(None).await);
    assert_eq!(kind(&error), ("refused", "invalid_auth"));
}

// Slack and Dropbox use POST, and Dropbox requires an empty body. Twitch and Zoho use their own authentication schemes.
// Notion requires its own header.
#[tokio::test]
async fn how_userinfo_is_asked() {
    for (name, method, scheme) in [
        ("slack", "POST", "Bearer"),
        ("dropbox", "POST", "Bearer"),
        ("twitch", "GET", "OAuth"),
        ("zoho", "GET", "Zoho-oauthtoken"),
        ("notion", "GET", "Bearer"),
        ("github", "GET", "Bearer"),
    ] {
        let (subject, stub) = saying(name, 200, &json!({})).await;
        assert!(subject.identify(None).await.is_err());
        stub.last(|seen| {
            assert_eq!(seen.method, method, "{name}");
            assert_eq!(
                seen.header("authorization"),
                format!("{scheme} {ACCESS_TOKEN}")
            );
            assert_eq!((seen.body.as_str(), seen.header("content-type")), ("", ""));
            let version = seen.header("notion-version");
            assert_eq!(version.is_empty(), name != "notion");
        });
    }
}
