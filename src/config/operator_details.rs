//! Who runs the service, as its pages say.

use std::path::Path;

use central_oauth_domain::text::{LONGEST_NAME, check_presentable};
use central_oauth_http_poem::{Contact, Logo, OperatorDetails};

use super::{ConfigError, Effective, Environment};

#[derive(Default)]
pub(crate) struct OperatorDetailsConfig {
    pub(crate) details: OperatorDetails,
    logo_file: String,
}

impl OperatorDetailsConfig {
    /// Reads the variables, and the file of the logo.
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let logo_file = environment.text("OPERATOR_LOGO_FILE");
        let name = environment.text("OPERATOR_NAME").map(name);
        let contact = environment.text("OPERATOR_CONTACT").map(contact);
        Ok(Self {
            details: OperatorDetails {
                name: name.transpose()?,
                contact: contact.transpose()?,
                logo: logo_file.map(logo).transpose()?,
            },
            logo_file: logo_file.unwrap_or_default().to_owned(),
        })
    }

    /// Returns the values in force.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        let details = &self.details;
        let contact = details.contact.as_ref().map(Contact::to_string);
        vec![
            ("OPERATOR_NAME", details.name.clone().unwrap_or_default()),
            ("OPERATOR_CONTACT", contact.unwrap_or_default()),
            ("OPERATOR_LOGO_FILE", self.logo_file.clone()),
        ]
    }
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
