//! `central-oauth providers`: lists the configured providers and checks them.

use std::sync::Arc;

use central_oauth_provider_openidconnect::{Finding, ProviderSettings, Verdict};
use serde_json::{Value, json};

use super::help::Notes;
use super::print::{self, printable, result, tell};
use super::table::lay_out;
use super::{Exit, Failure};
use crate::config::{Environment, HttpConfig, LinkConfig, ProviderConfig};
use crate::wiring;

pub(super) const NOTES: Notes = Notes::of(&[
    "central-oauth providers list",
    "central-oauth providers check github",
])
.text("Reads the same configuration as `serve`. Needs neither the database nor the secret key.")
.exits(&[Exit::Unavailable])
.variables(&["PROVIDERS", "PUBLIC_URL", "LISTEN_ADDR", "*"]);

const LIST_NOTES: Notes =
    Notes::of(&["central-oauth providers list"]).variables(&["PROVIDERS", "*"]);

const CHECK_NOTES: Notes = Notes::of(&[
    "central-oauth providers check",
    "central-oauth providers check github --json",
])
.exits(&[Exit::Unavailable])
.variables(&["PROVIDERS", "PUBLIC_URL", "LISTEN_ADDR", "*"]);

#[derive(clap::Subcommand)]
pub(super) enum Question {
    /// List the providers: name, flow, issuer or token endpoint, and the name that people see.
    #[command(after_long_help = LIST_NOTES.render())]
    List,
    /// Check that a provider works: send it the requests of a link, report problems, and say how to fix them.
    ///
    /// With the device flow, this starts a flow that expires unused. Exits with 0 if there is no problem, 8 if all
    /// problems may be temporary, and 1 otherwise.
    #[command(after_long_help = CHECK_NOTES.render())]
    Check {
        /// The name of the provider [default: all providers].
        name: Option<String>,
        /// Print the findings as one JSON array, for scripts.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(question: Question, environment: &Environment) -> Result<Exit, Failure> {
    let timeout = LinkConfig::read(environment)?.provider_timeout;
    let config = ProviderConfig::read(environment, timeout)?;
    print::install_log(environment)?;
    for warning in environment.warnings() {
        tracing::warn!("{warning}");
    }
    match question {
        Question::List => list(&config),
        Question::Check { name, json } => {
            let config = chosen(config, name.as_deref())?;
            let http = HttpConfig::read(environment)?;
            let base = http.public_url(http.listen)?;
            check(config, base.as_str().trim_end_matches('/'), json).await
        }
    }
}

/// Returns the configuration with only the provider of this name, or unchanged without a name.
fn chosen(mut config: ProviderConfig, name: Option<&str>) -> Result<ProviderConfig, Failure> {
    let name_of = |settings: &ProviderSettings| settings.name.as_str().to_owned();
    let all = config.providers.iter().map(|it| name_of(&it.settings));
    let all = all.collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        return Err(Failure::new(Exit::Other, "no provider is configured"));
    }
    if let Some(name) = name {
        config.providers.retain(|it| name_of(&it.settings) == name);
    }
    if config.providers.is_empty() {
        let message = "there is no provider of this name; configured are";
        return Err(Failure::new(Exit::Usage, format!("{message} {all}")));
    }
    Ok(config)
}

fn list(config: &ProviderConfig) -> Result<Exit, Failure> {
    if config.providers.is_empty() {
        tell("No provider is configured.");
        return Ok(Exit::Done);
    }
    let rows = config.providers.iter().map(|it| row(&it.settings));
    let head = ["NAME", "FLOW", "ISSUER OR TOKEN ENDPOINT", "DISPLAY NAME"];
    result(lay_out(head, rows))?;
    Ok(Exit::Done)
}

fn row(settings: &ProviderSettings) -> [String; 4] {
    let server = settings
        .issuer
        .as_ref()
        .or(settings.token_endpoint.as_ref());
    [
        settings.name.as_str().to_owned(),
        settings.flow.to_string(),
        server.map(ToString::to_string).unwrap_or_default(),
        display_name(settings),
    ]
}

fn display_name(settings: &ProviderSettings) -> String {
    match settings.display_name.as_str() {
        "" => settings.name.as_str().to_owned(),
        name => printable(name),
    }
}

/// Checks the providers one after the other and prints each result at once.
async fn check(config: ProviderConfig, base: &str, json: bool) -> Result<Exit, Failure> {
    let entropy = Arc::new(wiring::entropy());
    let adapters = wiring::adapters(&config, &wiring::clock(), &entropy)?;
    let mut all = Vec::new();
    for (provider, adapter) in config.providers.iter().zip(adapters) {
        let name = &provider.settings.name;
        let redirect_uri = format!("{base}/callback/{name}");
        let findings = Box::pin(adapter.check(&redirect_uri)).await;
        if !json {
            show(name.as_str(), &findings)?;
        }
        all.extend(findings.into_iter().map(|finding| (name.clone(), finding)));
    }
    if json {
        let items: Vec<_> = all
            .iter()
            .map(|(name, it)| item(name.as_str(), it))
            .collect();
        print::json(&items)?;
    }
    Ok(exit(all.iter().map(|(_, finding)| finding)))
}

fn show(name: &str, findings: &[Finding]) -> Result<(), Failure> {
    result(name)?;
    for finding in findings {
        let (verdict, subject) = (finding.verdict, finding.subject);
        let found = printable(&finding.found);
        let remedy = finding.remedy.iter().map(|remedy| format!(" {remedy}"));
        let remedy: String = remedy.collect();
        result(format_args!("  {verdict:7}  {subject}: {found}.{remedy}"))?;
    }
    Ok(())
}

fn item(name: &str, finding: &Finding) -> Value {
    let mut item = json!({
        "provider": name,
        "subject": finding.subject.as_str(),
        "verdict": finding.verdict.as_str(),
        "found": finding.found,
    });
    if let Some(remedy) = &finding.remedy {
        item["remedy"] = remedy.as_str().into();
    }
    item
}

/// Returns the exit code: permanent problems outrank temporary ones.
fn exit<'a>(findings: impl Iterator<Item = &'a Finding>) -> Exit {
    let problems = findings.filter(|finding| finding.verdict == Verdict::Problem);
    let mut problems = problems.peekable();
    if problems.peek().is_none() {
        Exit::Done
    } else if problems.all(|problem| problem.is_temporary) {
        Exit::Unavailable
    } else {
        Exit::Other
    }
}
