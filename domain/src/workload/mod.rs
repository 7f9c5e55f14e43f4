//! Workloads: CI jobs, pods and machines that authenticate with a JWT from their platform instead of a stored key.
//!
//! A JWT is checked in three steps. An adapter checks the form and the signature of the JWT
//! ([`WorkloadIdentities`](crate::ports::WorkloadIdentities)). [`TrustedIssuer::judge`] checks the rules for every JWT
//! of an issuer. A [`Policy`] decides what a workload may do at which provider.

mod access;
mod claim_list;
mod claims;
mod issuer;
mod judge;
mod policy;
mod rule;

pub use access::{NewWorkload, WorkloadAccess, WorkloadBinding, WorkloadRecord};
pub use claim_list::ClaimList;
pub use claims::{ClaimValue, Claims, RepeatedClaim};
pub use issuer::{Preset, TrustedIssuer, UnusableAudience, check_audience};
pub(crate) use judge::shown_text;
pub use judge::{CLOCK_SKEW, LONGEST_LIFETIME, ValidJwt};
pub use policy::{Permission, Policy};
pub use rule::{Rule, WorkloadRefusal};
