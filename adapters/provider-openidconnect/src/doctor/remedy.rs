//! Remedies for errors of a provider.

use central_oauth_domain::ports::ProviderError;

use crate::settings::Flow;

pub(super) fn of(error: &ProviderError, flow: Flow) -> &'static str {
    match error {
        ProviderError::Unavailable { detail, .. } => of_silence(&detail.to_lowercase()),
        ProviderError::Nonsense { detail } if detail.starts_with("no error code") => {
            "Check client_id first, because some providers answer only this to an unknown client. Then compare the \
             address with the provider's documentation."
        }
        ProviderError::Nonsense { .. } => {
            "Something else answers at this address. Compare it with the provider's documentation, and look for a \
             proxy or a sign-in page in between."
        }
        ProviderError::Misconfigured { code, detail }
            if code == "endpoint_refused" && detail.contains("jwks_uri") =>
        {
            "The issuer's jwks_uri must be https and must not be private. Ask the provider to correct its metadata, or \
             remove issuer and set the endpoints; then userinfo identifies people."
        }
        ProviderError::Misconfigured { code, .. } | ProviderError::Refused { code, .. } => {
            of_code(code, flow)
        }
    }
}

/// Whether the error may pass by itself. An untrusted certificate does not.
pub(super) fn is_temporary(error: &ProviderError) -> bool {
    match error {
        ProviderError::Unavailable { detail, .. } => !is_about_trust(&detail.to_lowercase()),
        _ => false,
    }
}

fn is_about_trust(words: &str) -> bool {
    words.contains("certificate") || words.contains("no https client")
}

/// Returns the remedy for a missing response, by the error text of the HTTP client and its libraries.
fn of_silence(words: &str) -> &'static str {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if says(&["private address"]) {
        "Ask the provider to correct its metadata. If the endpoint is in your network on purpose, set it yourself; \
         your own settings may be private. For jwks_uri there is no setting: remove issuer and set the endpoints; \
         then userinfo identifies people."
    } else if says(&["dns", "lookup", "resolve"]) {
        "Check the host name, and whether this machine can resolve it (`getent hosts NAME`)."
    } else if is_about_trust(words) || says(&["tls", "handshake"]) {
        "This machine does not trust the server. Set SSL_CERT_FILE to a file with its CA certificates, and check this \
         machine's clock."
    } else if says(&["refused", "unreachable", "(connect)"]) {
        "Check the address and port, the firewall, and whether a proxy (HTTPS_PROXY) is needed."
    } else if says(&["in time", "timed out"]) {
        "Check whether a firewall drops the requests. If the provider is slow, raise PROVIDER_TIMEOUT."
    } else if says(&["http 429"]) {
        "The provider limits requests. Check again later."
    } else {
        "The provider has trouble. Look at its status page and check again later."
    }
}

fn of_code(code: &str, flow: Flow) -> &'static str {
    match code {
        "invalid_client" | "invalid_client_id" | "incorrect_client_credentials" => {
            "Compare client_id and client_secret with the provider's settings (a secret may have expired), and \
             token_endpoint_auth_method with the client's registration."
        }
        "unauthorized_client" | "device_flow_disabled" | "unsupported_grant_type" => of_flow(flow),
        "invalid_scope" => {
            "Remove the scopes that the provider does not know, or allow them for this client at the provider."
        }
        "redirect_uri_mismatch" | "invalid_redirect_uri" => {
            "Register exactly the redirect URI above at the provider."
        }
        "issuer_mismatch" => "Set issuer to exactly the issuer of the provider's metadata.",
        "no_metadata" => {
            "Check issuer, including its path (realm or tenant). For a server without metadata set the endpoints \
             instead."
        }
        "metadata_redirected" => {
            "Set issuer to the issuer that the metadata names at its final address, or set the endpoints instead."
        }
        "endpoint_refused" => {
            "Discovered endpoints must be https and must not be private. Ask the provider to correct its metadata, or \
             set this endpoint yourself."
        }
        "no_endpoint" => "Set this endpoint if the server has it.",
        "pushed_requests_required" => {
            "Set flow = \"device\" if the provider has the device flow. Otherwise switch this requirement off at the \
             provider; if it is off for this client only, also set authorization_endpoint."
        }
        "client_secret_missing" => "Set client_secret.",
        "access_denied" => "Look for a policy at the provider that blocks this client.",
        _ => {
            "See the provider's documentation for this error, and compare the client's registration."
        }
    }
}

fn of_flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Device => {
            "Enable the device flow and refresh tokens for this client at the provider. If it has no device flow, set \
             flow = \"authorization_code\"."
        }
        Flow::AuthorizationCode => {
            "Allow the authorization code grant and refresh tokens for this client at the provider."
        }
    }
}
