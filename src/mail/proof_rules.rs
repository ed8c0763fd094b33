//! What a copy may differ by, said once more for the second reader: the rewriter's own rules are not asked.

use std::borrow::Cow;

use encoding_rs::Encoding;

use super::plan::Plan;

/// Beginnings of the names of hosted relays' control headers; what they leave behind as traces begins so, too.
const VENDORS: &[&str] = &["x-mailgun-", "x-ses-", "x-pm-", "x-mc-", "x-smtpapi", "x-msys-api"];

/// What is allowed to happen to a header field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Goes,
    /// Whether it goes is the reader's of that vendor.
    Either,
}

/// The fate of a field. `top`: of the message's own block; `edited`: the body below it was changed. `name` is in lower
/// case, `value` what follows the colon.
pub(super) fn fate(name: &str, value: &[u8], top: bool, edited: bool, plan: &Plan<'_>) -> Fate {
    let goes = match name {
        "content-length" | "content-md5" => edited,
        _ if !top => false,
        "bcc" | "resent-bcc" | "return-path" => true,
        "dkim-signature" => edited && is_ours(value, plan),
        _ => name.starts_with("x-postrider-"),
    };
    let vendors = top && plan.vendor_headers && VENDORS.iter().any(|vendor| name.starts_with(vendor));
    match (goes, vendors) {
        (true, _) => Fate::Goes,
        (false, true) => Fate::Either,
        (false, false) => Fate::Stays,
    }
}

/// Whether a signature is of a domain that is signed for anew, by its `d=` (RFC 6376 section 3.5).
fn is_ours(value: &[u8], plan: &Plan<'_>) -> bool {
    let text = String::from_utf8_lossy(value);
    let tags = text.split(';').filter_map(|tag| tag.split_once('='));
    let mut domains = tags.filter(|(tag, _)| tag.trim() == "d").map(|(_, value)| value.split_whitespace().collect());
    domains
        .next()
        .is_some_and(|domain: String| plan.signing_domains.iter().any(|ours| ours.as_str() == domain.to_lowercase()))
}

/// Compares the fields of a block, name and bytes, with what they have become.
pub(super) fn check_fields(
    before: &[(String, Vec<u8>)],
    after: &[(String, Vec<u8>)],
    fate: impl Fn(&str, &[u8]) -> Fate,
) -> Result<(), String> {
    let mut rest = after.iter();
    for (name, bytes) in before {
        let next = rest.clone().next();
        match fate(name, bytes) {
            Fate::Goes => {}
            Fate::Either if next.is_none_or(|(other, kept)| (other, kept) != (name, bytes)) => {}
            Fate::Stays | Fate::Either => {
                if rest.next().is_none_or(|(other, kept)| (other, kept) != (name, bytes)) {
                    return Err(format!("the header field {name} differs"));
                }
            }
        }
    }
    if rest.next().is_none() { Ok(()) } else { Err("the copy has other header fields".to_owned()) }
}

/// Whether an attribute asks that its link be left alone, in any vendor's spelling.
pub(super) fn opts_out(name: &[u8], value: &[u8]) -> bool {
    let value = value.trim_ascii();
    match name {
        b"data-no-track" | b"data-pm-no-track" | b"ses:no-track" | b"mc:disable-tracking" => true,
        b"disable-tracking" => value.eq_ignore_ascii_case(b"true"),
        b"clicktracking" | b"data-clicktracking" => value.eq_ignore_ascii_case(b"off"),
        b"data-msys-clicktrack" => value == b"0",
        _ => false,
    }
}

/// A query in a page's charset; letters that it lacks are numbered (WHATWG URL, 1.3).
pub(super) fn query_in(encoding: &'static Encoding) -> impl Fn(&str) -> Cow<'_, [u8]> {
    move |query| {
        let (mut octets, mut rest) = (Vec::with_capacity(query.len() * 2), query);
        let mut encoder = encoding.new_encoder();
        while !rest.is_empty() {
            let mut room = vec![0; rest.len() * 4 + 16];
            let (result, read, written) = encoder.encode_from_utf8_without_replacement(rest, &mut room, true);
            octets.extend(room.iter().take(written));
            rest = rest.get(read..).unwrap_or_default();
            if let encoding_rs::EncoderResult::Unmappable(letter) = result {
                octets.extend(format!("%26%23{}%3B", u32::from(letter)).into_bytes());
            }
        }
        octets.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Domain;
    use crate::mail::plan::Switches;
    use crate::mail::{link, removed, vendor_names};
    use encoding_rs::{BIG5, SHIFT_JIS, UTF_8, WINDOWS_1252};

    /// Two who were not told of each other say the same.
    #[test]
    fn the_rewriters_rules_are_the_same() {
        let (domain, switches) = (Domain::parse("own.example").unwrap(), Switches::default());
        for vendor_headers in [true, false] {
            let plan = Plan {
                prepend: b"",
                base_url: "https://t.example",
                unsubscribe: false,
                switches: &switches,
                signing_domains: std::slice::from_ref(&domain),
                vendor_headers,
            };
            let names = ["bcc", "resent-bcc", "return-path", "content-length", "content-md5", "subject", "received"];
            let ours = ["x-postrider-campaign", "x-postrider-", "x-postride", "dkim-signature", "to", "cc"];
            let theirs = vendor_names::KNOWN.iter().map(|(name, _)| *name).chain(["x-pm-metadata-a", "x-mailer"]);
            let values: [&[u8]; 4] = [b" a=x; d=own.example; s=y", b" d=\r\n own.\r\n example", b" d=b.example", b""];
            for name in names.into_iter().chain(ours).chain(theirs) {
                for (value, edited) in values.iter().flat_map(|value| [(value, true), (value, false)]) {
                    let wanted = removed::is_removed(name.as_bytes(), value, edited, &plan);
                    let allowed = match fate(name, value, true, edited, &plan) {
                        Fate::Stays => !wanted,
                        Fate::Goes => wanted,
                        Fate::Either => true,
                    };
                    assert!(allowed, "{name} {edited} {:?}", String::from_utf8_lossy(value));
                }
            }
        }
        for (name, value) in link::OPT_OUTS {
            for value in [value.unwrap_or("x"), "", " OFF ", "on", "True", "0", "1"] {
                assert_eq!(
                    opts_out(name.as_bytes(), value.as_bytes()),
                    link::is_opt_out(name, value),
                    "{name} {value}"
                );
            }
        }
        for encoding in [UTF_8, WINDOWS_1252, SHIFT_JIS, BIG5] {
            for query in ["a=1", "\u{fc}\u{448}\u{20ac}", "\u{3042}x\u{1f600}", ""] {
                assert_eq!(
                    query_in(encoding)(query),
                    link::query_encoder(encoding)(query),
                    "{} {query}",
                    encoding.name()
                );
            }
        }
    }

    #[test]
    fn a_field_that_goes_or_stays_wrongly_is_seen() {
        let field = |name: &str| (name.to_owned(), format!("{name}: x\r\n").into_bytes());
        let fate = |name: &str, _: &[u8]| match name {
            "gone" => Fate::Goes,
            "either" => Fate::Either,
            _ => Fate::Stays,
        };
        let check = |before: &[&str], after: &[&str]| {
            let fields = |names: &[&str]| names.iter().map(|name| field(name)).collect::<Vec<_>>();
            check_fields(&fields(before), &fields(after), fate)
        };
        for after in [&["a", "either", "b"][..], &["a", "b"]] {
            assert_eq!(check(&["a", "gone", "either", "b"], after), Ok(()));
        }
        for (before, after) in [
            (&["a", "b"][..], &["b", "a"][..]),
            (&["a", "gone"], &["a", "gone"]),
            (&["a", "b"], &["a"]),
            (&["a"], &["a", "a"]),
            (&["either"], &["either", "either"]),
            (&[], &["a"]),
        ] {
            assert!(check(before, after).is_err(), "{before:?} {after:?}");
        }
    }
}
