//! Entries of the audit log.

use central_oauth_domain::Timestamp;
use central_oauth_domain::audit::{
    AuditContent, AuditEnds, AuditEntry, AuditNumber, AuditPosition, AuditReference, KeptEntry,
};
use central_oauth_domain::grant::{AccessKeyId, AccountId};
use central_oauth_domain::ports::StoreError;
use sea_orm::ActiveValue::{NotSet, Set};

use super::hash;
use crate::entities::{audit_ends, audit_inbox, audit_log};
use crate::error::Unreadable;

/// The number of the only row of ends.
pub(crate) const ONLY_ROW: i64 = 1;

/// Implements both directions for one of the two tables of entries, which have the same columns.
macro_rules! entries {
    ($table:ident, $name:literal, $row:ident, $content:ident) => {
        pub(crate) fn $row(
            content: &AuditContent,
            mac: &central_oauth_domain::secret::KeyedHash,
        ) -> $table::ActiveModel {
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

        fn $content(
            row: $table::Model,
        ) -> Result<(AuditContent, central_oauth_domain::secret::KeyedHash), Unreadable> {
            let unreadable = |column| Unreadable {
                table: $name,
                id: row.id,
                column,
            };
            let reference = row.reference.as_slice().try_into();
            let reference = reference.map_err(|_| unreadable("reference"))?;
            let mac = hash(&row.mac).ok_or_else(|| unreadable("mac"))?;
            let content = AuditContent {
                reference: AuditReference(reference),
                at: Timestamp::from_millis(row.at),
                kind: row.kind,
                actor: row.actor,
                network: row.network,
                account: row.account_id.map(AccountId),
                key: row.key_id.map(AccessKeyId),
                detail: row.detail,
            };
            Ok((content, mac))
        }
    };
}

entries!(audit_inbox, "audit_inbox", inbox_row, inbox_content);
entries!(audit_log, "audit_log", log_row_unnumbered, log_content);

pub(crate) fn log_row(entry: &AuditEntry) -> audit_log::ActiveModel {
    audit_log::ActiveModel {
        id: Set(entry.number.0),
        ..log_row_unnumbered(&entry.content, &entry.mac)
    }
}

pub(crate) fn kept_entry(row: audit_inbox::Model) -> Result<KeptEntry, Unreadable> {
    let (content, mac) = inbox_content(row)?;
    Ok(KeptEntry { content, mac })
}

pub(crate) fn audit_entry(row: audit_log::Model) -> Result<AuditEntry, StoreError> {
    let number = AuditNumber(row.id);
    let (content, mac) = log_content(row)?;
    Ok(AuditEntry {
        number,
        content,
        mac,
    })
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

pub(crate) fn audit_ends(row: &audit_ends::Model) -> Result<AuditEnds, StoreError> {
    let mac = |bytes: &[u8], column| {
        let (table, id) = ("audit_ends", row.id);
        hash(bytes).ok_or(Unreadable { table, id, column })
    };
    Ok(AuditEnds {
        start: AuditPosition {
            number: AuditNumber(row.start_number),
            mac: mac(&row.start_mac, "start_mac")?,
        },
        head: AuditPosition {
            number: AuditNumber(row.head_number),
            mac: mac(&row.head_mac, "head_mac")?,
        },
        mac: mac(&row.mac, "mac")?,
    })
}
