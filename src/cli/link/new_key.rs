//! Links an account to a new access key and saves the key.

use std::path::Path;

use central_oauth_domain::secret::AccessKey;
use reqwest::StatusCode;
use url::Url;

use super::Linked;
use super::invitation::{invite, provider_name};
use super::options::Options;
use super::request::ask;
use crate::cli::choice::{name, own};
use crate::cli::client::{Account, Client, Refused};
use crate::cli::print::warn;
use crate::cli::profile::{self, Origin, Pending, Profile, Reserved};
use crate::cli::wait::wait;
use crate::cli::{Exit, Failure};
use crate::config::{ClientConfig, Environment};

pub(super) async fn link(
    options: &Options,
    config: &ClientConfig<'_>,
    environment: &Environment,
) -> Result<Linked, Failure> {
    let path = options.target.path()?;
    let kept = match options.target.load() {
        Err(_) if options.force => None,
        kept => kept?,
    };
    let server = options.target.server(config, kept.as_ref())?;
    let _reserved = Reserved::new(&path)?;
    let is_default = kept.is_none() && options.target.names_no_server(config);
    let mut earlier = Pending::earlier(&path);
    earlier.retain(|(_, key)| key.server == server);
    let key_file = path.display().to_string();
    if let Some(kept) = kept.filter(|_| !options.force) {
        let holds = format!("{key_file} holds an access key for {}", kept.server);
        refuse_if_it_works(&kept, &holds).await?;
    }
    if may_adopt(options)
        && let Some((account, provider)) = adopt(&mut earlier, options).await?
    {
        return Ok(Linked {
            account: Some(account),
            is_earlier: true,
            provider,
            key_file: Some(key_file),
        });
    }
    profile::check_writable(&path)?;
    let pending = free_place(&path).await?;
    let client = enrolling(&server, options, config)?.at_default(is_default);
    let code = ask(&client, options).await?;
    let Some(access_key) = code.access_key.clone().map(AccessKey::new) else {
        let message = "the service returned no access key";
        return Err(Failure::new(Exit::Other, message));
    };
    // Saved before anybody can consent, so that an interruption loses no grant: the service returns the key only once.
    let profile = Profile {
        server,
        is_default: false,
        access_key,
        origin: Origin::File(path),
        hosts: options.hosts.clone(),
    };
    pending.save(&profile)?;
    let provider = invite(&client, &code, options, environment).await?;
    let linked = wait(&Client::of(&profile)?, &code, options.json).await;
    if let Err(failure) = &linked
        && failure.code != Exit::Unavailable
    {
        pending.forget();
    }
    let poll = linked?;
    pending.promote(&profile)?;
    forget_incomplete(&earlier).await;
    Ok(Linked::new(poll, provider, Some(key_file)))
}

/// Returns a client that sends the enrolment key, if there is one. A server that only a saved key names gets neither
/// this key nor the admin key.
fn enrolling(
    server: &Url,
    options: &Options,
    config: &ClientConfig<'_>,
) -> Result<Client, Failure> {
    let client = Client::new(server.clone())?;
    if options.target.is_of_environment(server, config)? {
        return Ok(match config.key(ClientConfig::ENROLL_KEY)? {
            Some(named) => client.with(named.key, Origin::Variable(named.variable)),
            None => client,
        });
    }
    if let Some(variable) = config.variable(ClientConfig::ENROLL_KEY) {
        warn(format_args!(
            "{variable} is not sent to {server}, the service of a saved key: add --server {server} to send it"
        ));
    }
    Ok(client)
}

/// Whether these options allow the key of an interrupted link. A role, an expiry, labels or a return code need a new
/// link, because the interrupted link may have been requested without them.
const fn may_adopt(options: &Options) -> bool {
    let asks_for_more = options.role.is_some()
        || options.key_expires_at.is_some()
        || !options.labels.is_empty()
        || options.return_code;
    !options.force && !asks_for_more
}

/// Saves the key of an interrupted link if the person has completed the link at the chosen provider. Returns the account
/// and the display name of its provider. Deletes pending keys that the service does not know. Keeps the others, because
/// the person may still consent.
async fn adopt(
    earlier: &mut [(Pending, Profile)],
    options: &Options,
) -> Result<Option<(Account, String)>, Failure> {
    for (pending, key) in earlier {
        let client = Client::of(key)?;
        match client.token(0).await {
            Err(refused) if refused.is(StatusCode::UNAUTHORIZED) => pending.forget(),
            Err(refused) if refused.has_code("link_pending") => {}
            Err(refused) if !OF_ACCOUNTS.iter().any(|code| refused.has_code(code)) => {
                return Err(refused.into());
            }
            _ => {
                let account = own(&client).await?;
                let wanted = options.provider.as_ref();
                if wanted.is_some_and(|wanted| *wanted != *account.provider) {
                    continue;
                }
                if !options.hosts.is_empty() {
                    key.hosts.clone_from(&options.hosts);
                    pending.save(key)?;
                }
                pending.promote(key)?;
                let shown = provider_name(&client, &account.provider).await;
                let account = Account {
                    provider: account.provider,
                    display_name: account.display_name,
                };
                return Ok(Some((account, shown)));
            }
        }
    }
    Ok(None)
}

/// Deletes the keys of interrupted links that have no account. Keeps the others, because the service does not show a key
/// again.
async fn forget_incomplete(earlier: &[(Pending, Profile)]) {
    for (pending, key) in earlier {
        let account = match Client::of(key) {
            Ok(client) => own(&client).await,
            Err(failure) => Err(failure),
        };
        match account {
            Ok(account) => warn(format_args!(
                "an interrupted link for {} is complete; select {} with --key-file",
                name(&account),
                key.origin
            )),
            Err(failure) if failure.code == Exit::NoKey => pending.forget(),
            Err(failure) => warn(format_args!(
                "an interrupted link may be complete; {} is kept, because it cannot be checked: {failure}",
                key.origin
            )),
        }
    }
}

/// Returns a free file for the new key. If there is none, first deletes pending keys that their services do not know.
async fn free_place(profile: &Path) -> Result<Pending, Failure> {
    if let Some(free) = Pending::beside(profile) {
        return Ok(free);
    }
    for (pending, key) in Pending::earlier(profile) {
        if let Ok(client) = Client::of(&key)
            && let Err(refused) = client.token(0).await
            && refused.is(StatusCode::UNAUTHORIZED)
        {
            pending.forget();
        }
    }
    Pending::beside(profile).ok_or_else(|| Pending::none_free(profile))
}

/// Problem codes of a key that has an account but gets no token at the moment.
const OF_ACCOUNTS: [&str; 4] = [
    "relink_required",
    "provider_unavailable",
    "provider_not_configured",
    "provider_error",
];

/// Fails if the saved key still works, or may still work, because a new key would replace it.
async fn refuse_if_it_works(kept: &Profile, holds: &str) -> Result<(), Failure> {
    const CHOICE: &str = "use --profile to save another key beside it, or --force to replace it";
    let message = match Client::of(kept)?.token(0).await {
        Err(refused) if refused.is(StatusCode::UNAUTHORIZED) => return Ok(()),
        Err(Refused::Unreachable(why)) => {
            format!("{holds}, which may still work, but {why}: {CHOICE}")
        }
        _ => {
            format!("{holds} already: use --relink to consent again for the same account, {CHOICE}")
        }
    };
    Err(Failure::new(Exit::Other, message))
}
