//! The limits on open files and connections of this process.

use rustix::process::{Resource, getrlimit};

/// File descriptors reserved for the database, for requests to providers, and for what every process opens.
const RESERVED: u64 = 48;
/// The maximum number of connections. Each may buffer 64 KiB of headers and 64 KiB of body, so callers without a key
/// can occupy 128 MiB: half of the memory limit in the Kubernetes manifests.
const MOST: u64 = 1024;

/// Returns how many connections the service accepts at a time: half of the descriptors that are not reserved. Requests
/// need the other half for connections to providers.
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
