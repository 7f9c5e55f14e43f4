//! Sealed values in memory.

use std::collections::BTreeSet;
use std::future::pending;

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::grant::StoredTokens;
use crate::grant::revocation::RevocationLease;
use crate::link::{HeldGrant, Link, LinkState, SealedPrompt};
use crate::ports::{
    DamagedRow, OwnerKind, Resealing, SealStore, SealedRow, SealedTo, SealedValue, SecretKind,
    StoreError,
};
use crate::secret::{SealId, Sealed};

#[async_trait]
impl SealStore for MemoryStore {
    async fn hash_key(&self) -> Result<Option<Sealed>, StoreError> {
        if self.lock().is_silent {
            pending::<()>().await;
        }
        Ok(self.lock().hash_key.clone())
    }

    async fn init_hash_key(&self, candidate: Sealed) -> Result<Sealed, StoreError> {
        let mut state = self.lock();
        if state.hash_key.is_none() && !state.is_empty() {
            return Err(StoreError::Conflict);
        }
        Ok(state.hash_key.get_or_insert(candidate).clone())
    }

    async fn replace_hash_key(&self, seen: &Sealed, by: &Sealed) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let is_seen = state.hash_key.as_ref() == Some(seen);
        if is_seen {
            state.hash_key = Some(by.clone());
        }
        Ok(is_seen)
    }

    async fn seals_in_use(&self) -> Result<BTreeSet<SealId>, StoreError> {
        let mut state = self.lock();
        let rows = OwnerKind::ALL.map(|owners| state.sealed_rows(owners));
        let values = rows.iter().flatten().flat_map(|row| &row.values);
        Ok(values.filter_map(|value| value.sealed.seal_id()).collect())
    }

    async fn rows_sealed_otherwise(
        &self,
        owners: OwnerKind,
        current: SealId,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Result<SealedRow, DamagedRow>>, StoreError> {
        let otherwise = |value: &SealedValue| value.sealed.seal_id() != Some(current);
        let mut rows = self.lock().sealed_rows(owners);
        rows.retain(|row| row.id > after && row.values.iter().any(otherwise));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows.into_iter().map(Ok).collect())
    }

    async fn reseal(&self, rows: &[Resealing]) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let changed = rows.iter().filter(|resealing| state.reseal(resealing));
        Ok(changed.count() as u64)
    }
}

/// The kind of a sealed value, and the value in its row.
type Slot<'a> = (SecretKind, &'a mut Sealed);

impl State {
    fn sealed_rows(&mut self, owners: OwnerKind) -> Vec<SealedRow> {
        let mut rows = Vec::new();
        match owners {
            OwnerKind::Service => {
                let slots = slot(SecretKind::HashKey, &mut self.hash_key);
                rows.extend((!slots.is_empty()).then(|| row(1, SealedTo::Service, slots)));
            }
            OwnerKind::Account => rows.extend(self.accounts.iter_mut().map(|(id, tokens)| {
                let owner = SealedTo::Account(tokens.account.key.clone());
                row(*id, owner, of_tokens(tokens))
            })),
            OwnerKind::Link => rows.extend(self.links.iter_mut().map(|(id, link)| {
                let owner = SealedTo::Link(link.code);
                row(*id, owner, of_link(link))
            })),
            OwnerKind::Revocation => {
                rows.extend(self.revocations.iter_mut().map(|(id, kept)| {
                    let owner = SealedTo::Revocation(kept.reference);
                    row(*id, owner, of_revocation(kept))
                }));
            }
        }
        rows
    }

    fn reseal(&mut self, resealing: &Resealing) -> bool {
        let row = &resealing.row;
        let slots = match &row.owner {
            SealedTo::Service => slot(SecretKind::HashKey, &mut self.hash_key),
            SealedTo::Account(_) => self.accounts.get_mut(&row.id).map_or(vec![], of_tokens),
            SealedTo::Link(_) => self.links.get_mut(&row.id).map_or(vec![], of_link),
            SealedTo::Revocation(_) => self
                .revocations
                .get_mut(&row.id)
                .map_or(vec![], of_revocation),
        };
        let unchanged = slots.len() == row.values.len()
            && slots
                .iter()
                .zip(&row.values)
                .all(|((kind, now), read)| *kind == read.kind && **now == read.sealed);
        if unchanged {
            for ((_, place), new) in slots.into_iter().zip(&resealing.values) {
                *place = new.clone();
            }
        }
        unchanged
    }
}

fn row(id: i64, owner: SealedTo, slots: Vec<Slot<'_>>) -> SealedRow {
    let values = slots.into_iter().map(|(kind, sealed)| SealedValue {
        kind,
        sealed: sealed.clone(),
    });
    SealedRow {
        id,
        owner,
        values: values.collect(),
    }
}

fn slot(kind: SecretKind, value: &mut Option<Sealed>) -> Vec<Slot<'_>> {
    Vec::from_iter(value.as_mut().map(|value| (kind, value)))
}

fn of_tokens(tokens: &mut StoredTokens) -> Vec<Slot<'_>> {
    let mut slots = vec![(SecretKind::AccessToken, &mut tokens.access_token)];
    slots.extend(slot(SecretKind::Extra, &mut tokens.extra));
    slots.extend(slot(SecretKind::RefreshToken, &mut tokens.refresh_token));
    slots
}

fn of_link(link: &mut Link) -> Vec<Slot<'_>> {
    match &mut link.state {
        LinkState::Authorizing(consent) => {
            let mut slots = vec![(SecretKind::DeviceCode, &mut consent.handle)];
            slots.extend(slot(SecretKind::Callback, &mut consent.callback));
            match &mut consent.prompt {
                SealedPrompt::UserCode {
                    user_code,
                    verification_uri_complete,
                    ..
                } => {
                    slots.push((SecretKind::UserCode, user_code));
                    let complete = SecretKind::VerificationUriComplete;
                    slots.extend(slot(complete, verification_uri_complete));
                }
                SealedPrompt::Visit { uri } => {
                    slots.push((SecretKind::VerificationUriComplete, uri));
                }
            }
            slots
        }
        LinkState::Redeemed(grant) | LinkState::Confirming(HeldGrant { grant, .. }) => {
            let mut slots = vec![(SecretKind::AccessToken, &mut grant.access_token)];
            slots.extend(slot(SecretKind::Extra, &mut grant.extra));
            slots.extend(slot(SecretKind::RefreshToken, &mut grant.refresh_token));
            slots.extend(slot(SecretKind::IdToken, &mut grant.id_token));
            slots
        }
        LinkState::Pending | LinkState::Linked { .. } | LinkState::Ended { .. } => vec![],
    }
}

fn of_revocation(kept: &mut RevocationLease) -> Vec<Slot<'_>> {
    let tokens = &mut kept.tokens;
    let mut slots = slot(SecretKind::AccessToken, &mut tokens.access_token);
    slots.extend(slot(SecretKind::RefreshToken, &mut tokens.refresh_token));
    slots.extend(slot(SecretKind::IdToken, &mut tokens.id_token));
    slots
}
