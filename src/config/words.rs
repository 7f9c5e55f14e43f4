//! Variables whose value is one of some words.

use super::{ConfigError, Effective, Environment};

/// A variable, its words, and what they mean.
pub(super) struct Words<T: 'static>(
    pub(super) &'static str,
    pub(super) &'static [(&'static str, T)],
);

impl<T: Copy + PartialEq> Words<T> {
    /// Returns the meaning of the variable, or `default` if it is not set.
    pub(super) fn read(&self, environment: &Environment, default: T) -> Result<T, ConfigError> {
        let Some(text) = environment.text(self.0) else {
            return Ok(default);
        };
        let meant = self.1.iter().find(|(word, _)| *word == text);
        meant
            .map(|(_, value)| *value)
            .ok_or_else(|| ConfigError::variable(self.0, format!("must be {}", self.choice())))
    }

    /// Returns the variable with the word for `value`.
    pub(super) fn effective(&self, value: T) -> Effective {
        let word = self.1.iter().find(|(_, meant)| *meant == value);
        (self.0, word.map_or("", |(word, _)| word).to_owned())
    }

    fn choice(&self) -> String {
        let words = Vec::from_iter(self.1.iter().map(|(word, _)| *word));
        match words.as_slice() {
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
            [] => String::new(),
        }
    }
}
