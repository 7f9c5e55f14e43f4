//! The tables.
#![allow(
    unreachable_pub,
    reason = "SeaORM derives public items, which must not expose types that are less public"
)]

use sea_orm::EntityTrait;

/// A table with a numeric id.
pub(crate) trait Table: EntityTrait {
    const ID: Self::Column;
}

/// Completes an entity. Relations are declared by `Related` only, because migrations create the foreign keys.
macro_rules! table {
    () => {
        #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}

        impl super::Table for Entity {
            const ID: Column = Column::Id;
        }
    };
}

/// Relates an entity and another table in both directions. The column contains the id of a row of the other table.
macro_rules! belongs_to {
    ($table:ident, $column:ident) => {
        impl Related<super::$table::Entity> for Entity {
            fn to() -> RelationDef {
                let owner = Self::belongs_to(super::$table::Entity).from(Column::$column);
                owner.to(super::$table::Column::Id).into()
            }
        }

        impl Related<Entity> for super::$table::Entity {
            fn to() -> RelationDef {
                <Entity as Related<Self>>::to().rev()
            }
        }
    };
}

pub(crate) mod access_keys;
pub(crate) mod account_labels;
pub(crate) mod accounts;
pub(crate) mod admin_sessions;
pub(crate) mod announced_ends;
pub(crate) mod audit_ends;
pub(crate) mod audit_inbox;
pub(crate) mod audit_log;
pub(crate) mod device_codes;
pub(crate) mod outages;
pub(crate) mod replicas;
pub(crate) mod revocations;
pub(crate) mod service_keys;
pub(crate) mod tokens;
pub(crate) mod used_tokens;
pub(crate) mod webhook_receivers;
pub(crate) mod workloads;
pub(crate) mod wrong_codes;
