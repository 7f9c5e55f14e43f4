//! The process, and what the kernel says of it (Linux).

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::sleep;

use crate::asking::Line;
use crate::support::process::{log_file, within};
use crate::support::service::Service;

const PATIENCE: Duration = Duration::from_secs(60);
/// Finer than `Service::run` looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// What Linux counts processor time in, for programs.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) struct Running {
    child: Child,
    id: u32,
}

/// In megabytes.
pub(super) struct Memory {
    pub(super) resident: f64,
    /// Without what is mapped from files.
    pub(super) anonymous: f64,
    pub(super) highest: f64,
}

impl Running {
    /// Starts the service; how long it took until it said that it was ready.
    pub(super) async fn start(service: &Service) -> (Self, Duration) {
        let log = service.file("service.log");
        let mut command = service.command(&["serve"]);
        command.stdout(log_file(&log)).stderr(log_file(&log));
        let start = Instant::now();
        let mut child = command.spawn().expect("cannot start the service");
        while !is_ready(service).await {
            let ended = child.try_wait().expect("cannot look at the service");
            assert!(ended.is_none(), "the service ended:\n{}", service.logs());
            assert!(start.elapsed() < PATIENCE, "the service does not get ready");
            sleep(LOOK_EVERY).await;
        }
        let took = start.elapsed();
        let id = child.id().expect("the service has ended");
        (Self { child, id }, took)
    }

    pub(super) fn memory(&self) -> Memory {
        let status = self.proc("status");
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.split_whitespace().next());
            let kilobytes: Option<f64> = kilobytes.and_then(|number| number.parse().ok());
            kilobytes.expect("the kernel does not say how much memory it is") * 1024.0 / 1e6
        };
        Memory {
            resident: megabytes("VmRSS:"),
            anonymous: megabytes("RssAnon:"),
            highest: megabytes("VmHWM:"),
        }
    }

    /// The processor time used so far, in seconds.
    pub(super) fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        // The name in front, in parentheses, may hold anything.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        ticks / TICKS_PER_SECOND
    }

    pub(super) async fn stop(mut self) {
        // The number stays this child's own for as long as nobody has waited for it.
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        kill_process(id.expect("no process"), Signal::TERM).expect("cannot send SIGTERM");
        let status = within(PATIENCE, "the end of the service", self.child.wait()).await;
        assert!(status.expect("cannot wait for the service").success());
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.id);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

async fn is_ready(service: &Service) -> bool {
    let Ok(mut line) = Line::open(service).await else {
        return false;
    };
    matches!(line.ask("/v1/readyz", "").await, Ok(200))
}
