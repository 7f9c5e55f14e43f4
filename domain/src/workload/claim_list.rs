use std::fmt;

/// Claims to be stored or shown: names and values in insertion order, without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimList(Vec<(String, String)>);

impl ClaimList {
    /// Returns an iterator over names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.iter();
        all.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Whether there are no claims.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Serialises the claims for a store. Each claim is a line with a tab between name and value.
    pub fn to_text(&self) -> String {
        let lines = self
            .iter()
            .map(|(name, value)| format!("{name}\t{value}\n"));
        lines.collect()
    }

    /// Parses the text of [`ClaimList::to_text`]; `None` for any other text.
    pub fn from_text(text: &str) -> Option<Self> {
        let pair = |line: &str| {
            let (name, value) = line.split_once('\t')?;
            Some((name.to_owned(), value.to_owned()))
        };
        text.lines().map(pair).collect::<Option<_>>().map(Self)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for ClaimList {
    /// Collects names and values. Leaves out pairs with control characters, because [`ClaimList::to_text`] cannot
    /// represent them.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(n, v)| (n.into(), v.into()));
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        let plain =
            pairs.filter(|(name, value): &(String, String)| is_plain(name) && is_plain(value));
        Self(plain.collect())
    }
}

impl fmt::Display for ClaimList {
    /// Formats the claims as `name=value, name=value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_survive_their_text() {
        let claims: ClaimList = [("repository", "octo/app"), ("ref", "a = b"), ("empty", "")]
            .into_iter()
            .collect();
        assert_eq!(ClaimList::from_text(&claims.to_text()), Some(claims));
        assert_eq!(ClaimList::from_text("no tab"), None);
    }

    #[test]
    fn a_value_cannot_forge_a_line() {
        let claims: ClaimList = [("a", "1\nb\t2"), ("c", "3")].into_iter().collect();
        assert_eq!(claims.to_text(), "c\t3\n");
    }
}
