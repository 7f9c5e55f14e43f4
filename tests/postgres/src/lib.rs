//! Real servers for tests, from Debian's packages: an ephemeral `PostgreSQL` cluster, `PgBouncer` in front of it, and
//! `HAProxy`.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Cluster`] | a `PostgreSQL` server with databases of its own; it can be restarted, crashed, asked for TLS, and fail over to a standby |
//! | [`PgBouncer`] | a pool in front of a cluster, in transaction mode |
//! | [`HaProxy`] | a proxy with the configuration that the test gives it |
//!
//! By default, every server listens only on 127.0.0.1. Each server has its own temporary folder. When its handle is
//! dropped or the test process ends in any way, the server stops and its folder is deleted. `tests/fixtures/install`
//! installs missing programs. `TMPDIR` selects where the folders are created; in memory (`/dev/shm`), creating a
//! database takes half the time. If root runs the tests, every account must have search permission for the folder in
//! `TMPDIR`. Functions that fail panic with the reason, and every wait has a timeout.

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
