//! The device authorization response (RFC 8628 section 3.2), and the errors that the token endpoint returns to polls,
//! such as `authorization_pending` (section 3.5).

use std::time::Duration;

use central_oauth_domain::ports::{Consent, ConsentHandle, Prompt, ProviderError, Redemption};
use central_oauth_domain::secret::{ConsentUri, DeviceCode, UserCode};
use central_oauth_domain::text::deceptive;
use url::Url;

use crate::dialect::Meaning;
use crate::http::Fields;
use crate::oauth_error::OAuthError;
use crate::quirks::DeviceQuirks;

/// Lifetime of a device code if the response lacks the required `expires_in` or says 0. GitHub and Microsoft use 900 s.
/// A value that is too long does no harm, because the provider reports an expired code.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(900);
/// Maximum number of characters in a user code. Nobody types a longer one.
const MAX_USER_CODE: usize = 128;

/// Parses the response of the device authorization endpoint. Google names the URLs `verification_url` and
/// `verification_url_complete`. A code of digits may be a JSON number. If `verification_uri` is missing, the complete
/// URL replaces it, because it leads to the same page. A complete URL that is unusable is ignored, because it is
/// optional.
pub(crate) fn read(
    fields: &Fields,
    endpoint: &Url,
    quirks: &DeviceQuirks,
) -> Result<Consent, ProviderError> {
    let device_code = fields
        .identifier("device_code")
        .ok_or_else(|| nonsense("no device_code"))?;
    let complete = fields.first_text(&["verification_uri_complete", "verification_url_complete"]);
    let uri = fields
        .first_text(&["verification_uri", "verification_url"])
        .or(complete)
        .ok_or_else(|| nonsense("no verification_uri"))?;
    let complete = complete.or(quirks.verification_uri_is_complete.then_some(uri));
    let unit = if quirks.times_in_milliseconds {
        1000
    } else {
        1
    };
    let time = |name: &str| fields.seconds(name).map(|time| time / unit);
    Ok(Consent {
        handle: ConsentHandle::DeviceCode(DeviceCode::new(device_code)),
        prompt: Prompt::UserCode {
            user_code: user_code(fields)?,
            verification_uri: verification_uri(uri, endpoint)?,
            verification_uri_complete: complete
                .and_then(|uri| verification_uri(uri, endpoint).ok())
                .map(ConsentUri::new),
        },
        expires_in: time("expires_in")
            .filter(|lifetime| !lifetime.is_zero())
            .unwrap_or(DEFAULT_LIFETIME),
        interval: time("interval"),
    })
}

fn user_code(fields: &Fields) -> Result<UserCode, ProviderError> {
    let code = fields
        .identifier("user_code")
        .ok_or_else(|| nonsense("no user_code"))?;
    if code.chars().count() > MAX_USER_CODE || deceptive(&code).is_some() {
        return Err(nonsense("a user_code that nobody can type"));
    }
    Ok(UserCode::new(code))
}

/// Checks a URL that the person's browser will open: only http and https are accepted, not `javascript:` and the like.
/// A path is resolved against the endpoint, because Better Auth sends `/device`.
fn verification_uri(text: &str, endpoint: &Url) -> Result<String, ProviderError> {
    let url = match text.starts_with('/') {
        true => endpoint.join(text),
        false => Url::parse(text),
    };
    match url {
        Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(url.into()),
        _ => Err(nonsense("a verification_uri that is not a web address")),
    }
}

fn nonsense(what: &str) -> ProviderError {
    ProviderError::nonsense(format!("a device authorization response with {what}"))
}

/// Interprets an error of the token endpoint for a flow that may continue (RFC 8628 section 3.5).
pub(crate) fn unfinished(error: OAuthError) -> Result<Redemption, ProviderError> {
    match error.meaning {
        Meaning::Pending => Ok(Redemption::Pending {
            interval: error.retry_after,
        }),
        Meaning::SlowDown => Ok(Redemption::SlowDown {
            interval: error.interval.or(error.retry_after),
        }),
        Meaning::Denied if !error.is_limit() => Ok(Redemption::Denied(error.words)),
        Meaning::Expired => Ok(Redemption::Expired),
        Meaning::Denied
        | Meaning::Passing
        | Meaning::Misconfigured
        | Meaning::Doubtful
        | Meaning::Refused => Err(error.into()),
    }
}
