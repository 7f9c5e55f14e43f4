//! Receivers of webhooks, from a TOML file.

use std::collections::BTreeMap;

use central_oauth_domain::usecases::Subscription;
use central_oauth_domain::webhook::{ReceiverName, WebhookKind};
use central_oauth_provider_openidconnect::{
    WebhookReceiver, WebhookReceiverError, WebhookSecret, WebhookSecretError,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::environment::read_secret;
use super::{ConfigError, Environment, toml_file};

/// The receivers, and the events that each receiver gets.
pub(crate) struct WebhookConfig {
    pub(crate) receivers: Vec<WebhookReceiver>,
    pub(crate) subscriptions: Vec<Subscription>,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    receiver: BTreeMap<String, Table>,
}

/// `[receiver.NAME]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    secret: Option<SecretString>,
    secret_file: Option<String>,
    events: Option<Vec<String>>,
}

impl WebhookConfig {
    const VARIABLE: &'static str = "WEBHOOKS";

    /// Reads the file, if there is one.
    pub(crate) fn read(environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let Some(path) = environment.text(Self::VARIABLE) else {
            return Ok(None);
        };
        let file: File = toml_file::read(Self::VARIABLE, path)?;
        let wrong = |problem| ConfigError::variable(Self::VARIABLE, format!("{path}, {problem}"));
        file.validated(path.to_owned()).map(Some).map_err(wrong)
    }

    /// Creates an error about a receiver that is configured in the file.
    pub(crate) fn refused(&self, name: &ReceiverName, error: &WebhookReceiverError) -> ConfigError {
        let path = &self.path;
        let problem = format!("{path}, table receiver.{name}: {error}");
        ConfigError::variable(Self::VARIABLE, problem)
    }
}

impl File {
    fn validated(self, path: String) -> Result<WebhookConfig, String> {
        if self.receiver.is_empty() {
            return Err("there is no receiver; add [receiver.NAME]".to_owned());
        }
        let mut config = WebhookConfig {
            receivers: Vec::new(),
            subscriptions: Vec::new(),
            path,
        };
        for (name, table) in self.receiver {
            let wrong = |problem: String| format!("table receiver.{name}: {problem}");
            let receiver = ReceiverName::parse(&name).ok_or_else(|| {
                wrong("a name has 1 to 63 lower-case letters, digits, - and _".to_owned())
            })?;
            config.subscriptions.push(Subscription {
                receiver: receiver.clone(),
                kinds: kinds(table.events.as_deref()).map_err(wrong)?,
            });
            config.receivers.push(WebhookReceiver {
                name: receiver,
                url: Url::parse(&table.url).map_err(|_| wrong("url is not a URL".to_owned()))?,
                secrets: table.secrets().map_err(wrong)?,
            });
        }
        Ok(config)
    }
}

impl Table {
    /// Returns the secrets, which are separated by white space. Only one of `secret` and `secret_file` may be set.
    fn secrets(&self) -> Result<Vec<WebhookSecret>, String> {
        let text = match (&self.secret, &self.secret_file) {
            (Some(secret), None) => secret.clone(),
            (None, Some(file)) => {
                read_secret(file).map_err(|problem| format!("secret_file: {problem}"))?
            }
            (None, None) => return Err("needs secret or secret_file".to_owned()),
            (Some(_), Some(_)) => return Err("has secret and secret_file; set one".to_owned()),
        };
        let words = text.expose_secret().split_ascii_whitespace();
        let secrets: Result<Vec<_>, _> = words.map(WebhookSecret::parse).collect();
        match secrets {
            Ok(secrets) if secrets.is_empty() => Err(format!("secret {WebhookSecretError}")),
            secrets => secrets.map_err(|error| format!("secret {error}")),
        }
    }
}

/// Parses the events. Returns all events if the file lists none.
fn kinds(words: Option<&[String]>) -> Result<Vec<WebhookKind>, String> {
    let Some(words) = words else {
        return Ok(WebhookKind::ALL.to_vec());
    };
    if words.is_empty() {
        return Err("events is empty; leave it out for all events".to_owned());
    }
    let kind = |word: &String| {
        WebhookKind::parse(word)
            .ok_or_else(|| format!("events has one that is not among {}", WebhookKind::listed()))
    };
    words.iter().map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[receiver.ops]
url = "https://hooks.example.com/central-oauth"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
events = ["account.relink_required", "account.expires_soon"]

[receiver.all]
url = "https://hooks.example.com/all"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"#;

    fn read(text: &str) -> Result<WebhookConfig, String> {
        let file: Result<File, _> = toml::from_str(text);
        let file = file.map_err(|error| error.message().to_owned())?;
        file.validated("webhooks.toml".to_owned())
    }

    #[test]
    fn receivers_are_read() {
        let config = read(GOOD).unwrap();
        let [all, ops] = config.subscriptions.as_slice() else {
            panic!("two receivers");
        };
        assert_eq!(all.kinds, WebhookKind::ALL);
        assert_eq!(
            ops.kinds,
            [WebhookKind::RelinkRequired, WebhookKind::ExpiresSoon]
        );
        assert_eq!(config.receivers[0].secrets.len(), 2);
        assert!(!format!("{:?}", config.receivers[0].secrets).contains("MfKQ"));
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |from: &str, to: &str| read(&GOOD.replacen(from, to, 1)).err();
        for (from, to, words) in [
            ("receiver.ops", "receiver.Ops", "lower-case"),
            (
                "https://hooks.example.com/central-oauth",
                "hooks",
                "url is not a URL",
            ),
            ("whsec_Mf", "whsec_!", "secret is not `whsec_`"),
            (
                "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
                "",
                "needs secret",
            ),
            (
                "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
                "secret = \" \"\n",
                "whsec_",
            ),
            ("events", "secret_file = \"x\"\nevents", "set one"),
            (
                "account.relink_required",
                "account.relinked",
                "not among link.linked",
            ),
            (
                "[\"account.relink_required\", \"account.expires_soon\"]",
                "[]",
                "events is empty",
            ),
            ("events", "event", "unknown field"),
        ] {
            let message = mistake(from, to).unwrap_or_default();
            assert!(message.contains(words), "{to}: {message}");
            assert!(!message.contains("MfKQ"), "{message}");
        }
        assert!(read("").is_err_and(|message| message.contains("[receiver.NAME]")));
    }
}
