//! Repairs JSON that breaks RFC 8259, as scripts and C programs write it.

use serde_json::Value;

/// A value that is nested more deeply becomes `null`.
const MAX_DEPTH: usize = 64;

/// Returns the JSON value at the start of the text, and what follows it.
///
/// Raw control characters in strings are kept, and unpaired surrogates are replaced. A word that is no JSON value
/// (`NaN`, `1e400`) becomes `null`. Takes linear time, and does not recurse deeply.
pub(super) fn value(text: &str) -> Option<(Value, &str)> {
    let mut repair = Repair {
        rest: text,
        repaired: String::with_capacity(text.len()),
        depth: 0,
    };
    loop {
        repair.step()?;
        if repair.depth == 0 {
            let value = serde_json::from_str(&repair.repaired).ok()?;
            return Some((value, repair.rest));
        }
    }
}

/// Returns the content of the JSON string at the start of the text.
pub(super) fn string(text: &str) -> Option<String> {
    let (content, _) = split(text.strip_prefix('"')?)?;
    serde_json::from_str(&quoted(content)).ok()
}

struct Repair<'a> {
    rest: &'a str,
    repaired: String,
    depth: usize,
}

impl Repair<'_> {
    /// Copies the next part of the text; `None` if the text ends too early.
    fn step(&mut self) -> Option<()> {
        let first = self.rest.chars().next()?;
        let after = self.rest.get(first.len_utf8()..)?;
        match first {
            '"' => {
                let (content, rest) = split(after)?;
                self.rest = rest;
                self.copy(&quoted(content));
                return Some(());
            }
            '{' | '[' => self.open(first),
            '}' | ']' => self.close(first),
            ',' | ':' => self.copy(first.encode_utf8(&mut [0; 4])),
            c if is_blank(c) => self.copy(" "),
            _ => {
                let end = self.rest.find(ends_word).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                self.copy(if is_value(word) { word } else { "null" });
                return Some(());
            }
        }
        self.rest = after;
        Some(())
    }

    fn copy(&mut self, part: &str) {
        if self.depth <= MAX_DEPTH {
            self.repaired.push_str(part);
        }
    }

    fn open(&mut self, bracket: char) {
        if self.depth == MAX_DEPTH {
            self.copy("null");
        }
        self.depth += 1;
        self.copy(bracket.encode_utf8(&mut [0; 4]));
    }

    fn close(&mut self, bracket: char) {
        if self.depth <= MAX_DEPTH && self.repaired.trim_end().ends_with(',') {
            let end = self.repaired.trim_end().len() - 1;
            self.repaired.truncate(end);
        }
        self.copy(bracket.encode_utf8(&mut [0; 4]));
        self.depth = self.depth.saturating_sub(1);
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn ends_word(c: char) -> bool {
    is_blank(c) || "{}[],:\"".contains(c)
}

fn is_value(word: &str) -> bool {
    serde_json::from_str::<Value>(word).is_ok()
}

/// Splits at the closing quote of a string. The opening quote is already removed.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let end = text.find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Returns a valid JSON string. A backslash that escapes nothing is left out.
fn quoted(content: &str) -> String {
    let mut valid = String::with_capacity(content.len() + 2);
    valid.push('"');
    let mut rest = content;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        match c {
            '\\' => match escape(rest) {
                Escape::Valid(sequence) => {
                    valid.push_str(sequence);
                    length = sequence.len();
                }
                Escape::Unpaired => {
                    valid.push(char::REPLACEMENT_CHARACTER);
                    length = UNIT;
                }
                Escape::Nothing => {}
            },
            c if c.is_ascii_control() => valid.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => valid.push(c),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    valid.push('"');
    valid
}

/// The length of an escaped UTF-16 code unit, such as `\ud83d`.
const UNIT: usize = 6;

/// A backslash and what follows it.
enum Escape<'a> {
    /// A letter, a code unit, or a pair of surrogates.
    Valid(&'a str),
    /// Half of a pair of surrogates.
    Unpaired,
    Nothing,
}

fn escape(text: &str) -> Escape<'_> {
    let pair = || unit(text.get(UNIT..)?).filter(|second| (0xdc00..0xe000).contains(second));
    let length = match (text.as_bytes().get(1), unit(text)) {
        (_, Some(0xd800..0xdc00)) if pair().is_some() => 2 * UNIT,
        (_, Some(0xd800..0xe000)) => return Escape::Unpaired,
        (_, Some(_)) => UNIT,
        (Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), _) => 2,
        _ => return Escape::Nothing,
    };
    text.get(..length).map_or(Escape::Nothing, Escape::Valid)
}

/// Returns the UTF-16 code unit at the start of the text: `\u00e9`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Option<Value> {
        super::value(text).map(|(value, _)| value)
    }

    #[test]
    fn faults_are_repaired() {
        for (text, expected) in [
            (r#"{"a":"b"}"#, json!({"a": "b"})),
            (
                "{\"a\":\"b\nc\u{1}d\u{7f}\"}",
                json!({"a": "b\nc\u{1}d\u{7f}"}),
            ),
            (
                r#"{"a":"\ud83d","b":"\ud83d\ude00"}"#,
                json!({"a": "\u{fffd}", "b": "😀"}),
            ),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, json!({"a": "\u{fffd}😀"})),
            (r#"{"a":"\x\'\"\\\/\u00e9"}"#, json!({"a": "x'\"\\/é"})),
            (
                r#"{"a":NaN,"b":-Infinity,"c":1e400,"d":undefined,"e":007,"f":-1.5,"g":true}"#,
                json!({"a": null, "b": null, "c": null, "d": null, "e": null, "f": -1.5, "g": true}),
            ),
            (
                r#"{"a":[1,2,],"b":1 , } trailing {"#,
                json!({"a": [1, 2], "b": 1}),
            ),
            ("{\"a\"\0:\u{b}1}\0", json!({"a": 1})),
            (r#"[{"a":"]}"}]"#, json!([{"a": "]}"}])),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "{",
            r#"{"a"#,
            r#"{"a":"b\"}"#,
            "{closure}",
            "{]",
            "}",
            r#"{"a" "b"}"#,
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn deep_values_are_left_out() {
        let deep = |depth| {
            format!(
                r#"{{"a":{}{}, "b":1}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        let kept = value(&deep(MAX_DEPTH - 1)).expect("a value");
        assert!(
            kept.pointer(&format!("/a{}", "/0".repeat(MAX_DEPTH - 2)))
                .is_some()
        );
        for depth in [MAX_DEPTH, 200, 100_000] {
            assert_eq!(value(&deep(depth)).expect("a value")["b"], 1);
        }
        assert_eq!(value(&"[".repeat(100_000)), None);
        assert_eq!(value(&r#"{"a":"#.repeat(100_000)), None);
    }
}
