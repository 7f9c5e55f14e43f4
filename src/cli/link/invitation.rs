//! Shows the code and the URL to the person.

use std::io::IsTerminal;

use central_oauth_domain::link;

use super::events;
use super::options::Options;
use crate::cli::client::{Client, LinkCode};
use crate::cli::print::{insist, is_quiet, tell};
use crate::cli::{Failure, browser, qr};
use crate::config::Environment;

/// Shows the code to the person. Returns the display name of the provider.
pub(super) async fn invite(
    client: &Client,
    code: &LinkCode,
    options: &Options,
    environment: &Environment,
) -> Result<String, Failure> {
    let provider = provider_name(client, &code.provider).await;
    if options.json {
        events::code(code, &provider)?;
    }
    show(code, &provider, options, environment);
    Ok(provider)
}

/// Returns the display name of the provider, or else its configured name.
pub(super) async fn provider_name(client: &Client, name: &str) -> String {
    let providers = client.providers().await.map(|list| list.items);
    let mut providers = providers.unwrap_or_default().into_iter();
    let found = providers.find(|provider| *provider.name == name);
    found.map_or_else(|| name.to_owned(), |found| found.display_name.to_string())
}

/// Shows the code and the URL. Opens a browser if there is one, unless the operator asks another person to consent.
fn show(code: &LinkCode, provider: &str, options: &Options, environment: &Environment) {
    if options.json && is_quiet() {
        return;
    }
    let digits = link::LinkCode::parse(&code.link_code);
    let digits = digits.map_or_else(|_| code.link_code.clone(), |code| code.grouped());
    let (page, complete) = (&code.verification_url, &code.verification_url_complete);
    let purpose = match options.account {
        Some(_) => format!("Tell the person whose account it is: to consent again at {provider}"),
        None => format!("To let this program use an account at {provider}"),
    };
    insist(format_args!(
        "{purpose}, open\n\n    {page}\n\nand enter the code\n\n    {digits}\n\n\
         or open this address, which contains the code:\n\n    {complete}\n"
    ));
    let in_colour = environment.other("NO_COLOR").is_none();
    if options.qr.is_now()
        && let Some(picture) = qr::render(complete, in_colour)
    {
        insist(format_args!("or scan this:\n\n{picture}"));
    }
    let is_watched =
        std::io::stderr().is_terminal() && !options.no_browser && options.account.is_none();
    if is_watched && browser::open(complete, environment) {
        tell("Trying to open that address in a web browser. Check that it shows this code.\n");
    }
}
