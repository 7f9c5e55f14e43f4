//! What became of tokens that were to be revoked.

use super::authenticate::KEY_NEEDED;
use super::page::Page;
use super::{Broker, Caller, Refusal};
use crate::grant::revocation::{Revocation, RevocationId};

/// One page of revocations.
pub type RevocationPage = Page<Revocation, RevocationId>;

const ADMIN_ONLY: Refusal = Refusal::Forbidden("only the admin sees revocations");

impl Broker {
    /// Lists to the admin what is to be revoked, and for a week what became of it.
    ///
    /// # Errors
    /// [`Refusal`]: not the admin, the store.
    pub async fn list_revocations(
        &self,
        caller: &Caller,
        after: Option<RevocationId>,
        limit: u64,
    ) -> Result<RevocationPage, Refusal> {
        match caller {
            Caller::Admin => {}
            Caller::Nobody => return Err(KEY_NEEDED),
            Caller::Enroller => return Err(ADMIN_ONLY),
            // A key that opens nothing is refused as such, here as elsewhere.
            Caller::Key(key) => return self.account_of(key).and(Err(ADMIN_ONLY)),
        }
        let asked = self.store.revocations(after, limit.saturating_add(1));
        Ok(Page::cut(asked.await?, limit, |revocation| revocation.id))
    }
}
