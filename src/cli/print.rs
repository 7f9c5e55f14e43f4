//! Results go to standard output, where scripts read them; everything for people goes to standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use super::{Exit, Failure};

/// Prints a line of the result. A reader that has seen enough (`| head`) is no failure; a full disk is one.
pub(super) fn result(line: impl Display) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("standard output cannot be written: {error}");
            Err(Failure::new(Exit::Other, message))
        }
        _ => Ok(()),
    }
}

/// Tells a person something. Nobody has to be there to read it.
pub(super) fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
