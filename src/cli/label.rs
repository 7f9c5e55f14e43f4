//! Labels on the command line.

use central_oauth_domain::{Label, Labels};

/// Parses a label for a search, as `NAME=VALUE`.
pub(super) fn label(text: &str) -> Result<Label, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a label has the form NAME=VALUE, for example team=billing")?;
    let label = Label::new(name.to_owned(), value.to_owned());
    label.map_err(|error| error.to_string())
}

/// Parses a label for a new link.
pub(super) fn chosen(text: &str) -> Result<Label, String> {
    let label = label(text)?;
    let checked = Labels::new([(label.name.clone(), label.value.clone())]);
    checked.map_err(|error| error.to_string())?;
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_earlier_versions_can_be_searched_but_not_given() {
        for text in ["team=bill\u{200b}ing", "team=b\u{456}lling"] {
            assert!(label(text).is_ok());
            assert!(chosen(text).is_err());
        }
        assert!(chosen("team=billing").is_ok());
    }
}
