//! Labels on the command line.

use central_oauth_domain::Label;

/// Parses a label, as `NAME=VALUE`.
pub(super) fn label(text: &str) -> Result<Label, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a label has the form NAME=VALUE, for example team=billing")?;
    let label = Label::new(name.to_owned(), value.to_owned());
    label.map_err(|error| error.to_string())
}
