//! Opens a web browser on this machine.

use std::process::{Command, Stdio};

use url::Url;

use crate::config::Environment;

/// Opens a URL in a browser on this machine. Returns whether a browser was started.
pub(super) fn open(address: &str, environment: &Environment) -> bool {
    // The service chose the URL. With a scheme other than http or https, the opener could run another program.
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

/// Returns the program in `BROWSER`, or else the opener of the desktop. There is no opener over SSH or without a
/// display.
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
