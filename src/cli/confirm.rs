//! Asks before something is deleted.

use std::io::{self, IsTerminal, Write};

use super::{Exit, Failure};

/// Whether a command that deletes may continue.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct Confirmation {
    /// Do not ask for confirmation. Required without a terminal.
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// A confirmation from another option.
    pub(super) const fn of(yes: bool) -> Self {
        Self { yes }
    }

    /// Fails if nobody can be asked. Called before any request, so that a script fails at once.
    pub(super) fn can_be_given(self) -> Result<(), Failure> {
        if self.yes || io::stdin().is_terminal() {
            return Ok(());
        }
        let message =
            "cannot ask for confirmation because standard input is not a terminal: add --yes";
        Err(Failure::new(Exit::Usage, message))
    }

    /// Asks the person at the terminal a question whose usual answer is yes. Without a terminal the answer is no.
    pub(super) fn ask_also(self, question: &str) -> Result<bool, Failure> {
        if self.yes {
            return Ok(false);
        }
        let answer = answer(&format!("{question} [Y/n] "))?;
        Ok(matches!(
            answer.trim(),
            "" | "y" | "Y" | "yes" | "Yes" | "YES"
        ))
    }

    /// Asks the person at the terminal. `otherwise` says what a refusal leaves unchanged.
    pub(super) fn ask(self, question: &str, otherwise: &str) -> Result<(), Failure> {
        self.can_be_given()?;
        if self.yes {
            return Ok(());
        }
        let answer = answer(&format!("{question} [y/N] "))?;
        if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES") {
            return Ok(());
        }
        Err(Failure::new(Exit::Denied, otherwise))
    }
}

fn answer(question: &str) -> io::Result<String> {
    io::stderr().write_all(question.as_bytes())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}
