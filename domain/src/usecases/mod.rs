//! The use cases of people and programs. Each service has its own module; [`Services`] holds one instance of each
//! service.

mod account_reader;
mod accounts;
mod admin_sessions;
mod audit;
mod caller;
mod consents;
mod grant_ends;
mod housekeeping;
mod key_macs;
mod keys;
mod links;
mod operators;
mod overview;
mod page;
mod providers;
mod readiness;
mod redeemer;
mod refresher;
mod refusal;
mod rekey;
mod request_fields;
mod revoker;
mod services;
#[cfg(test)]
mod tests;
mod token_cache;
mod tokens;
mod unlock;
mod webhooks;
mod withdrawal;
mod workloads;

pub use account_reader::{AccountPage, AccountQuery};
pub use accounts::{Accounts, after_restore};
pub use admin_sessions::{AdminSessions, LoggedInOperator};
pub use audit::{
    AuditLog, AuditPage, AuditSettings, VerifiedLog, VerifyError, export_audit, verify_audit,
};
pub use caller::{Caller, PresentedKey};
pub use consents::{Callback, Consents, Disowned, LinkView, Visitor};
pub use grant_ends::GrantEnds;
pub use housekeeping::Housekeeping;
pub use key_macs::{add_key_macs, give_up_key_macs};
pub use keys::{HandedKey, KeyPage, KeyRequest, Keys};
pub use links::{
    LinkReport, LinkRequest, Links, RelinkUrlError, RelinkUrls, RelinkView, StartedLink,
};
pub use operators::{LastEnrolmentKey, Operator, Operators};
pub use overview::{Overview, ProviderState, ServiceState};
pub use page::Page;
pub use providers::Providers;
pub use readiness::Readiness;
pub use redeemer::{RedeemResult, Redeemer};
pub use refresher::{Claim, RefreshOnDemand, RefreshRequest, RefreshResult, Refresher};
pub use refusal::{Coded, Refusal};
pub use rekey::{Rekeyed, rekey, require_all_keys, require_known};
pub use revoker::{RevocationPage, RevokeOnDemand, Revoker};
pub use services::{Ports, Services, Settings, Workers};
pub use token_cache::TokenCache;
pub use tokens::{HandedToken, TokenExchangeError, Tokens};
pub use unlock::{UnlockError, unlock};
pub use webhooks::{Subscription, WebhookDispatcher, Webhooks};
pub use withdrawal::Pause;
pub use workloads::{
    WorkloadAction, WorkloadCall, WorkloadPage, WorkloadRequest, WorkloadTrust, Workloads,
};

/// Refusals with constant texts, for the examples in an API document.
pub mod refusals {
    pub use super::account_reader::{ENROLMENT_ONLY, NO_SUCH_ACCOUNT};
    pub use super::audit::READERS_ONLY;
    pub use super::caller::{
        AUDITING_ONLY, KEY_NEEDED, NOT_FOR_WORKLOADS, READING_ONLY, UNKNOWN_KEY,
    };
    pub use super::keys::NO_SUCH_KEY;
    pub use super::links::{
        ADMINS_RELINK, KEY_IS_KEPT, NO_KEY_LEFT, NOT_IDENTIFIED, RETURN_CODES_ARE_OFF,
    };
    pub use super::refusal::{NO_RETURN_CODE, UNKNOWN_CODE};
    pub use super::revoker::ADMIN_ONLY;
    pub use super::tokens::{NOT_FOR_OPERATORS, NOTHING_TO_REFRESH_WITH};
    pub use super::workloads::{NO_SUCH_POLICY, NO_SUCH_WORKLOAD, SEVERAL_ACCOUNTS};
}
