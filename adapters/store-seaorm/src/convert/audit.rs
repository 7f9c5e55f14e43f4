use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{
    AuditContent, AuditEnds, AuditEntry, AuditNumber, AuditPosition, AuditReference, SignedEntry,
};
use central_oauth_domain::grant::{AccessKeyId, AccountId};
use central_oauth_domain::secret::KeyedHash;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{FromQueryResult, QueryResult};

use super::damaged::as_far_as_readable;
use super::{hash, hash_bytes};
use crate::damage;
use crate::entities::{audit_ends, audit_inbox, audit_log};

/// The id of the only row of `audit_ends`.
pub(crate) const ONLY_ROW: i64 = 1;

pub(crate) fn inbox_row(content: &AuditContent, mac: &KeyedHash) -> audit_inbox::ActiveModel {
    audit_inbox::ActiveModel {
        id: NotSet,
        reference: Set(content.reference.0.to_vec()),
        at: Set(content.at.as_millis()),
        kind: Set(content.kind.clone()),
        actor: Set(content.actor.clone()),
        network: Set(content.network.clone()),
        account_id: Set(content.account.map(|account| account.0)),
        key_id: Set(content.key.map(|key| key.0)),
        detail: Set(content.detail.clone()),
        mac: Set(hash_bytes(mac)),
    }
}

pub(crate) fn log_row(entry: &AuditEntry) -> audit_log::ActiveModel {
    let row = inbox_row(&entry.content, &entry.mac);
    audit_log::ActiveModel {
        id: Set(entry.number.0),
        reference: row.reference,
        at: row.at,
        kind: row.kind,
        actor: row.actor,
        network: row.network,
        account_id: row.account_id,
        key_id: row.key_id,
        detail: row.detail,
        mac: row.mac,
    }
}

/// Reads a row of the log or the inbox, which have the same columns. If a value is unreadable, replaces it with a
/// default and drops the MAC. The entry is then reported as altered, even if the default happens to equal the signed
/// value.
fn content(table: &'static str, row: &QueryResult) -> (i64, AuditContent, KeyedHash) {
    let row = audit_log::Model::from_query_result(row, "").unwrap_or_else(|error| {
        let row = as_far_as_readable::<audit_log::Entity>(row, "");
        damage::name(table, row.id, &error);
        let mac = Vec::new();
        audit_log::Model { mac, ..row }
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

/// Reads a MAC. If the length is wrong, returns a MAC that matches nothing, so that the row is reported as altered.
fn read_mac(bytes: &[u8]) -> KeyedHash {
    hash(bytes).unwrap_or(KeyedHash::from_bytes([0; 32]))
}

/// Reads a row of the inbox. Returns its id and the entry.
pub(crate) fn signed_entry(row: &QueryResult) -> (i64, SignedEntry) {
    let (id, content, mac) = content("audit_inbox", row);
    (id, SignedEntry { content, mac })
}

pub(crate) fn audit_entry(row: &QueryResult) -> AuditEntry {
    let (id, content, mac) = content("audit_log", row);
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
        start_mac: Set(hash_bytes(&ends.start.mac)),
        head_number: Set(ends.head.number.0),
        head_mac: Set(hash_bytes(&ends.head.mac)),
        mac: Set(hash_bytes(&ends.mac)),
    }
}

/// Reads the row of `audit_ends`. If a value cannot be read, the returned MAC is invalid.
pub(crate) fn audit_ends(row: &QueryResult) -> AuditEnds {
    let row = audit_ends::Model::from_query_result(row, "").unwrap_or_else(|_| audit_ends::Model {
        mac: Vec::new(),
        ..as_far_as_readable::<audit_ends::Entity>(row, "")
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
