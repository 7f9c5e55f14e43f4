//! Variables that have a fixed set of values.

use super::{ConfigError, Environment};

/// A variable, and the meanings of its values.
pub(super) struct Words<T: 'static>(
    pub(super) &'static str,
    pub(super) &'static [(&'static str, T)],
);

impl<T: Copy + PartialEq> Words<T> {
    /// Returns the meaning of the variable, or `default` if it is not set.
    pub(super) fn read(&self, environment: &Environment, default: T) -> Result<T, ConfigError> {
        let mut words = self.1.iter();
        let meant = match environment.text(self.0) {
            Some(text) => words.find(|(word, _)| *word == text),
            None => words.find(|(_, value)| *value == default),
        };
        let (word, value) = meant
            .ok_or_else(|| ConfigError::variable(self.0, format!("must be {}", self.choice())))?;
        environment.note(self.0, word);
        Ok(*value)
    }

    fn choice(&self) -> String {
        let words = Vec::from_iter(self.1.iter().map(|(word, _)| *word));
        match words.as_slice() {
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
            [] => String::new(),
        }
    }
}
