//! A network namespace for one replica, which can be cut off from the database alone.
//!
//! A pair of devices joins the namespace to the test's own network. Each device has addresses in two networks: one for
//! the database, one for the replica. To cut the replica off, both ends get a wrong hardware address for each other,
//! only in the first network: packets are lost in both directions, without an error.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const PREFIX: &str = "co-chaos-";
/// A hardware address that nobody has.
const NOWHERE: &str = "02:00:00:00:00:01";
/// The name of the device inside.
const INSIDE: &str = "eth0";

/// A network namespace. It is deleted with this handle.
pub(super) struct Namespace {
    name: String,
    /// The device outside.
    device: String,
    net: [u8; 3],
}

impl Namespace {
    /// Creates a namespace, or returns why that is not permitted.
    pub(super) fn create() -> Result<Self, String> {
        sweep();
        let number = fastrand::u32(..);
        let octet = fastrand::u8(..=254);
        let made = Self {
            name: format!("{PREFIX}{}-{number:08x}", std::process::id()),
            device: format!("co{number:08x}"),
            // Reserved for network benchmarks (RFC 2544).
            net: [198, 18, octet],
        };
        ip(&format!("netns add {}", made.name))?;
        made.furnish()?;
        Ok(made)
    }

    fn furnish(&self) -> Result<(), String> {
        let Self { name, device, .. } = self;
        let at = |host| self.at(host);
        ip(&format!(
            "link add {device} type veth peer name {INSIDE} netns {name}"
        ))?;
        for (host, inside) in [(1, 2), (5, 6)] {
            ip(&format!("addr add {}/30 dev {device}", at(host)))?;
            ip(&format!(
                "-n {name} addr add {}/30 dev {INSIDE}",
                at(inside)
            ))?;
        }
        ip(&format!("link set {device} up"))?;
        ip(&format!("-n {name} link set {INSIDE} up"))?;
        ip(&format!("-n {name} link set lo up")).map(drop)
    }

    fn at(&self, host: u8) -> Ipv4Addr {
        let [a, b, c] = self.net;
        Ipv4Addr::new(a, b, c, host)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the database's address, from inside.
    pub(super) fn database(&self) -> Ipv4Addr {
        self.at(1)
    }

    /// Returns the replica's address, from outside.
    pub(super) fn replica(&self) -> Ipv4Addr {
        self.at(6)
    }

    /// Returns a listener inside, on its loopback.
    pub(super) fn listen(&self, port: u16) -> TcpListener {
        let file = Path::new("/run/netns").join(&self.name);
        // A thread that has entered the namespace cannot leave it, so it is a thread of its own. The listener stays
        // inside.
        let listening = thread::spawn(move || {
            let file = File::open(file).expect("no namespace");
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), network)
                .expect("cannot enter the namespace");
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("cannot listen inside")
        });
        listening.join().expect("cannot listen inside")
    }

    /// Drops all packets between the replica and the database from now on.
    pub(super) fn cut_off(&self) {
        for (end, device, other) in self.ends() {
            let wrong = format!("{end} neigh replace {other} lladdr {NOWHERE} dev {device}");
            ip(&format!("{wrong} nud permanent")).expect("cannot cut the replica off");
        }
    }

    /// Lets the packets through again.
    pub(super) fn join(&self) {
        for (end, device, other) in self.ends() {
            ip(&format!("{end} neigh del {other} dev {device}")).expect("cannot join it again");
        }
    }

    /// Returns for both ends: the prefix of the command, the device, and the address of the other end.
    fn ends(&self) -> [(String, &str, Ipv4Addr); 2] {
        [
            (format!("-n {}", self.name), INSIDE, self.at(1)),
            (String::new(), &self.device, self.at(2)),
        ]
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // If `create` failed, one of them may not exist.
        let _ = ip(&format!("link del {}", self.device));
        let _ = ip(&format!("netns del {}", self.name));
    }
}

/// Removes what a killed test has left behind: the test's process id is in the name.
fn sweep() {
    for name in ip("netns list").iter().flat_map(|list| names(list)) {
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        let is_alive = |id: &str| Path::new("/proc").join(id).exists();
        if owner.is_some_and(|id| !is_alive(id)) {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines();
    lines.filter_map(|line| line.split_whitespace().next())
}

/// Runs `ip` with arguments without spaces. Returns its output or its error.
fn ip(arguments: &str) -> Result<String, String> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("ip {arguments}: {}", text(&output.stderr)))
    }
}
