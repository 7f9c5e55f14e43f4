//! The contract of a clock.

use central_oauth_domain::Timestamp;
use central_oauth_domain::ports::Clock;

/// The years 2020 and 2200: every real clock is in between.
const PLAUSIBLE: std::ops::Range<i64> = 1_577_836_800_000..7_258_118_400_000;

/// Runs the suite.
///
/// # Panics
/// When the clock violates the contract.
pub fn run(clock: &dyn Clock) {
    counts_milliseconds_since_1970(clock.now());
    does_not_run_backwards(clock);
    uptime_does_not_run_backwards(clock);
}

fn counts_milliseconds_since_1970(now: Timestamp) {
    assert!(PLAUSIBLE.contains(&now.as_millis()), "{now:?}");
}

fn does_not_run_backwards(clock: &dyn Clock) {
    let readings: Vec<_> = (0..1000).map(|_| clock.now()).collect();
    assert!(readings.is_sorted());
}

fn uptime_does_not_run_backwards(clock: &dyn Clock) {
    let readings: Vec<_> = (0..1000).map(|_| clock.uptime()).collect();
    assert!(readings.is_sorted());
}
