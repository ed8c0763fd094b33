//! Links in plain text: in which parts, in which order with those in HTML, and which of them the HTML keeps out.

use std::collections::BTreeSet;

use super::Work;
use crate::mail::outline::{HtmlPart, TextPart};
use crate::mail::text::{self, Reading};
use crate::mail::transfer::{self, Edit};
use crate::mail::{html, link};

/// What begins a change of the character set inside a text (ISO 2022).
const ESCAPE: u8 = 0x1b;

impl Work<'_> {
    /// All parts in document order, so that positions are.
    pub(super) fn parts(&mut self, pages: &[HtmlPart], texts: &[TextPart]) {
        let texts = if self.plan.switches.text { texts } else { &[] };
        let opted_out = if texts.is_empty() { BTreeSet::new() } else { self.opted_out(pages) };
        let mut texts = texts.iter().peekable();
        for page in pages {
            while let Some(text) = texts.next_if(|text| text.place.body.start < page.body.start) {
                self.text(text, &opted_out);
            }
            self.part(page);
        }
        texts.for_each(|text| self.text(text, &opted_out));
    }

    /// The targets of anchors with an opt-out attribute: asked for one place, it holds for the same URL in plain text.
    fn opted_out(&self, pages: &[HtmlPart]) -> BTreeSet<String> {
        let mut targets = BTreeSet::new();
        for part in pages {
            let body = self.raw.get(part.body.clone()).unwrap_or_default();
            let Ok(decoded) = transfer::decode(body, part.transfer) else { continue };
            let page = &decoded.page;
            let lower = page.to_ascii_lowercase();
            let asks = link::OPT_OUTS.iter().any(|(name, _)| memchr::memmem::find(&lower, name.as_bytes()).is_some());
            if !asks || page.len() > super::PAGE_MAX {
                continue;
            }
            let encoding = part.charset.unwrap_or_else(|| super::guess(page));
            let links = html::find(page, encoding, self.rules()).map(|found| found.links).unwrap_or_default();
            targets.extend(links.into_iter().filter_map(|link| match link.verdict {
                Err((target, why)) if why == link::OPTED_OUT => Some(target),
                Err(_) | Ok(_) => None,
            }));
        }
        targets
    }

    fn text(&mut self, part: &TextPart, opted_out: &BTreeSet<String>) {
        if let Err(why) = self.try_text(part, opted_out) {
            self.receipt.limits.push(format!("a text part was left as it is: {why}"));
        }
    }

    fn try_text(&mut self, part: &TextPart, opted_out: &BTreeSet<String>) -> Result<(), String> {
        let body = self.raw.get(part.place.body.clone()).unwrap_or_default();
        let decoded = transfer::decode(body, part.place.transfer)?;
        let page = &decoded.page;
        if page.len() > super::PAGE_MAX {
            return Err(format!("it is longer than {} MiB", super::PAGE_MAX >> 20));
        }
        let encoding = part.place.charset.unwrap_or_else(|| super::guess(page));
        if !encoding.is_ascii_compatible() {
            return Err(format!("its charset {} cannot be edited in place", encoding.name()));
        }
        if memchr::memchr(ESCAPE, page).is_some() {
            return Err("it switches between character sets".to_owned());
        }
        if memchr::memmem::find(page, b"-----BEGIN PGP ").is_some() {
            return Err("it holds PGP armour".to_owned());
        }
        let reading = Reading { encoding, joins_lines: part.joins_lines };
        let found = text::find(page, reading, self.rules(), opted_out);
        let edits: Vec<Edit> = found.into_iter().filter_map(|link| self.link(link, true)).collect();
        if !edits.is_empty() {
            self.splice(&part.place, &decoded, &edits);
        }
        Ok(())
    }
}
