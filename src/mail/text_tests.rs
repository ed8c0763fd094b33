use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1252};
use proptest::prelude::*;

use super::*;
use crate::mail::plan::Switches;

fn read(page: &[u8], encoding: &'static Encoding, joins_lines: bool) -> Vec<FoundLink> {
    let switches = Switches { opens: false, clicks: false, text: true, ..Switches::default() };
    let unsubscribe_urls = ["https://a.example/out".to_owned()];
    let rules = Rules { switches: &switches, tracking_host: "track.example", unsubscribe_urls: &unsubscribe_urls };
    let opted_out = BTreeSet::from(["https://a.example/no".to_owned()]);
    find(page, Reading { encoding, joins_lines }, rules, &opted_out)
}

/// What is tracked, and with a `!` before it what is left alone.
fn links(text: &str, joins_lines: bool) -> Vec<String> {
    let show = |link: FoundLink| link.verdict.unwrap_or_else(|(url, _)| format!("!{url}"));
    read(text.as_bytes(), UTF_8, joins_lines).into_iter().map(show).collect()
}

#[test]
fn urls_end_where_their_writers_ended_them() {
    for (text, wanted) in [
        ("https://a.example", &["https://a.example"][..]),
        ("HTTPS://A.example/x HtTp://b.example", &["HTTPS://A.example/x", "HtTp://b.example"]),
        (
            "See https://a.example/. Or https://b.example/x?y=1, maybe",
            &["https://a.example/", "https://b.example/x?y=1"],
        ),
        ("https://a.example/?!? 'https://a.example/b'.", &["https://a.example/", "https://a.example/b"]),
        (
            "https://a.example/x=. https://a.example/x-: https://a.example/_;",
            &["https://a.example/x=", "https://a.example/x-", "https://a.example/_"],
        ),
        ("https://a.example/?a& https://a.example/#", &["https://a.example/?a&", "https://a.example/#"]),
        ("https://a.example/#top. https://a.example/#/x/", &["https://a.example/#top", "https://a.example/#/x/"]),
        (
            "(https://a.example/x_(y)) (see https://a.example/x_(y)).",
            &["https://a.example/x_(y)", "https://a.example/x_(y)"],
        ),
        ("(see https://a.example/x). [https://a.example/x]", &["https://a.example/x", "https://a.example/x"]),
        (
            "<https://a.example/x.> <URL:https://a.example/y> <url:https://a.example/z>",
            &["https://a.example/x.", "https://a.example/y", "https://a.example/z"],
        ),
        (
            "[a](https://a.example/a),[b](https://b.example/b)[c](https://c.example)",
            &["https://a.example/a", "https://b.example/b", "https://c.example"],
        ),
        ("[https://a.example](https://a.example/x \"title\")", &["https://a.example", "https://a.example/x"]),
        ("[1]: https://a.example/x\n[1]:https://a.example/y", &["https://a.example/x", "https://a.example/y"]),
        ("*https://a.example/x* https://a.example/*", &["https://a.example/x", "https://a.example/*"]),
        ("['https://a.example/1','https://a.example/2']", &["https://a.example/1", "https://a.example/2"]),
        ("\"https://a.example/x\" `https://a.example/y`", &["https://a.example/x", "https://a.example/y"]),
        ("|https://a.example/x|https://a.example/y|", &["https://a.example/x", "https://a.example/y"]),
        ("> https://a.example/x\r\n>>https://a.example/y\r\n", &["https://a.example/x", "https://a.example/y"]),
        (
            "\u{201e}https://a.example/x\u{201c} \u{ab}https://a.example/y\u{bb}\u{2026}",
            &["https://a.example/x", "https://a.example/y"],
        ),
        ("\u{8a73}\u{7d30}\u{306f}https://a.example/\u{3002}", &["https://a.example/"]),
        ("https://web.example/2020/http://a.example/", &["https://web.example/2020/http://a.example/"]),
        ("https://u:p@a.example:8443/a;b?c=[d]&amp;e=%20", &["https://u:p@a.example:8443/a;b?c=[d]&amp;e=%20"]),
        ("http://[::1]:80/x.", &["http://[::1]:80/x"]),
        ("-https://a.example/x =>https://a.example/y", &["https://a.example/x", "https://a.example/y"]),
        ("https://a.example/x\tt\u{7f}https://a.example/y\0", &["https://a.example/x", "https://a.example/y"]),
    ] {
        assert_eq!(links(text, false), wanted, "{text}");
    }
}

#[test]
fn what_is_no_url_is_passed_over() {
    for text in [
        "",
        "://",
        "http://",
        "https:// a.example",
        "say http://, or https://.",
        "www.a.example a.example/x mailto:a@b.example ftp://a.example/",
        "xhttps://a.example svn+http://a.example git-http://a.example",
        "www.b.example/http://a.example www.b.example?u=https://a.example www.b.example?https://a.example",
    ] {
        assert_eq!(links(text, false), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn doubtful_and_unwanted_urls_are_left_alone() {
    for (text, wanted) in [
        ("<https://a.example/long\r\npath>", &["!https://a.example/long"][..]),
        ("<https://a.example/b\u{fc}>", &["!https://a.example/b"]),
        ("https://a.example/K\u{e4}se https://b\u{fc}cher.example/", &["!https://a.example/K", "!https://b"]),
        ("https://a.example/{{id}} https://{{host}}/x", &["!https://a.example/{{id}}", "!https://{{host}}/x"]),
        ("https://a.example/{{ id }}", &["!https://a.example/{{"]),
        ("https://a.example/*|ID|* https://a.example/<%= id %>", &["!https://a.example/*|ID|*", "!https://a.example/"]),
        ("https://a.example/?u=%name% https://%%host%%/", &["!https://a.example/?u=%name%", "!https://%%host%%/"]),
        ("https://a.example/out, https://a.example/no", &["!https://a.example/out", "!https://a.example/no"]),
        ("https://track.example/c/x https://[::1", &["!https://track.example/c/x", "!https://[::1"]),
    ] {
        assert_eq!(links(text, false), wanted, "{text}");
    }
    let long = format!("https://a.example/{}", "x".repeat(2_000));
    assert_eq!(links(&long, false), [format!("!{long}")]);
}

#[test]
fn lines_that_readers_join_hide_no_half_url() {
    for (text, joined, kept) in [
        ("https://a.example/x \r\ny", "!https://a.example/x", "https://a.example/x"),
        ("https://a.example/x. \r\ny", "!https://a.example/x", "https://a.example/x"),
        ("> https://a.example/x \r\n> y", "!https://a.example/x", "https://a.example/x"),
        ("https://a.example/x  \r\ny", "https://a.example/x", "https://a.example/x"),
        ("https://a.example/x\r\ny", "https://a.example/x", "https://a.example/x"),
        ("https://a.example/x y \r\nz", "https://a.example/x", "https://a.example/x"),
        ("(https://a.example/x) \r\ny", "https://a.example/x", "https://a.example/x"),
        ("<https://a.example/x> \r\ny", "https://a.example/x", "https://a.example/x"),
        ("https://a.example/x \r\n", "https://a.example/x", "https://a.example/x"),
        ("-- \r\nhttps://a.example/x", "https://a.example/x", "https://a.example/x"),
        ("y  \r\nhttps://a.example/x", "https://a.example/x", "https://a.example/x"),
    ] {
        assert_eq!(links(text, true), [joined], "{text:?}");
        assert_eq!(links(text, false), [kept], "{text:?}");
    }
    assert_eq!(links("y \r\nhttps://a.example/x", true), Vec::<String>::new());
    assert_eq!(links("> y \r\n> https://a.example/x", true), Vec::<String>::new());
}

#[test]
fn letters_of_other_charsets_are_no_links() {
    let found = |page: &[u8], encoding| {
        read(page, encoding, false).into_iter().map(|link| link.verdict.is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(found(b"\xe9https://a.example/\xbb", WINDOWS_1252), [true]);
    assert_eq!(found(b"https://a.example/\xe9", WINDOWS_1252), [false]);
    // The octet before makes one letter with the h.
    assert_eq!(found(b"\x82https://a.example/ \x82\xa0 https://a.example/", SHIFT_JIS), [true]);
    assert_eq!(found(b"\x81http://a.example/", GBK), Vec::<bool>::new());
}

#[test]
fn hostile_texts_take_linear_time() {
    for text in ["http://", "http://a(", "<http://a", "http://a)", "(http://a ", "://", "> \r\n", "'http://a'"] {
        let page = text.repeat((1 << 18) / text.len());
        assert!(read(page.as_bytes(), UTF_8, true).len() <= page.len() / 8 + 1, "{text}");
    }
}

fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "https://",
        "http://a.example/",
        "HTTPS://b.example",
        "x",
        "/",
        "?q=",
        "&",
        "#",
        "%20",
        ".",
        ",",
        ";",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "<URL:",
        "\"",
        "'",
        "*",
        "_",
        "|",
        "{{",
        "}}",
        " ",
        " \r\n",
        "\r\n",
        "> ",
        "-- \r\n",
        "\u{e9}",
        "\u{3002}",
        "-",
        "=",
        "](",
    ]);
    prop::collection::vec(scrap, 0..60).prop_map(|scraps| scraps.concat())
}

proptest! {
    #[test]
    fn each_range_is_its_target(text in scraps(), joins_lines: bool) {
        let mut at = 0;
        for link in read(text.as_bytes(), UTF_8, joins_lines) {
            prop_assert!(at <= link.value.start && link.value.start < link.value.end);
            at = link.value.end;
            let written = &text[link.value.clone()];
            prop_assert!(!written.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c)));
            // A token is told from what follows it, and what follows is never taken for a part of it.
            let next = text[at..].chars().next().unwrap_or(' ');
            if let Ok(target) = link.verdict {
                prop_assert_eq!(&target, written);
                prop_assert!(url::Url::parse(&target).is_ok_and(|url| url.has_host()));
                prop_assert!(!next.is_alphanumeric() && !"/-_&#%=".contains(next), "{next:?} follows");
            }
        }
    }
}
