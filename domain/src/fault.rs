//! Errors that may be stored and shown.

use std::ops::Deref;

use crate::text::presentable;

/// A stored error of a link, an account or a delivery: a stable code for programs and a sentence for people. It
/// contains no secrets, because the service removes everything that it has sent to a provider before it quotes the
/// provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The code for programs.
    pub code: FaultCode,
    /// One sentence for people. It is [`presentable`] and its length is limited.
    pub detail: String,
}

impl Fault {
    /// The detail of [`FaultCode::AccessDenied`] if the provider gave no text.
    pub const DECLINED: &str = "declined at the provider";

    const MOST_CHARACTERS: usize = 500;

    /// Creates a fault. Makes the detail [`presentable`] and truncates it to 500 characters.
    pub fn new(code: impl Into<FaultCode>, detail: impl AsRef<str>) -> Self {
        Self {
            code: code.into(),
            detail: presentable(detail.as_ref())
                .chars()
                .take(Self::MOST_CHARACTERS)
                .collect(),
        }
    }
}

/// Declares the fault codes, each with a variant and a word.
macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// The code of a fault. It dereferences to its word, which is stored and shown.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FaultCode {
            $($(#[doc = $doc])+ $name,)+
            /// The provider's own code, usually in `snake_case`.
            Provider(String),
        }

        impl Deref for FaultCode {
            type Target = str;

            fn deref(&self) -> &str {
                match self {
                    $(Self::$name => $word,)+
                    Self::Provider(word) => word,
                }
            }
        }

        #[cfg(test)]
        const OURS: &[(FaultCode, &str)] = &[$((FaultCode::$name, $word)),+];

        impl From<&str> for FaultCode {
            /// Returns the variant with this word, or else [`Self::Provider`].
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$name,)+
                    _ => Self::Provider(word.to_owned()),
                }
            }
        }
    };
}

fault_codes! {
    /// The person or the provider declined the consent.
    AccessDenied = "access_denied",
    /// The access token has expired, and there is no refresh token.
    AccessTokenExpired = "access_token_expired",
    /// The person consented to a relink with a different account from the account to be relinked.
    AccountMismatch = "account_mismatch",
    /// The response to redeeming the consent was lost, and a consent can be redeemed only once.
    ResponseLost = "answer_lost",
    /// The tokens were issued by a different server or to a different client id from the configured one.
    ClientChanged = "client_changed",
    /// The receiver of a webhook rejected the event.
    EventRejected = "event_rejected",
    /// The grant ends soon and cannot be extended.
    GrantExpiresSoon = "grant_expires_soon",
    /// This service failed.
    InternalError = "internal_error",
    /// The refresh token or the consent is no longer valid (RFC 6749 section 5.2). No other code ends a grant at once.
    /// Adapters translate a provider's own codes to this code.
    InvalidGrant = "invalid_grant",
    /// The stored key of a link is not the key that the service has created.
    KeyAltered = "key_altered",
    /// A revocation waits, because a link of the same person waits for its return code.
    LinkInProgress = "link_in_progress",
    /// The access token expires sooner than the caller requested.
    MinTtlUnmet = "min_ttl_unmet",
    /// The service cannot create an HTTPS client, perhaps because there are no root certificates.
    NoHttpsClient = "no_https_client",
    /// The provider gave no refresh token.
    NoRefreshToken = "no_refresh_token",
    /// The return code of a link was not sent in time, or was wrong too often.
    NotConfirmed = "not_confirmed",
    /// A permanent failure or rejection of the provider.
    ProviderError = "provider_error",
    /// The provider is no longer configured.
    ProviderNotConfigured = "provider_not_configured",
    /// A temporary failure: the provider did not respond, or its response was invalid.
    ProviderUnavailable = "provider_unavailable",
    /// The receiver of a webhook refused the delivery, perhaps only temporarily.
    ReceiverRefused = "receiver_refused",
    /// The receiver of a webhook did not respond.
    ReceiverUnavailable = "receiver_unavailable",
    /// The database was restored from a backup, so the refresh token may be outdated.
    RestoredFromBackup = "restored_from_backup",
    /// The stored refresh token is encrypted with a secret key that this process does not have.
    SecretKeyMissing = "secret_key_missing",
    /// The store failed.
    StoreUnavailable = "store_unavailable",
    /// The access token has expired according to its `exp`, which is only a hint.
    TokenMayHaveExpired = "token_may_have_expired",
    /// The receiver of a webhook is not configured.
    UnknownReceiver = "unknown_receiver",
}

impl FaultCode {
    /// Whether the fault concerns this process and not the account. Another replica may have the right provider, client
    /// id or secret key in its configuration.
    pub const fn is_local(&self) -> bool {
        matches!(
            self,
            Self::ClientChanged | Self::ProviderNotConfigured | Self::SecretKeyMissing
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn our_words_are_our_codes() {
        for (code, word) in OURS {
            assert_eq!(&**code, *word);
            assert_eq!(FaultCode::from(*word), *code);
        }
    }

    proptest! {
        #[test]
        fn codes_keep_their_words_and_only_others_are_the_provider_s(
            word in prop_oneof![proptest::sample::select(OURS).prop_map(|(_, word)| word.to_owned()), any::<String>()],
        ) {
            let code = FaultCode::from(&*word);
            prop_assert_eq!(&*code, &*word);
            let is_ours = OURS.iter().any(|(_, ours)| *ours == word);
            prop_assert_eq!(matches!(code, FaultCode::Provider(_)), !is_ours);
        }
    }
}
