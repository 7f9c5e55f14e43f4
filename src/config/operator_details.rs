//! The name, contact and logo of the operator, which the pages show.

use std::path::Path;

use central_oauth_domain::text::{LONGEST_NAME, check_presentable};
use central_oauth_http_poem::{Contact, Logo, OperatorDetails};

use super::{ConfigError, Environment};

/// Reads the variables, and the file of the logo.
pub(crate) fn operator_details(environment: &Environment) -> Result<OperatorDetails, ConfigError> {
    let text = |variable| environment.text(variable);
    let details = OperatorDetails {
        name: text("OPERATOR_NAME").map(name).transpose()?,
        contact: text("OPERATOR_CONTACT").map(contact).transpose()?,
        logo: text("OPERATOR_LOGO_FILE").map(logo).transpose()?,
    };
    environment.note("OPERATOR_NAME", details.name.as_deref().unwrap_or_default());
    Ok(details)
}

fn name(text: &str) -> Result<String, ConfigError> {
    let name = text.trim();
    let checked = check_presentable(name, LONGEST_NAME);
    checked.map_err(|why| ConfigError::variable("OPERATOR_NAME", why))?;
    match name {
        "" => Err(ConfigError::variable("OPERATOR_NAME", "is blank")),
        name => Ok(name.to_owned()),
    }
}

fn contact(text: &str) -> Result<Contact, ConfigError> {
    Contact::parse(text.trim()).map_err(|why| ConfigError::variable("OPERATOR_CONTACT", why))
}

fn logo(path: &str) -> Result<Logo, ConfigError> {
    let logo = Logo::read(Path::new(path));
    logo.map_err(|why| ConfigError::variable("OPERATOR_LOGO_FILE", why))
}
