//! Hands out link codes.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Links;
use crate::audit::{Actor, AuditEvent, AuditKind};
use crate::cidr;
use crate::grant::{InertKey, KeyHolder, KeyRole, ProviderName};
use crate::link::{Link, LinkCode, Network, Requester, ReturnCodePolicy};
use crate::ports::{LinkCreation, LinkingWorkload, NewLink, NewLinkKey, StoreError};
use crate::secret::{AccessKey, KeyedHash};
use crate::time::Timestamp;
use crate::usecases::caller::{AUDITING_ONLY, READING_ONLY, UNKNOWN_KEY, account_of};
use crate::usecases::refusal::NO_RETURN_CODE;
use crate::usecases::request_fields::{checked_name, in_the_future};
use crate::usecases::{Caller, Refusal};
use crate::workload::{Rule, WorkloadRefusal};

/// The refusal of a relink with a role or an expiry.
pub const KEY_IS_KEPT: &str =
    "role and key_expires_at are for new keys: an account that is linked again keeps its key";
/// The refusal of a return code if the service offers none.
pub const RETURN_CODES_ARE_OFF: &str = "this service offers no return codes";

/// A request for a link code.
#[derive(Debug, Clone, Default)]
pub struct LinkRequest {
    /// The provider's name, if the client chooses one.
    pub provider: Option<String>,
    /// The requesting program.
    pub requester: Requester,
    /// Where the request comes from, if that is known.
    pub address: Option<IpAddr>,
    /// The role of the new key; [`KeyRole::Owner`] by default.
    pub role: Option<KeyRole>,
    /// When the new key expires, if ever.
    pub key_expires_at: Option<Timestamp>,
    /// Whether the program will send a return code.
    pub return_code: bool,
}

/// A new link, as the client gets it.
pub struct StartedLink {
    /// The code for the person.
    pub code: LinkCode,
    /// The key with which the client polls, and which gives access to the account once the link is complete. `None` for
    /// a relink, which uses the old key, and for a workload.
    pub access_key: Option<AccessKey>,
    /// The provider at which the person will consent.
    pub provider: ProviderName,
    /// The lifetime of an unconfirmed code.
    pub expires_in: Duration,
    /// The polling interval.
    pub interval: Duration,
}

pub(super) struct LinkParameters {
    pub(super) provider: ProviderName,
    pub(super) requester: Requester,
    /// The hash of the network, workload or account whose link codes are limited; `None` if they are not limited.
    pub(super) network: Option<KeyedHash>,
    pub(super) key: NewLinkKey,
    pub(super) return_code: bool,
    pub(super) most_open: u64,
    pub(super) actor: Actor,
    pub(super) address: Option<IpAddr>,
    pub(super) workload: Option<LinkingWorkload>,
}

impl Links {
    /// Maximum number of open links. With more, guessing a code would be too easy: see [`crate::link::GuessLimit`].
    pub const MOST_OPEN: u64 = 10_000;
    /// Maximum number of open links at which callers without a key still get a link code. The rest is reserved for
    /// callers with a key.
    pub const MOST_OPEN_FOR_STRANGERS: u64 = 9_000;

    /// Hands out a link code. If the caller has an access key, the link relinks the account of that key.
    ///
    /// # Errors
    /// [`Refusal`]: the enrolment key is missing, the network may not link new accounts, the provider is unknown, or
    /// there are too many links of this network, of this account, or in all.
    pub async fn start(
        &self,
        caller: &Caller,
        request: LinkRequest,
    ) -> Result<StartedLink, Refusal> {
        let client_name = client_name(request.requester.client_name)?;
        let requester = Requester {
            client_name,
            ..request.requester
        };
        let (provider, key, access_key) = match caller {
            Caller::Nobody if self.operators.need_enrolment() => {
                return Err(Refusal::EnrollKeyRequired);
            }
            Caller::Auditor(_) => return Err(AUDITING_ONLY),
            Caller::Nobody | Caller::Enroller(_) | Caller::Admin(_) => {
                self.require_enroll_network(caller, request.address)?;
                let provider = self.providers.choose(request.provider.as_deref())?;
                let access_key = AccessKey::generate(&self.entropy);
                let expires_at = request.key_expires_at;
                let key = InertKey {
                    hash: self.vault.hash_access_key(&access_key),
                    role: request.role.unwrap_or(KeyRole::Owner),
                    expires_at: in_the_future("key_expires_at", expires_at, self.clock.now())?,
                };
                let key = NewLinkKey::New(key);
                (provider.name().clone(), key, Some(access_key))
            }
            Caller::Key(_) if request.role.is_some() || request.key_expires_at.is_some() => {
                return Err(Refusal::Unprocessable(KEY_IS_KEPT.to_owned()));
            }
            Caller::Key(holder) => {
                let (provider, key) = self.relink(holder, request.provider.as_deref()).await?;
                (provider, key, None)
            }
        };
        self.judge_return_code(request.return_code, &provider)?;
        let (most_open, network) = match (caller, &key) {
            (Caller::Nobody, _) => {
                self.require_room()?;
                let network = request
                    .address
                    .and_then(|address| self.limited_network(address));
                (Self::MOST_OPEN_FOR_STRANGERS, network)
            }
            // Relinks are limited for each account, because a thief with one of the account's keys could use up all
            // open links.
            (_, NewLinkKey::Relink { account, .. }) => {
                (Self::MOST_OPEN, Some(self.vault.hash_relinked(*account)))
            }
            _ => (Self::MOST_OPEN, None),
        };
        let parameters = LinkParameters {
            provider,
            requester,
            network,
            key,
            return_code: request.return_code,
            most_open,
            workload: None,
            actor: Actor::from(caller),
            address: request.address,
        };
        self.create(parameters, access_key).await
    }

    /// Fails if new accounts may not be linked from an address. Relinks and workloads have other rules.
    fn require_enroll_network(
        &self,
        caller: &Caller,
        address: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        let networks = &self.enroll_networks;
        if networks.is_empty() || address.is_some_and(|address| cidr::admits(networks, address)) {
            return Ok(());
        }
        let from = address.map(tracing::field::display);
        tracing::debug!(
            address = from,
            "no link code: new accounts may not be linked from this network"
        );
        let refused = AuditEvent::new(AuditKind::LinkRefused).with("reason", "network");
        self.audit.record(refused, Actor::from(caller), address);
        Err(Refusal::EnrollNetwork(address))
    }

    async fn relink(
        &self,
        key: &KeyHolder,
        named: Option<&str>,
    ) -> Result<(ProviderName, NewLinkKey), Refusal> {
        let account = account_of(key, self.clock.now())?;
        if key.role != KeyRole::Owner {
            return Err(READING_ONLY);
        }
        let account = self.accounts.get(account).await?;
        let provider = self.providers.get(&account.key.provider)?.name();
        if named.is_some_and(|name| name != provider.as_str()) {
            let detail = format!("the account of this key is at the provider {provider}");
            return Err(Refusal::Unprocessable(detail));
        }
        let relink = NewLinkKey::Relink {
            key: key.id,
            account: account.id,
        };
        Ok((provider.clone(), relink))
    }

    /// Checks that a request asks for a return code if the operator requires one, and asks for none if the operator or
    /// the provider allows none.
    pub(super) fn judge_return_code(
        &self,
        asked: bool,
        provider: &ProviderName,
    ) -> Result<(), Refusal> {
        match (self.return_code, asked) {
            (ReturnCodePolicy::Required, false) => return Err(Refusal::ReturnCodeRequired),
            (ReturnCodePolicy::Off, true) => {
                return Err(Refusal::Unprocessable(RETURN_CODES_ARE_OFF.to_owned()));
            }
            _ => {}
        }
        if asked && !self.providers.get(provider)?.uses_redirects() {
            return Err(Refusal::Unprocessable(NO_RETURN_CODE.to_owned()));
        }
        Ok(())
    }

    /// Returns the hash of the network by which link codes are limited. `None` for a loopback address: the caller is on
    /// this machine, or a proxy that is not configured forwards requests from many networks.
    pub(super) fn limited_network(&self, address: IpAddr) -> Option<KeyedHash> {
        let is_remote = !address.to_canonical().is_loopback();
        is_remote.then(|| self.vault.hash_network(Network::site_of(address)))
    }

    /// Rejects callers without a key while the store holds too many links that ended without an account.
    pub(super) fn require_room(&self) -> Result<(), Refusal> {
        if self.left_over.load(Ordering::Relaxed) < Link::MOST_LEFT_OVER {
            Ok(())
        } else {
            Err(Refusal::OverCapacity)
        }
    }

    /// Stores a link under an unused code. `access_key` is the new key to hand out, if there is one.
    pub(super) async fn create(
        &self,
        parameters: LinkParameters,
        access_key: Option<AccessKey>,
    ) -> Result<StartedLink, Refusal> {
        const TRIES: usize = 20;
        let provider = &parameters.provider;
        let digits = self.guesses.code_digits().await?;
        for _ in 0..TRIES {
            let code = LinkCode::generate(&self.entropy, digits);
            let now = self.clock.now();
            let link = NewLink {
                code: self.vault.hash_link_code(&code),
                provider: provider.clone(),
                requester: parameters.requester.clone(),
                network: parameters.network,
                key: parameters.key,
                created_at: now,
                expires_at: now + self.code_ttl,
                workload: parameters.workload.clone(),
                return_code: parameters.return_code,
            };
            let macs = self.vault.row_macs();
            let (most_open, codes) = (parameters.most_open, self.codes);
            let created = self.links.create_link(link, most_open, codes, &macs);
            match created.await {
                Ok(LinkCreation::Created(link)) => {
                    tracing::info!(link = link.id.0, %provider, relink = link.relink_of.is_some(), "link code handed out");
                    self.observer.link_started(link.id, provider);
                    let started = AuditEvent::link_started(&link);
                    self.audit
                        .record(started, parameters.actor, parameters.address);
                    return Ok(StartedLink {
                        code,
                        access_key,
                        provider: parameters.provider,
                        expires_in: self.code_ttl,
                        interval: self.poll_interval,
                    });
                }
                Ok(LinkCreation::CodeTaken) => {}
                Ok(LinkCreation::TokenUsed) => return Err(token_used().into()),
                Ok(LinkCreation::OverCapacity) => break,
                Ok(LinkCreation::TooManyCodes(retry_after)) => {
                    let address = parameters.requester.address;
                    tracing::warn!(
                        address,
                        "no link code: this network, workload or account has got too many"
                    );
                    return Err(Refusal::TooManyLinks(retry_after));
                }
                // The key was deleted with its account meanwhile.
                Err(StoreError::Conflict) => return Err(UNKNOWN_KEY),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::OverCapacity)
    }
}

fn token_used() -> WorkloadRefusal {
    let detail = "this token has asked for a link code before; request a new token";
    WorkloadRefusal::new(Rule::SingleUse, detail)
}

pub(super) fn client_name(name: Option<String>) -> Result<Option<String>, Refusal> {
    let name = name
        .map(|name| checked_name("client_name", &name))
        .transpose()?;
    Ok(name.filter(|name| !name.is_empty()))
}
