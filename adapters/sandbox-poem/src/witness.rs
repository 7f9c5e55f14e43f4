//! What tests see of a sandbox.

use poem::Request;

use crate::model::{Issued, RefreshRefusal};

/// Watches the token endpoint. The calls arrive in the order in which the rules decided.
pub trait Witness: Send + Sync {
    /// A person (`sub`) consented, which starts a family of tokens. `family` names it; no response contains that name.
    fn started(&self, family: &str, person: String, issued: &Issued);

    /// A request presented a refresh token.
    fn presented(
        &self,
        request: &Request,
        refresh_token: &str,
        outcome: &Result<Issued, RefreshRefusal>,
    );
}
