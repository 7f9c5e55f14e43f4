//! Reports token requests to tests.

use poem::Request;

use crate::model::{Issued, RefreshRefusal};

/// Watches the token endpoint. The calls come in the order in which the requests were decided.
pub trait Witness: Send + Sync {
    /// A device code was redeemed, which starts a token family. `person` is the `sub`. `family` is the name of the
    /// family; each of its refresh tokens contains it.
    fn started(&self, family: &str, person: String, issued: &Issued);

    /// A request used a refresh token, with this outcome.
    fn presented(
        &self,
        request: &Request,
        refresh_token: &str,
        outcome: &Result<Issued, RefreshRefusal>,
    );
}
