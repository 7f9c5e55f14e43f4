use central_oauth_domain::Timestamp;
use central_oauth_domain::webhook::WebhookMessage;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    account: String,
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relink_url: Option<&'a str>,
}

/// Returns the JSON object `{type, timestamp, data}`. Times are RFC 3339, in whole seconds.
pub(super) fn json(message: &WebhookMessage) -> String {
    let event = &message.event;
    let body = Body {
        r#type: event.kind.as_str(),
        timestamp: rfc_3339(event.at),
        data: Data {
            account: event.account.to_string(),
            provider: &event.provider,
            error: event.error.as_deref(),
            expires_at: message.expires_at.map(rfc_3339),
            relink_url: message.relink_url.as_ref().map(|url| url.expose()),
        },
    };
    // Serializing strings cannot fail.
    serde_json::to_string(&body).unwrap_or_default()
}

/// Formats a time without milliseconds, because some parsers reject a fraction of one or two digits. A year that RFC
/// 3339 cannot express gives an empty string; no clock shows such a year.
fn rfc_3339(at: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.as_millis().div_euclid(1000));
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_default()
}
