//! A link: a client's request to use a person's account, from the code to the consent.

mod code;
mod crowd;
mod guesses;
mod model;
pub mod pace;
mod poll_limit;
mod return_code;
mod transitions;

pub use code::{LinkCode, MalformedLinkCode};
pub use crowd::{
    CodeLimit, CodeQuota, Confirmation, ConsentLimit, TooManyCodes, TooManyConsents, Underway,
    in_turns,
};
pub use guesses::{Guess, GuessLimit, Network, TooManyGuesses, WrongBefore, WrongTries};
pub use model::{
    Ending, HeldGrant, Link, LinkId, LinkState, LinkStatus, LinkVersion, Owner, PollSchedule,
    Requester, SealedConsent, SealedGrant, SealedPrompt,
};
pub use poll_limit::{PollLimit, PolledTooSoon, Poller};
pub use return_code::{ReturnCode, ReturnCodePolicy};
pub use transitions::TransitionError;
