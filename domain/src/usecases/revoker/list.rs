use super::Revoker;
use crate::grant::revocation::{Revocation, RevocationId};
use crate::usecases::caller::require_auditor;
use crate::usecases::page::Page;
use crate::usecases::{Caller, Refusal};

/// One page of revocations.
pub type RevocationPage = Page<Revocation, RevocationId>;

/// For a key that is not the admin key.
pub const ADMIN_ONLY: Refusal =
    Refusal::Forbidden("only keys of admins and auditors see revocations");

impl Revoker {
    /// Lists pending revocations, and for a week those that have ended, to the admin and to auditors.
    ///
    /// # Errors
    /// [`Refusal`]: not the admin, the store.
    pub async fn list(
        &self,
        caller: &Caller,
        after: Option<RevocationId>,
        limit: u64,
    ) -> Result<RevocationPage, Refusal> {
        require_auditor(caller, self.clock.now(), ADMIN_ONLY)?;
        let asked = self.revocations.revocations(after, limit.saturating_add(1));
        Ok(Page::cut(asked.await?, limit, |revocation| revocation.id))
    }
}
