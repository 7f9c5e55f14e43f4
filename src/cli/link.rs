//! `central-oauth link`: requests a link code, shows it, waits for the person, saves the access key.

use std::io::IsTerminal;

use central_oauth_domain::link;
use central_oauth_domain::secret::AccessKey;
use reqwest::StatusCode;
use url::Url;

use super::client::{Client, LinkCode, LinkRequest, Poll, Refused};
use super::print::tell;
use super::profile::{self, Pending, Profile, Target};
use super::wait::wait;
use super::{Exit, Failure, qr};
use crate::config::{ClientConfig, Environment};

/// Options of `link`.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// The provider. Required if the service has several and none is the default.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The name of this client that the person sees on the page [default: the name of this machine].
    #[arg(long, value_name = "NAME")]
    client_name: Option<String>,
    /// Consent again for the account of the saved access key. The key stays the same.
    #[arg(long)]
    relink: bool,
    /// Replace a saved access key that still works.
    #[arg(long, conflicts_with = "relink")]
    force: bool,
    /// When to draw the address as a QR code.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    qr: When,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum When {
    /// If standard error is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = ClientConfig::read(environment)?;
    if options.relink {
        relink(&options, &config).await
    } else {
        link(&options, &config).await
    }
}

async fn link(options: &Options, config: &ClientConfig) -> Result<Exit, Failure> {
    let path = options.target.path()?;
    let kept = match options.target.load() {
        Err(_) if options.force => None,
        kept => kept?,
    };
    let server = options.target.server(config, kept.as_ref())?;
    let pending = Pending::beside(&path);
    if !options.force && adopt(&pending, &server).await? {
        tell(format_args!(
            "An earlier, interrupted link has been completed. Its access key is saved in {}.",
            path.display()
        ));
        return Ok(Exit::Done);
    }
    if let Some(kept) = kept.filter(|_| !options.force) {
        let holds = format!("{} holds an access key for {}", path.display(), kept.server);
        refuse_if_it_works(kept, &holds).await?;
    }
    profile::check_writable(&path)?;
    let client = Client::new(server.clone())?;
    let code = ask(&client, options, config.enroll_key.as_ref()).await?;
    let Some(access_key) = code.access_key.clone().map(AccessKey::new) else {
        let message = "the service returned no access key";
        return Err(Failure::new(Exit::Other, message));
    };
    // The service returns the key only once. Saving it before anybody can consent means an interruption loses no grant.
    let profile = Profile { server, access_key };
    pending.keep(&profile)?;
    show(&code, options.qr);
    let linked = wait(&client, &code, &profile.access_key).await;
    if let Err(failure) = &linked
        && failure.code() != Exit::Unavailable
    {
        pending.forget();
    }
    let linked = linked?;
    pending.promote()?;
    tell(describe(&linked));
    tell(format_args!(
        "The access key is saved in {}.",
        path.display()
    ));
    if config.access_key.is_some() {
        tell(
            "CENTRAL_OAUTH_ACCESS_KEY is set and takes precedence. Unset it to use the saved key.",
        );
    }
    Ok(Exit::Done)
}

/// Saves the key of a link that was interrupted on this side but completed by the person.
async fn adopt(pending: &Pending, server: &Url) -> Result<bool, Failure> {
    let Some(profile) = pending.load().filter(|kept| kept.server == *server) else {
        return Ok(false);
    };
    let client = Client::new(profile.server)?;
    if client.token(&profile.access_key, 0).await.is_err() {
        return Ok(false);
    }
    pending.promote()?;
    Ok(true)
}

async fn relink(options: &Options, config: &ClientConfig) -> Result<Exit, Failure> {
    let profile = options.target.profile(config)?;
    let client = Client::new(profile.server)?;
    let code = ask(&client, options, Some(&profile.access_key)).await?;
    show(&code, options.qr);
    let linked = wait(&client, &code, &profile.access_key).await?;
    tell(describe(&linked));
    Ok(Exit::Done)
}

/// Prevents the accidental loss of a key that still works, or may still work.
async fn refuse_if_it_works(kept: Profile, holds: &str) -> Result<(), Failure> {
    const CHOICE: &str = "use --profile to save another key beside it, or --force to replace it";
    let client = Client::new(kept.server)?;
    let message = match client.token(&kept.access_key, 0).await {
        Err(Refused::Problem {
            status: StatusCode::UNAUTHORIZED,
            ..
        }) => return Ok(()),
        Err(Refused::Unreachable(why)) => {
            format!("{holds}, which may still work, but {why}: {CHOICE}")
        }
        _ => {
            format!("{holds} already: use --relink to consent again for the same account, {CHOICE}")
        }
    };
    Err(Failure::new(Exit::Other, message))
}

async fn ask(
    client: &Client,
    options: &Options,
    bearer: Option<&AccessKey>,
) -> Result<LinkCode, Failure> {
    let machine = machine_name();
    let request = LinkRequest {
        provider: options.provider.as_deref(),
        client_name: options.client_name.as_deref().or(machine.as_deref()),
    };
    Ok(client.start_link(&request, bearer).await?)
}

fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(format!("central-oauth on {}", name.trim()))
}

/// Shows the code and the address to the person.
fn show(code: &LinkCode, qr: When) {
    let wanted = match qr {
        When::Auto => std::io::stderr().is_terminal(),
        When::Always => true,
        When::Never => false,
    };
    let digits = link::LinkCode::parse(&code.link_code);
    let digits = digits.map_or_else(|_| code.link_code.clone(), |code| code.grouped());
    tell(format_args!(
        "To let this program use an account at {}, open\n\n    {}\n\nand enter the code\n\n    {digits}\n",
        code.provider, code.verification_url
    ));
    if wanted && let Some(picture) = qr::render(&code.verification_url_complete) {
        tell(format_args!("or scan this:\n\n{picture}"));
    }
}

fn describe(poll: &Poll) -> String {
    match &poll.account {
        Some(account) => format!("Linked: {} at {}.", account.display_name, account.provider),
        None => "Linked.".to_owned(),
    }
}
