//! What a reader's program finds in a copy: the pixel, the links, and the way off the list.

use std::ops::Not as _;

use mail_parser::HeaderName;

use crate::mail::nesting;

/// The host of the demo's tracked links: what a proxy with TLS in front of the relay would answer for.
pub(super) const TRACKING_HOST: &str = "links.millbrook.example";

/// Paths at the tracking host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pixel: Option<String>,
    /// In their order.
    pub(super) links: Vec<String>,
    pub(super) unsubscribe: Option<String>,
}

/// Reads a copy.
pub(super) fn read(copy: &[u8]) -> Found {
    let Some(mail) = nesting::parse(copy) else { return Found::default() };
    let html = mail.html_body.is_empty().not().then(|| mail.body_html(0)).flatten().unwrap_or_default();
    let start = format!("https://{TRACKING_HOST}");
    let own = |value: &str| value.strip_prefix(&start).map(str::to_owned);
    // Every address stands in an attribute.
    let paths: Vec<_> = html.split('"').filter_map(own).collect();
    let of = |kind: &'static str| paths.iter().filter(move |path| path.starts_with(kind)).cloned();
    let field = mail.header_raw(HeaderName::ListUnsubscribe).unwrap_or_default();
    let unsubscribe = field.split(['<', '>']).find_map(own);
    Found { pixel: of("/o/").next(), links: of("/c/").collect(), unsubscribe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixel_links_and_unsubscribe_are_found() {
        let copy = b"List-Unsubscribe: <https://links.millbrook.example/u/t>\r\nMIME-Version: 1.0\r\n\
            Content-Type: text/html\r\n\r\n<a href=\"https://links.millbrook.example/c/one\">1</a> \
            <a href=\"https://millbrook.example/\">0</a><a href=\"https://links.millbrook.example/c/two\">2</a>\
            <img src=\"https://links.millbrook.example/o/p.gif\">\r\n";
        let found = read(copy);
        assert_eq!((found.pixel.as_deref(), found.unsubscribe.as_deref()), (Some("/o/p.gif"), Some("/u/t")));
        assert_eq!(found.links, ["/c/one", "/c/two"]);
    }
}
