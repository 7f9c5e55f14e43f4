//! The contract of the Clock port.

use central_oauth_clock_system::SystemClock;
use central_oauth_domain::ports::Clock;

#[test]
fn keeps_the_contract() {
    central_oauth_contract::clock::run(&SystemClock);
    assert!(!SystemClock.uptime().is_zero());
}
