//! Cursors of paged lists. They are opaque to clients.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Code, Problem};

/// Prefixes that keep the cursors of different lists apart.
pub(crate) struct Cursors(&'static str);

pub(crate) const ACCOUNTS: Cursors = Cursors("account:");
pub(crate) const KEYS: Cursors = Cursors("key:");
pub(crate) const REVOCATIONS: Cursors = Cursors("revocation:");
pub(super) const AUDIT: Cursors = Cursors("audit:");

/// Default page size.
pub(super) const fn page_size() -> u32 {
    50
}

impl Cursors {
    /// Returns the cursor that continues after an item.
    pub(crate) fn write(&self, after: impl Display) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{after}", self.0))
    }

    /// Returns the item after which the caller's cursor continues, if there is a cursor.
    pub(crate) fn read<Id: FromStr>(&self, cursor: Option<&str>) -> Result<Option<Id>, Problem> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let id = text.and_then(|text| text.strip_prefix(self.0)?.parse().ok());
        id.map(Some).ok_or_else(invalid)
    }

    /// Returns the cursor of a filtered list. It continues only a list with the same filters.
    pub(crate) fn write_with(&self, filters: &str, after: impl Display) -> String {
        self.write(format!("{after} {filters}"))
    }

    /// Reads a cursor that [`Cursors::write_with`] has written for the same filters.
    pub(crate) fn read_with<Id: FromStr>(
        &self,
        filters: &str,
        cursor: Option<&str>,
    ) -> Result<Option<Id>, Problem> {
        let Some(text) = self.read::<String>(cursor)? else {
            return Ok(None);
        };
        let parts = text.split_once(' ');
        let after = parts.filter(|(_, of)| *of == filters);
        let after = after.and_then(|(after, _)| after.parse().ok());
        after.map(Some).ok_or_else(invalid)
    }
}

fn invalid() -> Problem {
    let detail = "the parameter cursor is invalid: use the next_cursor of a page of this list";
    Problem::new(Code::InvalidRequest, detail)
}

#[cfg(test)]
mod tests {
    use central_oauth_domain::grant::AccountId;

    use super::*;

    fn read(cursor: &str) -> Result<Option<AccountId>, Problem> {
        ACCOUNTS.read(Some(cursor))
    }

    #[test]
    fn cursors_round_trip() {
        for id in [1, 42, i64::MAX].map(AccountId) {
            assert_eq!(read(&ACCOUNTS.write(id)).unwrap(), Some(id));
        }
        assert_eq!(ACCOUNTS.read::<AccountId>(None).unwrap(), None);
    }

    #[test]
    fn a_cursor_continues_the_list_that_it_comes_from() {
        let cursor = AUDIT.write_with("kind=x", AccountId(7));
        let read = |filters| AUDIT.read_with::<AccountId>(filters, Some(&cursor));
        assert_eq!(read("kind=x").unwrap(), Some(AccountId(7)));
        assert!(read("").is_err() && read("kind=y").is_err());
    }

    #[test]
    fn other_texts_are_rejected() {
        let of_another_list = KEYS.write(1);
        for text in ["", "1", "!", "YWNjb3VudDo", &of_another_list] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
