//! Where the last end tags of a page stand, by one walk over its tags as a browser cuts them (WHATWG HTML, 13.2.5).

use std::iter::Peekable;
use std::ops::Range;

/// What a walk found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// The last `</body>`.
    pub body: Option<usize>,
    /// The last `</html>`.
    pub html: Option<usize>,
    /// Whether the page ends within a tag.
    pub open: bool,
}

/// Walks over a page, without what stands in `hidden`: comments, scripts and the like, in order.
pub(super) fn walk(page: &[u8], hidden: impl Iterator<Item = Range<usize>>) -> Ends {
    let (mut ends, mut at, mut hidden) = (Ends::default(), 0, hidden.peekable());
    while let Some(open) = find(page, at, b'<') {
        if let Some(end) = hidden_until(&mut hidden, open) {
            at = end;
            continue;
        }
        let name = page.get(open + 1..).unwrap_or_default();
        let end = match (name.first(), name.get(1)) {
            (Some(first), _) if first.is_ascii_alphabetic() => tag_end(page, open + 1),
            (Some(b'/'), Some(second)) if second.is_ascii_alphabetic() => tag_end(page, open + 2),
            (Some(b'!' | b'?' | b'/'), _) => find(page, open, b'>').map(|close| close + 1),
            _ => Some(open + 1),
        };
        let Some(end) = end else {
            ends.open = true;
            break;
        };
        if is_end_of(name, b"/body") {
            ends.body = Some(open);
        } else if is_end_of(name, b"/html") {
            ends.html = Some(open);
        }
        at = end;
    }
    ends
}

/// The end of the hidden stretch that a place is in.
fn hidden_until(hidden: &mut Peekable<impl Iterator<Item = Range<usize>>>, place: usize) -> Option<usize> {
    while hidden.next_if(|range| range.end <= place).is_some() {}
    hidden.peek().filter(|range| range.start <= place).map(|range| range.end)
}

fn find(page: &[u8], from: usize, byte: u8) -> Option<usize> {
    page.get(from..).and_then(|rest| memchr::memchr(byte, rest)).map(|n| from + n)
}

fn is_end_of(name: &[u8], wanted: &[u8]) -> bool {
    let ended = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'>' | b'/');
    name.get(..wanted.len()).is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        && name.get(wanted.len()).is_some_and(ended)
}

enum Place {
    TagName,
    BeforeAttribute,
    Attribute,
    AfterAttribute,
    BeforeValue,
    Value,
}

/// Just behind the `>` that ends a tag whose name begins at `at`.
fn tag_end(page: &[u8], mut at: usize) -> Option<usize> {
    let mut place = Place::TagName;
    loop {
        let byte = *page.get(at)?;
        at += 1;
        let blank = byte.is_ascii_whitespace();
        place = match (place, byte) {
            (_, b'>') => return Some(at),
            (Place::BeforeValue, b'"' | b'\'') => {
                at = find(page, at, byte)? + 1;
                Place::BeforeAttribute
            }
            (Place::BeforeValue, _) if blank => Place::BeforeValue,
            (Place::Value, _) if blank => Place::BeforeAttribute,
            (Place::BeforeValue | Place::Value, _) => Place::Value,
            (Place::Attribute | Place::AfterAttribute, b'=') => Place::BeforeValue,
            (Place::Attribute | Place::AfterAttribute, _) if blank => Place::AfterAttribute,
            (Place::TagName, b'/') => Place::BeforeAttribute,
            (Place::TagName, _) if !blank => Place::TagName,
            (_, b'/') => Place::BeforeAttribute,
            (Place::TagName | Place::BeforeAttribute, _) if blank => Place::BeforeAttribute,
            (Place::TagName | Place::BeforeAttribute | Place::Attribute | Place::AfterAttribute, _) => Place::Attribute,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_end_tags_are_found_where_they_are_tags() {
        let ends = |page: &str| {
            let ends = walk(page.as_bytes(), std::iter::empty());
            (ends.body, ends.html, ends.open)
        };
        assert_eq!(ends("<body>x</body></HTML >"), (Some(7), Some(14), false));
        assert_eq!(ends("</body></body>"), (Some(7), None, false));
        assert_eq!(ends("</bodyx></body"), (None, None, true));
        assert_eq!(ends("< /body></ body></1>"), (None, None, false));
        for hidden in [
            "<p title=\"</body>\">",
            "<p title = '</body>'>",
            "<p title=\"a\"title='</body>'>",
            "<p =a=\"</body>\">",
            "<p a/b='</body>'>",
            "<!DOCTYPE </body",
        ] {
            assert_eq!(ends(hidden).0, None, "{hidden}");
        }
        // A quote that does not begin a value is a letter like any other.
        for seen in
            ["<p title=a\"></body>\">", "<p \"></body>\">", "<p \"='a'></body>", "<!x \"></body>\">", "1 < 2</body>"]
        {
            assert!(ends(seen).0.is_some(), "{seen}");
        }
        for open in ["<p", "<p title=\"></body>", "x<a href='", "</body", "<!"] {
            assert_eq!(ends(open), (None, None, true), "{open}");
        }
    }

    #[test]
    fn what_is_hidden_is_walked_past() {
        let page = b"<!-- </body> --></body><script></body></script>";
        let hidden = [0..16, 31..38];
        assert_eq!(walk(page, hidden.into_iter()), Ends { body: Some(16), html: None, open: false });
    }
}
