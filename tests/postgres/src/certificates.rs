//! Creates a certificate authority and the certificate of a server.

use std::path::{Path, PathBuf};

use crate::programs::{Account, run};
use crate::settings::write;

const CONFIG: &str = "\
[req]
distinguished_name = name
prompt = no

[name]
CN = localhost

[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// Creates `ca.crt`, `server.crt` and `server.key` in `folder`. They belong to `account`, because a server must own its
/// key.
pub(crate) fn make(folder: &Path, account: Account) {
    write(&folder.join("openssl.cnf"), CONFIG);
    let in_folder = |name: &str| folder.join(name);
    request(account, folder, "ca", &["-subj", "/CN=tests"], &[]);
    let signer = [
        ("-CA", in_folder("ca.crt")),
        ("-CAkey", in_folder("ca.key")),
    ];
    request(account, folder, "server", &[], &signer);
}

/// Returns the path of the authority's certificate.
pub(crate) fn ca_file(folder: &Path) -> PathBuf {
    folder.join("ca.crt")
}

fn request(account: Account, folder: &Path, name: &str, more: &[&str], signer: &[(&str, PathBuf)]) {
    let mut openssl = account.command("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    openssl.args(["-nodes", "-days", "2", "-extensions", name]);
    openssl.arg("-config").arg(folder.join("openssl.cnf"));
    openssl
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")));
    openssl.arg("-out").arg(folder.join(format!("{name}.crt")));
    for (option, file) in signer {
        openssl.arg(option).arg(file);
    }
    run(openssl.args(more).current_dir("/"));
}
