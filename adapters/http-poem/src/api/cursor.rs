//! Cursors of paged lists. They are opaque to clients.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Problem};
use crate::failure::DocumentedProblem;

/// The cursors of one list. A prefix distinguishes them from the cursors of other lists.
pub(crate) struct Cursors(Cow<'static, str>);

pub(crate) const ACCOUNTS: Cursors = Cursors(Cow::Borrowed("account:"));
pub(crate) const KEYS: Cursors = Cursors(Cow::Borrowed("key:"));
pub(super) const WORKLOADS: Cursors = Cursors(Cow::Borrowed("workload:"));
pub(crate) const REVOCATIONS: Cursors = Cursors(Cow::Borrowed("revocation:"));
pub(super) const AUDIT: Cursors = Cursors(Cow::Borrowed("audit:"));

/// Default page size.
pub(super) const fn page_size() -> u32 {
    50
}

impl Cursors {
    /// Returns the cursors of the list with these filters. They reject cursors that were made with other filters.
    pub(crate) fn filtered(&self, filters: &[(&str, Option<String>)]) -> Self {
        let set = filters.iter().filter_map(|(name, value)| {
            let value = value.as_ref()?;
            Some(format!("{name}={value:?}:"))
        });
        let set = String::from_iter(set);
        if set.is_empty() {
            return Self(self.0.clone());
        }
        // A cursor must fit into a URL, but filters may be long. The cursor therefore contains a hash of the filters
        // (72 bits).
        let hash = &Sha256::digest(set)[..9];
        Self(Cow::Owned(format!(
            "{}{}:",
            self.0,
            URL_SAFE_NO_PAD.encode(hash)
        )))
    }

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
        let id = text.and_then(|text| text.strip_prefix(&*self.0)?.parse().ok());
        id.map(Some).ok_or_else(bad_cursor)
    }
}

/// For operations that return a list.
pub(super) const BAD_PAGE: DocumentedProblem =
    DocumentedProblem("the limit or the cursor is invalid", bad_cursor);

/// Returns the problem of a cursor that is malformed or belongs to another list.
fn bad_cursor() -> Problem {
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
    fn cursors_belong_to_their_filters() {
        let some = |value: &str| Some(value.to_owned());
        let lists = [
            ACCOUNTS,
            ACCOUNTS.filtered(&[("provider", None), ("label", some("a:b"))]),
            ACCOUNTS.filtered(&[("provider", None), ("label", some("a:b:7"))]),
            ACCOUNTS.filtered(&[("provider", some("a:b")), ("label", None)]),
            AUDIT,
            AUDIT.filtered(&[("kind", some("x"))]),
            AUDIT.filtered(&[("kind", some("y"))]),
        ];
        for (one, of) in lists.iter().enumerate() {
            for (other, reading) in lists.iter().enumerate() {
                let read = reading.read::<i64>(Some(&of.write(42)));
                assert_eq!(
                    read.ok(),
                    (one == other).then_some(Some(42)),
                    "{one} {other}"
                );
            }
        }
    }

    // The server answers 414 to a URL of 64 KiB, so every valid URL must be shorter.
    #[test]
    fn cursors_are_short_whatever_the_filters_are() {
        let long = Some("\u{10ffff}".repeat(319));
        let longest = AUDIT.filtered(&[("label", long)]).write(i64::MAX);
        assert!(longest.len() <= 100, "{longest}");
    }

    #[test]
    fn other_texts_are_rejected() {
        let of_another_list = KEYS.write(1);
        for text in ["", "1", "!", "YWNjb3VudDo", &of_another_list] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
