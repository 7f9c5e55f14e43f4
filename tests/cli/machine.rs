//! A user's machine: its own folders, and a clean environment.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::support::process::{self, within};

const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// A home, a config folder, a temporary folder and a working folder. They are deleted with this value.
pub(super) struct Machine {
    folder: TempDir,
}

/// The exit status and output of a command.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Machine {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "config", "tmp", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    /// Returns the user's home.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Returns the folder that commands run in.
    pub(super) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Returns the folder for temporary files.
    pub(super) fn tmp(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// Returns the path of a profile's key.
    pub(super) fn key_file(&self, profile: &str) -> PathBuf {
        let folder = self.folder.path().join("config/central-oauth");
        folder.join(format!("{profile}.toml"))
    }

    /// Returns the folder of configuration files.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Returns a command without a terminal, with only `PATH` of this process's environment.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_central-oauth"), arguments)
    }

    /// Returns a shell that runs a script. The settings are named without `CENTRAL_OAUTH_`.
    pub(super) fn shell(&self, settings: &[(&str, &str)], script: &str) -> Command {
        let mut shell = self.program("sh", &["-c", script]);
        for (name, value) in settings {
            shell.env(format!("CENTRAL_OAUTH_{name}"), value);
        }
        shell
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = process::command(program);
        let path = std::env::vars_os().find(|(name, _)| name == "PATH");
        command
            .args(arguments)
            .env_clear()
            .envs(path)
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("TMPDIR", self.tmp())
            .current_dir(self.work())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns such a command with settings, which are named without `CENTRAL_OAUTH_`.
    pub(super) fn command_with(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        for (name, value) in settings {
            command.env(format!("CENTRAL_OAUTH_{name}"), value);
        }
        command
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments)).await
    }

    /// Runs a command with settings to its end.
    pub(super) async fn run_with(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Run {
        Run::of(self.command_with(settings, arguments)).await
    }
}

impl Run {
    pub(super) async fn of(mut command: Command) -> Self {
        let output = within(ENDS_WITHIN, "the end of a command", command.output()).await;
        let output = output.unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts an exit code.
    #[track_caller]
    pub(super) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Returns the only line for people; asserts that there is no other output.
    #[track_caller]
    pub(super) fn only_line(&self) -> &str {
        assert_eq!(self.stdout, "", "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap();
        assert!(!line.is_empty() && !line.contains('\n'), "{self:?}");
        line
    }
}

/// Returns the names of the entries of a folder, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns the permissions of a file.
pub(super) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
