//! Real servers for tests, from Debian's packages: an ephemeral `PostgreSQL` cluster, `PgBouncer` in front of it, and
//! `HAProxy`.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Cluster`] | a `PostgreSQL` server with databases of its own; it can be restarted, crashed, asked for TLS, and fail over to a standby |
//! | [`PgBouncer`] | a pool in front of a cluster, in transaction mode |
//! | [`HaProxy`] | a proxy with the configuration that the test gives it |
//!
//! Every server listens on 127.0.0.1 only, unless told otherwise, and keeps its files in a temporary folder of its own.
//! It ends with its handle and with the test process, however that ends, and takes its folder along. What is missing on
//! a machine, `tests/fixtures/install` installs. Folders are made where `TMPDIR` says; in memory (`/dev/shm`) databases
//! are made twice as fast. The folder above must let everybody pass when root runs the tests. Everything here panics
//! with the reason when it fails, and nothing waits for ever.

mod certificates;
mod cluster;
mod haproxy;
mod pgbouncer;
mod programs;
mod revival;
mod settings;
mod standby;
mod supervisor;
mod waiting;

pub use cluster::{Cluster, Database, OwnedDatabase, Tls};
pub use haproxy::HaProxy;
pub use pgbouncer::PgBouncer;
pub use programs::psql;
pub use waiting::free_port;
