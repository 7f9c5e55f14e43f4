//! Deserializes values that operators can remove, because TOML has no null.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// An empty string becomes `None`.
pub(super) fn unless_empty<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = String::deserialize(from)?;
    let given = (!text.is_empty()).then_some(text);
    given
        .map(|text| T::deserialize(IntoDeserializer::<D::Error>::into_deserializer(text)))
        .transpose()
}

/// Zero becomes `None`: a token without any lifetime would be refreshed endlessly.
pub(super) fn unless_zero<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let seconds = u64::deserialize(from)?;
    Ok((seconds != 0).then_some(seconds))
}

/// Entries with an empty value are removed.
pub(super) fn without_empty<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let mut entries = BTreeMap::<String, String>::deserialize(from)?;
    entries.retain(|_, value| !value.is_empty());
    Ok(entries)
}
