//! Default settings for tests.

use std::time::Duration;

use crate::link::ReturnCodePolicy;
use crate::usecases::Settings;

/// Returns settings with codes that are valid for ten minutes and are polled every two seconds. There is no admin, and
/// anybody may request a code.
pub fn settings() -> Settings {
    Settings {
        public_url: "https://auth.example".to_owned(),
        link_code_ttl: Duration::from_secs(600),
        poll_interval: Duration::from_secs(2),
        return_code: ReturnCodePolicy::default(),
        provider_timeout: Duration::from_secs(10),
        refresh_at_least_every: Duration::from_secs(86_400),
        operators: Vec::new(),
        enroll_networks: Vec::new(),
        replica_name: "test".to_owned(),
        version: "0".to_owned(),
        workloads: None,
    }
}
