//! A message compiled once and stamped per recipient: what stays is copied, what differs is a token of known length.

mod text_parts;

use std::ops::Range;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::header::HeaderBlock;
use super::html::{self, FoundLink};
use super::link::{self, Rules};
use super::outline::{HtmlPart, Outline};
use super::plan::{PixelPlace, Plan};
use super::receipt::{CLIP_CLAUSE, Receipt, ReceiptLink};
use super::removed;
use super::transfer::{self, Edit, Piece, Segment, pieces_len};
use crate::domain::token::Purpose;
use crate::domain::{DeliveryId, Token, TokenKey};

/// Links tracked in one message.
pub const LINKS_MAX: usize = 1_000;
/// A decoded HTML part that is larger stays as it is, in octets.
const PAGE_MAX: usize = 4 << 20;
/// Gmail shows the first 102 kB of a mail's HTML; the pixel and links behind are then a click away.
const CLIP_WARNING: usize = 95_000;
/// The open token's place.
const PIXEL_SLOT: usize = 0;
/// Behind the open token.
const PIXEL_END: &str =
    ".gif\" alt=\"\" width=\"1\" height=\"1\" border=\"0\" style=\"display:block;height:1px;width:1px;border:0\" />";
/// Behind the unsubscribe token.
const UNSUBSCRIBE_END: &str = ">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";

/// A tracked link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StencilLink {
    /// From 1, in document order.
    pub position: u16,
    /// Where it leads, exactly.
    pub target: String,
    /// Its text.
    pub label: String,
}

/// A compiled message.
#[derive(Debug)]
pub struct Stencil {
    segments: Vec<Segment>,
    links: Vec<StencilLink>,
    pixel: bool,
    unsubscribe: bool,
    receipt: Receipt,
}

impl Stencil {
    /// Compiles a message. Whatever cannot be tracked safely stays, and the receipt says why.
    pub fn compile(raw: &[u8], plan: &Plan<'_>) -> Self {
        let mut work = Work::new(raw, plan);
        if !plan.switches.opens && !plan.switches.clicks && !plan.switches.text {
            work.receipt.untracked = "tracking is off for this mail".to_owned();
            return work.finish();
        }
        match Outline::read(raw) {
            Err(why) => work.receipt.untracked = why,
            Ok(outline) => {
                work.receipt.limits.extend(outline.notes);
                if plan.switches.text {
                    work.receipt.limits.extend(outline.text_notes);
                }
                work.parts(&outline.html, &outline.text);
                if outline.html.is_empty() && !plan.switches.text {
                    work.receipt.untracked = "it has no HTML part".to_owned();
                }
            }
        }
        work.finish()
    }

    /// Compiles a message that is not tracked: only its header block changes.
    pub fn compile_untracked(raw: &[u8], plan: &Plan<'_>, why: &str) -> Self {
        let mut work = Work::new(raw, plan);
        work.receipt.untracked = why.to_owned();
        work.finish()
    }

    /// One delivery's copy of the message, without signatures.
    pub fn stamp(&self, raw: &[u8], delivery: DeliveryId, key: &TokenKey) -> Vec<u8> {
        let sign = |purpose| Token { delivery, purpose }.sign(key);
        let click = |link: &StencilLink| key.click(delivery, link.position, &link.target);
        let mut tokens = vec![if self.pixel { sign(Purpose::Open) } else { String::new() }];
        tokens.extend(self.links.iter().map(click));
        if self.unsubscribe {
            tokens.push(sign(Purpose::Unsubscribe));
        }
        let mut copy = Vec::with_capacity(usize::try_from(self.receipt.size_out).unwrap_or_default());
        for segment in &self.segments {
            segment.write(raw, &tokens, &mut copy);
        }
        copy
    }

    /// The tracked links.
    pub fn links(&self) -> &[StencilLink] {
        &self.links
    }

    /// Whether the copies carry a pixel.
    pub fn has_pixel(&self) -> bool {
        self.pixel
    }

    /// Whether the copies are the same bytes: nothing in them is one recipient's own.
    pub fn is_alike(&self) -> bool {
        !self.pixel && !self.unsubscribe && self.links.is_empty()
    }

    /// What was changed.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Octets that it takes in memory beside the message.
    pub fn memory_bytes(&self) -> usize {
        let links: usize = self.links.iter().map(|link| 64 + link.target.len() + link.label.len()).sum();
        let receipt: usize = self.receipt.links.iter().map(|link| 96 + link.url.len() + link.label.len()).sum();
        links + receipt + self.segments.iter().map(Segment::memory_bytes).sum::<usize>()
    }
}

/// A page's places for the pixel: at the bottom with the place's name, at the top.
type PixelPlaces = (Option<(usize, &'static str)>, Option<usize>);

struct Change {
    range: Range<usize>,
    segments: Vec<Segment>,
}

struct Work<'a> {
    raw: &'a [u8],
    plan: &'a Plan<'a>,
    header: HeaderBlock<'a>,
    tracking_host: String,
    unsubscribe_urls: Vec<String>,
    changes: Vec<Change>,
    links: Vec<StencilLink>,
    pixel: bool,
    past_limit: usize,
    receipt: Receipt,
}

impl<'a> Work<'a> {
    fn new(raw: &'a [u8], plan: &'a Plan<'a>) -> Self {
        let header = HeaderBlock::read(raw);
        Self {
            raw,
            plan,
            tracking_host: link::host_of(plan.base_url).unwrap_or_default(),
            unsubscribe_urls: header.list_unsubscribe_urls(),
            header,
            changes: Vec::new(),
            links: Vec::new(),
            pixel: false,
            past_limit: 0,
            receipt: Receipt::default(),
        }
    }

    fn part(&mut self, part: &HtmlPart) {
        if let Err(why) = self.try_part(part) {
            self.receipt.limits.push(format!("an HTML part was left as it is: {why}"));
        }
    }

    fn try_part(&mut self, part: &HtmlPart) -> Result<(), String> {
        let body = self.raw.get(part.body.clone()).unwrap_or_default();
        let decoded = transfer::decode(body, part.transfer)?;
        let page = &decoded.page;
        if page.len() > PAGE_MAX {
            return Err(format!("it is longer than {} MiB", PAGE_MAX >> 20));
        }
        if memchr::memmem::find(page, b"-----BEGIN PGP ").is_some() {
            return Err("it holds PGP armour".to_owned());
        }
        let encoding = part.charset.unwrap_or_else(|| guess(page));
        let mut found = html::find(page, encoding, self.rules())?;
        let places = (found.pixel.take(), found.pixel_on_top.take());
        let mut edits = Vec::new();
        if self.plan.switches.clicks {
            edits.extend(found.opt_outs.into_iter().map(|range| Edit { range, pieces: Vec::new() }));
            edits.extend(found.links.into_iter().filter_map(|link| self.link(link, false)));
        }
        if self.plan.switches.opens && !self.pixel && part.seen {
            let size = size_out(page, &edits) + pieces_len(&self.pixel_pieces());
            match self.pixel_place(places, size) {
                None => {
                    self.receipt.limits.push("no pixel: the page ends inside a comment, a tag or a script".to_owned());
                }
                Some((at, place)) => {
                    self.pixel = true;
                    place.clone_into(&mut self.receipt.pixel);
                    edits.push(Edit { range: at..at, pieces: self.pixel_pieces() });
                }
            }
        }
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let size = size_out(page, &edits);
        if size > CLIP_WARNING {
            let kb = size / 1_000;
            self.receipt.limits.push(format!("{CLIP_CLAUSE} {kb} kB; Gmail hides what is behind 102 kB"));
        }
        if !edits.is_empty() {
            self.splice(part, &decoded, &edits);
        }
        Ok(())
    }

    /// What came of the places in a page that leaves with `size` octets.
    fn pixel_place(&self, (bottom, top): PixelPlaces, size: usize) -> Option<(usize, &'static str)> {
        let wants_top = match self.plan.switches.pixel {
            PixelPlace::Top => true,
            PixelPlace::Bottom => false,
            PixelPlace::Auto => size > CLIP_WARNING || bottom.is_none(),
        };
        top.filter(|_| wants_top).map(|at| (at, "behind <body>")).or(bottom)
    }

    fn rules(&self) -> Rules<'_> {
        let (tracking_host, unsubscribe_urls) = (self.tracking_host.as_str(), self.unsubscribe_urls.as_slice());
        Rules { switches: self.plan.switches, tracking_host, unsubscribe_urls }
    }

    fn link(&mut self, link: FoundLink, in_text: bool) -> Option<Edit> {
        let (url, left_alone) = match link.verdict {
            Err((url, why)) => (url, why),
            Ok(url) if self.links.len() >= LINKS_MAX => {
                self.past_limit += 1;
                (url, "the mail has more than 1,000 links")
            }
            Ok(url) => (url, ""),
        };
        let position = u16::try_from(self.links.len() + 1).ok().filter(|_| left_alone.is_empty());
        let (label, shown) = (link.label, url.clone());
        if self.receipt.links.len() < LINKS_MAX {
            let label = label.clone();
            let left_alone = left_alone.to_owned();
            self.receipt.links.push(ReceiptLink { url: shown, label, position, left_alone, in_text });
        }
        let position = position?;
        let token = Piece::Token { slot: usize::from(position), len: Token::click_len(&url) };
        let pieces = vec![Piece::Bytes(format!("{}/c/", self.plan.base_url).into_bytes()), token];
        self.links.push(StencilLink { position, target: url, label });
        Some(Edit { range: link.value, pieces })
    }

    /// No text of its own, so that it changes no preview; a block, so that it takes one line of pixels and no line of text.
    fn pixel_pieces(&self) -> Vec<Piece> {
        let before = format!("<img src=\"{}/o/", self.plan.base_url);
        let token = Piece::Token { slot: PIXEL_SLOT, len: Token::open_len() };
        vec![Piece::Bytes(before.into_bytes()), token, Piece::Bytes(PIXEL_END.into())]
    }

    fn splice(&mut self, part: &HtmlPart, decoded: &transfer::Decoded, edits: &[Edit]) {
        let edited = transfer::splice(self.raw, part.body.clone(), part.transfer, decoded, edits);
        self.receipt.growth.add(part.body.len(), edited.segments.iter().map(Segment::size).sum(), edits);
        let block = HeaderBlock::read(self.raw.get(part.header.clone()).unwrap_or_default());
        if edited.to_quoted_printable {
            let segments = vec![Segment::Literal(b"Content-Transfer-Encoding: quoted-printable\r\n".to_vec())];
            let range = if let Some(field) = block.first("Content-Transfer-Encoding") {
                part.header.start + field.range.start..part.header.start + field.range.end
            } else {
                let end = block.fields().last().map_or(0, |field| field.range.end) + part.header.start;
                end..end
            };
            self.changes.push(Change { range, segments });
        }
        for header in part.around.iter().chain([&part.header]) {
            let block = HeaderBlock::read(self.raw.get(header.clone()).unwrap_or_default());
            for field in block.all("Content-Length").chain(block.all("Content-MD5")) {
                let range = header.start + field.range.start..header.start + field.range.end;
                self.changes.push(Change { range, segments: Vec::new() });
            }
        }
        self.changes.push(Change { range: part.body.clone(), segments: edited.segments });
    }

    /// Two fields with a token of the copy's own, whose place is behind those of the links.
    fn unsubscribe(&self) -> [Segment; 3] {
        let before = format!("List-Unsubscribe: <{}/u/", self.plan.base_url);
        let token = Segment::Token { slot: self.links.len() + 1, len: Token::unsubscribe_len(), breaks: Vec::new() };
        [Segment::Literal(before.into_bytes()), token, Segment::Literal(UNSUBSCRIBE_END.into())]
    }

    fn finish(mut self) -> Stencil {
        if self.past_limit > 0 {
            let clause = format!("{} links past the thousandth were left alone", self.past_limit);
            self.receipt.limits.push(clause);
        }
        let edited = !self.changes.is_empty();
        for field in self.header.fields() {
            let name = self.header.name(field);
            if removed::is_removed(name, self.header.value(field), edited, self.plan) {
                self.changes.push(Change { range: field.range.clone(), segments: Vec::new() });
            }
        }
        self.changes.sort_by_key(|change| (change.range.start, change.range.end));
        let mut segments = vec![Segment::Literal(self.plan.prepend.to_vec())];
        if self.plan.unsubscribe {
            segments.extend(self.unsubscribe());
        }
        let mut at = 0;
        for change in self.changes {
            if change.range.start > at {
                segments.push(Segment::Copy(at..change.range.start));
            }
            segments.extend(change.segments);
            at = at.max(change.range.end);
        }
        segments.push(Segment::Copy(at..self.raw.len()));
        let size_out: usize = segments.iter().map(Segment::size).sum();
        let (links, pixel, unsubscribe) = (self.links, self.pixel, self.plan.unsubscribe);
        let mut stencil = Stencil { segments, links, pixel, unsubscribe, receipt: self.receipt };
        stencil.receipt.sizes(self.raw.len(), size_out);
        if stencil.receipt.untracked.is_empty() && !stencil.pixel && stencil.links.is_empty() {
            stencil.receipt.untracked = "nothing in it can be tracked".to_owned();
        }
        stencil
    }
}

/// Octets of a page with its edits.
fn size_out(page: &[u8], edits: &[Edit]) -> usize {
    let gone: usize = edits.iter().map(|edit| edit.range.len()).sum();
    page.len() - gone + edits.iter().map(|edit| pieces_len(&edit.pieces)).sum::<usize>()
}

/// Without a charset parameter, what the bytes look like.
fn guess(page: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(page).is_ok() { UTF_8 } else { WINDOWS_1252 }
}

#[cfg(test)]
#[path = "stencil_tests.rs"]
mod tests;
