//! Asks the person before something is deleted.

use std::io::{self, BufRead, IsTerminal, Write};

use super::{Exit, Failure};

/// Whether a command that deletes asks for confirmation.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct Confirmation {
    /// Do not ask for confirmation. Required without a terminal.
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Creates a confirmation for a command that declares its own option, such as `--delete-data`.
    pub(super) const fn of(yes: bool) -> Self {
        Self { yes }
    }

    /// Fails if the command must ask and standard input is not a terminal. Called before any request, so that a script
    /// fails at once.
    pub(super) fn require_possible(self) -> Result<(), Failure> {
        if self.yes || io::stdin().is_terminal() {
            return Ok(());
        }
        let message =
            "cannot ask for confirmation because standard input is not a terminal: add --yes";
        Err(Failure::new(Exit::Usage, message))
    }

    /// Asks the person a question whose default answer is yes. With `--yes`, returns `false` without asking. The end of
    /// the input counts as no.
    pub(super) fn ask_yes_by_default(self, question: &str) -> Result<bool, Failure> {
        if self.yes {
            return Ok(false);
        }
        Ok(agrees(&format!("{question} [Y/n] "), true)?)
    }

    /// Asks the person a question whose default answer is no. `otherwise` is the error after a no: it says what was not
    /// done.
    pub(super) fn ask(self, question: &str, otherwise: &str) -> Result<(), Failure> {
        self.require_possible()?;
        if self.yes {
            return Ok(());
        }
        if agrees(&format!("{question} [y/N] "), false)? {
            return Ok(());
        }
        Err(Failure::new(Exit::Denied, otherwise))
    }
}

fn agrees(question: &str, default: bool) -> io::Result<bool> {
    io::stderr().write_all(question.as_bytes())?;
    read_agreement(&mut io::stdin().lock(), default)
}

/// Reads an answer. An empty line means the default; the end of the input means no.
fn read_agreement(input: &mut impl BufRead, default: bool) -> io::Result<bool> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    Ok(match line.trim() {
        "" => default,
        answer => matches!(answer, "y" | "Y" | "yes" | "Yes" | "YES"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_input_is_a_no_and_an_empty_line_is_the_default() {
        for default in [true, false] {
            let agreed = |mut input: &[u8]| read_agreement(&mut input, default).unwrap();
            assert!(!agreed(b""));
            assert_eq!(agreed(b"\n"), default);
            assert_eq!(agreed(b" \r\n"), default);
            assert!(agreed(b"y\n") && agreed(b"YES"));
            assert!(!agreed(b"n\n") && !agreed(b"perhaps\n"));
        }
    }
}
