use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::revocation::{
    NewRevocation, RevocableTokens, Revocation, RevocationId, RevocationLease, RevocationReference,
    RevocationStatus,
};
use central_oauth_domain::grant::{AccountId, Lease, LeaseVersion, ProviderName, TokenOrigin};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::Sealed;
use sea_orm::ActiveValue::Set;

use super::scalars::{bytes, fault, time};
use crate::entities::revocations::{ActiveModel, Model, Status};
use crate::error::Unreadable;

fn unreadable(id: i64, column: &'static str) -> StoreError {
    let table = "revocations";
    Unreadable { table, id, column }.into()
}

impl TryFrom<Model> for Revocation {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let last_error = fault(row.last_error_code, row.last_error_detail);
        Ok(Self {
            id: RevocationId(row.id),
            provider: ProviderName::new(row.provider),
            person: row.person,
            account: row.account_id.map(AccountId),
            status: row.status.into(),
            created_at: Timestamp::from_millis(row.created_at),
            ended_at: time(row.ended_at),
            next_attempt_at: time(row.next_attempt_at),
            failures: row.failures.try_into().unwrap_or(u32::MAX),
            last_error: last_error.map_err(|()| unreadable(row.id, "last_error_code"))?,
            lease: Lease {
                version: LeaseVersion(row.lease_version),
                until: time(row.lease_until),
            },
        })
    }
}

impl TryFrom<Model> for RevocationLease {
    type Error = StoreError;

    fn try_from(mut row: Model) -> Result<Self, StoreError> {
        let reference = reference(&row)?;
        let sealed = |bytes: &mut Option<Vec<u8>>| bytes.take().map(Sealed::from_bytes);
        Ok(Self {
            reference,
            origin: TokenOrigin {
                issuer: row.issuer.take(),
                token_endpoint: std::mem::take(&mut row.token_endpoint),
                client_id: std::mem::take(&mut row.client_id),
            },
            tokens: RevocableTokens {
                access_token: sealed(&mut row.access_token),
                refresh_token: sealed(&mut row.refresh_token),
                id_token: sealed(&mut row.id_token),
            },
            requested_at: Timestamp::from_millis(row.requested_at),
            revocation: row.try_into()?,
        })
    }
}

/// Reads the reference to which the tokens of a row are sealed.
pub(crate) fn reference(row: &Model) -> Result<RevocationReference, StoreError> {
    let bytes = row.reference.as_slice().try_into();
    bytes
        .map(RevocationReference)
        .map_err(|_| unreadable(row.id, "reference"))
}

/// Returns the row of a new revocation. The revocation is due at once or, if the caller holds a lease, when the lease
/// expires.
pub(crate) fn new_revocation(new: NewRevocation) -> ActiveModel {
    let tokens = &new.tokens;
    ActiveModel {
        reference: Set(new.reference.0.to_vec()),
        provider: Set(new.provider.as_str().to_owned()),
        person: Set(new.person),
        account_id: Set(new.account.map(|account| account.0)),
        issuer: Set(new.origin.issuer),
        token_endpoint: Set(new.origin.token_endpoint),
        client_id: Set(new.origin.client_id),
        access_token: Set(tokens.access_token.as_ref().map(bytes)),
        refresh_token: Set(tokens.refresh_token.as_ref().map(bytes)),
        id_token: Set(tokens.id_token.as_ref().map(bytes)),
        requested_at: Set(new.requested_at.as_millis()),
        created_at: Set(new.created_at.as_millis()),
        status: Set(Status::Pending),
        next_attempt_at: Set(Some(new.created_at.as_millis())),
        lease_until: Set(new.lease_until.map(Timestamp::as_millis)),
        lease_version: Set(1),
        failures: Set(0),
        ..Default::default()
    }
}

/// Returns the columns that end a revocation. Its tokens are deleted, and it is never due again.
pub(crate) fn ended_revocation(status: RevocationStatus, now: Timestamp) -> ActiveModel {
    ActiveModel {
        status: Set(status.into()),
        ended_at: Set(Some(now.as_millis())),
        next_attempt_at: Set(None),
        lease_until: Set(None),
        access_token: Set(None),
        refresh_token: Set(None),
        id_token: Set(None),
        ..Default::default()
    }
}
