//! What `link --json` prints: the code, and later the result, each as one line.

use serde_json::{Value, json};

use super::Linked;
use crate::cli::client::LinkCode;
use crate::cli::print::{printable_json, result as print};
use crate::cli::{Exit, Failure};

/// Prints the link code, without the access key.
pub(super) fn code(code: &LinkCode, provider: &str) -> Result<(), Failure> {
    line(&json!({
        "status": "pending",
        "link_code": code.link_code,
        "verification_url": code.verification_url,
        "verification_url_complete": code.verification_url_complete,
        "expires_in": code.expires_in,
        "provider": { "name": code.provider, "display_name": provider },
    }))
}

/// Prints that a return code is read from standard input now.
pub(super) fn confirming(expires_in: u64) -> Result<(), Failure> {
    line(&json!({ "status": "confirming", "expires_in": expires_in }))
}

pub(super) fn result(linked: &Result<Linked, Failure>) -> Result<(), Failure> {
    match linked {
        Ok(linked) => {
            let mut event = json!({ "status": "linked" });
            if let Some(file) = &linked.key_file {
                event["key_file"] = file.as_str().into();
            }
            if let Some(account) = &linked.account {
                event["account"] = json!(account);
            }
            line(&event)
        }
        Err(failure) => line(&json!({
            "status": status(failure.code),
            "exit_code": failure.code as u8,
            "detail": failure.to_string(),
        })),
    }
}

const fn status(exit: Exit) -> &'static str {
    match exit {
        Exit::Denied => "denied",
        Exit::Expired => "expired",
        Exit::LinkFailed => "failed",
        _ => "error",
    }
}

fn line(event: &Value) -> Result<(), Failure> {
    print(printable_json(&event.to_string()))
}
