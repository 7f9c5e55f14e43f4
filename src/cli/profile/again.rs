//! The options that select the same profile again, for commands in messages.

use super::Target;

impl Target {
    /// Returns the options that select this service and this key.
    pub(in crate::cli) fn again(&self) -> String {
        let file = self.key_file.as_ref();
        let options = [
            ("--server", self.server.as_ref().map(ToString::to_string)),
            ("--profile", self.profile.clone()),
            ("--key-file", file.map(|file| file.display().to_string())),
        ];
        let options = options.into_iter();
        let given = options.filter_map(|(name, value)| Some((name, quoted(&value?))));
        given
            .map(|(name, value)| format!(" {name} {value}"))
            .collect()
    }
}

/// Quotes a text for a POSIX shell, if it needs quotes.
pub(super) fn quoted(text: &str) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '%');
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_can_be_pasted_into_a_shell() {
        let mut target = Target::at("https://auth.example.com/a(b)".parse().ok());
        target.key_file = Some("a b's.toml".into());
        let expected = r" --server 'https://auth.example.com/a(b)' --key-file 'a b'\''s.toml'";
        assert_eq!(target.again(), expected);
        let mut target = Target::at(None);
        target.profile = Some("work".to_owned());
        assert_eq!(target.again(), " --profile work");
    }
}
