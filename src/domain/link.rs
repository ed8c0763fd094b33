//! Links as things that are counted.

use sha2::{Digest, Sha256};

/// Stands in a row's URL where the addresses that it counts differ. No URL holds it: links are ASCII.
pub const PERSONAL: char = '\u{2217}';
/// Parts of a path and of a query that are compared one by one; what comes behind is compared as a whole.
const PARTS_MAX: usize = 50;

/// A link's pattern: its URL without query and fragment, with `*` for each part of its path that looks like a person's
/// own. Personalised links differ in these most of all, so that one link of a template is one row of numbers and never a
/// row a person.
pub fn pattern(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (site, path) = split_site(&url[..end]);
    let parts = path.split('/').map(|part| if is_personal(part) { "*" } else { part });
    format!("{site}{}", parts.collect::<Vec<_>>().join("/"))
}

/// The number that stands for a pattern in facts: 62 bits of SHA-256, never 0.
pub fn pattern_key(url: &str) -> i64 {
    let digest = Sha256::digest(pattern(url).as_bytes());
    let raw = digest.iter().take(8).fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    i64::try_from(raw >> 2).unwrap_or(i64::MAX).max(1)
}

/// A URL of which nothing is shown that may be one person's: its pattern, and the names of its query without the values.
pub fn masked(url: &str) -> String {
    let (address, fragment) = url.split_once('#').map_or((url, ""), |(address, _)| (address, "#*"));
    let Some((_, query)) = address.split_once('?') else { return pattern(address) + fragment };
    let names =
        query.split('&').map(|pair| pair.split_once('=').map_or("*".to_owned(), |(name, _)| format!("{name}=*")));
    format!("{}?{}{fragment}", pattern(address), names.collect::<Vec<_>>().join("&"))
}

/// What a row is called that counted `known` and now counts `url` too: what is the same in both, and [`PERSONAL`] where
/// they differ.
pub fn grouped(known: &str, url: &str) -> String {
    if known == url {
        return known.to_owned();
    }
    let cut = |url: &str| {
        let (address, fragment) = url.split_once('#').map_or((url, None), |(a, f)| (a, Some(f)));
        let (place, query) = address.split_once('?').map_or((address, None), |(p, q)| (p, Some(q)));
        let (site, path) = split_site(place);
        [Some(site), Some(path), query, fragment].map(|part| part.map(ToOwned::to_owned))
    };
    let ([site, path, query, fragment], [other_site, other_path, other_query, other_fragment]) = (cut(known), cut(url));
    let mut all = each(&site.unwrap_or_default(), &other_site.unwrap_or_default(), '.', "://");
    all += &each(&path.unwrap_or_default(), &other_path.unwrap_or_default(), '/', "");
    if query.is_some() || other_query.is_some() {
        all.push('?');
        all += &queries(&query.unwrap_or_default(), &other_query.unwrap_or_default());
    }
    match (fragment, other_fragment) {
        (None, None) => {}
        (Some(one), Some(other)) if one == other => all += &format!("#{one}"),
        (Some(_), _) | (_, Some(_)) => all += &format!("#{PERSONAL}"),
    }
    all
}

/// Scheme and host of a URL.
pub fn site(url: &str) -> &str {
    split_site(url.split(['?', '#']).next().unwrap_or(url)).0
}

/// Scheme and host, and the rest.
fn split_site(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(end)
}

/// Two lists of parts, one by one where they are equally long; `head` ends what stands before the first part.
fn each(one: &str, other: &str, between: char, head: &str) -> String {
    let split = |text: &str| match text.split_once(head).filter(|_| !head.is_empty()) {
        Some((before, rest)) => (format!("{before}{head}"), rest.to_owned()),
        None => (String::new(), text.to_owned()),
    };
    let ((start, one), (other_start, other)) = (split(one), split(other));
    // A scheme that differs is no person's: the one that was seen first stays.
    let start = if start.is_empty() { other_start } else { start };
    let (parts, others): (Vec<_>, Vec<_>) =
        (one.splitn(PARTS_MAX, between).collect(), other.splitn(PARTS_MAX, between).collect());
    let mut joined: Vec<_> = parts.iter().zip(&others).map(|(one, other)| same_or_personal(one, other)).collect();
    if parts.len() != others.len() {
        let alike = parts.iter().zip(&others).take_while(|(one, other)| one == other).count();
        joined.truncate(alike);
        joined.push(PERSONAL.to_string());
    }
    start + &joined.join(&between.to_string())
}

fn same_or_personal(one: &str, other: &str) -> String {
    if one == other { one.to_owned() } else { PERSONAL.to_string() }
}

/// The names of both, in their order; a value where it is the same.
fn queries(one: &str, other: &str) -> String {
    let pairs = |query: &str| {
        let pair = |pair: &str| {
            pair.split_once('=')
                .map_or((pair.to_owned(), None), |(name, value)| (name.to_owned(), Some(value.to_owned())))
        };
        query.splitn(PARTS_MAX, '&').filter(|text| !text.is_empty()).map(pair).collect::<Vec<_>>()
    };
    let (ours, theirs) = (pairs(one), pairs(other));
    let mut joined: Vec<String> = Vec::new();
    for (name, value) in &ours {
        joined.push(match value {
            Some(value) if theirs.contains(&(name.clone(), Some(value.clone()))) => format!("{name}={value}"),
            Some(_) => format!("{name}={PERSONAL}"),
            None if theirs.contains(&(name.clone(), None)) => name.clone(),
            None => PERSONAL.to_string(),
        });
    }
    for (name, value) in &theirs {
        let known = ours.iter().any(|(ours, _)| ours == name);
        match value {
            Some(_) if !known => joined.push(format!("{name}={PERSONAL}")),
            None if !known && !joined.iter().any(|part| part.starts_with(PERSONAL)) => {
                joined.push(PERSONAL.to_string());
            }
            Some(_) | None => {}
        }
    }
    joined.truncate(PARTS_MAX);
    joined.join("&")
}

/// Whether a part of a path looks like a number, a code or an address rather than words. Where this takes a product for a
/// person, links that stand at one place of a template share a row; positions still part them.
fn is_personal(part: &str) -> bool {
    let plain: String = part.chars().filter(|c| *c != '-').collect();
    let is_hex = plain.len() >= 24 && plain.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex
        || part.contains('@')
        || part.to_ascii_lowercase().contains("%40")
        || part.split(|c: char| !c.is_ascii_alphanumeric()).any(is_code)
}

fn is_code(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let turn = |pair: &[u8]| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let turns = word.as_bytes().windows(2).filter(|pair| turn(pair)).count();
    match word.len() {
        0..=4 => false,
        5 => digits == 5,
        _ => digits == word.len() || (digits > 0 && digits < word.len()) || turns >= 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_fragments_do_not_tell_links_apart() {
        assert_eq!(pattern("https://a.example/x?u=1#y"), "https://a.example/x");
        assert_eq!(pattern_key("https://a.example/x?u=1"), pattern_key("https://a.example/x#z"));
        assert_ne!(pattern_key("https://a.example/x"), pattern_key("https://a.example/y"));
    }

    #[test]
    fn words_tell_paths_apart_and_codes_do_not() {
        for (url, wanted) in [
            ("https://a.example", "https://a.example"),
            ("https://a12345.example/", "https://a12345.example/"),
            ("https://a.example/how-to-lift-dahlias.html", "https://a.example/how-to-lift-dahlias.html"),
            ("https://a.example/2026/11/Autumn-List", "https://a.example/2026/11/Autumn-List"),
            ("https://a.example/GardenClub/mp3", "https://a.example/GardenClub/mp3"),
            ("https://a.example/u/8f3a91c2/offer", "https://a.example/u/*/offer"),
            ("https://a.example/p/482913", "https://a.example/p/*"),
            ("https://a.example/v/3f2b8c1e-9d4a-4e6f-8a7b-0c1d2e3f4a5b/", "https://a.example/v/*/"),
            ("https://a.example/v/abcdefab-abcd-abcd-abcd-abcdefabcdef", "https://a.example/v/*"),
            ("https://a.example/x/aGVsbG8gV29ybGQ", "https://a.example/x/*"),
            ("https://a.example/out/anna@own.example", "https://a.example/out/*"),
            ("https://a.example/out/anna%40own.example?x=1", "https://a.example/out/*"),
        ] {
            assert_eq!(pattern(url), wanted, "{url}");
        }
    }

    #[test]
    fn what_differs_is_personal() {
        let shown = |known: &str, url: &str| grouped(known, url).replace(PERSONAL, "*");
        for (known, url, wanted) in [
            ("https://a.example/x", "https://a.example/x", "https://a.example/x"),
            ("https://a.example/account?c=1", "https://a.example/account?c=2", "https://a.example/account?c=*"),
            ("https://a.example/a?m=x&c=1#t", "https://a.example/a?m=x&c=2#t", "https://a.example/a?m=x&c=*#t"),
            ("https://a.example/u/81/go", "https://a.example/u/93/go", "https://a.example/u/*/go"),
            ("https://anna.a.example/", "https://bert.a.example/", "https://*.a.example/"),
            ("https://a.example/u/1/2", "https://a.example/u/1", "https://a.example/u/1/*"),
            ("https://a.example/u", "https://a.example/u?c=1", "https://a.example/u?c=*"),
            ("https://a.example/u?abc", "https://a.example/u?def", "https://a.example/u?*"),
            ("https://a.example/u#a", "https://a.example/u#b", "https://a.example/u#*"),
        ] {
            assert_eq!(shown(known, url), wanted, "{known} and {url}");
            let once = grouped(known, url);
            assert_eq!(grouped(&once, url), once, "what was taken in changes nothing again: {url}");
            assert_eq!(grouped(&once, known), once, "{known}");
        }
    }

    #[test]
    fn masked_urls_say_nothing_of_a_person() {
        for (url, wanted) in [
            ("https://a.example/x", "https://a.example/x"),
            ("https://a.example/u/8f3a91c2?c=anna&d#top", "https://a.example/u/*?c=*&*#*"),
        ] {
            assert_eq!(masked(url), wanted);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_url_is_too_odd(one in "(https?://)?[!-~]{0,40}", other in "(https?://)?[!-~]{0,40}") {
            let both = grouped(&one, &other);
            proptest::prop_assert_eq!(grouped(&both, &both), both);
            pattern(&one);
            masked(&other);
        }
    }
}
