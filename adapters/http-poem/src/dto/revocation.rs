//! Revocations.

use central_oauth_domain::grant::revocation;
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;

use super::{ErrorDetail, example_time, mirror, page, utc};

/// Whether the provider has revoked the tokens: `revoked`; `unsupported`, if it cannot revoke them; `failed`, if it has
/// not confirmed yet. The service retries for a day. It stops when the person links again, because revoking the old
/// tokens might end the new grant.
#[derive(Enum, Clone, Copy)]
#[oai(rename_all = "snake_case")]
pub(crate) enum ProviderRevocation {
    Revoked,
    Unsupported,
    Failed,
}

/// The result of deleting an account.
#[derive(Object)]
#[oai(example)]
pub(crate) struct DeletedAccount {
    provider_revocation: ProviderRevocation,
}

mirror! {
    /// Status of a revocation: `pending` until the provider has confirmed it; then `revoked`, or `unsupported` if the
    /// provider cannot revoke the tokens, `failed` if it has not confirmed for a day, `cancelled` if the person has
    /// linked again and revoking might end the new grant.
    RevocationStatus of revocation::RevocationStatus { Pending, Revoked, Unsupported, Failed, Cancelled }
}

/// A revocation of tokens at their provider, without the tokens.
#[derive(Object)]
#[oai(skip_serializing_if_is_none, example)]
pub(crate) struct Revocation {
    /// The id of the revocation.
    id: String,
    /// The provider's name.
    provider: String,
    /// The person's id at the provider. Absent while it is unknown.
    account_id: Option<String>,
    /// The id of the deleted account. Absent if the tokens belonged to no account.
    deleted_account: Option<String>,
    status: RevocationStatus,
    /// When the revocation was requested.
    created_at: OffsetDateTime,
    /// When the revocation ended. Absent while it is pending.
    ended_at: Option<OffsetDateTime>,
    /// When the service tries next. Absent if it does not try again.
    next_attempt_at: Option<OffsetDateTime>,
    /// Number of failed attempts.
    attempts_failed: u32,
    last_error: Option<ErrorDetail>,
}

page! {
    /// One page of revocations.
    RevocationList,
    /// The revocations of this page, the oldest first.
    Revocation
}

impl From<revocation::RevocationStatus> for DeletedAccount {
    fn from(status: revocation::RevocationStatus) -> Self {
        use revocation::RevocationStatus as Status;
        let provider_revocation = match status {
            Status::Revoked => ProviderRevocation::Revoked,
            Status::Unsupported => ProviderRevocation::Unsupported,
            // In these states, the provider has not confirmed the revocation.
            Status::Pending | Status::Failed | Status::Cancelled => ProviderRevocation::Failed,
        };
        Self {
            provider_revocation,
        }
    }
}

impl From<revocation::Revocation> for Revocation {
    fn from(revocation: revocation::Revocation) -> Self {
        Self {
            id: revocation.id.to_string(),
            provider: revocation.provider.to_string(),
            account_id: revocation.person,
            deleted_account: revocation.account.map(|id| id.to_string()),
            status: revocation.status.into(),
            created_at: utc(revocation.created_at),
            ended_at: revocation.ended_at.map(utc),
            next_attempt_at: revocation.next_attempt_at.map(utc),
            attempts_failed: revocation.failures,
            last_error: revocation.last_error.map(ErrorDetail::from),
        }
    }
}

impl Example for DeletedAccount {
    fn example() -> Self {
        Self {
            provider_revocation: ProviderRevocation::Revoked,
        }
    }
}

impl Example for Revocation {
    fn example() -> Self {
        Self {
            id: "3".to_owned(),
            provider: "github".to_owned(),
            account_id: Some("583231".to_owned()),
            deleted_account: Some("42".to_owned()),
            status: RevocationStatus::Pending,
            created_at: example_time(0),
            ended_at: None,
            next_attempt_at: Some(example_time(5)),
            attempts_failed: 9,
            last_error: Some(ErrorDetail {
                code: "provider_unavailable".to_owned(),
                detail: "the provider did not answer".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::ToJSON as _;
    use revocation::RevocationStatus as Status;

    use super::*;

    #[test]
    fn unconfirmed_revocations_are_failed() {
        for (status, word) in [
            (Status::Revoked, "revoked"),
            (Status::Unsupported, "unsupported"),
            (Status::Pending, "failed"),
            (Status::Failed, "failed"),
            (Status::Cancelled, "failed"),
        ] {
            let said = DeletedAccount::from(status).provider_revocation.to_json();
            assert_eq!(said, Some(word.into()), "{status:?}");
        }
    }
}
