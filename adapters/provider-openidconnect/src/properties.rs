//! Random responses, composed of pieces of real responses. `PROPTEST_CASES` sets the number of cases.

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::TokenOrigin;
use central_oauth_domain::ports::Prompt;
use central_oauth_domain::secret::IdToken;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use url::Url;

use crate::dialect::Dialect;
use crate::http::{Body, Fields};
use crate::oauth_error::OAuthError;
use crate::quirks::Quirks;
use crate::scrub::Scrubber;
use crate::token::TokenResponses;
use crate::{device_authorization, identity};

/// A secret of the request, which responses may echo.
const SECRET: &str = "s3cr3t/with+marks";
const PIECES: [&str; 56] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "=",
    "&",
    "%",
    "+",
    " ",
    "\n",
    "\0",
    "<html>",
    "</",
    "<!--",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "99999999999999999999",
    "3600",
    "\"3600\"",
    "\"access_token\":",
    "\"refresh_token\":",
    "\"token_type\":\"bearer\"",
    "\"expires_in\":",
    "\"error\":",
    "\"error_description\":",
    "\"id_token\":",
    "\"scope\":",
    "\"device_code\":\"d\"",
    "\"user_code\":\"U\"",
    "\"verification_uri\":\"https://a.example\"",
    "\"verification_uri\":\"javascript:alert(1)\"",
    "\"x\"",
    "access_token=a",
    "error=b",
    "refresh_token=c",
    "%00",
    "%ff",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\u{202e}",
    "é",
    "🔥",
    "eyJhbGciOiJub25lIn0",
    ".",
    SECRET,
    "s3cr3t%2Fwith%2Bmarks",
    "\"invalid_grant\"",
    "\"data\":{",
];

fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = vec(select(&PIECES[..]), 0..40).prop_map(|pieces| pieces.concat().into_bytes());
    let wrapped = vec(select(&PIECES[26..39]), 1..8)
        .prop_map(|members| format!("{{{}}}", members.join("\"v\",")).into_bytes());
    prop_oneof![text, wrapped, vec(any::<u8>(), 0..200)]
}

fn origin() -> TokenOrigin {
    TokenOrigin {
        issuer: None,
        token_endpoint: "https://a.example/token".to_owned(),
        client_id: "client".to_owned(),
    }
}

fn scrubber() -> Scrubber {
    let mut scrubber = Scrubber::default();
    scrubber.add(SECRET);
    scrubber
}

fn read(fields: &Fields) -> Result<(), TestCaseError> {
    let quirks = Quirks::default();
    let responses = TokenResponses {
        scopes: &[],
        origin: origin(),
        quirks: &quirks,
        extra: &[],
        now: Timestamp::from_millis(1_800_000_000_000),
    };
    if let Ok(grant) = responses.read_grant(fields) {
        prop_assert!(!grant.access_token.expose().is_empty());
    }
    let endpoint = Url::parse("https://provider.test/device").expect("an address");
    if let Ok(consent) = device_authorization::read(fields, &endpoint, &quirks.device)
        && let Prompt::UserCode {
            verification_uri, ..
        } = &consent.prompt
    {
        prop_assert!(
            verification_uri.starts_with("https://"),
            "{verification_uri}"
        );
    }
    let (dialect, secrets) = (Dialect::default(), scrubber());
    let named = OAuthError::read(fields, &dialect, &secrets);
    let unnamed = OAuthError::unnamed(fields, &dialect, &secrets);
    for error in named.into_iter().chain([unnamed]) {
        let told = [Some(error.code), Some(error.detail), error.words];
        for text in told.iter().flatten() {
            prop_assert!(!text.contains("s3cr3t"), "{text}");
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_answer_of_a_provider_does_harm(
        body in body(),
        media_type in select(&["application/json", "application/x-www-form-urlencoded", "text/html", "application/jwt", ""][..]),
    ) {
        if let Body::Fields(fields) | Body::Salvaged(fields) = Body::parse(media_type, &body) {
            read(&fields)?;
        }
        if let Some(Body::Fields(fields) | Body::Salvaged(fields)) = Body::parse_part(&body) {
            read(&fields)?;
        }
        let token = IdToken::new(String::from_utf8_lossy(&body));
        let _ = identity::unverified_claims(&token);
    }
}
