//! Rejects extra parameters with reserved names. The operator or a preset may have set them.

use super::{ProviderSettings, SettingsError};

/// Reserved in every request: client authentication (RFC 6749 section 2.3, RFC 7521 section 4.2).
const CLIENT: [&str; 4] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Reserved in authorization requests (RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core section
/// 3.1.2.1).
const AUTHORIZATION: [&str; 7] = [
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];

/// Reserved in token requests (RFC 6749 section 4.1.3, RFC 7636 section 4.5, RFC 8628 section 3.4).
const TOKEN: [&str; 5] = [
    "grant_type",
    "code",
    "code_verifier",
    "device_code",
    "redirect_uri",
];

/// Reserved in refreshes (RFC 6749 section 6). `scope` is not reserved, because some servers require it at each
/// refresh.
const REFRESH: [&str; 2] = ["grant_type", "refresh_token"];

/// Reserved in revocation requests (RFC 7009 section 2.1).
const REVOCATION: [&str; 2] = ["token", "token_type_hint"];

pub(super) fn check(settings: &ProviderSettings) -> Result<(), SettingsError> {
    let quirks = &settings.quirks;
    let device = &quirks.device;
    let scope = [device.scope_parameter.as_deref().unwrap_or("scope")];
    let code = [device.code_parameter.as_deref().unwrap_or("device_code")];
    let token = [quirks.revocation.parameter.as_deref().unwrap_or("token")];
    let authorization = settings.authorization_parameters.iter();
    let mut modes = authorization
        .clone()
        .filter(|(name, _)| name == "response_mode");
    if modes.any(|(_, mode)| !["", "query"].contains(&mode.as_str())) {
        // The response must come in the query of the redirect URI.
        return Err(SettingsError::new(
            "authorization_parameters can set response_mode only to \"query\": browsers keep this service's cookie out of a \
             form that another site posts, and a fragment in the browser",
        ));
    }
    find(
        "authorization_parameters",
        authorization.map(|(name, _)| name),
        &[&AUTHORIZATION],
    )?;
    find(
        "quirks.device.parameters",
        device.parameters.keys(),
        &[&scope],
    )?;
    find(
        "quirks.token.parameters",
        quirks.token.parameters.keys(),
        &[&TOKEN, &code],
    )?;
    find(
        "quirks.refresh.parameters",
        quirks.refresh.parameters.keys(),
        &[&REFRESH],
    )?;
    find(
        "quirks.revocation.parameters",
        quirks.revocation.parameters.keys(),
        &[&REVOCATION, &token],
    )
}

fn find<'a>(
    key: &'static str,
    mut names: impl Iterator<Item = &'a String>,
    ours: &[&[&str]],
) -> Result<(), SettingsError> {
    let is_ours = |name: &str| CLIENT.contains(&name) || ours.iter().any(|all| all.contains(&name));
    match names.find(|name| is_ours(name)) {
        Some(name) => Err(SettingsError(format!(
            "{key} cannot set {name}: this service sets it itself"
        ))),
        None => Ok(()),
    }
}
