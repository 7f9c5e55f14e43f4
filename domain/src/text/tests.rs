//! Tests for texts that are shown to people.

use super::*;

#[test]
fn characters_that_deceive_are_found_and_taken_out() {
    let invisible = [
        '\u{61c}',
        '\u{feff}',
        '\u{ad}',
        '\u{2060}',
        '\u{3164}',
        '\u{200b}',
        '\u{200d}',
        '\u{202e}',
        '\u{2066}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{fe0f}',
        '\u{34f}',
        '\u{115f}',
        '\u{ffa0}',
        '\u{2800}',
        '\u{e000}',
        '\u{180e}',
        '\u{2065}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180b}',
        '\u{180f}',
        '\u{200c}',
        '\u{200e}',
        '\u{202a}',
        '\u{2069}',
        '\u{fe00}',
        '\u{fff9}',
        '\u{1d159}',
        '\u{1d173}',
        '\u{16fe4}',
        '\u{e0000}',
        '\u{e0fff}',
    ];
    for c in invisible {
        let text = format!("ba{c}ckup");
        assert_eq!(deceptive(&text), Some(c), "{c:?}");
        assert_eq!(presentable(&text), "backup", "{c:?}");
    }
    for c in [
        '\0', '\n', '\u{1b}', '\u{9b}', '\u{7f}', '\u{2028}', '\u{2029}', '\u{a0}', '\u{2003}',
        '\u{3000}',
    ] {
        let text = format!("back{c}up");
        assert_eq!(deceptive(&text), Some(c), "{c:?}");
        assert_eq!(presentable(&text), "back up", "{c:?}");
    }
}

#[test]
fn texts_that_pages_cannot_show_are_described() {
    let said = |text: &str| check_presentable(text, 5).map_err(|why| why.to_string());
    assert_eq!(said("Größe"), Ok(()));
    let long = "is longer than 5 characters".to_owned();
    assert_eq!(said("Größen"), Err(long));
    let hidden = "holds U+200B, which is invisible or changes how other characters look";
    assert_eq!(said("a\u{200b}"), Err(hidden.to_owned()));
}

#[test]
fn marks_are_not_stacked() {
    let tower = format!("e{}x", "\u{301}".repeat(9));
    assert_eq!(deceptive(&tower), Some('\u{301}'));
    assert_eq!(presentable(&tower), "e\u{301}\u{301}\u{301}x");
    assert_eq!(deceptive("\u{20dd}backup"), Some('\u{20dd}'));
    assert_eq!(presentable("\u{20dd}backup"), "backup");
    // The limit also holds if the marks surround characters that are removed.
    let hidden = format!("e{}x", "\u{301}\u{301}\u{200b}".repeat(5));
    assert_eq!(presentable(&hidden), "e\u{301}\u{301}\u{301}x");
    for alone in ["\u{200b}\u{301}x", "\u{301}\u{200b}\u{301}x"] {
        assert_eq!(presentable(alone), "x", "{alone:?}");
    }
    assert_eq!(presentable("a \u{301}b"), "a b");
}

proptest::proptest! {
    #[test]
    fn what_is_shown_deceives_nobody(text in "[a ه\u{94d}क🔥\u{301}\u{64b}\u{fe0f}\u{200b}-\u{200e}\u{ad}\u{3164}\n]{0,12}") {
        let shown = presentable(&text);
        proptest::prop_assert_eq!(deceptive(&shown), None, "{:?}", shown);
    }
}

#[test]
fn joiners_are_accepted_where_they_change_letters() {
    for text in [
        "می\u{200c}خواهم",
        "پشتیبان\u{200c}گیری",
        "هٔ\u{200c}ها",
        "क्\u{200d}ष",
        "ශ්\u{200d}රී",
        "क्\u{200c}ष",
    ] {
        assert_eq!(deceptive(text), None, "{text:?}");
        assert_eq!(presentable(text), text);
    }
    for (text, shown) in [
        // This letter does not join the next letter.
        ("برادر\u{200c}ها", "برادرها"),
        ("می\u{200c}", "می"),
        ("می\u{200c} خواهم", "می خواهم"),
        ("می\u{200c}\u{200c}خواهم", "می\u{200c}خواهم"),
        ("می\u{200d}خواهم", "میخواهم"),
        ("می\u{200c}x", "میx"),
        ("back\u{200c}up", "backup"),
        ("क\u{200d}ष", "कष"),
        ("क्\u{200d}\u{200d}ष", "क्\u{200d}ष"),
    ] {
        assert!(deceptive(text).is_some(), "{text:?}");
        assert_eq!(presentable(text), shown, "{text:?}");
    }
}

#[test]
fn words_of_one_alphabet_are_told_from_mixed_ones() {
    for (text, letter) in [
        ("G\u{456}tHub", '\u{456}'),
        ("\u{410}pple", 'p'),
        ("nightly back\u{3c5}p", '\u{3c5}'),
        ("back\u{301}\u{443}p", '\u{443}'),
        ("web1\u{430}", '\u{430}'),
    ] {
        assert_eq!(lookalike(text), Some(letter), "{text:?}");
    }
    for text in [
        "Резервное копирование web-1",
        "IT-отдел (Москва) v2",
        "webเซิร์ฟเวอร์",
        "GitHubのバックアップ",
        "10 µs",
        "λ runner",
        "e\u{301}te\u{301}",
        "𝐆it",
    ] {
        assert_eq!(lookalike(text), None, "{text:?}");
    }
}

#[test]
fn emoji_are_joined_and_nothing_else_is() {
    for text in [
        "👨\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}\u{200d}🔥 backup",
        "👩🏽\u{200d}💻",
        "☁\u{fe0f}",
    ] {
        assert_eq!(deceptive(text), None, "{text:?}");
        assert_eq!(presentable(text), text);
    }
    for (text, shown) in [
        ("\u{200d}👩", "👩"),
        ("👩\u{200d}", "👩"),
        ("👩\u{200d}\u{200d}👧", "👩\u{200d}👧"),
        ("a\u{200d}👩", "a👩"),
        ("👩\u{200d}a", "👩a"),
        ("a\u{fe0f}\u{200d}👩", "a👩"),
        ("1\u{fe0f}", "1"),
        ("\u{fe0f}", ""),
        ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}"),
        ("👩\u{200c}👧", "👩👧"),
    ] {
        assert!(deceptive(text).is_some(), "{text:?}");
        assert_eq!(presentable(text), shown, "{text:?}");
    }
}

#[test]
fn languages_are_welcome() {
    for text in [
        "",
        "cron on web-1 (nightly)",
        "Größe, señor, Tiếng Việt",
        "Tie\u{302}\u{301}ng Vie\u{302}\u{323}t",
        "バックアップ",
        "नमस्ते",
        "ที่นี่",
        "שָׁלוֹם",
        "Резервное копирование",
        "🚀",
    ] {
        assert_eq!(deceptive(text), None, "{text:?}");
        assert_eq!(presentable(text), text);
    }
}
