//! The texts of the pages at `/device`, in the languages of `texts/`. Each file has the same messages. English is the
//! fallback.

use std::fmt::{self, Display, Formatter};
use std::sync::LazyLock;

use askama::filters::{Html, Safe, escape};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use poem::Request;
use poem::http::header;
use unic_langid::LanguageIdentifier;

use crate::operator_details::OperatorDetails;

/// The languages, English first.
static LANGUAGES: LazyLock<[Language; 5]> = LazyLock::new(|| {
    [
        Language::new("en", include_str!("../../texts/en.ftl")),
        Language::new("de", include_str!("../../texts/de.ftl")),
        Language::new("fr", include_str!("../../texts/fr.ftl")),
        Language::new("es", include_str!("../../texts/es.ftl")),
        Language::new("ja", include_str!("../../texts/ja.ftl")),
    ]
});

struct Language {
    tag: &'static str,
    id: LanguageIdentifier,
    bundle: FluentBundle<FluentResource>,
}

impl Language {
    /// Creates a language whose messages contain no Unicode isolation marks, because people would copy the marks
    /// together with the value. Instead, templates and texts put names from strangers into `<bdi>`.
    fn new(tag: &'static str, source: &str) -> Self {
        let id: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![id.clone()]);
        bundle.set_use_isolating(false);
        // A test checks that every file is free of errors and of duplicates.
        let (Ok(resource) | Err((resource, _))) = FluentResource::try_new(source.to_owned());
        bundle.add_resource_overriding(resource);
        Self { tag, id, bundle }
    }

    fn format(&self, id: &str, values: &FluentArgs<'_>) -> Option<String> {
        let pattern = self.bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = self
            .bundle
            .format_pattern(pattern, Some(values), &mut errors);
        if !errors.is_empty() {
            tracing::error!(
                message = id,
                language = self.tag,
                ?errors,
                "text is incomplete"
            );
        }
        Some(text.into_owned())
    }
}

#[derive(Clone, Copy)]
pub(super) struct Texts(&'static Language);

impl Texts {
    pub(super) fn english() -> Self {
        Self(&LANGUAGES[0])
    }

    /// Returns the texts in the language that the request prefers (RFC 9110 section 12.5.4).
    pub(super) fn accepted(request: &Request) -> Self {
        let headers = request.headers().get_all(header::ACCEPT_LANGUAGE);
        let values = headers.iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        Self::preferred(&ranges)
    }

    fn preferred(ranges: &[&str]) -> Self {
        let mut ranges: Vec<_> = ranges
            .iter()
            .filter_map(|range| Range::parse(range))
            .collect();
        // The sort is stable, so the first of several ranges with equal weight counts.
        ranges.sort_by(|one, other| other.weight.total_cmp(&one.weight));
        let (wanted, unwanted): (Vec<_>, Vec<_>) =
            ranges.iter().partition(|range| range.weight > 0.0);
        let is_unwanted = |language: &&Language| {
            unwanted.iter().any(|range| range.names(language))
                && !wanted.iter().any(|range| range.names(language))
        };
        let find = |range: &&Range| {
            let mut languages = LANGUAGES.iter();
            languages.find(|language| range.fits(language) && !is_unwanted(language))
        };
        wanted
            .iter()
            .copied()
            .find_map(|range| find(&range))
            .map_or_else(Self::english, Self)
    }

    pub(super) const fn tag(self) -> &'static str {
        self.0.tag
    }

    /// Returns a message. `Text::with` and `Text::count` add values to it.
    pub(super) fn say(self, id: &str) -> Text {
        Text {
            texts: self,
            id: id.to_owned(),
            number: None,
            values: Vec::new(),
        }
    }
}

/// Removes extensions (RFC 5646 section 2.1), such as the temperature unit in `de-DE-u-mu-celsius`, which some phones
/// send.
fn without_extensions(tag: &str) -> String {
    let parts = tag.split('-').take_while(|part| part.len() > 1);
    parts.collect::<Vec<_>>().join("-")
}

/// One element of `Accept-Language`.
struct Range {
    /// The language; `None` for `*`.
    language: Option<LanguageIdentifier>,
    /// Its weight, from 0 to 1.
    weight: f32,
}

impl Range {
    /// Parses one element. Returns `None` if it is malformed.
    fn parse(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let language = match parts.next()? {
            "*" => None,
            tag => Some(without_extensions(tag).parse().ok()?),
        };
        let weight = match parts.next() {
            None => 1.0,
            Some(weight) => weight
                .strip_prefix(['q', 'Q'])?
                .trim_start()
                .strip_prefix('=')?
                .trim()
                .parse()
                .ok()?,
        };
        let is_weight = (0.0..=1.0).contains(&weight);
        is_weight.then_some(Self { language, weight })
    }

    /// Whether the range names the language, whatever its region: `de-AT` names German.
    fn names(&self, language: &Language) -> bool {
        let named = self.language.as_ref();
        named.is_some_and(|named| named.language == language.id.language)
    }

    fn fits(&self, language: &Language) -> bool {
        self.language.is_none() || self.names(language)
    }
}

pub(super) struct Text {
    texts: Texts,
    id: String,
    number: Option<u64>,
    values: Vec<(String, String)>,
}

impl Text {
    pub(super) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.values.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets the number, which decides between singular and plural.
    pub(super) const fn count(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// Sets `name`, and sets `named` to say whether there is a name, for messages with a variant for each case.
    pub(super) fn named(self, name: Option<&str>) -> Self {
        let is_named = if name.is_some() { "yes" } else { "no" };
        self.with("named", is_named)
            .with("name", name.unwrap_or_default())
    }

    /// Returns the message with its markup. The values are escaped.
    pub(super) fn html(&self) -> Safe<String> {
        Safe(self.format(escaped))
    }

    /// Returns the message with its markup. `<a>` links to the operator's contact, or is removed if there is none.
    pub(super) fn to_operator(&self, operator: &OperatorDetails) -> Safe<String> {
        let text = self.format(escaped);
        Safe(match &operator.contact {
            Some(contact) => {
                let link = format!("<a href=\"{}\">", escaped(&contact.to_string()));
                text.replace("<a>", &link)
            }
            None => text.replace("<a>", "").replace("</a>", ""),
        })
    }

    fn format(&self, prepare: impl Fn(&str) -> String) -> String {
        let mut values = FluentArgs::new();
        for (name, value) in &self.values {
            values.set(name.as_str(), prepare(value));
        }
        if let Some(number) = self.number {
            values.set("number", number);
        }
        let said = self.texts.0.format(&self.id, &values);
        said.unwrap_or_else(|| format!("{{{}}}", self.id))
    }
}

fn escaped(value: &str) -> String {
    match escape(value, Html) {
        Ok(value) => value.to_string(),
        Err(never) => match never {},
    }
}

/// Writes the message without escaping its values. The template escapes the result.
impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(str::to_owned))
    }
}

#[cfg(test)]
mod tests;
