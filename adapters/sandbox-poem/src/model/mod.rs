//! The rules, pure: `now` and every secret are handed in.

mod device;
mod families;
mod person;
mod sessions;
mod user_code;

pub(crate) use device::{DeviceFlows, DeviceRules, Outcome, PollRefusal, Request};
pub(crate) use families::{Families, Fresh, Issued, Lifetimes, RefreshRefusal};
pub(crate) use person::Person;
pub(crate) use sessions::Sessions;
pub(crate) use user_code::UserCode;
