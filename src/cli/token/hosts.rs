//! The hosts to which credential helpers give a token. git and Docker ask a helper for every host that they connect to.

use central_oauth_wire::is_loopback;
use url::Url;

/// Hosts with ports. The default port of the scheme may be omitted.
pub(super) struct Hosts<'a>(pub(super) &'a [String]);

impl Hosts<'_> {
    /// Whether this server may get the token: it is listed, and the connection is encrypted or local.
    pub(super) fn include(&self, server: &Url) -> bool {
        let is_private = match server.scheme() {
            "https" => true,
            "http" => is_loopback(server),
            _ => false,
        };
        let host = server.host_str().unwrap_or_default();
        let port = server.port_or_known_default().unwrap_or_default();
        let with_port = format!("{host}:{port}");
        let is_this = |named: &String| {
            let is_default = server.port().is_none() && named.eq_ignore_ascii_case(host);
            is_default || named.eq_ignore_ascii_case(&with_port)
        };
        is_private && self.0.iter().any(is_this)
    }
}

/// Parses a host on the command line. Rejects a URL, a pattern or a list, which would never match.
pub(in crate::cli) fn host(text: &str) -> Result<String, &'static str> {
    let is_other =
        |c: char| c.is_whitespace() || matches!(c, '/' | '\\' | '@' | '?' | '#' | '*' | ',');
    if text.is_empty() || text.contains(is_other) {
        return Err("is not a host such as git.example.com or git.example.com:8443");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_no_address_no_pattern_and_no_list() {
        for good in ["git.example.com", "git.example.com:8443", "[::1]:3000"] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        for wrong in [
            "",
            "https://git.example.com",
            "git.example.com/team",
            "*.example.com",
            "me@git.example.com",
            "git.example.com,registry.example.com",
        ] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_named_hosts_over_a_private_connection() {
        let named = [
            "git.example.com",
            "Git.example.com:8443",
            "127.0.0.1:3000",
            "Registry.example.com:443",
            "localhost:80",
        ];
        let named = named.map(str::to_owned);
        for (server, included) in [
            ("https://git.example.com/team/project", true),
            ("https://git.example.com:443/", true),
            ("https://GIT.example.com:8443/", true),
            ("http://127.0.0.1:3000/", true),
            ("https://registry.example.com/", true),
            ("https://registry.example.com:443/", true),
            ("http://localhost/", true),
            ("https://localhost/", false),
            ("https://registry.example.com:80/", false),
            ("https://git.example.com:9000/", false),
            ("http://git.example.com/", false),
            ("https://evil.example.com/", false),
            ("https://git.example.com.evil.example/", false),
            ("https://git.example.com@evil.example/", false),
            ("ftp://git.example.com/", false),
            ("http://127.0.0.1/", false),
        ] {
            let url = Url::parse(server).unwrap();
            assert_eq!(Hosts(&named).include(&url), included, "{server}");
        }
    }
}
