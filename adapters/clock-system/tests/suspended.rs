//! The uptime includes the time for which the machine was suspended.

use std::env::current_exe;
use std::process::Command;

use central_oauth_clock_system::SystemClock;
use central_oauth_domain::ports::Clock;

/// Duration of the simulated suspension in seconds.
const SUSPENDED: u64 = 1_000_000;

/// The time namespace moves only `CLOCK_BOOTTIME` forward, as a suspension does.
#[test]
fn uptime_counts_the_time_for_which_the_machine_was_suspended() {
    let before = SystemClock.uptime().as_secs();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--time", "--fork"])
        .args(["--boottime", &SUSPENDED.to_string()])
        .arg(current_exe().expect("no path"))
        .args(["--exact", "prints_the_uptime", "--ignored", "--nocapture"])
        .output();
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let printed = printed.unwrap_or_default();
    let Some(uptime) = printed.lines().find_map(|line| line.strip_prefix(PREFIX)) else {
        eprintln!("there are no time namespaces here");
        return;
    };
    let uptime: u64 = uptime.parse().expect("no number");
    assert!(uptime >= before + SUSPENDED, "{uptime}");
}

const PREFIX: &str = "uptime in seconds: ";

#[test]
#[ignore = "the other test runs it in a time namespace"]
fn prints_the_uptime() {
    println!("\n{PREFIX}{}", SystemClock.uptime().as_secs());
}
