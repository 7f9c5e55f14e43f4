use std::time::Duration;

use central_oauth_store_seaorm::CopyProgress;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::cli::print::tell;

/// Shows a bar at a terminal. Without a terminal, prints a line every few seconds. The bar disappears when this is
/// dropped.
pub(super) struct Progress {
    bar: ProgressBar,
    phase: &'static str,
    done: u64,
    all: u64,
    told_at: Instant,
}

impl Progress {
    const PAUSE: Duration = Duration::from_secs(5);
    const COMPARING: &str = "comparing rows of an earlier attempt";
    const COPYING: &str = "copying";
    const OPENING: &str = "decrypting the copied values";

    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg}: {bar:30} {pos} of {len} rows") {
            bar.set_style(style);
        }
        Self {
            bar,
            phase: "",
            done: 0,
            all: 0,
            told_at: Instant::now(),
        }
    }

    pub(super) fn show(&mut self, progress: CopyProgress) {
        match progress {
            CopyProgress::Begun(all) => {
                self.all = all;
                self.bar.set_length(all);
            }
            CopyProgress::Compared(rows) => self.add(Self::COMPARING, rows),
            CopyProgress::Copied(rows) => self.add(Self::COPYING, rows),
            CopyProgress::Opening(rows) => {
                self.all = rows;
                self.bar.set_length(rows);
            }
            CopyProgress::Opened(rows) => self.add(Self::OPENING, rows),
        }
    }

    fn add(&mut self, phase: &'static str, rows: u64) {
        let is_new = self.phase != phase;
        if is_new {
            self.phase = phase;
            self.done = 0;
            self.bar.reset();
            self.bar.set_message(phase);
        }
        self.done += rows;
        self.bar.set_position(self.done);
        if self.bar.is_hidden() && (is_new || self.told_at.elapsed() >= Self::PAUSE) {
            tell(format_args!("{phase}: {} of {} rows", self.done, self.all));
            self.told_at = Instant::now();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
