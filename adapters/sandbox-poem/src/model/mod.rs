//! The rules, without I/O: `now` and all secrets are arguments.

mod device;
mod families;
mod person;
mod sessions;
mod user_code;

pub use device::AutoPerson;
pub(crate) use device::{DeviceFlows, DeviceRules, Outcome, PollRefusal, Request};
pub(crate) use families::{Families, Fresh, Lifetimes};
pub use families::{Issued, RefreshRefusal, Reuse, family_of};
pub(crate) use person::Person;
pub(crate) use sessions::Sessions;
pub(crate) use user_code::UserCode;
