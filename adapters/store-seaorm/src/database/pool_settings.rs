use std::time::Duration;

/// Connection settings of a database server. Not used with SQLite.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Maximum number of connections, at least two. Half of them are reserved for saves: writes of data that exists
    /// nowhere else, such as refreshed tokens.
    pub max_connections: u32,
    /// Timeout for getting a free or new connection.
    pub connect_timeout: Duration,
    /// Timeout of one statement.
    pub statement_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        }
    }
}
