//! Values that differ from run to run, and what the document has in their place.

const KEY: &str = "coak_0123456789abcdefghjkmnpqrstvwxyz012345671238hhy";
const TOKEN: &str = "gho_16C7e42F292c6912E7710c838347Ae178B4a";
const TIME: &str = "2026-06-03T12:00:00Z";
const HASH: &str = "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592";

/// Replaces what differs.
#[derive(Default)]
pub(crate) struct Stable(Vec<(String, String)>);

impl Stable {
    /// Shows `stable` where the output has `real`, and types `real` where the document has `stable`.
    pub(crate) fn replace(&mut self, real: impl Into<String>, stable: &str) {
        self.0.push((real.into(), stable.to_owned()));
    }

    /// Returns what is typed.
    pub(crate) fn real(&self, typed: &str) -> String {
        let pairs = self.0.iter();
        pairs.fold(typed.to_owned(), |typed, (real, stable)| {
            typed.replace(stable, real)
        })
    }

    /// Returns what the document shows.
    pub(crate) fn shown(&self, output: &str) -> String {
        let pairs = self.0.iter();
        let output = pairs.fold(output.to_owned(), |shown, (real, stable)| {
            shown.replace(real, stable)
        });
        aligned(&words(&output))
    }
}

/// Replaces words of a known form.
fn words(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c);
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..].find(|c| !is_part(c));
        let end = end.map_or(rest.len(), |length| start + length);
        shown.push_str(&rest[..start]);
        shown.push_str(&word(&rest[start..end], &rest[end..], &shown));
        rest = &rest[end..];
    }
    shown + rest
}

/// Returns the stable form of a word, which may depend on what comes before and after it.
fn word(word: &str, after: &str, before: &str) -> String {
    let all = |part: &str, is: fn(&u8) -> bool| part.bytes().all(|b| is(&b));
    let is_number = !word.is_empty() && all(word, u8::is_ascii_digit);
    let unit = after
        .trim_start()
        .split([' ', '\n'])
        .next()
        .unwrap_or_default();
    if word.starts_with("coak_") && word.len() > 20 {
        return KEY.to_owned();
    }
    if word.starts_with("sandbox_at_") {
        return TOKEN.to_owned();
    }
    if word.len() >= 20 && word.as_bytes()[10] == b'T' && word.ends_with('Z') {
        return TIME.to_owned();
    }
    // The name of this machine.
    if before.ends_with("central-oauth on ") {
        return "laptop".to_owned();
    }
    if word.ends_with(":8080") && !word.contains('.') {
        return "web1:8080".to_owned();
    }
    if word.len() == 64 && all(word, u8::is_ascii_hexdigit) {
        return HASH.to_owned();
    }
    if let Some((number, hash)) = word.split_once(':')
        && hash.len() == 64
        && all(number, u8::is_ascii_digit)
    {
        return format!("12:{HASH}");
    }
    if is_number && before.ends_with("Entries verified: ") {
        return "12".to_owned();
    }
    if is_number && (before.ends_with("code=") || before.ends_with("link_code ")) {
        return "12345678".to_owned();
    }
    if is_number && word.len() == 4 && before.ends_with("\n    ") {
        return "1234".to_owned();
    }
    if is_number && word.len() == 4 && before.ends_with("\n    1234 ") {
        return "5678".to_owned();
    }
    if is_number && before.ends_with("\"expires_in\": ") {
        return "299".to_owned();
    }
    if is_number && before.ends_with("good for ") {
        return "299".to_owned();
    }
    if is_number && before.ends_with("in ") && matches!(unit, "min" | "s") {
        return "4".to_owned();
    }
    if is_number && matches!(unit, "s" | "min") && before.ends_with("clock is ") {
        return "0".to_owned();
    }
    let is_past = |rest: &str| rest.starts_with(" ago");
    if is_number
        && [" s", " min"]
            .iter()
            .any(|unit| after.strip_prefix(unit).is_some_and(is_past))
    {
        return "5".to_owned();
    }
    if word == "min" && is_past(after) {
        return "s".to_owned();
    }
    word.to_owned()
}

/// Aligns the columns of tables again, because their cells may have changed. A table begins with a line in capitals.
fn aligned(text: &str) -> String {
    let mut shown = String::new();
    let mut table: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        let is_head = line.contains("  ") && !line.contains(|c: char| c.is_ascii_lowercase());
        if (is_head && !line.starts_with(' ')) || !table.is_empty() && line.contains("  ") {
            let cells = line.split("  ").map(str::trim);
            table.push(cells.filter(|cell| !cell.is_empty()).collect());
            continue;
        }
        render(&mut shown, &std::mem::take(&mut table));
        shown.push_str(line);
        shown.push('\n');
    }
    render(&mut shown, &table);
    shown
}

fn render(shown: &mut String, table: &[Vec<&str>]) {
    let width = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    for row in table {
        let cells = row.iter().enumerate();
        let cells: Vec<_> = cells
            .map(|(column, cell)| format!("{cell:<0$}", width(column)))
            .collect();
        shown.push_str(cells.join("  ").trim_end());
        shown.push('\n');
    }
}
