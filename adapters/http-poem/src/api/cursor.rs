//! Where a page of accounts ends. Clients hand a cursor back as they got it; what is in it is our business.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use central_oauth_domain::grant::AccountId;

use crate::error::{Code, Problem};

/// Keeps cursors of different lists apart.
const PREFIX: &str = "account:";

/// The cursor after an account.
pub(super) fn write(after: AccountId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{PREFIX}{after}"))
}

/// The account that a cursor comes after.
pub(super) fn read(cursor: &str) -> Result<AccountId, Problem> {
    let text = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.strip_prefix(PREFIX)?.parse().ok())
        .ok_or_else(|| {
            let detail = "the parameter cursor is none that this service gave out";
            Problem::new(Code::InvalidRequest, detail)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_went() {
        for id in [1, 42, i64::MAX] {
            assert_eq!(read(&write(AccountId(id))).unwrap(), AccountId(id));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1", "!", "YWNjb3VudDo", "a2V5OjE"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
