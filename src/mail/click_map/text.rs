//! A mail that is text alone: as it is written, with numbers behind its tracked links.

use super::person::{Person, next};
use super::{Legend, escaped, place};

const START: &str = "<body><pre style=\"font:14px/1.5 ui-monospace,Consolas,monospace;white-space:pre-wrap;\
    overflow-wrap:anywhere;margin:0;padding:16px\">";

/// Draws a text. Tracked links show where they lead, not their token.
pub(super) fn draw(text: &str, legend: &Legend<'_>, person: &Person) -> String {
    let mut out = START.to_owned();
    let (mut from, mut at) = (0, 0);
    while let Some(colon) = text[at..].find("://").map(|found| at + found) {
        let start = text[at..colon].rfind(|c: char| !c.is_ascii_alphabetic()).map_or(at, |last| next(text, at + last));
        let end = text[colon..].find(|c: char| !is_url(c)).map_or(text.len(), |found| colon + found);
        if let Some(place) = place(&text[start..end], legend) {
            out.push_str(&escaped(&person.blanked(&text[from..start])));
            out.push_str(&escaped(&person.blanked(&place.1)));
            out.push(' ');
            out.push_str(&(legend.badge)(&place).html(place.0));
            from = end;
        }
        at = end;
    }
    out.push_str(&escaped(&person.blanked(&text[from..])));
    out + "</pre>"
}

/// What our own links are made of.
fn is_url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | ':' | '.')
}
