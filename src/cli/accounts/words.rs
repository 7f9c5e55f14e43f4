//! An account's health in words.

use time::OffsetDateTime;

use crate::cli::client::AccountDetails;
use crate::cli::when::{expiry, next};

pub(super) const HEAD: [&str; 8] = [
    "ID",
    "PROVIDER",
    "ACCOUNT",
    "STATUS",
    "TOKEN EXPIRES",
    "NEXT REFRESH",
    "GRANT ENDS",
    "LAST ERROR",
];

const NOTHING: &str = "-";

/// Returns the cells of an account, in the order of [`HEAD`].
pub(super) fn row(account: &AccountDetails, now: Option<OffsetDateTime>) -> [String; 8] {
    let error = account.last_error.as_ref();
    [
        account.id.clone(),
        account.provider.clone(),
        account.display_name.clone(),
        account.status.clone(),
        expiry(account.access_token_expires_at, now),
        next(account.next_refresh_at, now).unwrap_or_else(|| NOTHING.to_owned()),
        grant_end(account, now),
        error.map_or(NOTHING, |error| &error.code).to_owned(),
    ]
}

/// Says how to consent again with a key that is saved on this machine.
pub(super) fn relink(target: &str) -> String {
    format!("consent again with `central-oauth link --relink{target}`")
}

/// Says how to consent again, for the operator, who has no key of the account.
pub(super) fn relink_elsewhere() -> String {
    let here = relink("");
    format!("{here} on the machine that has its access key")
}

/// Says what is wrong with an account and what helps. Returns `None` for an active account without a warning.
pub(super) fn advice(
    account: &AccountDetails,
    relink: &str,
    now: Option<OffsetDateTime>,
) -> Option<String> {
    let help = match account.status.as_str() {
        "active" => return caution(account),
        "relink_required" => relink.to_owned(),
        "degraded" => retry_advice(account, now),
        _ => "see the documentation of the service".to_owned(),
    };
    let (id, name, provider) = (&account.id, &account.display_name, &account.provider);
    let wrong = match &account.last_error {
        Some(error) => format!("{} ({})", error.detail, error.code),
        None => account.status.clone(),
    };
    Some(format!("{id} ({name} at {provider}): {wrong}; {help}"))
}

/// Returns the warning of an active account.
fn caution(account: &AccountDetails) -> Option<String> {
    let warning = account.warning.as_ref()?;
    let (id, name, provider) = (&account.id, &account.display_name, &account.provider);
    let (detail, code) = (&warning.detail, &warning.code);
    Some(format!("{id} ({name} at {provider}): {detail} ({code})"))
}

/// Says when the service tries again, and whether the operator should act.
fn retry_advice(account: &AccountDetails, now: Option<OffsetDateTime>) -> String {
    const PASSING: &str = "provider_unavailable";
    let again =
        next(account.next_refresh_at, now).map_or_else(String::new, |next| format!(" {next}"));
    match &account.last_error {
        Some(error) if *error.code != PASSING => format!(
            "if this continues, ask the operator to check the provider's settings; the service tries again{again}"
        ),
        _ => format!("the service tries again{again}"),
    }
}

/// Returns when the grant ends, through disuse or age, whichever comes first.
fn grant_end(account: &AccountDetails, now: Option<OffsetDateTime>) -> String {
    let ends = [account.refresh_token_expires_at, account.grant_expires_at];
    let first = ends.into_iter().flatten().min();
    first.map_or_else(|| NOTHING.to_owned(), |at| expiry(Some(at), now))
}
