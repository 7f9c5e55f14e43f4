//! Relink URLs. The owner of an account opens a relink URL to start a relink. Admins and webhooks hand out relink URLs.

use std::time::Duration;

use crate::grant::{Account, AccountId};
use crate::hex::hex;
use crate::link::ReturnCodePolicy;
use crate::secret::RelinkUrl;
use crate::time::Timestamp;
use crate::usecases::{Ports, Settings};
use crate::vault::Vault;

/// Creates and checks relink URLs. A relink URL is bound to an account and to its latest consent. The URL gives nobody
/// a key, and nobody but the owner of the account can complete the link.
#[derive(Clone)]
pub struct RelinkUrls {
    vault: Vault,
    public_url: String,
    return_code: ReturnCodePolicy,
}

/// The contents of a relink URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) account: AccountId,
    /// The time of the latest consent when the URL was created. A later consent makes the URL invalid.
    pub(super) linked_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl RelinkUrls {
    /// How long a relink URL is valid.
    pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// The path of the page below the public URL, up to the value of the relink URL.
    pub const PATH: &'static str = "/device/relink/";
    /// The version of the format, which is the first field of each value.
    const VERSION: &'static str = "1";

    /// Creates relink URLs below the public URL of `settings`.
    pub fn new(ports: &Ports, settings: &Settings) -> Self {
        Self {
            vault: ports.vault.clone(),
            public_url: settings.public_url.clone(),
            return_code: settings.return_code,
        }
    }

    /// Returns a relink URL for an account. `None` if the account has a random id, because anybody could consent
    /// instead of the owner. `None` also if every link needs a return code, because no program waits for the code.
    pub fn url(&self, account: &Account, now: Timestamp) -> Option<RelinkUrl> {
        if !account.identified || self.return_code == ReturnCodePolicy::Required {
            return None;
        }
        let value = self.write(&Ticket {
            account: account.id,
            linked_at: account.linked_at,
            expires_at: now + Self::LIFETIME,
        });
        let (base, path) = (&self.public_url, Self::PATH);
        Some(RelinkUrl::new(format!("{base}{path}{value}")))
    }

    /// Parses a value that this service has created; `None` for any other value. Writing the ticket again must give the
    /// same text, so no other spelling of a value is valid.
    pub(super) fn read(&self, value: &str) -> Option<Ticket> {
        let mut fields = value.split('.').skip(1);
        let mut number = || fields.next()?.parse::<i64>().ok();
        let ticket = Ticket {
            account: AccountId(number()?),
            linked_at: Timestamp::from_millis(number()?),
            expires_at: Timestamp::from_millis(number()?),
        };
        // Compares MACs of both texts, so that the time does not depend on where the texts differ.
        let [written, given] =
            [self.write(&ticket).as_str(), value].map(|text| self.vault.relink_mac(text));
        written.is_equal(&given).then_some(ticket)
    }

    fn write(&self, ticket: &Ticket) -> String {
        let times = [ticket.linked_at, ticket.expires_at].map(Timestamp::as_millis);
        let [linked_at, expires_at] = times;
        let (version, account) = (Self::VERSION, ticket.account);
        let fields = format!("{version}.{account}.{linked_at}.{expires_at}");
        let mac = self.vault.relink_mac(&fields);
        format!("{fields}.{}", hex(mac.as_bytes()))
    }
}
