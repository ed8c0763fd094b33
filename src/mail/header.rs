//! The header block of a message (RFC 5322 section 2.2) as byte ranges: order, folding and bytes are kept.

use std::ops::Range;

use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};

/// A decoded value is cut here, in characters.
const TEXT_MAX: usize = 2_000;
/// Fields looked at; a message with more is taken for broken.
const FIELDS_MAX: usize = 20_000;

/// One field: its name, all of its bytes with the final CRLF, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where the name stands.
    pub name: Range<usize>,
    /// The field with its continuation lines and their CRLFs.
    pub range: Range<usize>,
    /// What is behind the colon, without the final CRLF.
    pub value: Range<usize>,
}

/// A header block.
#[derive(Debug, Clone)]
pub struct HeaderBlock<'a> {
    raw: &'a [u8],
    fields: Vec<Field>,
    end: usize,
    broken: bool,
}

impl<'a> HeaderBlock<'a> {
    /// Reads the block that `raw` begins with. Linear in its length.
    pub fn read(raw: &'a [u8]) -> Self {
        let mut block = Self { raw, fields: Vec::new(), end: raw.len(), broken: false };
        let mut at = 0;
        let mut in_field = false;
        while at < raw.len() {
            let line_end = memchr::memchr(b'\n', &raw[at..]).map_or(raw.len(), |n| at + n + 1);
            let line = &raw[at..line_end];
            if matches!(line, b"\r\n" | b"\n") {
                block.end = line_end;
                return block;
            }
            let continues = matches!(line.first(), Some(b' ' | b'\t'));
            match (continues, block.fields.last_mut()) {
                // What continues a line that is no field belongs to no field above it.
                (true, Some(field)) if in_field => {
                    field.range.end = line_end;
                    field.value.end = trim_line_end(raw, line_end);
                }
                _ => match field_at(raw, at..line_end) {
                    Some(field) if block.fields.len() < FIELDS_MAX => {
                        block.fields.push(field);
                        in_field = true;
                    }
                    _ => {
                        block.broken = true;
                        in_field = false;
                    }
                },
            }
            at = line_end;
        }
        block
    }

    /// Whether a line is neither a field nor a continuation: such a message is relayed untouched.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Just behind the empty line, or the end of the message when there is none.
    pub fn end(&self) -> usize {
        self.end
    }

    /// All fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A field's name as written.
    pub fn name(&self, field: &Field) -> &'a [u8] {
        self.raw.get(field.name.clone()).unwrap_or_default()
    }

    /// A field's value as written, folding included.
    pub fn value(&self, field: &Field) -> &'a [u8] {
        self.raw.get(field.value.clone()).unwrap_or_default()
    }

    /// All fields of a name, whatever its case.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Field> {
        self.fields.iter().filter(move |field| self.name(field).eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The first field of a name.
    pub fn first(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| self.name(field).eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The first field's value: unfolded, encoded words (RFC 2047) decoded, control characters as blanks, cut at 2,000
    /// characters. Empty when there is none.
    pub fn text(&self, name: &str) -> String {
        self.first(name).map_or_else(String::new, |field| self.text_of(field))
    }

    /// A field's value as text.
    pub fn text_of(&self, field: &Field) -> String {
        decode(self.value(field), TEXT_MAX)
    }

    /// A field's value as text, cut at so many characters, 65,536 at most.
    pub fn long_text_of(&self, field: &Field, chars_max: usize) -> String {
        decode(self.value(field), chars_max)
    }

    /// The address of every mailbox in every `From` and `Sender` field. A field without one yields its text, so that a
    /// check against allowed domains refuses it.
    pub fn from_addresses(&self) -> Vec<String> {
        let mut found = Vec::new();
        for field in self.all("From").chain(self.all("Sender")) {
            let mut line = self.value(field).to_vec();
            line.extend(b"\r\n");
            let before = found.len();
            if let HeaderValue::Address(address) = MessageStream::new(&line).parse_address() {
                let each = |a: &mail_parser::Addr<'_>| a.address.as_ref().map(std::string::ToString::to_string);
                match &address {
                    Address::List(list) => found.extend(list.iter().filter_map(each)),
                    Address::Group(groups) => found.extend(groups.iter().flat_map(|g| &g.addresses).filter_map(each)),
                }
            }
            if found.len() == before {
                found.push(self.text_of(field));
            }
        }
        found
    }

    /// The identifier in `List-Id` (RFC 2919 section 2), lower case: what stands between the last angle brackets, else all
    /// of it; `None` where that is none.
    pub fn list_id(&self) -> Option<String> {
        let text = self.text_of(self.first("List-Id")?);
        let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(id, _)| id);
        let id = inside.unwrap_or(&text).trim().to_ascii_lowercase();
        let is_id = (1..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
        is_id.then_some(id)
    }

    /// The web addresses in `List-Unsubscribe`, without the white space that long ones are folded by (RFC 2369 section 2).
    pub fn list_unsubscribe_urls(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for field in self.all("List-Unsubscribe") {
            let text = self.text_of(field);
            let inside = text.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
            let inside = inside.map(|(url, _)| url.split_whitespace().collect::<String>());
            urls.extend(inside.filter(|url| url.to_ascii_lowercase().starts_with("http")));
        }
        urls
    }
}

fn trim_line_end(raw: &[u8], end: usize) -> usize {
    let line = &raw[..end];
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// A name of printable characters without a colon (RFC 5322 section 2.2), then a colon; white space before it is obsolete
/// but allowed.
fn field_at(raw: &[u8], line: Range<usize>) -> Option<Field> {
    let bytes = raw.get(line.clone())?;
    let colon = memchr::memchr(b':', bytes)?;
    let name = bytes[..colon].trim_ascii_end();
    if name.is_empty() || !name.iter().all(|b| (0x21..0x7f).contains(b)) {
        return None;
    }
    let value = line.start + colon + 1..trim_line_end(raw, line.end).max(line.start + colon + 1);
    Some(Field { name: line.start..line.start + name.len(), range: line, value })
}

fn decode(value: &[u8], chars_max: usize) -> String {
    let mut line: Vec<u8> = value.iter().map(|b| if *b == 0 { b' ' } else { *b }).take(64 << 10).collect();
    line.extend(b"\r\n");
    let text = match MessageStream::new(&line).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    };
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars_max).collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_keep_their_bytes() {
        let raw = b"From: a\r\nSubject: one\r\n two\r\nX : y\r\n\r\nbody: no\r\n";
        let block = HeaderBlock::read(raw);
        assert_eq!(block.fields().len(), 3);
        assert_eq!(&raw[block.fields()[1].range.clone()], b"Subject: one\r\n two\r\n");
        assert_eq!(block.value(&block.fields()[1]), b" one\r\n two");
        assert_eq!(block.text("subject"), "one two");
        assert_eq!((block.text("x").as_str(), &raw[block.end()..]), ("y", &b"body: no\r\n"[..]));
        assert!(!block.is_broken());
    }

    #[test]
    fn what_is_no_header_is_broken() {
        assert!(HeaderBlock::read(b"hello there\r\n\r\nbody").is_broken());
        assert!(HeaderBlock::read(b" folded: first\r\n\r\n").is_broken());
        assert!(!HeaderBlock::read(b"\r\nbody").is_broken());
        assert_eq!(HeaderBlock::read(b"A: b\r\n").end(), 6);
    }

    #[test]
    fn what_continues_a_line_that_is_no_field_belongs_to_no_field() {
        let block = HeaderBlock::read(b"A: b\r\nno field\r\n\tfolded\r\nC: d\r\n e\r\n\r\n");
        let ranges: Vec<_> = block.fields().iter().map(|field| field.range.clone()).collect();
        assert_eq!((ranges, block.is_broken()), (vec![0..6, 25..35], true));
    }

    #[test]
    fn encoded_words_and_odd_bytes_become_text() {
        let block = HeaderBlock::read(b"Subject: =?utf-8?q?Fr=C3=BChling?= =?utf-8?B?IQ==?=\r\n x\x07\0y\r\n\r\n");
        assert_eq!(block.text("Subject"), "Fr\u{fc}hling! x  y");
    }

    #[test]
    fn every_sender_is_found() {
        let all = |text: &str| HeaderBlock::read(text.as_bytes()).from_addresses();
        assert_eq!(all("From: Ann <a@own.example>, b@other.example\r\n\r\n"), ["a@own.example", "b@other.example"]);
        assert_eq!(all("From: \"x@own.example\" <y@other.example>\r\n\r\n"), ["y@other.example"]);
        assert_eq!(all("From: a@own.example\r\nFrom: b@b.example\r\nSender: c@c.example\r\n\r\n").len(), 3);
        assert_eq!(all("From: nobody\r\n\r\n").len(), 1);
        assert_eq!(all("Subject: x\r\n\r\n"), Vec::<String>::new());
    }

    #[test]
    fn lists_are_known_by_what_stands_in_angle_brackets() {
        let list = |text: &str| HeaderBlock::read(format!("List-Id: {text}\r\n\r\n").as_bytes()).list_id();
        for good in
            ["Weekly <news>  <Weekly.News.Example>", "\"a < b\" News\r\n <weekly.news.example>", "weekly.news.example"]
        {
            assert_eq!(list(good).as_deref(), Some("weekly.news.example"), "{good}");
        }
        for bad in ["The weekly", "<>", "<a b>", "<weekly.news.example", ""] {
            assert_eq!(list(bad), None, "{bad}");
        }
    }

    #[test]
    fn unsubscribe_urls_are_found() {
        let block = HeaderBlock::read(b"List-Unsubscribe: <mailto:u@a.example>,\r\n <https://a.example/u?x=1>\r\n\r\n");
        assert_eq!(block.list_unsubscribe_urls(), ["https://a.example/u?x=1"]);
        let block = HeaderBlock::read(b"List-Unsubscribe: <https://a.example/u\r\n ?x=1>\r\n\r\n");
        assert_eq!(block.list_unsubscribe_urls(), ["https://a.example/u?x=1"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            let block = HeaderBlock::read(&raw);
            let _ = (block.from_addresses(), block.text("a"), block.list_unsubscribe_urls());
            for field in block.fields() {
                prop_assert!(field.value.end <= field.range.end && field.range.end <= raw.len());
                block.text_of(field);
            }
        }
    }
}
