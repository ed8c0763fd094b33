//! Which fields of a message's own header block go.

use super::plan::Plan;
use super::{control, vendor_names};
use crate::domain::Domain;

/// Whether a field of the message's own header block goes.
pub fn is_removed(name: &[u8], value: &[u8], edited: bool, plan: &Plan<'_>) -> bool {
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    let stale = || {
        is("Content-Length") || is("Content-MD5") || (is("DKIM-Signature") && signs_for(value, plan.signing_domains))
    };
    let theirs = plan.vendor_headers && vendor_names::is_control(name);
    theirs || control::is_control(name) || is("Bcc") || is("Resent-Bcc") || is("Return-Path") || (edited && stale())
}

/// The `d=` tag of a signature (RFC 6376 section 3.5).
fn signs_for(value: &[u8], domains: &[Domain]) -> bool {
    let text: String = String::from_utf8_lossy(value).chars().filter(|c| !c.is_whitespace()).collect();
    let domain = text.split(';').find_map(|tag| tag.strip_prefix("d=")).and_then(|domain| Domain::parse(domain).ok());
    domain.is_some_and(|domain| domains.contains(&domain))
}
