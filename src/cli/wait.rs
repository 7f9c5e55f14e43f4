//! Waits until a person has consented, and shows the progress.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, sleep};

use super::client::{Client, LinkCode, Poll, Refused};
use super::link::return_code;
use super::print::{is_quiet, tell};
use super::{Exit, Failure};

/// Upper limit for a pause between polls, whatever `Retry-After` says.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Polls until the link has ended. Returns the completed link, or the reason why there is none.
pub(super) async fn wait(client: &Client, code: &LinkCode, json: bool) -> Result<Poll, Failure> {
    wait_by(code, json, async || Ok(client.clone())).await
}

/// Polls like [`wait`], but gets a client for each poll, because the JWT of a workload expires.
pub(super) async fn wait_by(
    code: &LinkCode,
    json: bool,
    mut client: impl AsyncFnMut() -> Result<Client, Refused>,
) -> Result<Poll, Failure> {
    let mut progress = Progress::new(code.expires_in);
    let interval = code.pause();
    let mut pause = interval;
    loop {
        sleep(pause).await;
        pause = interval;
        let polled = match client().await {
            Ok(client) => {
                let poll = client.poll(&code.link_code).await;
                poll.map(|poll| (client, poll))
            }
            Err(refused) => Err(refused),
        };
        match polled {
            Ok((client, poll)) => {
                progress.show_status(&poll);
                if *poll.status == "confirming" {
                    let asked = return_code::confirm(&client, code, &poll, json);
                    if let Some(linked) = progress.silently(asked).await? {
                        return Ok(linked);
                    }
                    continue;
                }
                if let Some(end) = ended(poll) {
                    return end;
                }
            }
            Err(refused) => {
                let retry_after = refused.may_pass_after().filter(|_| progress.time_left());
                let Some(retry_after) = retry_after else {
                    return Err(refused.into());
                };
                progress.show_failure(&refused);
                pause = retry_after.clamp(interval, LONGEST_PAUSE);
            }
        }
    }
}

fn ended(poll: Poll) -> Option<Result<Poll, Failure>> {
    let failure = |exit, message: &str| Some(Err(Failure::new(exit, message)));
    match poll.status.as_str() {
        "linked" => Some(Ok(poll)),
        "denied" => {
            let why = poll.error.map_or_else(
                || "the person declined".to_owned(),
                |error| format!("the provider gave no access: {}", error.detail),
            );
            failure(Exit::Denied, &why)
        }
        "expired" => failure(
            Exit::Expired,
            "the link code expired before anybody consented: run this command again for a new code",
        ),
        "failed" => {
            let why = poll.error.map_or_else(
                || "the link failed".to_owned(),
                |error| format!("the link failed: {} ({})", error.detail, error.code),
            );
            failure(Exit::LinkFailed, &why)
        }
        _ => None,
    }
}

/// Shows live progress at a terminal. Without a terminal, prints a line for each change. The bar disappears when this
/// is dropped.
struct Progress {
    bar: ProgressBar,
    deadline: Instant,
    last: &'static str,
}

impl Progress {
    /// After the code has expired, how long to keep polling a service that does not answer. The service may be
    /// restarting, and its database still has the code.
    const GRACE: Duration = Duration::from_secs(30);
    /// Upper limit in seconds for the lifetime of a code, whatever the service says.
    const LONGEST: u64 = 24 * 3600;
    const TICK: Duration = Duration::from_millis(120);
    const PENDING: &str = "waiting for the code to be entered";

    fn new(expires_in: u64) -> Self {
        let bar = match is_quiet() {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Self::TICK);
        let mut progress = Self {
            bar,
            deadline: Self::deadline(expires_in),
            last: "",
        };
        progress.show(Self::PENDING, Some(expires_in));
        progress
    }

    fn deadline(expires_in: u64) -> Instant {
        Instant::now() + Duration::from_secs(expires_in.min(Self::LONGEST)) + Self::GRACE
    }

    /// Shows the status that the service returned. Also updates the deadline, because confirming a code changes its
    /// expiry.
    fn show_status(&mut self, poll: &Poll) {
        self.deadline = Self::deadline(poll.expires_in);
        let text = match poll.status.as_str() {
            "pending" => Self::PENDING,
            "authorizing" => "waiting for consent at the provider",
            _ => return,
        };
        self.show(text, Some(poll.expires_in));
    }

    /// Hides the bar while `other` runs, because the bar would cover what the person types.
    async fn silently<T>(&self, other: impl Future<Output = T>) -> T {
        self.bar.disable_steady_tick();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        let done = other.await;
        if !is_quiet() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.enable_steady_tick(Self::TICK);
        done
    }

    /// Shows that the service did not answer.
    fn show_failure(&mut self, refused: &Refused) {
        if matches!(refused, Refused::Unreachable(_)) {
            self.show("the service cannot be reached, trying again", None);
        }
    }

    fn show(&mut self, text: &'static str, left: Option<u64>) {
        let left = left.map(|left| format!(", {}:{:02} left", left / 60, left % 60));
        self.bar
            .set_message(format!("{text}{}", left.unwrap_or_default()));
        if self.bar.is_hidden() && self.last != text {
            tell(text);
            self.last = text;
        }
    }

    fn time_left(&self) -> bool {
        Instant::now() < self.deadline
    }
}
