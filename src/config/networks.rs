use central_oauth_domain::cidr::{Cidr, MalformedCidr};

use super::{ConfigError, Environment};

/// Reads a comma-separated list of networks. Returns an empty list if the variable is not set. A value without a
/// network is an error, because an empty list may mean that every network is allowed.
pub(super) fn networks(
    environment: &Environment,
    variable: &'static str,
) -> Result<Vec<Cidr>, ConfigError> {
    let Some(text) = environment.text(variable) else {
        return Ok(Vec::new());
    };
    let wrong = |entry: usize, problem: MalformedCidr| {
        ConfigError::variable(variable, format!("entry {entry} {problem}"))
    };
    let entries = (1..).zip(text.trim().trim_end_matches(',').split(','));
    let read = entries.map(|(entry, text)| {
        let network = text.trim().parse();
        network.map_err(|problem| wrong(entry, problem))
    });
    let networks = read.collect::<Result<Vec<_>, _>>()?;
    let list = Vec::from_iter(networks.iter().map(Cidr::to_string));
    environment.note(variable, list.join(","));
    Ok(networks)
}
