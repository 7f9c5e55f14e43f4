//! `central-oauth link`: asks for a code, shows it, waits for the person, keeps the access key.

use std::io::IsTerminal;
use std::time::Duration;

use central_oauth_domain::secret::AccessKey;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};

use super::client::{Client, LinkCode, LinkRequest, Poll, Refused};
use super::profile::{Profile, Reserved, Target};
use super::{Exit, Failure, qr};
use crate::config::{ClientConfig, Environment};

/// What `link` takes.
#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// The provider, where the service has several.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The name under which the person sees this client ask [default: the name of this machine].
    #[arg(long, value_name = "NAME")]
    client_name: Option<String>,
    /// Consent again for the account of the kept key, which stays the same.
    #[arg(long)]
    relink: bool,
    /// Replace a kept key that still works.
    #[arg(long, conflicts_with = "relink")]
    force: bool,
    /// Whether to draw the address as a QR code.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    qr: When,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum When {
    /// When there is a terminal.
    Auto,
    Always,
    Never,
}

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    let config = ClientConfig::read(environment)?;
    let kept = options.target.load()?;
    if options.relink {
        return relink(options, config).await;
    }
    let server = options.target.server(&config)?;
    if let Some(kept) = kept.filter(|_| !options.force) {
        refuse_if_it_works(kept, &options.target).await?;
    }
    let reserved = Reserved::new(options.target.path()?)?;
    let client = Client::new(server.clone())?;
    let code = ask(&client, &options, config.enroll_key.as_ref()).await?;
    let Some(access_key) = code.access_key.clone().map(AccessKey::new) else {
        let message = "the service handed out no access key";
        return Err(Failure::new(Exit::Other, message));
    };
    show(&code, options.qr);
    let linked = wait(&client, &code, &access_key).await?;
    let path = reserved.keep(&Profile { server, access_key })?;
    eprintln!("{}", describe(&linked));
    eprintln!("The access key is kept in {}.", path.display());
    Ok(Exit::Done)
}

async fn relink(options: Options, config: ClientConfig) -> Result<Exit, Failure> {
    let profile = options.target.profile(config)?;
    let client = Client::new(profile.server)?;
    let code = ask(&client, &options, Some(&profile.access_key)).await?;
    show(&code, options.qr);
    let linked = wait(&client, &code, &profile.access_key).await?;
    eprintln!("{}", describe(&linked));
    Ok(Exit::Done)
}

/// A key that the service still knows is not thrown away by accident.
async fn refuse_if_it_works(kept: Profile, target: &Target) -> Result<(), Failure> {
    let path = target.path()?;
    let client = Client::new(kept.server.clone())?;
    match client.token(&kept.access_key, 0).await {
        Err(Refused::Problem {
            status: StatusCode::UNAUTHORIZED,
            ..
        }) => Ok(()),
        _ => {
            let message = format!(
                "{} holds an access key for {} already: --relink consents again for the same account, --profile keeps \
                 another key beside it, --force replaces it",
                path.display(),
                kept.server
            );
            Err(Failure::new(Exit::Other, message))
        }
    }
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

/// Tells the person what to do, on standard error: standard output is for what scripts read.
fn show(code: &LinkCode, qr: When) {
    let wanted = match qr {
        When::Auto => std::io::stderr().is_terminal(),
        When::Always => true,
        When::Never => false,
    };
    let (left, right) = code.link_code.split_at(code.link_code.len() / 2);
    eprintln!(
        "To let this program use an account at {}, open\n",
        code.provider
    );
    eprintln!("    {}\n", code.verification_url);
    eprintln!("and enter the code\n\n    {left} {right}\n");
    if wanted && let Some(picture) = qr::render(&code.verification_url_complete) {
        eprintln!("or scan this:\n\n{picture}");
    }
}

async fn wait(client: &Client, code: &LinkCode, key: &AccessKey) -> Result<Poll, Failure> {
    let progress = Progress::new(code.expires_in);
    let mut pace = Duration::from_secs(code.interval.max(1));
    loop {
        sleep(pace).await;
        match client.poll(&code.link_code, key).await {
            Ok(poll) => {
                progress.show(&poll);
                if let Some(end) = ended(poll) {
                    progress.clear();
                    return end;
                }
            }
            Err(Refused::Problem {
                retry_after: Some(retry_after),
                ..
            }) => {
                pace = pace.max(retry_after);
            }
            // The service may be restarting; the code lives on in its database.
            Err(Refused::Unreachable(_)) if progress.time_left() => {}
            Err(refused) => return Err(refused.into()),
        }
    }
}

fn ended(poll: Poll) -> Option<Result<Poll, Failure>> {
    let failure = |exit, message: &str| Some(Err(Failure::new(exit, message)));
    match poll.status.as_str() {
        "linked" => Some(Ok(poll)),
        "denied" => failure(Exit::Denied, "the person said no"),
        "expired" => failure(
            Exit::Expired,
            "the link code expired before anybody consented",
        ),
        "failed" => {
            let why = poll.error.map_or_else(
                || "the link failed".to_owned(),
                |error| format!("the link failed: {} ({})", error.detail, error.code),
            );
            failure(Exit::LinkFailed, &why)
        }
        _ => None,
    }
}

fn describe(poll: &Poll) -> String {
    match &poll.account {
        Some(account) => format!("Linked: {} at {}.", account.display_name, account.provider),
        None => "Linked.".to_owned(),
    }
}

/// Live progress at a terminal; elsewhere a line whenever something changes.
struct Progress {
    bar: ProgressBar,
    deadline: Instant,
    last: std::cell::RefCell<String>,
}

impl Progress {
    /// How long after the announced end of the code the service is still asked: confirming it moves the end.
    const MARGIN: Duration = Duration::from_secs(1800);

    fn new(expires_in: u64) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar.set_message("waiting for the code to be entered");
        Self {
            bar,
            deadline: Instant::now() + Duration::from_secs(expires_in) + Self::MARGIN,
            last: std::cell::RefCell::default(),
        }
    }

    fn show(&self, poll: &Poll) {
        let what = match poll.status.as_str() {
            "pending" => "waiting for the code to be entered",
            "authorizing" => "waiting for consent at the provider",
            other => other,
        };
        let (minutes, seconds) = (poll.expires_in / 60, poll.expires_in % 60);
        self.bar
            .set_message(format!("{what}, {minutes}:{seconds:02} left"));
        if self.bar.is_hidden() && *self.last.borrow() != what {
            eprintln!("{what}");
            what.clone_into(&mut self.last.borrow_mut());
        }
    }

    fn time_left(&self) -> bool {
        Instant::now() < self.deadline
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
