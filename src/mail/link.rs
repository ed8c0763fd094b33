//! Decides what becomes of one link: its exact target, or why it is left alone.

use std::borrow::Cow;

use encoding_rs::Encoding;

use super::plan::{Switches, VisibleUrlLinks};
use crate::domain::token::TOKEN_MAX;
use crate::domain::{Domain, Token};

/// Attributes by which a sender, in any vendor's spelling, asks that a link be left alone. `None` is any value.
pub const OPT_OUTS: &[(&str, Option<&str>)] = &[
    ("data-no-track", None),
    ("data-pm-no-track", None),
    ("ses:no-track", None),
    ("mc:disable-tracking", None),
    ("disable-tracking", Some("true")),
    ("clicktracking", Some("off")),
    ("data-clicktracking", Some("off")),
    ("data-msys-clicktrack", Some("0")),
];

/// Why a link with an opt-out attribute is left alone.
pub const OPTED_OUT: &str = "the sender asked for it";

const NO_HOST: &str = "it names no host";
const PLACEHOLDER: &str = "it holds a placeholder that was not filled in";

/// Marks of templates that were not filled in.
const PLACEHOLDERS: &[&str] = &["{{", "}}", "{%", "*|", "|*", "[[", "]]", "<%", "%>", "${", "%%"];

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole URL, exactly.
    pub url: String,
    /// Its host, without a final dot.
    pub host: String,
}

/// By what links are judged.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// What the sender and the configuration asked for.
    pub switches: &'a Switches,
    /// The tracking host: its own links are not tracked again.
    pub tracking_host: &'a str,
    /// The sender's own ways out, in `List-Unsubscribe`.
    pub unsubscribe_urls: &'a [String],
}

/// Whether an attribute asks that its link be left alone.
pub fn is_opt_out(name: &str, value: &str) -> bool {
    OPT_OUTS.iter().any(|(opt_out, wanted)| {
        *opt_out == name && wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value.trim()))
    })
}

/// A link's target as the browser would open it: character references decoded, outer white space and line breaks dropped
/// (WHATWG URL, 4.4 steps 1 and 3). Printable ASCII behind `http://` or `https://` is kept character for character;
/// anything else becomes what the WHATWG parser makes of it in the page's encoding.
pub fn target(raw: &[u8], encoding: &'static Encoding) -> Result<Target, &'static str> {
    let (text, _) = encoding.decode_without_bom_handling(raw);
    let decoded = htmlize::unescape_attribute(text);
    // No page holds a NUL (WHATWG HTML, 13.2.5).
    let decoded = if decoded.contains('\0') { decoded.replace('\0', "\u{fffd}").into() } else { decoded };
    let trimmed = decoded.trim_matches(|c: char| c <= ' ');
    as_written(trimmed.split(['\t', '\r', '\n']).collect(), encoding)
}

/// [`target`] of a link that stands in the open, as in plain text: nothing in it is a character reference.
pub fn as_written(clean: String, encoding: &'static Encoding) -> Result<Target, &'static str> {
    if !names_host(&clean) {
        return Err(other_scheme(&clean));
    }
    if holds_placeholder(&clean) {
        return Err(PLACEHOLDER);
    }
    if let Some(host) = plain_host(&clean) {
        return Ok(Target { host: host.to_ascii_lowercase(), url: clean });
    }
    let encode = query_encoder(encoding);
    let parsed = url::Url::options().encoding_override(Some(&encode)).parse(&clean);
    let url = parsed.map_err(|_| "it is no URL that a browser opens")?;
    let host = host_in(&url).filter(|host| !host.is_empty()).ok_or(NO_HOST)?;
    let exact = is_http(&clean) && clean.bytes().all(|b| b.is_ascii_graphic());
    Ok(Target { url: if exact { clean } else { url.into() }, host })
}

/// Why a link with this target and this visible text is left alone, if it is.
pub fn objection(target: &Target, label: &str, rules: Rules<'_>) -> Option<&'static str> {
    let Target { url: target, host } = target;
    if host.eq_ignore_ascii_case(rules.tracking_host) {
        return Some("it leads to the tracking host itself");
    }
    let excluded = &rules.switches.exclude_hosts;
    let domain = if excluded.is_empty() { None } else { Domain::parse(host).ok() };
    if domain.is_some_and(|domain| excluded.iter().any(|excluded| domain.is_within(excluded))) {
        return Some("its host is excluded by the configuration");
    }
    if rules.unsubscribe_urls.iter().any(|url| is_same_url(url, target)) {
        return Some("it is the sender's own unsubscribe link");
    }
    if Token::click_len(target) > TOKEN_MAX {
        return Some("it is too long to be carried in a token");
    }
    let shows_other = || shown_hosts(label).any(|shown| !is_same_house(&shown, rules.tracking_host));
    if rules.switches.visible_url_links == VisibleUrlLinks::Leave && shows_other() {
        return Some("its text is a URL, and mail programs warn when a link leads elsewhere than its text says");
    }
    None
}

/// Queries are encoded in the page's charset, paths in UTF-8 (WHATWG URL, 4.4); what the charset lacks becomes a character
/// reference, percent-encoded (WHATWG URL, 1.3).
pub fn query_encoder(encoding: &'static Encoding) -> impl Fn(&str) -> Cow<'_, [u8]> {
    move |query| match encoding.encode(query) {
        (encoded, _, false) => encoded,
        (_, _, true) => query.chars().fold(Vec::new(), |bytes, c| with_char(bytes, c, encoding)).into(),
    }
}

fn with_char(mut bytes: Vec<u8>, c: char, encoding: &'static Encoding) -> Vec<u8> {
    let mut room = [0; 4];
    match encoding.encode(c.encode_utf8(&mut room)) {
        (encoded, _, false) => bytes.extend(encoded.iter()),
        (_, _, true) => bytes.extend(format!("%26%23{}%3B", u32::from(c)).bytes()),
    }
    bytes
}

fn is_http(text: &str) -> bool {
    let scheme = |name: &str| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    scheme("http://") || scheme("https://")
}

/// Two slashes of either kind: with one or none, a page's own address decides where it leads (WHATWG URL, 4.4).
fn names_host(text: &str) -> bool {
    let rest = |scheme: &str| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = rest("https:").or_else(|| rest("http:"));
    rest.is_some_and(|rest| rest.starts_with(['/', '\\']) && rest[1..].starts_with(['/', '\\']))
}

/// In a URL's text only the case of scheme and host is the writer's choice.
fn is_same_url(a: &str, b: &str) -> bool {
    a == b || (a.eq_ignore_ascii_case(b) && url::Url::parse(a) == url::Url::parse(b))
}

fn other_scheme(text: &str) -> &'static str {
    let colon = text.find([':', '/', '?', '#']).filter(|at| text.as_bytes().get(*at) == Some(&b':'));
    match colon {
        _ if text.is_empty() => "it is empty",
        _ if text.starts_with('#') => "it leads to a place in the same mail",
        _ if PLACEHOLDERS.iter().any(|mark| text.contains(mark)) => PLACEHOLDER,
        Some(at) if matches!(text[..at].to_ascii_lowercase().as_str(), "http" | "https") => NO_HOST,
        Some(_) => "it is no http or https link",
        None => "it is relative",
    }
}

fn holds_placeholder(text: &str) -> bool {
    // Few URLs have any of their letters.
    let signs = text.bytes().any(|b| matches!(b, b'{' | b'}' | b'*' | b'[' | b'<' | b'>' | b'%' | b'$' | b']'));
    signs && (PLACEHOLDERS.iter().any(|mark| text.contains(mark)) || has_percent_name(text))
}

/// The host of a URL that every parser takes as it stands: printable ASCII, and a host of letters, digits, `-`, `_` and
/// single dots that ends with a letter, so that it is no address, and has no label that begins with `xn--`.
fn plain_host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, behind) = rest.split_at(end);
    let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let is_plain = |label: &str| {
        let escaped = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
        !label.is_empty() && !escaped && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let named = host.ends_with(|c: char| c.is_ascii_alphabetic()) && host.split('.').all(is_plain);
    // `0x` and hexadecimal digits are a number too (WHATWG URL, 3.5).
    let number = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
    (known && named && !number && behind.bytes().all(|b| b.is_ascii_graphic())).then_some(host)
}

/// `%name%`: no percent-escape begins so.
fn has_percent_name(text: &str) -> bool {
    text.split('%').skip(1).zip(text.split('%').skip(2)).any(|(name, _)| {
        let escape = name.get(..2).is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        !escape && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    })
}

/// The host of a URL, without a final dot.
pub fn host_of(url: &str) -> Option<String> {
    host_in(&url::Url::parse(url).ok()?)
}

fn host_in(url: &url::Url) -> Option<String> {
    url.host_str().map(|host| host.trim_end_matches('.').to_owned())
}

/// The hosts that a link's text claims to lead to, without what a reader does not see.
fn shown_hosts(label: &str) -> impl Iterator<Item = String> {
    // Most links say what they lead to in words, and none of the signs that make a host come of a letter's lower case.
    let label = if label.contains(['.', ':']) { label } else { "" };
    let seen: String = label.chars().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    let words = seen.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let alone = words.len() == 1;
    words.into_iter().filter_map(move |word| {
        if let Some(at) = word.find("http://").or_else(|| word.find("https://")) {
            return host_of(&word[at..]);
        }
        let host = word.split(['/', '?', '#', ':']).next().unwrap_or_default();
        let domain = Domain::parse(host).ok().filter(|_| host.contains('.') && !word.contains('@'))?;
        let known = || psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
        let claims = host.starts_with("www.") || (alone && known() && psl::domain_str(host).is_some());
        claims.then(|| domain.to_string())
    })
}

/// Soft hyphens and what has no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Whether two hosts belong to one registrable domain.
fn is_same_house(a: &str, b: &str) -> bool {
    let house = |host: &str| psl::domain_str(host).map(str::to_ascii_lowercase);
    a.eq_ignore_ascii_case(b) || house(a).is_some_and(|a| house(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{UTF_8, WINDOWS_1252};

    fn url(raw: &[u8], encoding: &'static Encoding) -> Result<String, &'static str> {
        target(raw, encoding).map(|target| target.url)
    }

    #[test]
    fn targets_are_exact() {
        for (raw, wanted) in [
            ("https://a.example/?x=1&amp;y=%2F+z#f", "https://a.example/?x=1&y=%2F+z#f"),
            (" https://a.example/\r\n  path ", "https://a.example/  path"),
            ("https://a.example?copy=1&copy=2", "https://a.example?copy=1&copy=2"),
            ("HTTPS://A.example/&#38;", "HTTPS://A.example/&"),
            ("https://a.example/?sig=ab==", "https://a.example/?sig=ab=="),
            ("https://a.example\\b", "https://a.example\\b"),
            ("https:\\\\a.example\\b", "https://a.example/b"),
            ("http:/\\a.example", "http://a.example/"),
            ("https://a.example/\0", "https://a.example/%EF%BF%BD"),
        ] {
            let wanted = if wanted.contains(' ') { "https://a.example/%20%20path" } else { wanted };
            assert_eq!(url(raw.as_bytes(), UTF_8).as_deref(), Ok(wanted), "{raw}");
        }
        assert_eq!(
            url(b"https://a.example/\xe9?q=\xe9", WINDOWS_1252).as_deref(),
            Ok("https://a.example/%C3%A9?q=%E9")
        );
        let lacking = url("https://a.example/?q=\u{fc}&amp;r=&#x448;".as_bytes(), UTF_8);
        assert_eq!(lacking.as_deref(), Ok("https://a.example/?q=%C3%BC&r=%D1%88"));
        let lacking = url(b"https://a.example/?q=\xfc&amp;r=&#x448;;", WINDOWS_1252);
        assert_eq!(lacking.as_deref(), Ok("https://a.example/?q=%FC&r=%26%231096%3B;"));
    }

    #[test]
    fn a_plain_host_is_what_the_parser_says() {
        for url in ["https://Shop.example/a?b#c", "HTTP://a-b.c_d.example", "https://a.example?x=https://b.example/"] {
            let parsed = url::Url::parse(url).unwrap();
            assert_eq!(plain_host(url).map(str::to_ascii_lowercase).as_deref(), parsed.host_str(), "{url}");
        }
        for url in [
            "https://a..example/",
            "https://a.example./",
            "https://.example/",
            "https:///a.example",
            "https://1.2.3.4/",
            "https://a.0xabc/",
            "https://0xff",
            "https://a.4a/",
            "https://xn--a.example/",
            "https://a.XN--b.example/",
            "https://a.example:80/",
            "https://u@a.example/",
            "https://a%2eb.example/",
            "https://a.example\\b",
            "https://[::1]/",
            "https://b\u{fc}cher.example/",
            "https://a.example/\u{fc}",
            "https://a.example/ b",
            "ftp://a.example/",
        ] {
            assert_eq!(plain_host(url), None, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn plain_hosts_are_those_of_the_parser(url in "(https?|HTTP)://[a-zA-Z0-9x._-]{1,12}[/?#]?[!-~]{0,8}") {
            if let Some(host) = plain_host(&url) {
                let parsed = url::Url::parse(&url);
                proptest::prop_assert_eq!(parsed.as_ref().ok().and_then(url::Url::host_str), Some(&*host.to_ascii_lowercase()), "{}", url);
            }
        }
    }

    #[test]
    fn what_no_redirect_can_reach_is_left_alone() {
        for raw in [
            "",
            "#top",
            "mailto:a@b.example",
            "tel:+1",
            "cid:x",
            "/relative",
            "//host/x",
            "page.html",
            "javascript:x()",
            "https://",
            "https:a.example",
            "http:/a.example",
            "https:",
            "http://[::1",
            "{{link}}",
            "https://a.example/{{id}}",
            "https://a.example/*|ID|*",
            "https://a.example/?u=%name%",
            "data:text/html,x",
        ] {
            assert!(target(raw.as_bytes(), UTF_8).is_err(), "{raw}");
        }
        assert!(target(b"https://a.example/%20foo%20bar", UTF_8).is_ok());
    }

    fn judge(target: &str, label: &str) -> Option<&'static str> {
        let switches = Switches { exclude_hosts: vec![Domain::parse("bank.example").unwrap()], ..Switches::default() };
        let unsubscribe_urls = ["https://list.example/out".to_owned()];
        let rules = Rules { switches: &switches, tracking_host: "track.shop.com", unsubscribe_urls: &unsubscribe_urls };
        objection(&as_written(target.to_owned(), UTF_8).unwrap(), label, rules)
    }

    #[test]
    fn objections_are_raised() {
        assert_eq!(judge("https://shop.com/x", "Read more"), None);
        assert_eq!(judge("https://shop.com/x", "www.shop.com"), None);
        assert_eq!(judge("https://shop.com/x", "shop.com/x"), None);
        assert_eq!(judge("https://shop.com/x", "see our offer.Now"), None);
        assert_eq!(judge("https://list.example/OUT", "x"), None);
        assert_eq!(judge("https://other.com/", "mail us: info@other.com"), None);
        for (target, label) in [
            ("https://track.shop.com/x", "x"),
            ("https://my.bank.example/", "x"),
            ("https://list.example/out", "x"),
            ("HTTPS://List.example/out", "x"),
            ("https://other.com/", "https://other.com/"),
            ("https://other.com/", "other.com"),
            ("https://other.com/", "Visit www.other.com today"),
            ("https://other.com/", "Other\u{ad}.com \u{bb}"),
            ("https://other.com/", "ht\u{200b}tps://other.com/x"),
            ("https://other.com/", "here:https://other.com/)."),
            ("https://b\u{fc}cher.de/", "B\u{dc}CHER.de"),
        ] {
            assert!(judge(target, label).is_some(), "{target} {label}");
        }
        assert!(judge(&format!("https://a.com/{}", "x".repeat(2_000)), "x").is_some());
    }

    #[test]
    fn opt_outs_are_known() {
        assert!(is_opt_out("clicktracking", "OFF") && is_opt_out("data-no-track", ""));
        assert!(!is_opt_out("clicktracking", "on") && !is_opt_out("href", "off"));
    }
}
