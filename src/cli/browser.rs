//! Opens a web browser on this machine.

use std::process::{Command, Stdio};

use url::Url;

use crate::config::Environment;

/// Opens an address in the browser of a person who sits at this machine. Returns whether one was started.
pub(super) fn open(address: &str, environment: &Environment) -> bool {
    // The service chose the address; anything but a web page could be a command to the opener.
    let is_page = |url: &Url| matches!(url.scheme(), "http" | "https");
    let Some(page) = Url::parse(address).ok().filter(is_page) else {
        return false;
    };
    let Some(program) = program(environment) else {
        return false;
    };
    let mut browser = Command::new(program);
    browser.arg(page.as_str());
    browser.stdin(Stdio::null());
    browser.stdout(Stdio::null()).stderr(Stdio::null());
    browser.spawn().is_ok()
}

/// Returns the program that opens an address. Over SSH and without a display there is none.
fn program(environment: &Environment) -> Option<&str> {
    let is_set = |name| environment.other(name).is_some();
    if let Some(chosen) = environment.other("BROWSER") {
        return Some(chosen);
    }
    if is_set("SSH_CONNECTION") {
        return None;
    }
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")).then_some("xdg-open")
}
