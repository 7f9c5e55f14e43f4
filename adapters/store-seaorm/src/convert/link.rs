//! Links.

use central_oauth_domain::grant::{AccessKeyId, AccountId, ProviderName, TokenOrigin};
use central_oauth_domain::link::{
    Ending, Link, LinkId, LinkState, PollSchedule, Requester, SealedConsent, SealedGrant,
    SealedPrompt,
};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::{Fault, Timestamp};
use sea_orm::ActiveValue::Set;

use super::scalars::{bytes, duration, fault, hash, millis, scopes, time};
use crate::entities::device_codes::{ActiveModel, Model, State};
use crate::error::Unreadable;

/// The name of the column that makes no sense.
type Column = &'static str;

impl TryFrom<Model> for Link {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let (table, id) = ("device_codes", row.id);
        read(row).map_err(|column| Unreadable { table, id, column }.into())
    }
}

fn read(mut row: Model) -> Result<Link, Column> {
    Ok(Link {
        id: LinkId(row.id),
        version: row.version,
        code: hash(&row.code_hash).ok_or("code_hash")?,
        key: AccessKeyId(row.access_key_id),
        relink_of: row.relink_of.map(AccountId),
        provider: ProviderName::new(std::mem::take(&mut row.provider)),
        requester: Requester {
            client_name: row.client_name.take(),
            address: row.address.take(),
        },
        created_at: Timestamp::from_millis(row.created_at),
        expires_at: Timestamp::from_millis(row.expires_at),
        browser: optional_hash(row.browser_hash.take(), "browser_hash")?,
        callback: optional_hash(row.callback_hash.take(), "callback_hash")?,
        poll: poll(&row)?,
        lease_until: time(row.lease_until),
        state: state(row)?,
    })
}

fn optional_hash(bytes: Option<Vec<u8>>, column: Column) -> Result<Option<KeyedHash>, Column> {
    let read = |bytes: Vec<u8>| hash(&bytes).ok_or(column);
    bytes.map(read).transpose()
}

fn poll(row: &Model) -> Result<Option<PollSchedule>, Column> {
    let Some(next_at) = row.poll_next_at else {
        return Ok(None);
    };
    let interval = row.poll_interval.and_then(duration);
    let failures = row.poll_failures.and_then(|n| n.try_into().ok());
    Ok(Some(PollSchedule {
        interval: interval.ok_or("poll_interval")?,
        failures: failures.ok_or("poll_failures")?,
        next_at: Timestamp::from_millis(next_at),
    }))
}

fn state(row: Model) -> Result<LinkState, Column> {
    let ending = match row.state {
        State::Pending => return Ok(LinkState::Pending),
        State::Authorizing => return consent(row).map(LinkState::Authorizing),
        State::Redeemed => return grant(row).map(LinkState::Redeemed),
        State::Linked => return linked(&row),
        State::Denied => {
            let why = fault(row.error_code, row.error_detail);
            Ending::Denied(why.map_err(|()| "error_code")?)
        }
        State::Expired => Ending::Expired,
        State::Failed => {
            let fault = fault(row.error_code, row.error_detail).ok().flatten();
            Ending::Failed(fault.ok_or("error_code")?)
        }
    };
    let at = time(row.ended_at).ok_or("ended_at")?;
    Ok(LinkState::Ended { ending, at })
}

fn linked(row: &Model) -> Result<LinkState, Column> {
    Ok(LinkState::Linked {
        account: row.account_id.map(AccountId).ok_or("account_id")?,
        at: time(row.ended_at).ok_or("ended_at")?,
    })
}

fn consent(row: Model) -> Result<SealedConsent, Column> {
    let handle = row.device_code.map(Sealed::from_bytes);
    let uri = row.verification_uri_complete.map(Sealed::from_bytes);
    let prompt = match row.user_code.map(Sealed::from_bytes) {
        Some(user_code) => SealedPrompt::UserCode {
            user_code,
            verification_uri: row.verification_uri.ok_or("verification_uri")?,
            verification_uri_complete: uri,
        },
        None => SealedPrompt::Visit {
            uri: uri.ok_or("verification_uri_complete")?,
        },
    };
    Ok(SealedConsent {
        handle: handle.ok_or("device_code")?,
        prompt,
        callback: row.callback.map(Sealed::from_bytes),
    })
}

fn grant(row: Model) -> Result<SealedGrant, Column> {
    let access_token = row.access_token.map(Sealed::from_bytes);
    Ok(SealedGrant {
        access_token: access_token.ok_or("access_token")?,
        refresh_token: row.refresh_token.map(Sealed::from_bytes),
        id_token: row.id_token.map(Sealed::from_bytes),
        scopes: scopes(&row.scopes.ok_or("scopes")?),
        extra: row.extra.map(Sealed::from_bytes),
        requested_at: time(row.requested_at).ok_or("requested_at")?,
        access_token_expires_at: time(row.access_token_expires_at),
        access_token_hinted_end: time(row.access_token_hinted_end),
        refresh_token_expires_at: time(row.refresh_token_expires_at),
        grant_expires_at: time(row.grant_expires_at),
        origin: TokenOrigin {
            issuer: row.issuer,
            token_endpoint: row.token_endpoint.ok_or("token_endpoint")?,
            client_id: row.client_id.ok_or("client_id")?,
        },
    })
}

/// Everything that a state keeps, wiped, whatever state it was: what a change of state starts from. The hash of a
/// callback belongs to the link and stays.
fn wiped() -> ActiveModel {
    ActiveModel {
        device_code: Set(None),
        user_code: Set(None),
        verification_uri: Set(None),
        verification_uri_complete: Set(None),
        callback: Set(None),
        access_token: Set(None),
        refresh_token: Set(None),
        id_token: Set(None),
        scopes: Set(None),
        extra: Set(None),
        requested_at: Set(None),
        access_token_expires_at: Set(None),
        access_token_hinted_end: Set(None),
        refresh_token_expires_at: Set(None),
        grant_expires_at: Set(None),
        issuer: Set(None),
        token_endpoint: Set(None),
        client_id: Set(None),
        ..Default::default()
    }
}

pub(crate) fn consent_columns(consent: &SealedConsent) -> ActiveModel {
    let row = ActiveModel {
        state: Set(State::Authorizing),
        device_code: Set(Some(bytes(&consent.handle))),
        callback: Set(consent.callback.as_ref().map(bytes)),
        ..wiped()
    };
    match &consent.prompt {
        SealedPrompt::UserCode {
            user_code,
            verification_uri,
            verification_uri_complete,
        } => ActiveModel {
            user_code: Set(Some(bytes(user_code))),
            verification_uri: Set(Some(verification_uri.clone())),
            verification_uri_complete: Set(verification_uri_complete.as_ref().map(bytes)),
            ..row
        },
        SealedPrompt::Visit { uri } => ActiveModel {
            verification_uri_complete: Set(Some(bytes(uri))),
            ..row
        },
    }
}

pub(crate) fn grant_columns(grant: SealedGrant) -> ActiveModel {
    let expires_at = grant.access_token_expires_at;
    let dies_at = grant.refresh_token_expires_at;
    let ends_at = grant.grant_expires_at;
    let hinted_end = grant.access_token_hinted_end;
    ActiveModel {
        state: Set(State::Redeemed),
        access_token: Set(Some(bytes(&grant.access_token))),
        refresh_token: Set(grant.refresh_token.as_ref().map(bytes)),
        id_token: Set(grant.id_token.as_ref().map(bytes)),
        scopes: Set(Some(grant.scopes.join(" "))),
        extra: Set(grant.extra.as_ref().map(bytes)),
        requested_at: Set(Some(grant.requested_at.as_millis())),
        access_token_expires_at: Set(expires_at.map(Timestamp::as_millis)),
        access_token_hinted_end: Set(hinted_end.map(Timestamp::as_millis)),
        refresh_token_expires_at: Set(dies_at.map(Timestamp::as_millis)),
        grant_expires_at: Set(ends_at.map(Timestamp::as_millis)),
        issuer: Set(grant.origin.issuer),
        token_endpoint: Set(Some(grant.origin.token_endpoint)),
        client_id: Set(Some(grant.origin.client_id)),
        ..wiped()
    }
}

pub(crate) fn poll_columns(poll: Option<PollSchedule>, row: ActiveModel) -> ActiveModel {
    ActiveModel {
        poll_interval: Set(poll.map(|poll| millis(poll.interval))),
        poll_failures: Set(poll.map(|poll| poll.failures.into())),
        poll_next_at: Set(poll.map(|poll| poll.next_at.as_millis())),
        ..row
    }
}

/// An ended link keeps no secret and is asked about no more.
pub(crate) fn ended_columns(state: State, fault: Option<Fault>, now: Timestamp) -> ActiveModel {
    let (code, detail) = fault.map(|fault| (fault.code, fault.detail)).unzip();
    let row = ActiveModel {
        state: Set(state),
        ended_at: Set(Some(now.as_millis())),
        error_code: Set(code),
        error_detail: Set(detail),
        lease_until: Set(None),
        ..wiped()
    };
    poll_columns(None, row)
}
