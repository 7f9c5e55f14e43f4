//! Tests that every language has every message, and that the right language is chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::*;
use crate::operator_details::Contact;

/// Returns the variables of each message, and `<a>` if the message links to the operator.
fn messages(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut id = String::new();
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line
            .split_once(" = ")
            .filter(|_| !line.starts_with([' ', '}']))
        {
            name.clone_into(&mut id);
            let is_new = messages.insert(id.clone(), BTreeSet::new()).is_none();
            assert!(is_new, "{id} is there twice");
        }
        for (_, rest) in line.match_indices('$').map(|(at, _)| line.split_at(at + 1)) {
            let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            messages.get_mut(&id).unwrap().insert(name);
        }
        if line.contains("<a>") {
            messages.get_mut(&id).unwrap().insert("<a>".to_owned());
        }
    }
    messages
}

fn source(language: &str) -> String {
    fs::read_to_string(folder("texts").join(format!("{language}.ftl"))).unwrap()
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read_all(&path, into),
            false => into.push_str(&fs::read_to_string(path).unwrap()),
        }
    }
}

#[test]
fn every_language_has_the_same_messages_with_the_same_variables() {
    let english = messages(&source("en"));
    assert!(english.len() > 100);
    for language in LANGUAGES.iter() {
        assert_eq!(messages(&source(language.tag)), english, "{}", language.tag);
        assert!(
            FluentResource::try_new(source(language.tag)).is_ok(),
            "{}",
            language.tag
        );
        assert_eq!(language.id.to_string(), language.tag);
    }
}

#[test]
fn every_message_can_be_formatted() {
    for (id, variables) in messages(&source("en")) {
        for texts in LANGUAGES.iter().map(Texts) {
            for (number, is_named) in [(0, "yes"), (1, "no"), (2, "no"), (12, "no")] {
                let text = texts.say(&id).count(number).with("named", is_named);
                let text = variables
                    .iter()
                    .filter(|name| *name != "named" && *name != "number")
                    .fold(text, |text, name| text.with(name, "x<y"));
                let (plain, html) = (text.to_string(), text.html().0);
                assert!(!plain.contains(['{', '}', '\u{2068}']), "{id}: {plain}");
                assert!(!html.contains("x<y"), "{id}: {html}");
            }
        }
    }
}

#[test]
fn every_message_is_used_and_every_used_message_exists() {
    let mut used = String::new();
    read_all(&folder("templates/device"), &mut used);
    for file in [
        "answer",
        "consent",
        "progress",
        "refused",
        "relink",
        "templates",
        "words",
    ] {
        used += &fs::read_to_string(folder("src/pages").join(format!("{file}.rs"))).unwrap();
    }
    let english = messages(&source("en"));
    let is_used = |id: &str| used.contains(&format!("\"{id}\""));
    for id in english.keys() {
        let (stem, part) = id.rsplit_once('-').unwrap_or((id, ""));
        let is_part = match stem {
            "span" | "ago" => {
                used.contains(&format!("\"{stem}-{{unit}}\""))
                    && used.contains(&format!("\"{part}\""))
            }
            _ => ["heading", "text", "advice"].contains(&part) && is_used(stem),
        };
        assert!(is_used(id) || is_part, "{id} is not used");
    }
    for (_, rest) in used
        .match_indices("say(\"")
        .map(|(at, word)| used.split_at(at + word.len()))
    {
        let id = rest.split('"').next().unwrap();
        assert!(english.contains_key(id), "{id} does not exist");
    }
}

/// Returns the words of a template, without its expressions and tags.
fn words_of(template: &str) -> String {
    let without = |text: &str, open: &str, close: &str| {
        let mut parts = text.split(open);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept += part.split_once(close).map_or("", |(_, rest)| rest);
        }
        kept
    };
    let text = without(template, "{%", "%}");
    let text = without(&text, "{{", "}}");
    let spoken = [
        "title=\"",
        "aria-label=\"",
        "data-busy=\"",
        "alt=\"",
        "placeholder=\"",
    ];
    let attributes: String = spoken
        .iter()
        .flat_map(|name| text.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    without(&text, "<", ">") + &attributes
}

#[test]
fn no_template_speaks_english_by_itself() {
    for entry in fs::read_dir(folder("templates/device")).unwrap() {
        let path = entry.unwrap().path();
        let words = words_of(&fs::read_to_string(&path).unwrap()).replace("Central OAuth", "");
        assert!(
            !words.contains(char::is_alphabetic),
            "{}: {words}",
            path.display()
        );
    }
}

#[test]
fn the_preferred_language_is_chosen() {
    for (header, expected) in [
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("de-DE-u-mu-celsius, en;q=0.5", "de"),
        ("DE-at,en;q=0.5", "de"),
        ("de-Latn-AT", "de"),
        ("ja;q=0.3, fr-CA;q=0.8, es;q=0.7", "fr"),
        ("es;q=0.5,ja;q=0.5", "es"),
        ("pt-BR,pt;q=0.9,es;q=0.2,en;q=0.1", "es"),
        ("nl, sv;q=0.9", "en"),
        ("*", "en"),
        ("nl, *;q=0.5", "en"),
        ("*;q=0.5, ja;q=0.4", "en"),
        ("en;q=0, *", "de"),
        ("en;q=0, de;q=0, *;q=0.1", "fr"),
        ("de;q=0", "en"),
        ("de;q=0, fr;q=0.001", "fr"),
        ("fr ; q=0.2 , ja ; Q=0.9", "ja"),
        ("de;q=2, fr", "fr"),
        ("de;q=x, fr;q=0.1", "fr"),
        ("de;level=1, fr;q=0.1", "fr"),
        (";;,,;q=1", "en"),
        ("de;q=NaN", "en"),
        ("\u{7f}, es", "es"),
    ] {
        let ranges: Vec<_> = header.split(',').collect();
        assert_eq!(Texts::preferred(&ranges).tag(), expected, "{header:?}");
    }
}

#[test]
fn several_headers_are_one_list() {
    let request = Request::builder()
        .header("accept-language", "nl")
        .header("accept-language", "ja;q=0.9, de");
    assert_eq!(Texts::accepted(&request.finish()).tag(), "de");
}

#[test]
fn only_messages_lead_to_the_operator_and_no_value_does() {
    let text = || {
        Texts::english()
            .say("prompt-unsafe")
            .with("provider", "<a>x</a>")
    };
    let anonymous = text().to_operator(&OperatorDetails::default());
    let words = "&#60;a&#62;x&#60;/a&#62; gave an address that this page does not open. Tell the operator of this service.";
    assert_eq!(anonymous.0, words);
    let operator = OperatorDetails {
        contact: Contact::parse("mailto:help@example.com").ok(),
        ..OperatorDetails::default()
    };
    let link = "<a href=\"mailto:help@example.com\">the operator of this service</a>.";
    let linked = text().to_operator(&operator).0;
    assert!(linked.ends_with(link), "{linked}");
}

#[test]
fn values_are_escaped_in_markup_only() {
    let text = Texts::english().say("linked-text").named(Some("<b>"));
    assert!(text.html().0.contains("“&#60;b&#62;”"), "{}", text.html().0);
    let plain = Texts::english()
        .say("prompt-open")
        .with("provider", "A & B");
    assert_eq!(plain.to_string(), "Open A & B");
}
