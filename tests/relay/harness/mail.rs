//! A received mail, read by other code than the relay's own.

use mail_parser::{Message, MessageParser, MimeHeaders};

/// A received mail.
pub struct Mail<'a> {
    message: Message<'a>,
}

impl<'a> Mail<'a> {
    /// Reads it; panics when it is no mail at all.
    pub fn read(bytes: &'a [u8]) -> Self {
        Self { message: MessageParser::default().parse(bytes).expect("a mail") }
    }

    /// The parsed message, for what is not below.
    pub fn message(&self) -> &Message<'a> {
        &self.message
    }

    /// The value of each header field of this name, unfolded, in their order.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let values = self.message.headers_raw().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.replace(['\r', '\n'], "").trim().to_owned()).collect()
    }

    /// The only header field of this name; none when it is absent, a panic when there are more.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = self.headers(name);
        assert!(values.len() < 2, "{name} stands there {} times", values.len());
        values.pop()
    }

    /// The decoded HTML.
    pub fn html(&self) -> String {
        let parts = self.message.html_bodies().filter(|part| part.is_text_html());
        parts.filter_map(|part| part.text_contents()).collect()
    }

    /// The decoded plain text.
    pub fn text(&self) -> String {
        let parts = self.message.text_bodies().filter(|part| !part.is_text_html());
        parts.filter_map(|part| part.text_contents()).collect()
    }

    /// The href of each link of the HTML, entities decoded, in their order.
    pub fn links(&self) -> Vec<String> {
        values_of(&self.html(), "a", "href")
    }

    /// The links that lead through the relay.
    pub fn tracked_links(&self) -> Vec<String> {
        self.links().into_iter().filter(|link| path_of(link).starts_with("/c/")).collect()
    }

    /// The tracking pixel; a panic when there are more than one.
    pub fn pixel(&self) -> Option<String> {
        let images = values_of(&self.html(), "img", "src").into_iter();
        let mut pixels: Vec<_> = images.filter(|image| path_of(image).starts_with("/o/")).collect();
        assert!(pixels.len() < 2, "one pixel at most: {pixels:?}");
        pixels.pop()
    }

    /// The names of the attachments.
    pub fn attachments(&self) -> Vec<String> {
        self.message.attachments().map(|part| part.attachment_name().unwrap_or_default().to_owned()).collect()
    }
}

/// What follows the host in a URL; empty for what is none.
pub fn path_of(link: &str) -> String {
    match link.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or(String::new(), |at| rest[at..].to_owned()),
        None => String::new(),
    }
}

/// Values of one attribute of all elements of one name: a plain scan, on purpose not the relay's HTML parser.
fn values_of(html: &str, element: &str, attribute: &str) -> Vec<String> {
    let mut values = Vec::new();
    for piece in html.split('<').skip(1) {
        let mut chars = piece.splitn(2, |c: char| c.is_ascii_whitespace());
        if chars.next().is_some_and(|name| name.eq_ignore_ascii_case(element)) {
            values.extend(chars.next().and_then(|rest| value_of(rest, attribute)));
        }
    }
    values
}

fn value_of(mut attributes: &str, wanted: &str) -> Option<String> {
    loop {
        attributes = attributes.trim_start();
        let end = attributes.find(|c: char| c == '=' || c == '>' || c.is_ascii_whitespace())?;
        let (name, rest) = attributes.split_at(end);
        let Some(rest) = rest.trim_start().strip_prefix('=') else {
            attributes = rest.strip_prefix(|c: char| c.is_ascii_whitespace())?;
            continue;
        };
        let rest = rest.trim_start();
        let (value, rest) = match rest.chars().next()? {
            quote @ ('"' | '\'') => rest[1..].split_once(quote)?,
            _ => rest.split_at(rest.find(|c: char| c == '>' || c.is_ascii_whitespace()).unwrap_or(rest.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(htmlize::unescape_attribute(value).trim().to_owned());
        }
        attributes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pixel_are_found_in_any_spelling() {
        let mail = "Content-Type: text/html\r\n\r\n<A id=1 HREF = 'https://t.example/c/x?a=1&amp;b=2'>x</A>\
                    <a disabled href=https://b.example/c/y>y</a><img alt=\">\" src=\"https://t.example/o/z.gif\">";
        let mail = Mail::read(mail.as_bytes());
        assert_eq!(mail.links(), ["https://t.example/c/x?a=1&b=2", "https://b.example/c/y"]);
        assert_eq!(mail.tracked_links().len(), 2);
        assert_eq!(mail.pixel().as_deref(), Some("https://t.example/o/z.gif"));
        assert_eq!(mail.header("content-type").as_deref(), Some("text/html"));
        assert_eq!(mail.header("x-none"), None);
    }
}
