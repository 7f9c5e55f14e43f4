//! What `--help` and the man pages say below the options of each command: examples, exit codes and variables.

use clap::Command;

use crate::exit::Exit;

/// The lower part of one help text.
struct Notes {
    /// The words of the command line that name the command.
    command: &'static [&'static str],
    /// What the options cannot say; may be empty.
    text: &'static str,
    examples: &'static [&'static str],
    /// Exit codes besides 0, 1 and 2.
    exits: &'static [Exit],
    variables: &'static [&'static str],
}

/// Of commands that send an access key.
const KEY: &[Exit] = &[Exit::NoKey, Exit::Unavailable];
/// Of commands that use or change the grant.
const GRANT: &[Exit] = &[Exit::NoKey, Exit::RelinkRequired, Exit::Unavailable];
/// Of commands that ask for confirmation.
const ASKING: &[Exit] = &[Exit::NoKey, Exit::Denied, Exit::Unavailable];

const CLIENT: &[&str] = &["SERVER", "ACCESS_KEY"];
const OPERATOR: &[&str] = &["SERVER", "ACCESS_KEY", "ADMIN_KEY"];
const DATABASE: &[&str] = &["DATABASE_URL", "DB_PATH"];
const SEALED: &[&str] = &[
    "DATABASE_URL",
    "DB_PATH",
    "SECRET_KEY",
    "PREVIOUS_SECRET_KEYS",
];

const WHOSE: &str = "\
Uses the saved key, or the key in CENTRAL_OAUTH_ACCESS_KEY. With CENTRAL_OAUTH_ADMIN_KEY, choose the account with
--account. The admin key is sent only to --server or CENTRAL_OAUTH_SERVER, never to the service of a saved key.";

const NOTES: &[Notes] = &[
    Notes {
        command: &[],
        text: "",
        examples: &[
            "central-oauth dev --auto",
            "central-oauth link --server https://auth.example.com",
            "central-oauth exec -- sh -c 'echo \"$ACCESS_TOKEN\"'",
        ],
        exits: Exit::ALL,
        variables: &["SERVER", "ACCESS_KEY", "ADMIN_KEY", "ENROLL_KEY"],
    },
    Notes {
        command: &["serve"],
        text: "",
        examples: &[
            "CENTRAL_OAUTH_PROVIDERS=providers.toml CENTRAL_OAUTH_SECRET_KEY=$(cat secret.key) central-oauth serve",
        ],
        exits: &[],
        variables: &["SECRET_KEY", "DATABASE_URL", "DB_PATH", "LISTEN_ADDR", "PUBLIC_URL", "PROVIDERS", "*"],
    },
    Notes {
        command: &["dev"],
        text: "",
        examples: &["central-oauth dev --auto", "central-oauth dev --port 9000"],
        exits: &[],
        variables: &["LOG"],
    },
    Notes {
        command: &["link"],
        text: "The address and the code go to standard error. Give them to a person who has the account.",
        examples: &[
            "central-oauth link --server https://auth.example.com",
            "central-oauth link --profile work --provider github --host github.com",
            "central-oauth link --label team=billing --label host=db1",
            "central-oauth link --relink",
            "central-oauth link --json --no-browser",
        ],
        exits: &[
            Exit::NoKey,
            Exit::Denied,
            Exit::Expired,
            Exit::LinkFailed,
            Exit::Unavailable,
        ],
        variables: &["SERVER", "ACCESS_KEY", "ENROLL_KEY", "NO_COLOR", "BROWSER"],
    },
    Notes {
        command: &["exec"],
        text: "\
The command replaces this process: it gets all signals, and its exit code is the exit code. If no token can be had, the
command does not run. The token is read once; a command that runs longer than its token should call `central-oauth
token` itself. Keys of Central OAuth are removed from the environment of the command.",
        examples: &[
            "central-oauth exec -- ./backup.sh",
            "central-oauth exec --env GITHUB_TOKEN --min-ttl 600 -- gh repo list",
        ],
        exits: &[
            Exit::NoKey,
            Exit::RelinkRequired,
            Exit::Unavailable,
            Exit::CannotExecute,
            Exit::CommandNotFound,
        ],
        variables: CLIENT,
    },
    Notes {
        command: &["token"],
        text: "\
As a credential helper it answers only for the hosts of --host, or else of `link --host`, over https (or http on this
machine). docs/RECIPES.md shows the configuration of git, Docker and kubectl.",
        examples: &[
            "central-oauth token --min-ttl 300",
            "central-oauth token --json",
            "git config --global credential.https://github.com.helper \\\n      '!central-oauth token --format git --host github.com'",
        ],
        exits: GRANT,
        variables: &["SERVER", "ACCESS_KEY", "KUBERNETES_EXEC_INFO"],
    },
    Notes {
        command: &["logout"],
        text: "To end the access of all programs, run `central-oauth revoke` instead.",
        examples: &["central-oauth logout", "central-oauth logout --profile work --yes"],
        exits: &[Exit::NoKey, Exit::Denied],
        variables: &["ACCESS_KEY"],
    },
    Notes {
        command: &["accounts"],
        text: "\
Shows the account of the saved key, or of the key in CENTRAL_OAUTH_ACCESS_KEY. If CENTRAL_OAUTH_ADMIN_KEY is set, shows
all accounts, unless --profile or --key-file selects a saved key. The admin key is sent only to --server or
CENTRAL_OAUTH_SERVER, never to the service of a saved key.",
        examples: &[
            "central-oauth accounts",
            "central-oauth accounts --status relink_required --json",
            "central-oauth accounts --label team=billing",
        ],
        exits: KEY,
        variables: OPERATOR,
    },
    Notes {
        command: &["refresh"],
        text: WHOSE,
        examples: &["central-oauth refresh", "central-oauth refresh --account 42"],
        exits: GRANT,
        variables: OPERATOR,
    },
    Notes {
        command: &["revoke"],
        text: WHOSE,
        examples: &["central-oauth revoke", "central-oauth revoke --account 42 --yes"],
        exits: ASKING,
        variables: OPERATOR,
    },
    Notes {
        command: &["keys"],
        text: WHOSE,
        examples: &[
            "central-oauth keys list",
            "central-oauth keys create --name nightly-build",
            "central-oauth keys delete 7",
        ],
        exits: ASKING,
        variables: OPERATOR,
    },
    Notes {
        command: &["keys", "list"],
        text: WHOSE,
        examples: &["central-oauth keys list", "central-oauth keys list --account 42 --json"],
        exits: KEY,
        variables: OPERATOR,
    },
    Notes {
        command: &["keys", "create"],
        text: WHOSE,
        examples: &[
            "central-oauth keys create --name nightly-build",
            "central-oauth keys create --name trial --expires-at 2027-01-31T00:00:00Z",
        ],
        exits: KEY,
        variables: OPERATOR,
    },
    Notes {
        command: &["keys", "delete"],
        text: WHOSE,
        examples: &["central-oauth keys delete 7", "central-oauth keys delete 7 --account 42 --yes"],
        exits: ASKING,
        variables: OPERATOR,
    },
    Notes {
        command: &["revocations"],
        text: "",
        examples: &["central-oauth revocations", "central-oauth revocations --json"],
        exits: KEY,
        variables: &["SERVER", "ADMIN_KEY"],
    },
    Notes {
        command: &["providers"],
        text: "Reads the same configuration as `serve`. Needs neither the database nor the secret key.",
        examples: &["central-oauth providers list", "central-oauth providers check github"],
        exits: &[Exit::Unavailable],
        variables: &["PROVIDERS", "PUBLIC_URL", "LISTEN_ADDR", "*"],
    },
    Notes {
        command: &["providers", "list"],
        text: "",
        examples: &["central-oauth providers list"],
        exits: &[],
        variables: &["PROVIDERS", "*"],
    },
    Notes {
        command: &["providers", "check"],
        text: "",
        examples: &["central-oauth providers check", "central-oauth providers check github --json"],
        exits: &[Exit::Unavailable],
        variables: &["PROVIDERS", "PUBLIC_URL", "LISTEN_ADDR", "*"],
    },
    Notes {
        command: &["restored"],
        text: "",
        examples: &["central-oauth restored"],
        exits: &[],
        variables: DATABASE,
    },
    Notes {
        command: &["replicas"],
        text: "Needs no secret key.",
        examples: &["central-oauth replicas", "central-oauth replicas --json"],
        exits: &[],
        variables: DATABASE,
    },
    Notes {
        command: &["health"],
        text: "Exits with 0 if the service is healthy, else with 1, within 5 seconds.",
        examples: &["central-oauth health", "central-oauth health --server https://auth.example.com"],
        exits: &[],
        variables: &["LISTEN_ADDR"],
    },
    Notes {
        command: &["openapi"],
        text: "",
        examples: &["central-oauth openapi --yaml"],
        exits: &[],
        variables: &[],
    },
    Notes {
        command: &["rekey"],
        text: "",
        examples: &["central-oauth rekey"],
        exits: &[],
        variables: SEALED,
    },
    Notes {
        command: &["copy"],
        text: "",
        examples: &[
            "central-oauth copy --from sqlite:///data/db.sqlite3 --to postgres://user@host/database",
        ],
        exits: &[],
        variables: SEALED,
    },
    Notes {
        command: &["migrate"],
        text: "",
        examples: &["central-oauth migrate", "central-oauth migrate status"],
        exits: &[Exit::Denied],
        variables: DATABASE,
    },
    Notes {
        command: &["migrate", "up"],
        text: "",
        examples: &["central-oauth migrate up"],
        exits: &[],
        variables: DATABASE,
    },
    Notes {
        command: &["migrate", "down"],
        text: "",
        examples: &["central-oauth migrate down --delete-data"],
        exits: &[Exit::Denied],
        variables: DATABASE,
    },
    Notes {
        command: &["migrate", "status"],
        text: "",
        examples: &["central-oauth migrate status"],
        exits: &[],
        variables: DATABASE,
    },
    Notes {
        command: &["completions"],
        text: "",
        examples: &[
            "central-oauth completions bash > ~/.local/share/bash-completion/completions/central-oauth",
            "central-oauth completions zsh > ~/.zfunc/_central-oauth",
        ],
        exits: &[],
        variables: &[],
    },
    Notes {
        command: &["man"],
        text: "",
        examples: &["central-oauth man | man -l -", "central-oauth man /usr/local/share/man/man1"],
        exits: &[],
        variables: &[],
    },
];

/// What a variable means, by its name without the prefix, or by its whole name if it has none.
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
    ("SECRET_KEY", "encrypts the database"),
    ("PREVIOUS_SECRET_KEYS", "earlier secret keys"),
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
    ("LOG", "the log level"),
    ("*", "docs/CONFIGURATION.md lists all variables"),
];

const FOREIGN: &[(&str, &str)] = &[
    ("NO_COLOR", "if set, the QR code has no colours"),
    ("BROWSER", "the program that opens the address"),
    ("KUBERNETES_EXEC_INFO", "set by kubectl"),
];

/// Adds the notes to a command line.
pub(super) fn complete(command: Command) -> Command {
    NOTES.iter().fold(command, |command, notes| {
        add(command, notes.command, notes.render())
    })
}

fn add(command: Command, path: &'static [&'static str], text: String) -> Command {
    match path.split_first() {
        None => command.after_long_help(text),
        Some((name, rest)) => command.mut_subcommand(name, |it| add(it, rest, text)),
    }
}

impl Notes {
    fn render(&self) -> String {
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
            .exits()
            .map(|exit| format!("  {:<3}  {}", exit as u8, exit.meaning()));
        parts.push(format!(
            "Exit codes:\n{}",
            lines.collect::<Vec<_>>().join("\n")
        ));
        parts.join("\n\n")
    }

    fn exits(&self) -> impl Iterator<Item = Exit> {
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
    use super::*;

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
        let mut seen = 0;
        every(&command, "central-oauth", &mut |path, command| {
            let notes = command.get_after_long_help().map(ToString::to_string);
            let notes = notes.unwrap_or_else(|| panic!("{path} has no notes"));
            assert!(
                notes.contains(&format!("  {path}")) || notes.contains(path),
                "{path}: {notes}"
            );
            assert!(notes.contains("Exit codes:\n  0  "), "{path}: {notes}");
            assert!(!notes.contains(": \n"), "{path}: {notes}");
            seen += 1;
        });
        assert_eq!(seen, NOTES.len());
    }

    #[test]
    fn every_variable_has_a_meaning() {
        for name in NOTES.iter().flat_map(|notes| notes.variables) {
            let line = variable(name);
            assert!(!line.ends_with(": "), "{line}");
        }
    }
}
