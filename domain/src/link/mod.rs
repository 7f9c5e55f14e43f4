//! A link: a client's request to use a person's account, from the code to the consent.

mod code;
mod guesses;
mod limits;
mod model;
pub mod polling;
mod return_code;
mod transitions;

pub use code::{LinkCode, MalformedLinkCode};
pub use guesses::{Guess, GuessLimit, Network, WrongCodeCounts, WrongCodeTimes};
pub use limits::{
    CodeLimit, CodeQuota, Confirmation, ConsentLimit, ConsentsInProgress, interleave_networks,
};
pub use model::{
    Ending, HeldGrant, Link, LinkId, LinkState, LinkStatus, LinkVersion, Owner, PollSchedule,
    Requester, SealedConsent, SealedGrant, SealedPrompt,
};
pub use return_code::{ReturnCode, ReturnCodePolicy};
pub use transitions::TransitionError;
