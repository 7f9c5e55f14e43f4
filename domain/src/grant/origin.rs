//! The origin of tokens, and where the tokens may be sent.

/// The issuer or endpoint that issued tokens. The refresh token is sent only there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOrigin {
    /// The issuer, if the token endpoint comes from its metadata. `None` if the operator configured the endpoint, and
    /// for tokens that were stored before the issuer was recorded.
    pub issuer: Option<String>,
    /// The token endpoint.
    pub token_endpoint: String,
    /// The client id to which the tokens were issued.
    pub client_id: String,
}

impl TokenOrigin {
    /// Whether tokens of this origin may be sent to `now`, the configured provider. An issuer may change its token
    /// endpoint, and may add or drop a slash at the end of its URL. If the operator configured the token endpoint, it
    /// must be the same.
    pub fn may_be_sent_to(&self, now: &Self) -> bool {
        if self.client_id != now.client_id {
            return false;
        }
        match (&self.issuer, &now.issuer) {
            (Some(before), Some(now)) => bare(before) == bare(now),
            (None, Some(issuer)) => {
                self.token_endpoint == now.token_endpoint || self.was_of(issuer, now)
            }
            (_, None) => self.token_endpoint == now.token_endpoint,
        }
    }

    /// Whether `now`, the origin that the provider's name now stands for, is another server. The same id may belong to
    /// another person there. Compares the issuers, or the servers of the token endpoints if an issuer is unknown.
    #[must_use]
    pub fn is_of_other_server(&self, now: &Self) -> bool {
        match (&self.issuer, &now.issuer) {
            (Some(before), Some(now)) => bare(before) != bare(now),
            _ => server(&self.token_endpoint)
                .is_some_and(|before| Some(before) != server(&now.token_endpoint)),
        }
    }

    /// Whether tokens without a recorded issuer may be sent to this issuer. Their token endpoint must be below the
    /// issuer's URL, and the new token endpoint must be on the same server, so that the tokens go to the same server as
    /// before.
    fn was_of(&self, issuer: &str, now: &Self) -> bool {
        let below = format!("{}/", bare(issuer));
        let server = server(&self.token_endpoint);
        self.token_endpoint.starts_with(&below)
            && server.is_some()
            && server == self::server(&now.token_endpoint)
    }
}

/// The error if the account was linked at a different server from the one where the person has now consented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the account was linked at another server, where the same id may be another person's: link it again with its access \
     key, or delete it"
)]
pub struct OtherServer;

fn bare(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// Returns the scheme, host and port of a URL.
fn server(url: &str) -> Option<&str> {
    let host = url.find("://")? + "://".len();
    let path = url.get(host..)?.find('/')?;
    url.get(..host + path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(issuer: Option<&str>, token_endpoint: &str) -> TokenOrigin {
        TokenOrigin {
            issuer: issuer.map(str::to_owned),
            token_endpoint: token_endpoint.to_owned(),
            client_id: "client".to_owned(),
        }
    }

    const WORK: Option<&str> = Some("https://id.example/realms/work");
    const TOKEN: &str = "https://id.example/realms/work/token";

    #[test]
    fn an_issuer_may_move_its_token_endpoint() {
        let before = origin(WORK, TOKEN);
        for moved in [
            "https://id.example/v2/token",
            "https://elsewhere.example/token",
        ] {
            assert!(before.may_be_sent_to(&origin(WORK, moved)), "{moved}");
        }
        let slash = origin(Some("https://id.example/realms/work/"), TOKEN);
        assert!(before.may_be_sent_to(&slash) && slash.may_be_sent_to(&before));
        let other = origin(Some("https://id.example/realms/play"), TOKEN);
        assert!(!before.may_be_sent_to(&other), "another issuer");
    }

    #[test]
    fn the_same_id_at_another_server_is_another_person() {
        let same = [
            (
                origin(WORK, TOKEN),
                origin(WORK, "https://new.example/token"),
            ),
            (
                origin(None, TOKEN),
                origin(None, "https://id.example/moved"),
            ),
            (origin(None, TOKEN), origin(WORK, TOKEN)),
            (origin(WORK, TOKEN), origin(None, TOKEN)),
        ];
        for (before, now) in same {
            assert!(!before.is_of_other_server(&now), "{before:?} {now:?}");
        }
        let other = [
            (
                origin(WORK, TOKEN),
                origin(Some("https://id.example/realms/play"), TOKEN),
            ),
            (
                origin(None, TOKEN),
                origin(None, "https://other.example/token"),
            ),
            (
                origin(None, TOKEN),
                origin(WORK, "https://id.example:8443/token"),
            ),
        ];
        for (before, now) in other {
            assert!(before.is_of_other_server(&now), "{before:?} {now:?}");
        }
    }

    #[test]
    fn another_client_is_another_origin() {
        let mut other = origin(WORK, TOKEN);
        other.client_id = "another".to_owned();
        assert!(!origin(WORK, TOKEN).may_be_sent_to(&other));
    }

    #[test]
    fn configured_endpoints_are_compared_as_they_stand() {
        let moved = "https://id.example/realms/work/v2/token";
        for before in [origin(None, TOKEN), origin(WORK, TOKEN)] {
            assert!(before.may_be_sent_to(&origin(None, TOKEN)));
            assert!(!before.may_be_sent_to(&origin(None, moved)));
        }
    }

    #[test]
    fn tokens_from_before_the_issuer_was_recorded_stay_on_their_server() {
        let before = origin(None, TOKEN);
        assert!(before.may_be_sent_to(&origin(WORK, TOKEN)));
        let here = "https://id.example/realms/work/v2/token";
        assert!(before.may_be_sent_to(&origin(WORK, here)));
        let slash = Some("https://id.example/realms/work/");
        assert!(before.may_be_sent_to(&origin(slash, here)));
        let elsewhere = "https://elsewhere.example/realms/work/token";
        assert!(!before.may_be_sent_to(&origin(WORK, elsewhere)));
        let port = "https://id.example:8443/realms/work/token";
        assert!(!before.may_be_sent_to(&origin(WORK, port)));
        for issuer in [
            "https://id.example/realms/play",
            "https://id.example/realms/wo",
        ] {
            assert!(
                !before.may_be_sent_to(&origin(Some(issuer), here)),
                "{issuer}"
            );
        }
    }
}
