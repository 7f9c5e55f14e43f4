//! Checks whether the device flow is enabled and whether the client is accepted.

use central_oauth_domain::ports::{ConsentRequest, OAuthProvider as _, ProviderError, Redemption};

use super::{Checkup, Finding, Subject};
use crate::settings::Flow;

impl Checkup<'_> {
    /// Starts a flow that nobody finishes. Also polls once, because some servers do not check the client before the
    /// first poll.
    pub(super) async fn device_flow(&mut self) {
        let nothing = ConsentRequest {
            state: String::new(),
            redirect_uri: String::new(),
        };
        let consent = match self.provider.begin_consent(&nothing).await {
            Ok(consent) => consent,
            Err(error) => {
                self.add(Finding::failed(Subject::DeviceFlow, &error, Flow::Device));
                return;
            }
        };
        let lapses = consent.expires_in.as_secs();
        self.add(Finding::ok(
            Subject::DeviceFlow,
            format!("the provider started a device flow for this client; nobody will finish it, and it expires in {lapses} s"),
        ));
        let polled = self.provider.redeem(&consent.handle, None).await;
        self.add(judge(&polled));
    }
}

fn judge(polled: &Result<Redemption, ProviderError>) -> Finding {
    let ok = |words| Finding::ok(Subject::Client, words);
    match polled {
        Ok(Redemption::Pending { .. } | Redemption::SlowDown { .. }) => {
            ok("the token endpoint accepts this client and waits for a person")
        }
        Ok(Redemption::Expired) => {
            ok("the token endpoint accepts this client, but ended the flow at once")
        }
        // Some servers answer `access_denied` to a client that they do not accept.
        Ok(Redemption::Denied(_)) => Finding::warning(
            Subject::Client,
            "the token endpoint answers access_denied although nobody was asked",
            "Compare client_id and client_secret with the provider's settings, and look for a policy there that blocks \
             this client. Until then, links end as if the person had declined.",
        ),
        Ok(Redemption::Granted(_)) => Finding::warning(
            Subject::Client,
            "the token endpoint accepts this client, and gave tokens although nobody consented",
            "Use this only for tests. The tokens were discarded.",
        ),
        Ok(Redemption::Unusable { why: error, .. }) | Err(error) => {
            Finding::failed(Subject::Client, error, Flow::Device)
        }
    }
}
