//! Checks whether tokens can be revoked.

use super::{Checkup, Finding, Subject};
use crate::revocation;
use crate::server::Server;

impl Checkup<'_> {
    /// Reports what happens to tokens at the provider when an account is deleted. Revokes nothing.
    pub(super) fn revocation(&mut self, server: &Server) {
        let settings = self.configured();
        let has_secret = settings.client_secret.is_some();
        let usual = server.revocation_auth;
        let auth = revocation::auth(&settings.quirks.revocation, has_secret, usual);
        let endpoint = server.revocation();
        let endpoint = endpoint.and_then(|endpoint| auth.map(|_| endpoint));
        self.add(match endpoint {
            Ok(Some(_)) if settings.quirks.revocation.leaves_grant => Finding::warning(
                Subject::Revocation,
                "there is an endpoint, but it revokes only access tokens: when an account with a refresh token is \
                 deleted, its grant lives on at the provider",
                "People must withdraw their consent at the provider.",
            ),
            Ok(Some(_)) => Finding::ok(
                Subject::Revocation,
                "deleting an account revokes its tokens at the provider",
            ),
            Ok(None) => Finding::warning(
                Subject::Revocation,
                "there is no endpoint: when an account is deleted, its tokens stay valid at the provider until they \
                 expire",
                "Set revocation_endpoint if the server has one. Otherwise people must withdraw their consent at the provider.",
            ),
            // Links and refreshes work without revocation.
            Err(error) => {
                let finding = Finding::failed(Subject::Revocation, &error, settings.flow);
                Finding {
                    verdict: super::Verdict::Warning,
                    ..finding
                }
            }
        });
    }
}
