//! What was done to mails, as pages show it: no more links than a page has room for.

use super::format::WrittenCount as _;
use crate::domain::DeliveryId;
use crate::store::view::{Receipt, ReceiptKind, ReceiptLink};

/// Octets of links that a page shows, as HTML.
const SHOWN_BYTES_MAX: usize = 48 << 10;
/// Octets of markup around one link, about.
const AROUND_BYTES: usize = 160;
/// Links of one kind of mails; the page of the sample has more.
const KIND_LINKS_MAX: usize = 20;

/// Receipts on a page.
pub trait ShownReceipt {
    /// The links that a page has room for, from the first one.
    fn shown(&self) -> &[ReceiptLink];
}

impl ShownReceipt for Receipt {
    fn shown(&self) -> &[ReceiptLink] {
        fitting(&self.links, &mut SHOWN_BYTES_MAX.clone())
    }
}

/// The links that there is room for, and less room.
fn fitting<'a>(links: &'a [ReceiptLink], room: &mut usize) -> &'a [ReceiptLink] {
    let fits = |link: &&ReceiptLink| {
        let texts = [&link.url, &link.label, &link.left_alone];
        let size = AROUND_BYTES + texts.map(|text| escaped_len(text)).iter().sum::<usize>();
        let left = room.checked_sub(size);
        *room = left.unwrap_or(0);
        left.is_some()
    };
    let count = links.iter().take_while(fits).count();
    links.get(..count).unwrap_or_default()
}

/// Octets of a text as HTML: five characters are written as five.
pub fn escaped_len(text: &str) -> usize {
    text.len() + 4 * text.bytes().filter(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')).count()
}

/// Messages of a campaign that were treated alike.
pub struct KindRow {
    pub messages: String,
    /// What was done; for all but the first, what was done otherwise.
    pub clauses: Vec<String>,
    pub links: Vec<ReceiptLink>,
    /// Links that are not among them.
    pub more: usize,
    pub sample: Option<DeliveryId>,
}

impl KindRow {
    /// The heading of the links.
    pub fn links_text(&self) -> String {
        self.links.len().counted("link")
    }
}

/// The kinds for the page, and the sum of them in words.
pub fn kind_rows(kinds: Vec<ReceiptKind>) -> (String, Vec<KindRow>) {
    let messages: i64 = kinds.iter().map(|kind| kind.messages).sum();
    let told_apart = kinds.iter().filter(|kind| !kind.rest).count();
    let rest = if kinds.iter().any(|kind| kind.rest) { " and others" } else { "" };
    let sum = format!("{}, {}{rest}", mails(messages), told_apart.counted("kind"));
    let usual = kinds.first().and_then(|kind| kind.receipt.clone());
    let mut room = SHOWN_BYTES_MAX;
    let rows =
        kinds.into_iter().enumerate().map(|(n, kind)| kind_row(kind, usual.as_ref().filter(|_| n > 0), &mut room));
    (sum, rows.collect())
}

fn mails(count: i64) -> String {
    usize::try_from(count).unwrap_or(0).counted("mail")
}

fn kind_row(kind: ReceiptKind, usual: Option<&Receipt>, room: &mut usize) -> KindRow {
    let clauses = match (&kind.receipt, usual) {
        (Some(receipt), Some(usual)) => receipt.differences(usual),
        (Some(receipt), None) => receipt.clauses(),
        (None, _) if kind.rest => vec!["of other kinds, which are not told apart any more".to_owned()],
        (None, _) => vec!["too long to be shown here; see the sample".to_owned()],
    };
    let links = kind.receipt.map(|receipt| receipt.links).unwrap_or_default();
    let first = links.get(..KIND_LINKS_MAX).unwrap_or(&links);
    let shown = fitting(first, room).to_vec();
    KindRow {
        messages: mails(kind.messages),
        clauses,
        more: links.len() - shown.len(),
        links: shown,
        sample: kind.sample,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_counted_as_it_is_written() {
        assert_eq!(escaped_len("a<b>&\"'"), "a&#60;b&#62;&#38;&#34;&#39;".len());
        let link = |url: &str| ReceiptLink {
            url: url.to_owned(),
            label: String::new(),
            position: Some(1),
            left_alone: String::new(),
            in_text: false,
        };
        let receipt = |url: &str| Receipt { links: vec![link(url); 1_000], ..Receipt::default() };
        let plain = receipt(&"a".repeat(100)).shown().len();
        let escaped = receipt(&"&".repeat(100)).shown().len();
        assert!(escaped * 2 < plain && plain < 1_000, "{escaped} and {plain}");
    }
}
