use std::mem::discriminant;

use central_oauth_domain::grant::{AccessKeyId, AccountId, AccountKey, ProviderName, TokenOrigin};
use central_oauth_domain::link::{
    Ending, HeldGrant, Link, LinkId, LinkState, LinkVersion, Owner, PollSchedule, Requester,
    SealedConsent, SealedGrant, SealedPrompt,
};
use central_oauth_domain::ports::StoreError;
use central_oauth_domain::secret::{KeyedHash, Sealed};
use central_oauth_domain::workload::ClaimList;
use central_oauth_domain::{Fault, Labels, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, Iterable};

use super::scalars::{
    bytes, duration, fault, fault_columns, hash, hash_bytes, millis, scopes, time,
};
use crate::entities::device_codes::{self, ActiveModel, Model, State};
use crate::error::Unreadable;

/// The name of a column with an invalid value.
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
        version: LinkVersion(row.version),
        code: hash(&row.code_hash).ok_or("code_hash")?,
        key: AccessKeyId(row.access_key_id),
        relink_of: row.relink_of.map(AccountId),
        provider: ProviderName::new(row.provider.clone()),
        requester: Requester {
            client_name: row.client_name.take(),
            address: row.address.take(),
            workload: workload(row.workload.take())?,
            labels: labels(row.labels.take().as_deref()),
        },
        network: optional_hash(row.network.take(), "network")?,
        created_at: Timestamp::from_millis(row.created_at),
        expires_at: Timestamp::from_millis(row.expires_at),
        browser: optional_hash(row.browser_hash.take(), "browser_hash")?,
        confirmed_from: optional_hash(row.confirmed_from.take(), "confirmed_from")?,
        callback: optional_hash(row.callback_hash.take(), "callback_hash")?,
        poll: poll(&row)?,
        lease_until: time(row.lease_until),
        return_code_tries: tries(&row)?,
        state: state(row)?,
    })
}

fn labels(lines: Option<&str>) -> Labels {
    let lines = lines.into_iter().flat_map(|lines| lines.split('\n'));
    let labels = lines.filter_map(|line| line.split_once('='));
    Labels::stored(labels.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn label_lines(labels: &Labels) -> Option<String> {
    let lines = labels.iter().map(|(name, value)| format!("{name}={value}"));
    let lines = Vec::from_iter(lines);
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn optional_hash(bytes: Option<Vec<u8>>, column: Column) -> Result<Option<KeyedHash>, Column> {
    let read = |bytes: Vec<u8>| hash(&bytes).ok_or(column);
    bytes.map(read).transpose()
}

fn workload(text: Option<String>) -> Result<Option<ClaimList>, Column> {
    let read = |text: String| ClaimList::from_text(&text).ok_or("workload");
    text.map(read).transpose()
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

fn tries(row: &Model) -> Result<Option<u32>, Column> {
    let tries = row.return_code_tries.map(u32::try_from);
    tries.transpose().map_err(|_| "return_code_tries")
}

fn state(row: Model) -> Result<LinkState, Column> {
    let ending = match row.state {
        State::Pending => return Ok(LinkState::Pending),
        State::Authorizing => return consent(row).map(LinkState::Authorizing),
        State::Redeemed => return grant(row).map(LinkState::Redeemed),
        State::Confirming => return held(row).map(LinkState::Confirming),
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
        client_id: row.client_id,
    })
}

fn held(mut row: Model) -> Result<HeldGrant, Column> {
    let owner_mac = optional_hash(row.owner_mac.take(), "owner_mac")?;
    let owner = Owner {
        key: AccountKey {
            provider: ProviderName::new(row.provider.clone()),
            account_id: row.person.take().ok_or("person")?,
        },
        identified: row.person_identified.ok_or("person_identified")?,
        display_name: row.person_name.take().ok_or("person_name")?,
    };
    Ok(HeldGrant {
        grant: grant(row)?,
        owner,
        owner_mac,
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

/// Returns the columns that an update from `before` to `after` writes. Equal columns are left out, because their sealed
/// values may have been re-encrypted since `before` was read. A change of state writes the columns of all states, so
/// that nothing of the old state remains. Tokens that the link keeps are not written again.
pub(crate) fn link_changes(before: &Link, after: &Link) -> ActiveModel {
    let keeps_state = discriminant(&before.state) == discriminant(&after.state);
    let keeps_tokens = before.held().is_some() && before.held() == after.held();
    let kept = (keeps_state || keeps_tokens).then(|| state_columns(&before.state));
    let old = columns(before, kept.unwrap_or_default());
    let mut new = link_columns(after);
    for column in device_codes::Column::iter() {
        if new.get(column) == old.get(column) {
            new.not_set(column);
        }
    }
    new
}

pub(crate) fn link_columns(link: &Link) -> ActiveModel {
    columns(link, state_columns(&link.state))
}

/// Returns the row of a link. `state` contains the columns of its state.
fn columns(link: &Link, state: ActiveModel) -> ActiveModel {
    let poll = link.poll;
    ActiveModel {
        id: Set(link.id.0),
        version: Set(link.version.0),
        code_hash: Set(hash_bytes(&link.code)),
        access_key_id: Set(link.key.0),
        relink_of: Set(link.relink_of.map(|account| account.0)),
        provider: Set(link.provider.as_str().to_owned()),
        client_name: Set(link.requester.client_name.clone()),
        address: Set(link.requester.address.clone()),
        workload: Set(link.requester.workload.as_ref().map(ClaimList::to_text)),
        labels: Set(label_lines(&link.requester.labels)),
        network: Set(link.network.as_ref().map(hash_bytes)),
        created_at: Set(link.created_at.as_millis()),
        expires_at: Set(link.expires_at.as_millis()),
        browser_hash: Set(link.browser.as_ref().map(hash_bytes)),
        confirmed_from: Set(link.confirmed_from.as_ref().map(hash_bytes)),
        callback_hash: Set(link.callback.as_ref().map(hash_bytes)),
        poll_interval: Set(poll.map(|poll| millis(poll.interval))),
        poll_failures: Set(poll.map(|poll| poll.failures.into())),
        poll_next_at: Set(poll.map(|poll| poll.next_at.as_millis())),
        lease_until: Set(link.lease_until.map(Timestamp::as_millis)),
        poll_due_at: NotSet,
        return_code_tries: Set(link.return_code_tries.map(i64::from)),
        ..state
    }
}

/// Returns the columns of a state. The columns of other states are NULL.
fn state_columns(state: &LinkState) -> ActiveModel {
    match state {
        LinkState::Pending => ActiveModel {
            state: Set(State::Pending),
            ..ActiveModel::default_values()
        },
        LinkState::Authorizing(consent) => consent_columns(consent),
        LinkState::Redeemed(grant) => grant_columns(grant),
        LinkState::Confirming(HeldGrant {
            grant,
            owner,
            owner_mac,
        }) => ActiveModel {
            state: Set(State::Confirming),
            person: Set(Some(owner.key.account_id.clone())),
            person_identified: Set(Some(owner.identified)),
            person_name: Set(Some(owner.display_name.clone())),
            owner_mac: Set(owner_mac.as_ref().map(hash_bytes)),
            ..grant_columns(grant)
        },
        LinkState::Linked { account, at } => ActiveModel {
            account_id: Set(Some(account.0)),
            ..ended_columns(State::Linked, None, *at)
        },
        LinkState::Ended { ending, at } => match ending {
            Ending::Denied(why) => ended_columns(State::Denied, why.as_ref(), *at),
            Ending::Expired => ended_columns(State::Expired, None, *at),
            Ending::Failed(fault) => ended_columns(State::Failed, Some(fault), *at),
        },
    }
}

fn consent_columns(consent: &SealedConsent) -> ActiveModel {
    let row = ActiveModel {
        state: Set(State::Authorizing),
        device_code: Set(Some(bytes(&consent.handle))),
        callback: Set(consent.callback.as_ref().map(bytes)),
        client_id: Set(consent.client_id.clone()),
        ..ActiveModel::default_values()
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

fn grant_columns(grant: &SealedGrant) -> ActiveModel {
    let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    ActiveModel {
        state: Set(State::Redeemed),
        access_token: Set(Some(bytes(&grant.access_token))),
        refresh_token: Set(grant.refresh_token.as_ref().map(bytes)),
        id_token: Set(grant.id_token.as_ref().map(bytes)),
        scopes: Set(Some(grant.scopes.join(" "))),
        extra: Set(grant.extra.as_ref().map(bytes)),
        requested_at: Set(Some(grant.requested_at.as_millis())),
        access_token_expires_at: Set(millis(grant.access_token_expires_at)),
        access_token_hinted_end: Set(millis(grant.access_token_hinted_end)),
        refresh_token_expires_at: Set(millis(grant.refresh_token_expires_at)),
        grant_expires_at: Set(millis(grant.grant_expires_at)),
        issuer: Set(grant.origin.issuer.clone()),
        token_endpoint: Set(Some(grant.origin.token_endpoint.clone())),
        client_id: Set(Some(grant.origin.client_id.clone())),
        ..ActiveModel::default_values()
    }
}

fn ended_columns(state: State, fault: Option<&Fault>, at: Timestamp) -> ActiveModel {
    let (code, detail) = fault_columns(fault.cloned());
    ActiveModel {
        state: Set(state),
        ended_at: Set(Some(at.as_millis())),
        error_code: Set(code),
        error_detail: Set(detail),
        ..ActiveModel::default_values()
    }
}
