//! The part of a notice that programs read: message/delivery-status (RFC 3464 section 2).

use std::fmt::Write;
use std::net::IpAddr;

use super::notice::Told;
use crate::domain::{Domain, Timestamp};

/// Characters of a field's value; a hostile server may say more.
const VALUE_MAX: usize = 1_500;
/// Lines are folded here.
const FOLD: usize = 76;
/// A word that is longer than this is broken.
const WORD_MAX: usize = 500;

/// The block of the message, then one for each recipient.
pub(super) fn write(hostname: &Domain, envelope_id: Option<&str>, arrived: Option<Timestamp>, told: &[Told]) -> String {
    let mut out = String::new();
    field(&mut out, "Reporting-MTA", &format!("dns; {hostname}"));
    if let Some(id) = envelope_id {
        field(&mut out, "Original-Envelope-Id", id);
    }
    if let Some(at) = arrived {
        field(&mut out, "Arrival-Date", &at.rfc5322());
    }
    for one in told {
        out.push_str("\r\n");
        recipient(&mut out, one);
    }
    out
}

fn recipient(out: &mut String, told: &Told) {
    if let Some(original) = &told.original {
        field(out, "Original-Recipient", original);
    }
    field(out, "Final-Recipient", &typed(&told.recipient));
    field(out, "Action", told.action.as_str());
    field(out, "Status", &told.status);
    if told.spoken && !told.remote.is_empty() {
        let name = told.remote.parse::<IpAddr>().map_or_else(|_| told.remote.clone(), |ip| format!("[{ip}]"));
        field(out, "Remote-MTA", &format!("dns; {name}"));
    }
    if !told.reply.is_empty() {
        let kind = if told.spoken { "smtp" } else { "x-postrider" };
        field(out, "Diagnostic-Code", &format!("{kind}; {}", told.reply));
    }
    field(out, "Last-Attempt-Date", &Timestamp::from_millis(told.attempted_at).rfc5322());
    if let Some(until) = told.retry_until {
        field(out, "Will-Retry-Until", &Timestamp::from_millis(until).rfc5322());
    }
}

/// An address with its type; one that is not ASCII in the escapes of RFC 6533 section 3.
fn typed(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    let mut text = "utf-8; ".to_owned();
    for c in address.chars() {
        match c {
            '!'..='~' if c != '\\' && c != '+' && c != '=' => text.push(c),
            _ => {
                let _ = write!(text, "\\x{{{:02X}}}", u32::from(c));
            }
        }
    }
    text
}

/// A field in lines of printable ASCII, whatever the value holds.
fn field(out: &mut String, name: &str, value: &str) {
    let mut width = name.len() + 1;
    let _ = write!(out, "{name}:");
    let shown = |c: char| {
        if c.is_control() || c == ' ' {
            ' '
        } else if c.is_ascii() {
            c
        } else {
            '?'
        }
    };
    let clean: String = value.chars().take(VALUE_MAX).map(shown).collect();
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        for piece in word.as_bytes().chunks(WORD_MAX) {
            if width + 1 + piece.len() > FOLD && width > name.len() + 1 {
                out.push_str("\r\n");
                width = 0;
            }
            out.push(' ');
            out.push_str(&String::from_utf8_lossy(piece));
            width += 1 + piece.len();
        }
    }
    out.push_str("\r\n");
}
