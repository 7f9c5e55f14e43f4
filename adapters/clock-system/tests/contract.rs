//! The contract of the Clock port.

use central_oauth_clock_system::SystemClock;

#[test]
fn keeps_the_contract() {
    central_oauth_contract::clock::run(&SystemClock);
}
