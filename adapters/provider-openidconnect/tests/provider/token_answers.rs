//! Responses of the token endpoint with tokens.

use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::TokenGrant;
use central_oauth_domain::ports::{ProviderError, Redemption, RefreshAnswer, RefreshError};
use serde_json::{Value, json};

use crate::support::{
    DEVICE_CODE, REFRESH_TOKEN, Stub, Subject, changed, error_of, json as reply_json, kind,
    unusable,
};

async fn redeem(status: u16, answer: Value) -> Result<TokenGrant, ProviderError> {
    let stub = Stub::start(move |_, _| reply_json(status, &answer)).await;
    match Subject::plain(&stub.base).redeem().await? {
        Redemption::Granted(grant) => Ok(*grant),
        _ => panic!("tokens"),
    }
}

async fn granted(answer: Value) -> TokenGrant {
    redeem(200, answer).await.ok().unwrap()
}

// RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3.
#[tokio::test]
async fn everything_there_is() {
    let grant = granted(json!({
        "access_token": "at", "refresh_token": "rt", "id_token": "it",
        "token_type": "Bearer", "expires_in": 3600, "scope": "repo user",
    }))
    .await;
    assert_eq!(grant.access_token.expose(), "at");
    assert_eq!(grant.refresh_token.unwrap().expose(), "rt");
    assert_eq!(grant.id_token.unwrap().expose(), "it");
    assert_eq!(grant.expires_in, Some(Duration::from_secs(3600)));
    assert_eq!(grant.scopes, ["repo", "user"]);
}

// Responses to OAuth apps of GitHub have no lifetime and no refresh token. RFC 6749 section 5.1: without `scope`, the
// requested scopes are granted.
#[tokio::test]
async fn the_least_there_is() {
    let grant = granted(json!({"access_token": "at"})).await;
    assert!(grant.refresh_token.is_none() && grant.id_token.is_none());
    assert_eq!(grant.expires_in, None);
    assert_eq!(grant.scopes, ["openid", "repo"]);
    let empty = json!({"access_token": "at", "refresh_token": "", "id_token": null});
    let grant = granted(empty).await;
    assert!(grant.refresh_token.is_none() && grant.id_token.is_none());
}

// Clients send the token in a header, which cannot contain a line feed.
#[tokio::test]
async fn white_space_around_an_access_token_is_ignored() {
    let grant = granted(json!({"access_token": " at\r\n", "refresh_token": "rt"})).await;
    assert_eq!(grant.access_token.expose(), "at");
}

// Without an `Accept` header, GitHub sends a form.
#[tokio::test]
async fn tokens_in_a_form() {
    let form = "access_token=gho_16C7e42F&expires_in=28800&scope=repo%2Cgist&token_type=bearer";
    let stub = Stub::saying(200, "application/x-www-form-urlencoded", form).await;
    let Ok(Redemption::Granted(grant)) = Subject::plain(&stub.base).redeem().await else {
        panic!("tokens");
    };
    assert_eq!(grant.access_token.expose(), "gho_16C7e42F");
    assert_eq!(grant.expires_in, Some(Duration::from_secs(28800)));
    assert_eq!(grant.scopes, ["repo", "gist"]);
}

// A lifetime of 0 means that the token never expires or that its lifetime is unknown.
#[tokio::test]
async fn lifetimes_come_in_every_form() {
    for (given, expected) in [
        (json!(3), Some(3.0)),
        (json!("3600"), Some(3600.0)),
        (json!(3599.9), Some(3599.9)),
        (json!(0), None),
        (json!("0"), None),
        (json!(-5), None),
        (json!(null), None),
        (json!("never"), None),
    ] {
        let grant = granted(json!({"access_token": "at", "expires_in": given})).await;
        assert_eq!(grant.expires_in, expected.map(Duration::from_secs_f64));
    }
}

// Microsoft sends `expires_on`, and Strava sends `expires_at`. Some servers put a point in time into `expires_in`, which
// then looks like fifty years (bluesliverx/grails-spring-security-oauth2-provider issue 120).
#[tokio::test]
async fn an_end_may_be_a_point_in_time() {
    let end = Some(Timestamp::from_millis(1_790_000_000_000));
    for answer in [
        json!({"access_token": "at", "expires_in": 1_790_000_000}),
        json!({"access_token": "at", "expires_at": 1_790_000_000}),
        json!({"access_token": "at", "expires_on": "1790000000"}),
        json!({"access_token": "at", "expires_at": 1_790_000_000_000_u64}),
        json!({"access_token": "at", "expires": 1_790_000_000}),
        // Square (ruby-oauth/oauth2 issue 405), mulesoft-labs/js-client-oauth2 issue 106.
        json!({"access_token": "at", "expires_at": "2026-09-21T14:13:20Z"}),
        json!({"access_token": "at", "expires_in": "2026-09-21T16:13:20.000+02:00"}),
        json!({"access_token": "at", "expires_on": "Mon, 21 Sep 2026 14:13:20 GMT"}),
        // Laravel sends dates in this format, in UTC by default.
        json!({"access_token": "at", "expires_at": "2026-09-21 14:13:20"}),
    ] {
        let grant = granted(answer.clone()).await;
        assert_eq!((grant.expires_in, grant.exp), (None, end), "{answer}");
    }
    let both = json!({"access_token": "at", "expires_in": 60, "expires_at": 1_790_000_000});
    assert_eq!(
        granted(both).await.expires_in,
        Some(Duration::from_secs(60))
    );
    for neither in [json!("soon"), json!("2026-09-21"), json!(null), json!(-1)] {
        let answer = json!({"access_token": "at", "expires_at": neither});
        assert_eq!(granted(answer).await.exp, None);
    }
}

// Stack Exchange and Deezer send `expires`, and cTrader sends `expiresIn`.
#[tokio::test]
async fn lifetimes_have_several_names() {
    for name in ["expires_in", "expires", "expiresIn"] {
        let grant = granted(json!({"access_token": "at", name: 86_400})).await;
        assert_eq!(
            grant.expires_in,
            Some(Duration::from_secs(86_400)),
            "{name}"
        );
    }
}

// Zoho Writer, "Refresh access token": `expires_in` is in milliseconds, and `expires_in_sec` is in seconds.
#[tokio::test]
async fn a_lifetime_in_seconds_comes_before_one_in_another_unit() {
    let answer = json!({"access_token": "at", "expires_in_sec": 3600, "expires_in": 3_600_000});
    let grant = granted(answer).await;
    assert_eq!(grant.expires_in, Some(Duration::from_secs(3600)));
}

// Sources: the first version of TikTok's API, Lark, httpx_auth issue 119, and Slack if only a user token was requested.
#[tokio::test]
async fn tokens_may_be_wrapped() {
    for name in ["data", "tokenData", "authed_user"] {
        let wrapped = json!({"access_token": "at", "refresh_token": "rt-2", "expires_in": 60, "scope": "a,b"});
        let answer = json!({"code": 0, "msg": "success", "ok": true, name: wrapped});
        let grant = granted(answer.clone()).await;
        assert_eq!(grant.expires_in, Some(Duration::from_secs(60)), "{name}");
        assert_eq!(grant.scopes, ["a", "b"]);
        let Ok(RefreshAnswer::Granted(grant)) = refreshed(&answer, None).await else {
            panic!("{name}");
        };
        assert_eq!(grant.refresh_token.unwrap().expose(), "rt-2");
        // An error inside or outside the wrapper is an error. The new refresh token beside it shows that a rotation may
        // have happened.
        for wrong in [
            changed(answer.clone(), json!({"error": "no"})),
            json!({name: changed(answer[name].clone(), json!({"error": "no"}))}),
        ] {
            let error = refreshed(&wrong, None).await.err().unwrap();
            assert_eq!(kind(&error.cause), ("refused", "no"), "{wrong}");
            assert!(error.may_have_acted, "{wrong}");
        }
    }
}

// Keycloak, GitHub and QuickBooks use these names.
#[tokio::test]
async fn the_lifetime_of_a_refresh_token_has_several_names() {
    for name in [
        "refresh_token_expires_in",
        "refresh_expires_in",
        "x_refresh_token_expires_in",
    ] {
        let grant =
            granted(json!({"access_token": "at", "refresh_token": "rt", name: 8726400})).await;
        let lasts = Some(Duration::from_secs(8_726_400));
        assert_eq!(grant.refresh_token_expires_in, lasts, "{name}");
    }
}

// RFC 6749 section 3.3 (spaces), GitHub (commas), Twitch (an array).
#[tokio::test]
async fn scopes_come_in_every_form() {
    for (given, expected) in [
        (json!("repo user"), vec!["repo", "user"]),
        (json!("repo,user"), vec!["repo", "user"]),
        (json!(["repo", "user"]), vec!["repo", "user"]),
        // A GitHub App has permissions instead of scopes.
        (json!(""), vec![]),
        (json!(null), vec!["openid", "repo"]),
    ] {
        let grant = granted(json!({"access_token": "at", "scope": given})).await;
        assert_eq!(grant.scopes, expected);
    }
}

// RFC 6749 section 5.1: the type is case-insensitive. Section 7.1: a client must not use a token of an unknown type, such
// as DPoP (RFC 9449).
#[tokio::test]
async fn only_bearer_tokens() {
    // Apigee sends `BearerToken`, and Azure DevOps sends `jwt-bearer` (MicrosoftDocs/azure-devops-docs#810). eBay sends
    // the other unusual types (requests/requests-oauthlib issue 403).
    for bearer in [
        "Bearer",
        "bearer",
        "BEARER",
        "BearerToken",
        "jwt-bearer",
        "User Access Token",
        "Application Access Token",
        "",
    ] {
        granted(json!({"access_token": "at", "token_type": bearer})).await;
    }
    for other in ["DPoP", "mac", "N_A"] {
        let answer = json!({"access_token": "at", "refresh_token": "rt", "token_type": other});
        let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
        let error = unusable(Subject::plain(&stub.base).redeem().await);
        assert_eq!(kind(&error), ("refused", "unsupported_token_type"));
        assert!(error.to_string().contains(other), "{error}");
    }
}

#[tokio::test]
async fn a_token_type_is_quoted_without_secrets() {
    let token = "an-access-token";
    for (token_type, shown) in [
        (token.to_owned(), "[removed]"),
        (DEVICE_CODE.to_owned(), "[removed]"),
        (format!("a\nb{token}"), "a b[removed]"),
        (format!("mac{}", "x".repeat(50)), "macxxx"),
    ] {
        let answer =
            json!({"access_token": token, "refresh_token": "rt-2", "token_type": token_type});
        let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
        let words = unusable(Subject::plain(&stub.base).redeem().await).to_string();
        assert!(words.contains(&format!("token_type: {shown}")), "{words}");
        assert!(
            !words.contains(token) && !words.contains(DEVICE_CODE),
            "{words}"
        );
        assert!(!words.contains(&"x".repeat(38)), "{words}");
    }
}

#[tokio::test]
async fn a_success_without_a_token_makes_no_sense() {
    for answer in [
        json!({}),
        json!({"access_token": ""}),
        json!({"access_token": 7}),
    ] {
        let error = error_of(redeem(200, answer).await);
        assert_eq!(kind(&error), ("nonsense", ""));
    }
}

// WeChat and Salesforce's REST API explain the failure in members that RFC 6749 does not define.
#[tokio::test]
async fn a_success_without_a_token_is_explained_in_the_provider_s_words() {
    for answer in [
        json!({"errcode": 40030, "errmsg": "invalid refresh_token"}),
        json!({"data": {"access_token": ""}, "message": "invalid refresh_token"}),
    ] {
        let error = refreshed(&answer, None).await.err().unwrap();
        assert_eq!(kind(&error.cause), ("nonsense", ""));
        assert!(error.may_have_acted);
        let words = error.to_string();
        assert!(
            words.contains("without an access_token: invalid refresh_token"),
            "{words}"
        );
    }
    // A masked copy of the old refresh token is not a new refresh token.
    let echo = json!({"success": false, "request": {"refresh_token": "rt-***"}});
    let error = refreshed(&echo, None).await.err().unwrap();
    assert_eq!(kind(&error.cause), ("nonsense", ""));
    let echo = json!({"message": format!("no such token: {REFRESH_TOKEN}")});
    let words = refreshed(&echo, None).await.err().unwrap().to_string();
    assert!(!words.contains(REFRESH_TOKEN), "{words}");
}

// RFC 6749 section 5.1 requires 200, but some servers send 201.
#[tokio::test]
async fn every_2xx_is_a_success() {
    assert!(redeem(201, json!({"access_token": "at"})).await.is_ok());
}

/// Refreshes at a server that sends `answer` with this refresh token.
async fn refreshed(
    answer: &Value,
    refresh_token: Option<&str>,
) -> Result<RefreshAnswer, RefreshError> {
    let answer = changed(answer.clone(), json!({"refresh_token": refresh_token}));
    let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
    Subject::plain(&stub.base).refresh_answer().await
}

// casdoor/casdoor issue 662: the response to a rejected refresh has status 200 and a sentence instead of the access token.
#[tokio::test]
async fn only_a_token_is_a_token() {
    for text in [
        "error: the refresh token is invalid, expired or revoked",
        "abc\r\nX-Injected: 1",
        "abc\nd",
        "   ",
        "a b",
        "a\0b",
        "tök€n",
        "null",
        "Undefined",
        "<html>",
        "****",
    ] {
        let answer = json!({"access_token": text, "token_type": "", "expires_in": 0});
        let error = error_of(redeem(200, answer.clone()).await);
        assert_eq!(kind(&error), ("nonsense", ""), "{text:?}");
        assert!(!error.to_string().contains(text), "{error}");
        // Without a new refresh token, this response is an error. The stored tokens stay, and the error counts towards an
        // outage.
        for refresh_token in [None, Some(REFRESH_TOKEN)] {
            let error = refreshed(&answer, refresh_token).await.err().unwrap();
            assert_eq!(kind(&error.cause), ("nonsense", ""), "{text:?}");
            assert!(error.may_have_acted);
        }
        for refresh_token in ["rt 2/ü", "rt2\n"] {
            match refreshed(&answer, Some(refresh_token)).await {
                Ok(RefreshAnswer::Unusable {
                    refresh_token: Some(kept),
                    why,
                }) => {
                    assert_eq!(kept.expose(), refresh_token);
                    assert_eq!(kind(&why), ("nonsense", ""));
                }
                _ => panic!("{text:?}"),
            }
        }
    }
    for token in ["at", "a|b!~:%$/+=", "eyJ.eyJ.c2ln"] {
        let grant = granted(json!({"access_token": token})).await;
        assert_eq!(grant.access_token.expose(), token);
    }
}

#[tokio::test]
async fn a_text_in_the_place_of_a_token_may_be_a_known_error() {
    for (text, expected) in [
        ("error: invalid_grant", ("refused", "invalid_grant")),
        ("error:invalid_refresh_token", ("refused", "invalid_grant")),
        ("invalid_grant", ("refused", "invalid_grant")),
        (
            "invalid_grant: the token was revoked",
            ("refused", "invalid_grant"),
        ),
        ("error: temporarily_unavailable", ("unavailable", "")),
    ] {
        let answer = json!({"access_token": text, "token_type": "", "expires_in": 0});
        let stub = Stub::start(move |_, _| reply_json(200, &answer)).await;
        let error = Subject::plain(&stub.base).refresh().await.err().unwrap();
        assert_eq!(kind(&error.cause), expected, "{text}");
    }
}

#[tokio::test]
async fn a_refresh_token_has_no_control_characters_but_line_breaks() {
    for text in [
        "",
        " ",
        "r\0t",
        "r\u{7f}t",
        "null",
        "undefined",
        "r\u{fffd}t",
    ] {
        let grant = granted(json!({"access_token": "at", "refresh_token": text})).await;
        assert!(grant.refresh_token.is_none(), "{text:?}");
    }
}
