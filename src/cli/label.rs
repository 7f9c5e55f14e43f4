//! Labels on the command line.

use std::str::FromStr;

use central_oauth_domain::Labels;

/// A label, as `NAME=VALUE`.
#[derive(Debug, Clone)]
pub(super) struct Label {
    name: String,
    value: String,
}

impl Label {
    /// Returns its name and its value.
    pub(super) fn parts(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }

    /// Returns it as the API's filter takes it.
    pub(super) fn filter(&self) -> String {
        format!("{}:{}", self.name, self.value)
    }
}

/// Parses a label for a new link.
pub(super) fn chosen(text: &str) -> Result<Label, String> {
    let label: Label = text.parse()?;
    let checked = Labels::new([(label.name.clone(), label.value.clone())]);
    checked.map_err(|error| error.to_string())?;
    Ok(label)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_earlier_versions_can_be_searched_but_not_given() {
        for text in ["team=bill\u{200b}ing", "team=b\u{456}lling"] {
            assert!(text.parse::<Label>().is_ok());
            assert!(chosen(text).is_err());
        }
        assert!(chosen("team=billing").is_ok());
    }
}
