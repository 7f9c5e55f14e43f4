//! The deadline of one call of a port.

use std::pin::pin;
use std::time::Duration;

use central_oauth_domain::ports::{Clock, ProviderError};
use tokio::time::{Instant, timeout, timeout_at};

/// A process that notices its deadline later than this was suspended or got no processor time.
const TIMERS_ARE_LATE_BY: Duration = Duration::from_millis(50);
/// How long a suspended process may still read, after its deadline, data that has already arrived.
const TO_READ_WHAT_ARRIVED: Duration = Duration::from_millis(500);

/// The deadline of a call. Discovery, fetching keys and the request itself share it.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    /// The same deadline in uptime, which also counts while the machine is suspended. `Instant` stands still then.
    uptime: Duration,
}

impl Deadline {
    /// Starts a call with this timeout.
    pub(crate) fn after(timeout: Duration, clock: &dyn Clock) -> Self {
        Self {
            at: Instant::now() + timeout,
            uptime: clock.uptime() + timeout,
        }
    }

    /// Returns half of the remaining time, for an optional step.
    pub(crate) fn half(self) -> Self {
        self.at_most(self.left() / 2)
    }

    fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Returns a deadline that is `longest` from now, or this one if it is earlier.
    pub(crate) fn at_most(self, longest: Duration) -> Self {
        let cut = self.left().saturating_sub(longest);
        Self {
            at: self.at - cut,
            uptime: self.uptime.saturating_sub(cut),
        }
    }

    pub(crate) fn is_over(self, clock: &dyn Clock) -> bool {
        Instant::now() >= self.at || clock.uptime() >= self.uptime
    }

    /// Runs `step` until the deadline.
    ///
    /// If the process was suspended past the deadline, gives `step` up to 500 ms more to read what has already arrived:
    /// the response may contain a rotated refresh token.
    pub(crate) async fn bound<T>(self, step: impl Future<Output = T>) -> Result<T, ProviderError> {
        let mut step = pin!(step);
        let in_time = timeout_at(self.at, step.as_mut()).await;
        let was_stopped = self.at.elapsed() > TIMERS_ARE_LATE_BY;
        let done = match in_time {
            Err(_) if was_stopped => timeout(TO_READ_WHAT_ARRIVED, step).await,
            in_time => in_time,
        };
        done.map_err(|_| ProviderError::unavailable("no response in time"))
    }
}

#[cfg(test)]
mod tests {
    use central_oauth_domain::testing::FixedClock;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn suspended_time_counts() {
        let clock = FixedClock::default();
        let deadline = Deadline::after(Duration::from_secs(10), &clock);
        // While the machine is suspended, `FixedClock` advances like the uptime, but `Instant` does not.
        clock.advance(Duration::from_secs(5));
        assert!(!deadline.is_over(&clock));
        clock.advance(Duration::from_secs(1));
        assert!(deadline.half().is_over(&clock) && !deadline.is_over(&clock));
        clock.advance(Duration::from_secs(4));
        assert!(deadline.is_over(&clock));
    }

    /// Blocks the thread while one byte arrives, and returns this byte. A separate task reads the byte, like the
    /// connection task of an HTTP client.
    async fn answer() -> u8 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut there, _) = listener.accept().unwrap();
        let reading = tokio::spawn(async move { here.read_u8().await.unwrap() });
        tokio::task::yield_now().await;
        std::io::Write::write_all(&mut there, &[7]).unwrap();
        std::thread::sleep(STOP);
        reading.await.unwrap()
    }

    const STOP: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn an_answer_that_came_while_the_process_was_stopped_is_read() {
        let deadline = Deadline::after(STOP / 2, &FixedClock::default());
        assert_eq!(deadline.bound(answer()).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn without_an_answer_it_ends_soon() {
        let deadline = Deadline::after(Duration::from_millis(20), &FixedClock::default());
        let nothing = async {
            tokio::task::yield_now().await;
            std::thread::sleep(STOP);
            std::future::pending::<()>().await;
        };
        assert!(deadline.bound(nothing).await.is_err());
    }

    #[test]
    fn setting_the_clock_changes_nothing() {
        let clock = FixedClock::default();
        let deadline = Deadline::after(Duration::from_secs(10), &clock);
        clock.set(central_oauth_domain::Timestamp::from_millis(i64::MAX));
        assert!(!deadline.half().is_over(&clock));
    }
}
