//! Detects requests that a browser sends before the person opens the page.

use poem::Request;

/// The header `Sec-Purpose` of the Fetch standard, and its predecessors.
const HEADERS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
/// The values of these headers for a prefetch.
const WORDS: [&str; 3] = ["prefetch", "prerender", "preview"];

/// Whether the request is a prefetch. If it fails, the browser sends it again when the person opens the page.
pub(super) fn is_prefetch(request: &Request) -> bool {
    let headers = request.headers();
    let values = HEADERS.iter().flat_map(|name| headers.get_all(*name));
    let purposes = values.filter_map(|value| value.to_str().ok());
    purposes
        .flat_map(|purpose| purpose.split([';', ',']))
        .any(|word| {
            WORDS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(word.trim()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_prefetch(name: &str, value: &str) -> bool {
        super::is_prefetch(&Request::builder().header(name, value).finish())
    }

    #[test]
    fn browsers_say_it_in_several_ways() {
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch; anonymous-client-ip"),
            ("purpose", "Prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            assert!(is_prefetch(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn a_visit_is_not_a_prefetch() {
        assert!(!super::is_prefetch(&Request::default()));
        for (name, value) in [
            ("sec-purpose", ""),
            ("sec-fetch-dest", "document"),
            ("purpose", "visit"),
        ] {
            assert!(!is_prefetch(name, value), "{name}: {value}");
        }
    }
}
