//! Reports token requests to tests.

use poem::Request;

use crate::model::{Issued, RefreshRefusal};

/// Watches the token endpoint. The calls come in the order of the decisions on the requests.
pub trait Witness: Send + Sync {
    /// Called when a client has redeemed a device code, which starts a token family. `person` is the `sub`. `family` is
    /// the name of the family, which each of its refresh tokens contains.
    fn started(&self, family: &str, person: String, issued: &Issued);

    /// Called when a request has used a refresh token.
    fn presented(
        &self,
        request: &Request,
        refresh_token: &str,
        outcome: &Result<Issued, RefreshRefusal>,
    );
}
