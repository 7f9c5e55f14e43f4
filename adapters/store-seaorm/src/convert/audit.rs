use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{
    AuditContent, AuditEnds, AuditEntry, AuditNumber, AuditPosition, AuditReference, SignedEntry,
};
use central_oauth_domain::grant::{AccessKeyId, AccountId};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{EntityName, FromQueryResult, QueryResult};

use super::damaged::as_far_as_readable;
use super::hash;
use crate::damage;
use crate::entities::{audit_ends, audit_inbox, audit_log};

/// The number of the only row of ends.
pub(crate) const ONLY_ROW: i64 = 1;

/// Implements both directions for one of the two tables of entries, which have the same columns.
macro_rules! entries {
    ($table:ident, $row:ident, $content:ident) => {
        pub(crate) fn $row(content: &AuditContent, mac: &KeyedHash) -> $table::ActiveModel {
            $table::ActiveModel {
                id: NotSet,
                reference: Set(content.reference.0.to_vec()),
                at: Set(content.at.as_millis()),
                kind: Set(content.kind.clone()),
                actor: Set(content.actor.clone()),
                network: Set(content.network.clone()),
                account_id: Set(content.account.map(|account| account.0)),
                key_id: Set(content.key.map(|key| key.0)),
                detail: Set(content.detail.clone()),
                mac: Set(mac.as_bytes().to_vec()),
            }
        }

        /// Unreadable values are replaced by defaults. A default could equal the signed value, so the row loses its MAC
        /// and is reported like any other change.
        fn $content(row: &QueryResult) -> (i64, AuditContent, KeyedHash) {
            let row = $table::Model::from_query_result(row, "").unwrap_or_else(|error| {
                let row = as_far_as_readable!(
                    row,
                    "",
                    $table {
                        id,
                        reference,
                        at,
                        kind,
                        actor,
                        network,
                        account_id,
                        key_id,
                        detail,
                        mac,
                    }
                );
                damage::name($table::Entity.table_name(), row.id, &error);
                $table::Model {
                    mac: Vec::new(),
                    ..row
                }
            });
            let content = AuditContent {
                reference: AuditReference(row.reference.try_into().unwrap_or_default()),
                at: Timestamp::from_millis(row.at),
                kind: row.kind,
                actor: row.actor,
                network: row.network,
                account: row.account_id.map(AccountId),
                key: row.key_id.map(AccessKeyId),
                detail: row.detail,
            };
            (row.id, content, read_mac(&row.mac))
        }
    };
}

/// The service never writes a MAC of another length. It becomes one that matches nothing, so that it is reported like
/// any other change.
fn read_mac(bytes: &[u8]) -> KeyedHash {
    hash(bytes).unwrap_or(KeyedHash::from_bytes([0; 32]))
}

entries!(audit_inbox, inbox_row, inbox_content);
entries!(audit_log, log_row_unnumbered, log_content);

pub(crate) fn log_row(entry: &AuditEntry) -> audit_log::ActiveModel {
    audit_log::ActiveModel {
        id: Set(entry.number.0),
        ..log_row_unnumbered(&entry.content, &entry.mac)
    }
}

/// Returns an entry of the inbox with the number of its row.
pub(crate) fn signed_entry(row: &QueryResult) -> (i64, SignedEntry) {
    let (id, content, mac) = inbox_content(row);
    (id, SignedEntry { content, mac })
}

pub(crate) fn audit_entry(row: &QueryResult) -> AuditEntry {
    let (id, content, mac) = log_content(row);
    AuditEntry {
        number: AuditNumber(id),
        content,
        mac,
    }
}

pub(crate) fn ends_row(ends: &AuditEnds) -> audit_ends::ActiveModel {
    audit_ends::ActiveModel {
        id: Set(ONLY_ROW),
        start_number: Set(ends.start.number.0),
        start_mac: Set(ends.start.mac.as_bytes().to_vec()),
        head_number: Set(ends.head.number.0),
        head_mac: Set(ends.head.mac.as_bytes().to_vec()),
        mac: Set(ends.mac.as_bytes().to_vec()),
    }
}

/// Ends that cannot be read have no MAC.
pub(crate) fn audit_ends(row: &QueryResult) -> AuditEnds {
    let row = audit_ends::Model::from_query_result(row, "").unwrap_or_else(|_| audit_ends::Model {
        mac: Vec::new(),
        ..as_far_as_readable!(
            row,
            "",
            audit_ends {
                id,
                start_number,
                start_mac,
                head_number,
                head_mac,
                mac,
            }
        )
    });
    AuditEnds {
        start: AuditPosition {
            number: AuditNumber(row.start_number),
            mac: read_mac(&row.start_mac),
        },
        head: AuditPosition {
            number: AuditNumber(row.head_number),
            mac: read_mac(&row.head_mac),
        },
        mac: read_mac(&row.mac),
    }
}
