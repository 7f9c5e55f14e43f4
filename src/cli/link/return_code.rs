//! Asks for the return code that the page shows.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::events;
use crate::cli::client::{Client, LinkCode, Poll, Refused};
use crate::cli::print::{insist, is_quiet};
use crate::cli::{Exit, Failure};

/// Fails if nobody can type a return code. Called before a link code is requested.
pub(super) fn can_be_typed(json: bool) -> Result<(), Failure> {
    if json || io::stdin().is_terminal() {
        return Ok(());
    }
    let message = "a return code must be typed, and standard input is not a terminal: run this at a terminal, or add --json \
         and write the code to standard input";
    Err(Failure::new(Exit::Usage, message))
}

/// Asks for the return code once and sends it. Returns the completed link, or `None` if the link must be polled again.
pub(in crate::cli) async fn confirm(
    client: &Client,
    code: &LinkCode,
    poll: &Poll,
    json: bool,
) -> Result<Option<Poll>, Failure> {
    if json {
        events::confirming(poll.expires_in)?;
    }
    if !(json && is_quiet()) {
        io::stderr().write_all(b"Type the return code that the page shows: ")?;
    }
    let typed = tokio::select! {
        typed = timeout(Duration::from_secs(poll.expires_in), line()) => typed.ok(),
        () = ended(client, code) => None,
    };
    let Some(typed) = typed else {
        insist("");
        return Ok(None);
    };
    match client.confirm(&code.link_code, typed?.trim()).await {
        Ok(poll) => Ok(Some(poll)),
        Err(refused) if refused.has_code("wrong_return_code") || refused.has_code("link_ended") => {
            tell_refused(refused);
            Ok(None)
        }
        Err(refused) if refused.may_pass_after().is_some() => {
            tell_refused(refused);
            Ok(None)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Polls until the link no longer needs a return code: somebody has ended the link, or another program has confirmed
/// it.
async fn ended(client: &Client, code: &LinkCode) {
    loop {
        sleep(code.pause()).await;
        let poll = client.poll(&code.link_code).await;
        if poll.is_ok_and(|poll| *poll.status != "confirming") {
            return;
        }
    }
}

fn tell_refused(refused: Refused) {
    insist(format_args!("{}.", Failure::from(refused)));
}

/// Reads a line in a separate thread. If the link ends first, nobody waits for the thread.
async fn line() -> Result<String, Failure> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let _ = sender.send(read.map(|length| (length, line)));
    });
    let (length, line) = receiver.await??;
    if length == 0 {
        let message = "standard input has ended, so nobody can type the return code; the link fails by itself";
        return Err(Failure::new(Exit::Other, message));
    }
    Ok(line)
}
