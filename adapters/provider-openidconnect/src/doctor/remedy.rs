//! What to do about a provider's no, or its silence.

use central_oauth_domain::ports::ProviderError;

use crate::settings::Flow;

/// What to do about this error.
pub(super) fn of(error: &ProviderError, flow: Flow) -> &'static str {
    match error {
        ProviderError::Unavailable { detail, .. } => of_silence(&detail.to_lowercase()),
        ProviderError::Nonsense { detail } if detail.starts_with("no error code") => {
            "Check client_id first: some providers say no more than that to a client that they do not know. Then compare \
             the address with the provider's documentation."
        }
        ProviderError::Nonsense { .. } => {
            "Something other than this endpoint answers there: compare the address with the provider's documentation, \
             and look for a proxy or a sign-in page in between."
        }
        ProviderError::Misconfigured { code, detail }
            if code == "endpoint_refused" && detail.contains("jwks_uri") =>
        {
            "The address of the issuer's keys must be https and outside of private networks, and has no setting: have the \
             provider put its metadata right, or leave out issuer and set the endpoints; userinfo says who people are then."
        }
        ProviderError::Misconfigured { code, .. } | ProviderError::Refused { code, .. } => {
            of_code(code, flow)
        }
    }
}

/// Whether it may be well later. A certificate that is not trusted stays so.
pub(super) fn is_passing(error: &ProviderError) -> bool {
    match error {
        ProviderError::Unavailable { detail, .. } => !is_about_trust(&detail.to_lowercase()),
        _ => false,
    }
}

fn is_about_trust(words: &str) -> bool {
    words.contains("certificate") || words.contains("no https client")
}

/// The words are those of the HTTP client and of what is below it.
fn of_silence(words: &str) -> &'static str {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if says(&["private address"]) {
        "Have the provider put its metadata right; if the endpoint is meant to be in your network, set it yourself: names \
         that you give may lead anywhere. jwks_uri alone has no setting: leave out issuer and set the endpoints if it is \
         that; userinfo says who people are then."
    } else if says(&["dns", "lookup", "resolve"]) {
        "Check the host's name, and that this machine can resolve it (`getent hosts NAME`)."
    } else if is_about_trust(words) || says(&["tls", "handshake"]) {
        "This machine does not trust the server: name a file with its CA certificates in SSL_CERT_FILE, and check this \
         machine's clock."
    } else if says(&["refused", "unreachable", "(connect)"]) {
        "Check the address and the port, and whether a firewall stands in between or a proxy (HTTPS_PROXY) is needed."
    } else if says(&["in time", "timed out"]) {
        "Check whether a firewall drops what is sent there; if the provider is merely slow, raise PROVIDER_TIMEOUT."
    } else if says(&["http 429"]) {
        "The provider limits requests: look again later."
    } else {
        "The provider has trouble: look at its status page, and look again later."
    }
}

fn of_code(code: &str, flow: Flow) -> &'static str {
    match code {
        "invalid_client" | "invalid_client_id" | "incorrect_client_credentials" => {
            "Compare client_id and client_secret with what the provider shows (a secret may have expired), and \
             token_endpoint_auth_method with how this client is registered there."
        }
        "unauthorized_client" | "device_flow_disabled" | "unsupported_grant_type" => of_flow(flow),
        "invalid_scope" => {
            "Take out of scopes what the provider does not know, or allow it for this client there."
        }
        "redirect_uri_mismatch" | "invalid_redirect_uri" => {
            "Register the redirect URI above at the provider, letter for letter."
        }
        "issuer_mismatch" => {
            "Set issuer to exactly what the provider's metadata gives as its issuer."
        }
        "no_metadata" => {
            "Check issuer, its path too (a realm or tenant belongs to it); for a server without metadata set the \
             endpoints instead."
        }
        "endpoint_refused" => {
            "Endpoints must be https and outside of private networks: have the provider put its metadata right, or set \
             this endpoint yourself."
        }
        "no_endpoint" => "Set this endpoint, if the server has it.",
        "client_secret_missing" => "Set client_secret.",
        "access_denied" => "Look for a policy at the provider that keeps this client out.",
        _ => {
            "The words are the provider's own: its documentation explains them. Compare how this client is registered \
             there."
        }
    }
}

fn of_flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Device => {
            "Switch the device flow on for this client at the provider, refresh tokens too; where it has none, set \
             flow = \"authorization_code\"."
        }
        Flow::AuthorizationCode => {
            "Allow the authorization code grant and refresh tokens for this client at the provider."
        }
    }
}
