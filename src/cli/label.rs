//! Labels on the command line.

use std::str::FromStr;

#[derive(Debug, Clone)]
pub(super) struct Label {
    name: String,
    value: String,
}

impl Label {
    pub(super) fn parts(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }

    /// Returns it as the API's filter takes it.
    pub(super) fn filter(&self) -> String {
        format!("{}:{}", self.name, self.value)
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("a label has the form NAME=VALUE, for example team=billing")?;
        let label = central_oauth_domain::Label::new(name.to_owned(), value.to_owned());
        let label = label.map_err(|error| error.to_string())?;
        Ok(Self {
            name: label.name,
            value: label.value,
        })
    }
}
