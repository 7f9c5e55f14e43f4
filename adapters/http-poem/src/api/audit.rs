//! The audit log.

use std::sync::Arc;

use central_oauth_domain::audit::{AuditFilter, AuditKind, AuditNumber};
use central_oauth_domain::grant::{AccessKeyId, AccountId};
use central_oauth_domain::usecases::{Services, refusals};
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use super::cursor::{AUDIT, BAD_PAGE, Cursors, page_size};
use super::{Tag, id};
use crate::auth::NeededBearer;
use crate::dto::{AuditEntry, AuditEntryList, TimeText};
use crate::error::{Code, Problem};
use crate::failure::{Failure, documented};

pub(crate) struct Audit {
    pub(super) services: Arc<Services>,
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Service")]
impl Audit {
    /// List audit entries
    ///
    /// Lists what happened to links, accounts, keys and tokens, in the order in which it was added to the log. Frequent
    /// events are counted over ten minutes, so their entries are added up to ten minutes after their `at`. To follow the
    /// log, send the last `id` that you have seen as `after_id`. Needs an admin's or an auditor's key.
    #[oai(path = "/audit", method = "get", operation_id = "list_audit_entries")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the query"
    )]
    async fn list(
        &self,
        bearer: NeededBearer,
        /// Only entries about the account with this id.
        #[oai(validator(max_length = 19))]
        account: Query<Option<String>>,
        /// Only entries about the access key with this id.
        #[oai(validator(max_length = 19))]
        key: Query<Option<String>>,
        /// Only entries of this kind, such as `key.deleted`.
        #[oai(validator(max_length = 100))]
        kind: Query<Option<String>>,
        /// Only entries from this time on.
        after: Query<Option<TimeText>>,
        /// Only entries before this time.
        before: Query<Option<TimeText>>,
        /// Only entries that were added to the log after the entry with this `id`. Ignored if there is a `cursor`.
        #[oai(validator(max_length = 19))]
        after_id: Query<Option<String>>,
        /// Maximum number of entries to return.
        #[oai(
            default = "page_size",
            validator(minimum(value = "1"), maximum(value = "200"))
        )]
        limit: Query<u32>,
        /// Cursor of the page to return: the `next_cursor` of the previous page, which had the same filters.
        #[oai(validator(max_length = 100))]
        cursor: Query<Option<String>>,
    ) -> Result<Json<AuditEntryList>, Failure<ListAuditEntries>> {
        let caller = bearer.caller(&self.services.keys).await?;
        let filter = AuditFilter {
            account: account.0.map(|text| id::read(&text, AccountId(-1))),
            key: key.0.map(|text| id::read(&text, AccessKeyId(-1))),
            kind: kind.0.as_deref().map(read_kind).transpose()?,
            after: after.0.map(|at| at.read("after")).transpose()?,
            before: before.0.map(|at| at.read("before")).transpose()?,
        };
        let cursors = cursors(&filter);
        let after_id = after_id.0.as_deref().map(read_number).transpose()?;
        let after = cursors.read(cursor.0.as_deref())?.or(after_id);
        let limit = u64::from(limit.0);
        let page = self.services.audit.list(&caller, &filter, after, limit);
        let page = page.await?;
        Ok(Json(AuditEntryList {
            items: page.items.into_iter().map(AuditEntry::from).collect(),
            next_cursor: page.next.map(|last| cursors.write(last)),
        }))
    }
}

fn read_kind(word: &str) -> Result<AuditKind, Problem> {
    AuditKind::parse(word).ok_or_else(bad_kind)
}

/// Returns the problem of an unknown kind.
fn bad_kind() -> Problem {
    let detail = format!("the parameter kind must be one of {}", AuditKind::listed());
    Problem::new(Code::InvalidRequest, detail)
}

fn read_number(text: &str) -> Result<AuditNumber, Problem> {
    let number = id::read(text, AuditNumber(-1));
    let is_number = number >= AuditNumber(0);
    is_number.then_some(number).ok_or_else(bad_number)
}

/// Returns the problem of an `after_id` that is not a number.
fn bad_number() -> Problem {
    let detail = "the parameter after_id must be the id of an entry, or 0";
    Problem::new(Code::InvalidRequest, detail)
}

/// Returns the cursors of the list with these filters.
fn cursors(filter: &AuditFilter) -> Cursors {
    let word = |number: i64| number.to_string();
    AUDIT.filtered(&[
        ("account", filter.account.map(|account| word(account.0))),
        ("key", filter.key.map(|key| word(key.0))),
        ("kind", filter.kind.map(|kind| kind.as_str().to_owned())),
        ("after", filter.after.map(|at| word(at.as_millis()))),
        ("before", filter.before.map(|at| word(at.as_millis()))),
    ])
}

documented!(ListAuditEntries, [
    BAD_PAGE,
    "`after` or `before` is not a time" => {
        let reason = r#"failed to parse "string_date-time": the 'year' component could not be parsed (occurred while parsing "optional_string_date-time")"#;
        Problem::bad_parameter("after", reason)
    },
    "an unknown kind of entry; the detail lists all kinds" => bad_kind(),
    "`after_id` is not a number" => bad_number(),
    "only keys of admins and auditors see the audit log" => refusals::READERS_ONLY,
]);
