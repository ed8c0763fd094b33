//! Pairs on disk: a mail and what becomes of it, with tokens opened so that a person can read them. `{c1 https://…}` is the
//! tracked URL of link 1 with its target, `{open}` the whole pixel; base64 pages are shown decoded, and quoted-printable
//! soft breaks beside what was put in are not shown. Lines end with LF on disk.
//!
//! A pair says how it is compiled in a field that is removed like other control fields: `X-Postrider-Pair: pixel=top;
//! visible=track; says …`, where what follows `says` has to stand in the receipt.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{MessageParser, MimeHeaders, PartType};

use super::control;
use super::header::HeaderBlock;
use super::plan::{PixelPlace, Plan, Switches, VisibleUrlLinks};
use super::proof;
use super::stencil::Stencil;
use super::transfer::Transfer;
use crate::domain::token::Purpose;
use crate::domain::{DeliveryId, Domain, TokenKey, TokenKeys};

const BASE: &str = "https://t.example.com";
const PIXEL_START: &str = "<img src=\"https://t.example.com/o/";
const PIXEL_END: &str =
    ".gif\" alt=\"\" width=\"1\" height=\"1\" border=\"0\" style=\"display:block;height:1px;width:1px;border:0\" />";
const DELIVERY: DeliveryId = DeliveryId::from_raw(1_234_567_890);

fn keys() -> TokenKeys {
    TokenKeys::new(TokenKey::new(1, [5; 32]), Vec::new())
}

#[test]
fn every_pair_is_rewritten_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|end| end == "eml") {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    let names: Vec<_> = files.keys().filter_map(|name| name.strip_suffix(".eml")).collect();
    let mails: Vec<_> = names.iter().filter(|name| !name.ends_with(".expected")).collect();
    assert!(mails.len() >= 90 && mails.len() * 2 == files.len(), "{} mails, {} files", mails.len(), files.len());
    let mut complaints = String::new();
    for name in mails {
        let raw = with_crlf(&files[&format!("{name}.eml")]);
        let expected = &files[&format!("{name}.expected.eml")];
        for complaint in compare(&raw, expected) {
            complaints.push_str(&format!("\n{name}: {complaint}"));
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|b| if *b == b'\n' { b"\r\n".to_vec() } else { vec![*b] }).collect()
}

/// All that is wrong with what becomes of a mail.
fn compare(raw: &[u8], expected: &[u8]) -> Vec<String> {
    let header = HeaderBlock::read(raw);
    let asked = header.text("X-Postrider-Pair");
    let words: Vec<_> = asked.split(';').map(str::trim).collect();
    let track = control::read(&header, true).track.unwrap_or_default();
    let switches = Switches {
        opens: track.opens.unwrap_or(true),
        clicks: track.clicks.unwrap_or(true),
        text: track.text.unwrap_or(false),
        exclude_hosts: vec![Domain::parse("excluded.example").unwrap()],
        visible_url_links: if words.contains(&"visible=track") {
            VisibleUrlLinks::Track
        } else {
            VisibleUrlLinks::Leave
        },
        pixel: if words.contains(&"pixel=top") { PixelPlace::Top } else { PixelPlace::Auto },
    };
    let own = [Domain::parse("own.example").unwrap()];
    let plan = Plan {
        prepend: b"",
        base_url: BASE,
        unsubscribe: false,
        switches: &switches,
        signing_domains: &own,
        vendor_headers: true,
    };
    let stencil = Stencil::compile(raw, &plan);
    let copy = stencil.stamp(raw, DELIVERY, keys().current());
    let mut complaints = Vec::new();
    if let Err(difference) = proof::check(raw, &copy, &plan, &keys(), DELIVERY) {
        complaints.push(format!("the proof says: {difference}"));
    }
    let receipt = serde_json::to_string(stencil.receipt()).unwrap();
    for clause in words.iter().filter_map(|word| word.strip_prefix("says ")) {
        if !receipt.contains(clause) {
            complaints.push(format!("{clause:?} is not in the receipt {receipt}"));
        }
    }
    if stencil.receipt().size_out != copy.len() as u64 {
        complaints.push(format!("{} octets and not {}", copy.len(), stencil.receipt().size_out));
    }
    let found = readable(raw, &copy, &mut complaints);
    let found: Vec<u8> = found.iter().copied().filter(|b| *b != b'\r').collect();
    let (mut one, mut other) = (expected.split(|b| *b == b'\n'), found.split(|b| *b == b'\n'));
    for line in 1.. {
        match (one.next(), other.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let text = |line: Option<&[u8]>| line.map(|line| line.escape_ascii().to_string());
                complaints.push(format!("line {line}\n   wanted {:?}\n   found  {:?}", text(a), text(b)));
            }
        }
    }
    complaints
}

/// A copy with its tokens opened.
fn readable(raw: &[u8], copy: &[u8], complaints: &mut Vec<String>) -> Vec<u8> {
    let parse = |bytes| MessageParser::new().parse(bytes).unwrap();
    let (before, after) = (parse(raw), parse(copy));
    let mut out = Vec::new();
    let mut at = 0;
    for (one, other) in before.parts.iter().zip(&after.parts) {
        let old = &raw[one.offset_body as usize..one.offset_end as usize];
        let range = other.offset_body as usize..other.offset_end as usize;
        let body = &copy[range.clone()];
        if !matches!(other.body, PartType::Html(_)) || old == body {
            continue;
        }
        out.extend(&copy[at..range.start]);
        let width =
            |body: &[u8]| body.split(|b| *b == b'\n').map(|line| line.trim_ascii_end().len()).max().unwrap_or(0);
        let widest = match Transfer::parse(other.content_transfer_encoding().unwrap_or_default()).unwrap() {
            Transfer::Identity => {
                out.extend(shown(body, false));
                998
            }
            Transfer::QuotedPrintable => {
                out.extend(shown(body, true));
                76
            }
            Transfer::Base64 => {
                let flat: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
                out.extend(shown(&STANDARD.decode(flat).unwrap(), false));
                out.extend(&body[body.trim_ascii_end().len()..]);
                width(old)
            }
        };
        if width(body) > widest.max(width(old)) {
            complaints.push(format!("a line of {} where {widest} are allowed", width(body)));
        }
        at = range.end;
    }
    out.extend(&copy[at..]);
    out
}

/// A page with its tokens opened.
fn shown(body: &[u8], quoted: bool) -> Vec<u8> {
    // The octets with their places, without soft breaks.
    let mut flat = Vec::new();
    let mut places = Vec::new();
    let mut n = 0;
    while n < body.len() {
        if quoted && body[n..].starts_with(b"=\r\n") {
            n += 3;
            continue;
        }
        flat.push(body[n]);
        places.push(n);
        n += 1;
    }
    let spelled = |text: &str| if quoted { text.replace('=', "=3D") } else { text.to_owned() };
    let mut out: Vec<u8> = Vec::new();
    let (mut at, mut from) = (0, 0);
    while let Some(found) = memchr::memmem::find(&flat[from..], BASE.as_bytes()).map(|n| from + n) {
        from = found + 1;
        let rest = &flat[found + BASE.len()..];
        let is_token = |b: &&u8| b.is_ascii_alphanumeric() || b"-_/".contains(b);
        let Some(length) = rest.get(3..).map(|rest| rest.iter().take_while(is_token).count()) else { break };
        let token = keys().open(std::str::from_utf8(&rest[3..3 + length]).unwrap());
        let end = found + BASE.len() + 3 + length;
        let (start, end, text) = match token.map(|token| token.purpose) {
            Some(Purpose::Click { position, target }) => (found, end, format!("{{c{position} {target}}}")),
            Some(Purpose::Open) => {
                let start = found + BASE.len() + 3 - spelled(PIXEL_START).len();
                let tail = spelled(PIXEL_END);
                assert!(flat[start..].starts_with(spelled(PIXEL_START).as_bytes()), "an odd pixel");
                assert!(flat[end..].starts_with(tail.as_bytes()), "an odd pixel");
                (start, end + tail.len(), "{open}".to_owned())
            }
            Some(Purpose::Unsubscribe) | None => continue,
        };
        out.extend(&body[at..places[start]]);
        if quoted && out.ends_with(b"=\r\n") {
            out.truncate(out.len() - 3);
        }
        out.extend(text.bytes());
        at = places[end - 1] + 1;
        if quoted && body[at..].starts_with(b"=\r\n") {
            at += 3;
        }
        from = end;
    }
    out.extend(&body[at..]);
    out
}
