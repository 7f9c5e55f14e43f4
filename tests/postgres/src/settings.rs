//! The configuration of a cluster: the files that `initdb` creates, changed for tests.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::cluster::Tls;
use crate::programs::{Account, postgres_program, run};

/// The superuser of every cluster.
pub(crate) const USER: &str = "tests";

/// The clients that may connect to a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) tls: Tls,
    /// An additional listen address, for clients in the same network.
    pub(crate) also: Option<Ipv4Addr>,
}

/// Initialises a cluster in the subfolder `data` of `folder`.
pub(crate) fn initialise(folder: &Path, account: Account, password: &str, reach: Reach) {
    let password_file = folder.join("password");
    write(&password_file, password);
    let data = folder.join("data");
    let mut initdb = account.command(postgres_program("initdb"));
    initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8"]);
    initdb.args(["--auth=scram-sha-256", "--username", USER]);
    initdb.arg("--pwfile").arg(password_file);
    run(initdb.arg("--pgdata").arg(&data).current_dir("/"));
    write(&data.join("pg_hba.conf"), &hosts(reach));
}

/// Sets the server's port in `postgresql.conf`, because [`arguments`] does not contain the port.
pub(crate) fn set_port(folder: &Path, port: u16) {
    // The last setting of a file counts.
    let path = folder.join("data/postgresql.conf");
    let text = fs::read_to_string(&path).unwrap_or_default();
    write(&path, &format!("{text}\nport = {port}\n"));
}

/// Returns the arguments of the server. They do not contain the port, because the port may change: see [`set_port`].
pub(crate) fn arguments(folder: &Path, Reach { tls, also }: Reach) -> Vec<String> {
    let also = also.map(|address| format!(",{address}"));
    let mut settings = vec![
        format!("listen_addresses=127.0.0.1{}", also.unwrap_or_default()),
        format!("unix_socket_directories={}", folder.display()),
        // With these off, a crash of the machine can lose data, but a crash of the server cannot.
        "fsync=off".to_owned(),
        "full_page_writes=off".to_owned(),
        // Tests run concurrently, each with one or two pools.
        "max_connections=400".to_owned(),
        // Makes a standby reconnect to its primary soon.
        "wal_retrieve_retry_interval=200ms".to_owned(),
        // If a standby has received a commit before it became synchronous, the commit waits for the next report of the
        // standby.
        "wal_receiver_status_interval=1s".to_owned(),
        "log_line_prefix=%m [%p] %d ".to_owned(),
    ];
    if tls != Tls::Off {
        settings.push("ssl=on".to_owned());
        settings.push(format!(
            "ssl_cert_file={}",
            folder.join("server.crt").display()
        ));
        settings.push(format!(
            "ssl_key_file={}",
            folder.join("server.key").display()
        ));
    }
    let data = ["-D".to_owned(), folder.join("data").display().to_string()];
    let settings = settings
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting]);
    data.into_iter().chain(settings).collect()
}

/// Returns the option of `CREATE DATABASE` that copies files, which takes half as long as the default, the write-ahead
/// log. Versions before 15 do not have the option, and always copy files.
pub(crate) fn strategy(folder: &Path) -> &'static str {
    let version = fs::read_to_string(folder.join("data/PG_VERSION"));
    match version.map(|version| version.trim().parse::<u32>()) {
        Ok(Ok(15..)) => " STRATEGY FILE_COPY",
        _ => "",
    }
}

/// Returns the content of `pg_hba.conf`. Clients of the socket need no password, because its folder is private.
fn hosts(Reach { tls, also }: Reach) -> String {
    let how = match tls {
        Tls::Off | Tls::Offered => "host",
        Tls::Required => "hostssl",
    };
    let from = ["127.0.0.1/32"].into_iter().chain(also.map(|_| "samenet"));
    let hosts = from.map(|from| format!("{how} all all {from} scram-sha-256\n"));
    "local all,replication all trust\n".to_owned() + &hosts.collect::<String>()
}

/// Writes a file for a server. The file may contain a password, because the folder is private.
pub(crate) fn write(path: &Path, text: &str) {
    let written = fs::write(path, text);
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
