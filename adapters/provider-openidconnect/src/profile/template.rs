//! Fills in the `{placeholders}` of profiles.

use std::collections::BTreeMap;

use super::{Placeholder, ProfileError};

/// The values of a profile's placeholders.
pub(super) struct Template<'a> {
    placeholders: &'a BTreeMap<String, Placeholder>,
    values: BTreeMap<&'a str, String>,
}

/// The placeholder for the client id, which every profile may use.
const CLIENT_ID: &str = "client_id";

impl<'a> Template<'a> {
    /// Collects the operator's values and the defaults.
    pub(super) fn new(
        placeholders: &'a BTreeMap<String, Placeholder>,
        given: &'a BTreeMap<String, String>,
        client_id: &str,
    ) -> Result<Self, ProfileError> {
        let defaults = placeholders.iter().filter_map(|(key, placeholder)| {
            let default = placeholder.default.clone()?;
            Some((key.as_str(), default))
        });
        let mut values: BTreeMap<_, _> = defaults.collect();
        for (key, value) in given {
            if !placeholders.contains_key(key) {
                let problem = format!("{key} is not a key of this preset");
                return Err(ProfileError(problem));
            }
            let placeholder = &placeholders[key];
            if !(placeholder.optional && value.is_empty()) {
                values.insert(key, checked(key, value, placeholder)?);
            }
        }
        values.insert(CLIENT_ID, client_id.to_owned());
        Ok(Self {
            placeholders,
            values,
        })
    }

    /// Returns a text with all placeholders filled in.
    pub(super) fn fill(&self, text: &str) -> Result<String, ProfileError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, key, after)) = split(rest) {
            filled.push_str(before);
            filled.push_str(self.value(key)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Fills in an optional text, if there is one.
    pub(super) fn optional(&self, text: Option<&str>) -> Result<Option<String>, ProfileError> {
        text.map(|text| self.fill(text)).transpose()
    }

    /// Fills in the parameters. Leaves out those whose optional value is missing.
    pub(super) fn table<T: FromIterator<(String, String)>>(
        &self,
        parameters: &BTreeMap<String, String>,
    ) -> Result<T, ProfileError> {
        let wanted = parameters
            .iter()
            .filter(|(_, text)| !self.lacks_optional(text));
        let filled = wanted.map(|(name, text)| Ok((name.clone(), self.fill(text)?)));
        filled.collect()
    }

    fn lacks_optional(&self, text: &str) -> bool {
        let is_optional = |key: &str| {
            self.placeholders
                .get(key)
                .is_some_and(|known| known.optional)
        };
        split(text).is_some_and(|(_, key, _)| is_optional(key) && !self.values.contains_key(key))
    }

    fn value(&self, key: &str) -> Result<&str, ProfileError> {
        let missing = || {
            let known = self.placeholders.get(key);
            let what = known.map_or("", |placeholder| placeholder.what.as_str());
            ProfileError(format!("{key} is missing: {what}"))
        };
        self.values.get(key).map(String::as_str).ok_or_else(missing)
    }
}

/// Validates a value that becomes a part of a URL. An optional value becomes a parameter, so it may be a whole URL.
fn checked(key: &str, value: &str, placeholder: &Placeholder) -> Result<String, ProfileError> {
    if placeholder.optional {
        return Ok(value.to_owned());
    }
    if value.contains("://") || value.is_empty() {
        let problem = format!("{key} must be a name without a scheme, such as example.com");
        return Err(ProfileError(problem));
    }
    Ok(value.trim_end_matches('/').to_owned())
}

fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (key, after) = rest.split_once('}')?;
    Some((before, key, after))
}
