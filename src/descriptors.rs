//! Limits of open files and connections of this process.

use rustix::process::{Resource, getrlimit};

/// Descriptors that are reserved for the database, for providers and for what every process has open.
const RESERVED: u64 = 48;
/// Each connection may hold 64 KiB of unfinished headers and as much of an unfinished body. So strangers can take 128
/// MiB, half of what the manifests for Kubernetes allow.
const MOST: u64 = 1024;

/// Returns how many connections the service accepts at a time. As many descriptors are left, because requests open
/// connections to providers.
pub(crate) fn most_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(of_limit(limit)).unwrap_or(usize::MAX)
}

fn of_limit(limit: u64) -> u64 {
    (limit.saturating_sub(RESERVED) / 2).clamp(4, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_others() {
        assert_eq!(of_limit(64), 8);
        assert_eq!(of_limit(256), 104);
        assert_eq!(of_limit(1024), 488);
        assert_eq!(of_limit(4096), MOST);
        assert_eq!(of_limit(1 << 20), MOST);
        assert_eq!(of_limit(u64::MAX), MOST);
        assert_eq!(of_limit(0), 4);
    }
}
