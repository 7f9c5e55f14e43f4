//! `central-oauth dev`: runs the whole flow on this machine, without other programs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use central_oauth_cipher_aes_gcm_siv::SecretKey;
use central_oauth_domain::grant::ProviderName;
use central_oauth_domain::operator::{OperatorKey, OperatorRole};
use central_oauth_domain::ports::ScopeWords;
use central_oauth_domain::secret::AccessKey;
use central_oauth_domain::usecases::AuditSettings;
use central_oauth_http_poem::OperatorDetails;
use central_oauth_observer_opentelemetry::Telemetry;
use central_oauth_provider_openidconnect::ProviderSettings;
use central_oauth_sandbox_poem::{Sandbox, SandboxOptions};
use central_oauth_store_seaorm::{DatabaseUrl, PoolSettings};
use tempfile::TempDir;
use url::Url;

use super::help::Notes;
use super::{Exit, Failure, play, print};
use crate::config::{
    Environment, HttpConfig, Keys, LinkConfig, LogConfig, ProviderConfig, StoreConfig, WrappedKeys,
};
use crate::service::{Service, ServiceConfig};
use crate::{runtime, telemetry, wiring};

const NOTES: Notes =
    Notes::of(&["central-oauth dev --auto", "central-oauth dev --port 9000"]).variables(&["LOG"]);

#[derive(clap::Args)]
#[command(after_long_help = NOTES.render())]
pub(super) struct Options {
    /// Let the sandbox consent by itself, print every step with its HTTP request, and stop after using the token.
    #[arg(long)]
    auto: bool,
    /// The port of the service. If the port is 0 or in use, a free port is chosen.
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

const CLIENT_ID: &str = "central-oauth-dev";
/// The scopes that the sandbox grants, and their explanations on the page.
const SCOPES: [(&str, &str); 2] = [
    ("profile", "Read your name"),
    ("offline_access", "Keep this access while you are away"),
];

pub(super) async fn run(options: Options, environment: &Environment) -> Result<Exit, Failure> {
    // `--auto` prints every step itself. Without `--auto`, the log shows what happens.
    let level = if options.auto { "warn" } else { "info" };
    telemetry::install(LogConfig::read(environment, level)?);
    let stop_signal = runtime::stop_signal()?;
    let folder = TempDir::new()?;
    let sandbox = start_sandbox(options.auto).await?;
    // This key is valid while this command runs.
    let admin_key = AccessKey::new(wiring::entropy().hex::<32>());
    let config = config(&options, &folder, &sandbox, admin_key.clone())?;
    let keys = config.keys.secret.unwrap().await?;
    let service = Service::start(config, &keys, &Telemetry::default()).await?;
    let ended = if options.auto {
        let api = Url::parse(&sandbox.endpoints().hello)?;
        let played = tokio::select! {
            played = play::run(&service.url, &api) => played,
            () = stop_signal => Err(Failure::new(Exit::Other, "stopped before the end")),
        };
        let stopped = service.stop().await;
        played.and(stopped)
    } else {
        invite(&service, &sandbox, folder.path(), &admin_key)?;
        service.run_until(stop_signal).await
    };
    sandbox.stop().await?;
    ended
}

async fn start_sandbox(auto: bool) -> Result<Sandbox, Failure> {
    let options = SandboxOptions {
        client_id: CLIENT_ID.to_owned(),
        auto_consent: auto.then_some(Duration::from_secs(1)),
        ..SandboxOptions::default()
    };
    Ok(Sandbox::start(options).await?)
}

fn in_words((scope, text): (&str, &str)) -> (String, ScopeWords) {
    let (text, language) = (text.to_owned(), Some("en"));
    (scope.to_owned(), ScopeWords { text, language })
}

fn config(
    options: &Options,
    folder: &TempDir,
    sandbox: &Sandbox,
    admin_key: AccessKey,
) -> Result<ServiceConfig, Failure> {
    let links = LinkConfig::default();
    let endpoints = sandbox.endpoints();
    let url = |text: &str| Url::parse(text).map(Some);
    let provider = ProviderSettings {
        display_name: "Sandbox".to_owned(),
        scopes: SCOPES.map(|(scope, _)| scope.to_owned()).to_vec(),
        scope_words: SCOPES.map(in_words).into(),
        device_authorization_endpoint: url(&endpoints.device_authorization)?,
        token_endpoint: url(&endpoints.token)?,
        revocation_endpoint: url(&endpoints.revocation)?,
        userinfo_endpoint: url(&endpoints.userinfo)?,
        timeout: links.provider_timeout,
        ..ProviderSettings::new(ProviderName::new("sandbox"), CLIENT_ID)
    };
    Ok(ServiceConfig {
        store: StoreConfig {
            url: DatabaseUrl::file(folder.path().join("dev.sqlite3")),
            pool: PoolSettings::default(),
            caches_tokens: true,
        },
        keys: Keys {
            secret: WrappedKeys::plain(SecretKey::from_bytes(wiring::entropy().bytes())),
            operators: vec![OperatorKey::of_role(OperatorRole::Admin, admin_key)],
        },
        http: HttpConfig::local(free(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))),
        links,
        operator: OperatorDetails::default(),
        providers: ProviderConfig::built_in(provider),
        webhooks: None,
        workloads: None,
        audit: AuditSettings::default(),
        metrics: None,
    })
}

/// Returns this address if its port is free. Otherwise returns the IP address with port 0, for which the system chooses
/// a free port.
fn free(address: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}

fn invite(
    service: &Service,
    sandbox: &Sandbox,
    folder: &Path,
    admin_key: &AccessKey,
) -> Result<(), Failure> {
    let admin_key = admin_key.expose();
    let (url, folder) = (&service.url, folder.display());
    let (sandbox, hello) = (sandbox.base_url(), &sandbox.endpoints().hello);
    let program = std::env::args_os().next();
    let program = program.unwrap_or_else(|| "central-oauth".into());
    let program = program.to_string_lossy();
    print::result(format_args!(
        r#"Central OAuth is running. Try it out:

  the service   {url}
  the page      {url}device   where people enter a code
  the API       {url}docs   to read and to try
  for operators {url}admin   log in with this key:
  the admin key {admin_key}
  the sandbox   {sandbox}   a provider with invented people
  the database  {folder}   deleted when this command ends

Now, in another terminal:

  {program} link --server {url} --profile dev
      requests a link code; open the address it shows, enter the code, consent in the sandbox

  {program} token --profile dev
      prints a valid access token whenever a script needs one

  {program} exec --profile dev -- sh -c 'curl --fail -H "Authorization: Bearer $ACCESS_TOKEN" {hello}'
      runs a command with the token in its environment, and shows that it works

  CENTRAL_OAUTH_ADMIN_KEY={admin_key} {program} accounts --server {url}
      lists all accounts with their health

Events follow, one a line. Press Ctrl-C to stop."#
    ))
}
