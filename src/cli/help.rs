//! What `--help` and the man pages say below the options of each command: examples, exit codes and variables.

use crate::exit::Exit;

/// The lower part of one help text. Each command defines its notes above its options.
pub(super) struct Notes {
    text: &'static str,
    examples: &'static [&'static str],
    exits: &'static [Exit],
    variables: &'static [&'static str],
}

/// The exit codes of commands that send an access key.
pub(super) const KEY: &[Exit] = &[Exit::NoKey, Exit::Unavailable];
/// The exit codes of commands that use or change the grant.
pub(super) const GRANT: &[Exit] = &[Exit::NoKey, Exit::RelinkRequired, Exit::Unavailable];
/// The exit codes of commands that ask for confirmation.
pub(super) const ASKING: &[Exit] = &[Exit::NoKey, Exit::Denied, Exit::Unavailable];

pub(super) const OPERATOR: &[&str] = &["SERVER", "ACCESS_KEY", "ADMIN_KEY"];
pub(super) const DATABASE: &[&str] = &["DATABASE_URL", "DB_PATH"];
pub(super) const SEALED: &[&str] = &[
    "DATABASE_URL",
    "DB_PATH",
    "SECRET_KEY",
    "PREVIOUS_SECRET_KEYS",
];

pub(super) const WHOSE: &str = "\
Uses the saved key, or the key in CENTRAL_OAUTH_ACCESS_KEY. With CENTRAL_OAUTH_ADMIN_KEY, choose the account with
--account. The admin key is sent only to --server, CENTRAL_OAUTH_SERVER or http://127.0.0.1:8080 (in this order), never
to the service of a saved key.";

/// The meanings of our variables, by name without the prefix. `*` refers to all variables.
const VARIABLES: &[(&str, &str)] = &[
    ("SERVER", "the URL of the service"),
    (
        "ACCESS_KEY",
        "an access key to use instead of the saved one (or ..._FILE: a file with it)",
    ),
    ("ADMIN_KEY", "the admin key of the service"),
    (
        "ENROLL_KEY",
        "the enrolment key, if the service needs one for a new link",
    ),
    (
        "ID_TOKEN",
        "the JWT of this job, for --workload (or ..._FILE: a file with it)",
    ),
    ("SECRET_KEY", "encrypts the database"),
    ("PREVIOUS_SECRET_KEYS", "earlier secret keys"),
    (
        "KMS",
        "the key that wraps the secret key, in AWS KMS, Vault or OpenBao, or on a PKCS#11 token",
    ),
    ("KMS_PIN", "the PIN of the PKCS#11 token"),
    ("KMS_TOKEN", "the token for Vault or OpenBao"),
    ("DATABASE_URL", "the database"),
    (
        "DB_PATH",
        "the SQLite file, if CENTRAL_OAUTH_DATABASE_URL is not set",
    ),
    (
        "LISTEN_ADDR",
        "the address and port that the service listens on",
    ),
    ("PUBLIC_URL", "the URL at which people reach the service"),
    ("PROVIDERS", "the file of providers"),
    ("OPERATOR_NAME", "who runs the service, as its pages say"),
    (
        "OPERATOR_CONTACT",
        "the https or mailto address at which people reach the operator",
    ),
    (
        "OPERATOR_LOGO_FILE",
        "the operator's logo, a PNG or SVG file",
    ),
    ("LOG", "the log level"),
    ("*", "docs/CONFIGURATION.md lists all variables"),
];

const FOREIGN: &[(&str, &str)] = &[
    ("NO_COLOR", "if set, the QR code has no colours"),
    (
        "BROWSER",
        "the command that opens the address; %s stands for the address",
    ),
    ("KUBERNETES_EXEC_INFO", "set by kubectl"),
];

impl Notes {
    pub(super) const fn of(examples: &'static [&'static str]) -> Self {
        Self {
            text: "",
            examples,
            exits: &[],
            variables: &[],
        }
    }

    /// Adds a text about the command.
    pub(super) const fn text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    /// Adds exit codes besides 0, 1 and 2.
    pub(super) const fn exits(self, exits: &'static [Exit]) -> Self {
        Self { exits, ..self }
    }

    /// Adds variables: our own without the prefix `CENTRAL_OAUTH_`, others with their whole name.
    pub(super) const fn variables(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }

    /// Returns the text below the options.
    pub(super) fn render(&self) -> String {
        let mut parts = Vec::new();
        if !self.text.is_empty() {
            parts.push(self.text.to_owned());
        }
        parts.push(format!("Examples:\n  {}", self.examples.join("\n  ")));
        if !self.variables.is_empty() {
            let lines = self.variables.iter().map(|name| variable(name));
            parts.push(format!(
                "Environment variables:\n{}",
                lines.collect::<Vec<_>>().join("\n")
            ));
        }
        let lines = self
            .all_exits()
            .map(|exit| format!("  {:<3}  {}", exit as u8, exit.meaning()));
        parts.push(format!(
            "Exit codes:\n{}",
            lines.collect::<Vec<_>>().join("\n")
        ));
        parts.join("\n\n")
    }

    fn all_exits(&self) -> impl Iterator<Item = Exit> {
        const ALWAYS: [Exit; 3] = [Exit::Done, Exit::Other, Exit::Usage];
        let all = Exit::ALL.iter().copied();
        all.filter(|exit| ALWAYS.contains(exit) || self.exits.contains(exit))
    }
}

fn variable(name: &str) -> String {
    let meaning = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(known, _)| *known == name);
        found.map(|(_, meaning)| *meaning)
    };
    match (name, meaning(VARIABLES), meaning(FOREIGN)) {
        ("*", Some(all), _) => format!("  {all}"),
        (_, Some(ours), _) => format!("  CENTRAL_OAUTH_{name}: {ours}"),
        (_, _, foreign) => format!("  {name}: {}", foreign.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    fn every(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Command)) {
        visit(path, command);
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            every(sub, &format!("{path} {}", sub.get_name()), visit);
        }
    }

    #[test]
    fn every_command_has_an_example_and_exit_codes() {
        let command = crate::cli::command_line();
        command.clone().debug_assert();
        every(&command, "central-oauth", &mut |path, command| {
            let notes = command.get_after_long_help().map(ToString::to_string);
            let notes = notes.unwrap_or_else(|| panic!("{path} has no notes"));
            assert!(
                notes.contains(&format!("  {path}")) || notes.contains(path),
                "{path}: {notes}"
            );
            assert!(notes.contains("Exit codes:\n  0  "), "{path}: {notes}");
            // A variable that is missing in `VARIABLES` and `FOREIGN` is shown with an empty meaning.
            assert!(!notes.contains(": \n"), "{path}: {notes}");
        });
    }
}
