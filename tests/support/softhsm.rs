//! SoftHSM, a PKCS#11 token in files (Debian's softhsm2), and OpenSC's pkcs11-tool.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::service::Service;

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const LABEL: &str = "token of the test";

/// A token in the folder of a service.
pub(crate) struct SoftHsm {
    configuration: PathBuf,
    tokens: PathBuf,
    hidden: PathBuf,
}

impl SoftHsm {
    /// The PIN of the token.
    pub(crate) const PIN: &str = "the-pin-of-the-test";

    /// Creates a token without keys, and makes the service use it.
    pub(crate) fn new(service: &mut Service) -> Self {
        let token = Self {
            configuration: service.file("softhsm2.conf"),
            tokens: service.file("tokens"),
            hidden: service.file("hidden"),
        };
        std::fs::create_dir(&token.tokens).expect("a folder");
        let configuration = format!("directories.tokendir = {}\n", token.tokens.display());
        std::fs::write(&token.configuration, configuration).expect("a file");
        service.set_other("SOFTHSM2_CONF", &token.configuration.display().to_string());
        let so_pin = ["--so-pin", "the-so-pin-of-the-test"];
        let arguments = [
            "--init-token",
            "--free",
            "--label",
            LABEL,
            "--pin",
            Self::PIN,
        ];
        token.run("softhsm2-util", &[&arguments[..], &so_pin].concat());
        token
    }

    /// Returns the URI of a key.
    pub(crate) fn uri(key: &str) -> String {
        let label = LABEL.replace(' ', "%20");
        format!("pkcs11:token={label};object={key}?module-path={MODULE}")
    }

    /// Makes an AES key.
    pub(crate) fn make_aes(&self, label: &str) {
        let kind = ["--keygen", "--key-type", "AES:32", "--sensitive"];
        self.tool(&[&kind[..], &["--label", label]].concat());
    }

    pub(crate) fn make_rsa(&self, label: &str) {
        let kind = ["--keypairgen", "--key-type", "rsa:2048"];
        self.tool(&[&kind[..], &["--label", label]].concat());
    }

    /// Deletes an AES key.
    pub(crate) fn delete(&self, label: &str) {
        self.tool(&["--delete-object", "--type", "secrkey", "--label", label]);
    }

    /// Returns whether somebody has tried a wrong PIN since the last successful login.
    pub(crate) fn has_seen_a_wrong_pin(&self) -> bool {
        let listed = self.run("pkcs11-tool", &["--module", MODULE, "--list-slots"]);
        listed.contains("user PIN count low")
    }

    /// Takes the token away.
    pub(crate) fn pull_out(&self) {
        rename(&self.tokens, &self.hidden);
        std::fs::create_dir(&self.tokens).expect("a folder");
    }

    /// Brings the token back.
    pub(crate) fn plug_in(&self) {
        std::fs::remove_dir(&self.tokens).expect("the folder is not empty");
        rename(&self.hidden, &self.tokens);
    }

    fn tool(&self, arguments: &[&str]) {
        let login = [
            "--module",
            MODULE,
            "--token-label",
            LABEL,
            "--login",
            "--pin",
        ];
        let all = [&login[..], &[Self::PIN], arguments].concat();
        self.run("pkcs11-tool", &all);
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", &self.configuration);
        let output = command.args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).expect("cannot rename the folder of the token");
}
