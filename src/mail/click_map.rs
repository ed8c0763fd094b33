//! A copy of a mail as a picture of itself, with a number behind each tracked link.
//!
//! Nothing in it acts: of elements and attributes only those are kept that lay a page out, links lead nowhere, images are
//! boxes of their size with their text, styles name no address and lift nothing over anything else. What is known of the
//! recipient is taken out of texts ([`person`]). What a link's number is comes from outside, by the position in the link's
//! own token, so that one address at two places has two numbers.

mod badge;
mod page;
mod person;
mod style;
mod text;

use std::collections::BTreeSet;

use mail_parser::{Message, PartType};

pub use badge::{Badge, Heat};
use person::Person;

use super::nesting;

/// A longer page is not drawn, in octets.
const PAGE_MAX: usize = 4 << 20;
/// HTML parts drawn, one below the other.
const PARTS_MAX: usize = 10;
/// Places in a URL where a token may begin.
const STARTS_MAX: usize = 5;
/// Octets of a drawn mail.
const DRAWN_MAX: usize = 12 << 20;

/// Where a token leads: its link's position and its target.
pub type Place = (u16, String);

/// What the copy does not say.
pub struct Legend<'a> {
    /// Whose copy it is; empty when that is not known.
    pub recipient: &'a str,
    /// Reads a click token; whatever is none, is none of ours.
    pub open: &'a dyn Fn(&str) -> Option<Place>,
    /// What stands behind a link.
    pub badge: &'a dyn Fn(&Place) -> Badge,
}

/// A drawn mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// A whole document.
    pub html: String,
    /// The positions of links that have their number in it.
    pub placed: BTreeSet<u16>,
    /// Whether the mail has an HTML part; if not, it is its text that is drawn.
    pub is_page: bool,
}

/// Draws a copy. The error says why it cannot be.
pub fn draw(copy: &[u8], legend: &Legend<'_>) -> Result<Drawing, &'static str> {
    let mail = nesting::parse(copy).ok_or("the mail cannot be read")?;
    let person = Person::of(legend.recipient, &mail);
    let pages = pages(&mail);
    let body = if pages.is_empty() {
        let text = mail.body_text(0).ok_or("the mail has no text")?;
        within(text.len())?;
        text::draw(&text, legend, &person)
    } else {
        let mut drawn = String::new();
        for page in &pages {
            within(page.len())?;
            drawn += &page::draw(page, legend, &person).ok_or("the mail's HTML cannot be read")?;
        }
        drawn
    };
    if body.len() > DRAWN_MAX {
        return Err("the mail is too long to be drawn");
    }
    let placed = badge::placed(&body);
    Ok(Drawing { html: document(&body), placed, is_page: !pages.is_empty() })
}

/// A sentence where there is no mail to draw, as a document for the same frame.
pub fn sentence(text: &str) -> String {
    document(&format!("<p style=\"font:15px/1.5 Arial,sans-serif;padding:1em\">{}</p>", escaped(text)))
}

/// The place that a tracked link leads to, whatever the tracking host was called when it was made.
fn place(url: &str, legend: &Legend<'_>) -> Option<Place> {
    let mut starts = url.match_indices("/c/").take(STARTS_MAX);
    starts.find_map(|(at, before)| (legend.open)(&url[at + before.len()..]))
}

fn pages<'m>(mail: &'m Message<'_>) -> Vec<&'m str> {
    let part = |id: &u32| match &mail.part(*id)?.body {
        PartType::Html(page) => Some(page.as_ref()),
        PartType::Text(_)
        | PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Message(_)
        | PartType::Multipart(_) => None,
    };
    mail.html_body.iter().filter_map(part).take(PARTS_MAX).collect()
}

fn within(octets: usize) -> Result<(), &'static str> {
    if octets > PAGE_MAX { Err("the mail is too long to be drawn") } else { Ok(()) }
}

/// The mail's own `html` and `body` tags join those that are open already (WHATWG HTML, 13.2.6.4.7).
fn document(body: &str) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"only light\"><title>Click map</title><style>{}</style></head>{body}",
        badge::STYLE
    )
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\0' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
#[path = "click_map/tests.rs"]
mod tests;
