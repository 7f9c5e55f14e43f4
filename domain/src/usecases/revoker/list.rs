use super::Revoker;
use crate::grant::revocation::{Revocation, RevocationId};
use crate::usecases::caller::require_auditor;
use crate::usecases::page::Page;
use crate::usecases::{Caller, Refusal};

/// One page of revocations.
pub type RevocationPage = Page<Revocation, RevocationId>;

/// The refusal for a key that is neither an admin's nor an auditor's.
pub const ADMIN_ONLY: Refusal =
    Refusal::Forbidden("only keys of admins and auditors see revocations");

impl Revoker {
    /// Lists pending revocations, and revocations that ended within the last week, for admins and auditors.
    ///
    /// # Errors
    /// [`Refusal`]: the caller is neither an admin nor an auditor, or the store fails.
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
