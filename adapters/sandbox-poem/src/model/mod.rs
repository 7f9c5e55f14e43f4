//! The rules as pure functions: `now` and every secret are arguments.

mod device;
mod families;
mod ledger;
mod person;
mod sessions;
mod user_code;

pub use device::AutoPerson;
pub(crate) use device::{DeviceFlows, DeviceRules, Outcome, PollRefusal, Request};
pub use families::Reuse;
pub(crate) use families::{Families, Fresh, Issued, Lifetimes, RefreshRefusal};
pub use ledger::{
    AccessTokenEntry, Delivery, Ledger, Presentation, RefreshOutcome, TokenMark, TurnedAway,
};
pub(crate) use person::Person;
pub(crate) use sessions::Sessions;
pub(crate) use user_code::UserCode;
