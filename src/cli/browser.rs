//! Opens a web browser on this machine.

use std::process::{Command, Stdio};

use url::Url;

use crate::config::Environment;

/// Opens a URL in a browser on this machine: with the command in `BROWSER`, or else with the opener of the desktop.
/// Returns whether a program was started.
pub(super) fn open(address: &str, environment: &Environment) -> bool {
    // The service chose the URL. With a scheme other than http or https, the opener could run another program.
    let is_page = |url: &Url| matches!(url.scheme(), "http" | "https");
    let Some(page) = Url::parse(address).ok().filter(is_page) else {
        return false;
    };
    let commands = [environment.other("BROWSER"), opener(environment)];
    let mut commands = commands.into_iter().flatten();
    commands.any(|command| start(command, page.as_str()))
}

/// Starts a program with a URL. The command may be the path of a program, or a program with arguments. In the
/// arguments, `%s` stands for the URL, as in Python's `webbrowser`. Without `%s`, the URL becomes the last argument.
fn start(command: &str, page: &str) -> bool {
    if spawn(command, &[page.to_owned()]) {
        return true;
    }
    let mut words = command.split_whitespace();
    let Some(program) = words.next() else {
        return false;
    };
    let mut arguments: Vec<_> = words.map(|word| word.replace("%s", page)).collect();
    if !command.contains("%s") {
        arguments.push(page.to_owned());
    }
    spawn(program, &arguments)
}

fn spawn(program: &str, arguments: &[String]) -> bool {
    let mut browser = Command::new(program);
    browser.args(arguments);
    browser.stdin(Stdio::null());
    browser.stdout(Stdio::null()).stderr(Stdio::null());
    browser.spawn().is_ok()
}

/// Returns the opener of the desktop. There is none over SSH or without a display.
fn opener(environment: &Environment) -> Option<&'static str> {
    let is_set = |name| environment.other(name).is_some();
    if is_set("SSH_CONNECTION") {
        return None;
    }
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")).then_some("xdg-open")
}
