//! A link: a client's request to use a person's account. It begins with a link code and ends with the person's consent.

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

use crate::text::is_deceptive;

/// Whether a character in a typed or copied code is ignored: white space, punctuation and invisible characters.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_ascii_punctuation() || is_deceptive(c) || is_other_punctuation(c)
}

/// Whether the character is a dash, a quotation mark or a minus sign beyond ASCII, or full-width punctuation. With a
/// Japanese input method, the hyphen key produces U+30FC, U+FF0D or U+FF70.
const fn is_other_punctuation(c: char) -> bool {
    matches!(
        c,
        '\u{2010}'..='\u{201f}'
            | '\u{2212}'
            | '\u{30fc}'
            | '\u{fe58}'
            | '\u{fe63}'
            | '\u{ff01}'..='\u{ff0f}'
            | '\u{ff70}'
    )
}
