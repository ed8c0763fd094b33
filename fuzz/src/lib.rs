//! What each fuzz target asserts. A target is one function here: it takes any bytes and panics where a promise is broken.

use encoding_rs::{EUC_KR, Encoding, GB18030, SHIFT_JIS, UTF_8, WINDOWS_1252};
use postrider::domain::token::Purpose;
use postrider::domain::{DeliveryId, Domain, Token, TokenKey, TokenKeys};
use postrider::mail::header::HeaderBlock;
use postrider::mail::link::{self, Rules};
use postrider::mail::outline::Outline;
use postrider::mail::plan::{Plan, Switches};
use postrider::mail::stencil::Stencil;
use postrider::mail::transfer::{self, Edit, Piece, Segment, Transfer};
use postrider::mail::{control, dkim, html, proof, sevenbit, vendor_names};
use postrider::smtp::command;
use postrider::smtp::receiver::Receiver;

const BASE: &str = "https://t.example";
const DELIVERY: DeliveryId = DeliveryId::from_raw(i64::MAX);
const ENCODINGS: [&Encoding; 5] = [UTF_8, WINDOWS_1252, GB18030, SHIFT_JIS, EUC_KR];

fn keys() -> TokenKeys {
    TokenKeys::new(TokenKey::new(1, [7; 32]), Vec::new())
}

fn switches(opens: bool, clicks: bool) -> Switches {
    Switches { opens, clicks, text: clicks, ..Switches::default() }
}

fn with_plan<T>(on: bool, run: impl FnOnce(&Plan<'_>) -> T) -> T {
    let switches = switches(on, on);
    let signing: Vec<_> = Domain::parse("own.example").into_iter().collect();
    run(&Plan {
        prepend: b"Received: from x\r\n",
        base_url: BASE,
        unsubscribe: false,
        switches: &switches,
        signing_domains: &signing,
        vendor_headers: true,
    })
}

/// Fields stand in order, inside of the block and apart; every reader ends.
pub fn header(input: &[u8]) {
    let block = HeaderBlock::read(input);
    assert!(block.end() <= input.len());
    let mut at = 0;
    for field in block.fields() {
        assert!(at <= field.range.start && field.range.end <= block.end(), "fields overlap");
        assert!(field.range.start <= field.name.start && field.name.end <= field.value.start);
        assert!(field.value.start <= field.value.end && field.value.end <= field.range.end);
        assert!(!block.text_of(field).contains(|c: char| c.is_control()));
        at = field.range.end;
    }
    let _ = (block.from_addresses(), block.list_id(), block.list_unsubscribe_urls());
    let control = control::read(&block, true);
    assert!(control.tags.len() <= 20 && control.metadata.len() <= 20 && control.complaints.len() <= 20);
    for field in block.fields() {
        let _ = (control::is_control(block.name(field)), vendor_names::is_control(block.name(field)));
    }
    let _ = dkim::Canonical::read(input);
}

/// HTML parts stand in order, inside of the message and apart.
pub fn outline(input: &[u8]) {
    let Ok(outline) = Outline::read(input) else { return };
    let mut at = 0;
    for part in &outline.html {
        assert!(at <= part.header.start && part.header.end <= part.body.start, "parts overlap");
        assert!(part.body.start <= part.body.end && part.body.end <= input.len());
        at = part.body.end;
    }
}

/// What is spliced into an encoded body is there when it is decoded, and all else is as it was; no line grows past what
/// mail may have.
pub fn transfer(input: &[u8]) {
    let Some(([kind, cuts @ ..], body)) = input.split_first_chunk::<7>() else { return };
    let transfer = [Transfer::Identity, Transfer::QuotedPrintable, Transfer::Base64][usize::from(kind % 3)];
    let Ok(decoded) = transfer::decode(body, transfer) else { return };
    let mut cuts: Vec<usize> = cuts.iter().map(|n| usize::from(*n) * (decoded.page.len() + 1) / 256).collect();
    cuts.sort_unstable();
    let (tokens, mut edits, mut wanted, mut at) = (["x".repeat(300), "y".repeat(41)], Vec::new(), Vec::<u8>::new(), 0);
    for (slot, cut) in cuts.chunks_exact(2).take(2).enumerate() {
        let range = cut[0].max(at)..cut[1].max(at);
        wanted.extend(&decoded.page[at..range.start]);
        wanted.extend(b"<a href=\"");
        wanted.extend(tokens[slot].as_bytes());
        at = range.end;
        let pieces = vec![Piece::Bytes(b"<a href=\"".to_vec()), Piece::Token { slot, len: tokens[slot].len() }];
        edits.push(Edit { range, pieces });
    }
    wanted.extend(&decoded.page[at..]);
    let edited = transfer::splice(body, 0..body.len(), transfer, &decoded, &edits);
    let mut out = Vec::new();
    edited.segments.iter().for_each(|segment: &Segment| segment.write(body, &tokens, &mut out));
    assert_eq!(edited.segments.iter().map(Segment::size).sum::<usize>(), out.len(), "a size is wrong");
    let after = if edited.to_quoted_printable { Transfer::QuotedPrintable } else { transfer };
    let again = transfer::decode(&out, after).expect("what was spliced can be decoded");
    assert!(again.page == wanted, "the spliced body is another one");
    assert!(sevenbit::has_long_line(body) || !sevenbit::has_long_line(&out), "a line grew too long");
    assert!(!body.is_ascii() || out.is_ascii(), "7bit did not stay 7bit");
}

/// What is found stands inside of the page, in order; no two edits meet.
pub fn html(input: &[u8]) {
    let Some((pick, page)) = input.split_first() else { return };
    let encoding = ENCODINGS[usize::from(*pick) % ENCODINGS.len()];
    let switches = switches(true, true);
    let rules = Rules { switches: &switches, tracking_host: "t.example", unsubscribe_urls: &[] };
    let Ok(found) = html::find(page, encoding, rules) else { return };
    let mut edits: Vec<_> = found.links.iter().map(|link| link.value.clone()).chain(found.opt_outs).collect();
    edits.extend(found.pixel.map(|(at, _)| at..at));
    edits.sort_by_key(|range| (range.start, range.end));
    let mut at = 0;
    for range in edits {
        assert!(at <= range.start && range.start <= range.end && range.end <= page.len(), "edits meet");
        at = range.end;
    }
    for link in found.links {
        if let Ok(target) = link.verdict {
            assert!(url::Url::parse(&target).is_ok(), "{target}");
        }
    }
}

/// A target can stand in `Location`: printable ASCII, http or https.
pub fn link(input: &[u8]) {
    let Some((pick, raw)) = input.split_first() else { return };
    let encoding = ENCODINGS[usize::from(*pick) % ENCODINGS.len()];
    if let Ok(link::Target { url: target, host }) = link::target(raw, encoding) {
        assert!(target.bytes().all(|b| b.is_ascii_graphic()), "{target:?}");
        let url = url::Url::parse(&target).expect("a URL");
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{target}");
        assert_eq!(url.host_str().map(|host| host.trim_end_matches('.')), Some(host.as_str()), "{target}");
        let parsed = url::Url::parse(&target).map(String::from);
        assert_eq!(url::Url::parse(parsed.as_deref().unwrap_or_default()).map(String::from), parsed);
    }
}

/// Whatever the bytes: untracked, the body keeps each of them; tracked, a copy is as long as was said, equally long for
/// each recipient, and what the second reader says of it is never a panic. In a sound mail around any page, what is
/// tracked stands its proof.
pub fn stencil(input: &[u8]) {
    let keys = keys();
    with_plan(false, |plan| {
        let stencil = Stencil::compile(input, plan);
        let copy = stencil.stamp(input, DELIVERY, keys.current());
        let body = |raw: &[u8]| raw[HeaderBlock::read(raw).end()..].to_vec();
        assert!(copy.starts_with(plan.prepend));
        assert!(copy.ends_with(&body(input)), "an untracked body was changed");
        assert_eq!(copy.len() as u64, stencil.receipt().size_out);
    });
    with_plan(true, |plan| {
        check(input, plan, &keys);
        let Some((pick, page)) = input.split_first() else { return };
        // Octets that are none of the charset are replaced by readers, each in its own way.
        let Ok(page) = std::str::from_utf8(page) else { return };
        // Inside of `svg` and `math` the second reader takes scripts and styles for raw text, which no browser does; such
        // a mail goes out untracked.
        let lower = page.to_ascii_lowercase();
        if page.contains(['\0', '\r', '\u{feff}']) || lower.contains("<svg") || lower.contains("<math") {
            return;
        }
        let head = "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n";
        let body = page.replace('\n', "\r\n");
        let sound = if pick % 2 == 0 { format!("{head}\r\n{body}") } else { quoted(head, &body) };
        let said = check(sound.as_bytes(), plan, &keys);
        assert!(said.is_none(), "{}", said.unwrap_or_default());
    });
    if let Ok(short) = sevenbit::shorten(input) {
        assert!(sevenbit::has_long_line(input) || short == input, "nothing was to be shortened");
    }
    if let Ok(ascii) = sevenbit::convert(input) {
        assert!(ascii.is_ascii());
    }
}

fn quoted(head: &str, body: &str) -> String {
    let mut text = format!("{head}Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    for (n, byte) in body.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => text.push(char::from(byte)),
            b'a'..=b'z' | b'<' | b'>' | b'"' | b'/' | b':' if n % 7 != 3 => text.push(char::from(byte)),
            _ => text.push_str(&format!("={byte:02X}")),
        }
        if n % 60 == 59 {
            text.push_str("=\r\n");
        }
    }
    text
}

/// What the second reader has against a copy.
fn check(raw: &[u8], plan: &Plan<'_>, keys: &TokenKeys) -> Option<String> {
    let stencil = Stencil::compile(raw, plan);
    let copy = stencil.stamp(raw, DELIVERY, keys.current());
    assert_eq!(copy.len() as u64, stencil.receipt().size_out);
    assert_eq!(copy.len(), stencil.stamp(raw, DeliveryId::from_raw(1), keys.current()).len());
    if !stencil.has_pixel() && stencil.links().is_empty() {
        return None;
    }
    proof::check(raw, &copy, plan, keys, DELIVERY).err().map(|difference| difference.to_string())
}

/// A token says what was signed, in one spelling; any other text says nothing.
pub fn token(input: &[u8]) {
    let keys = keys();
    assert!(keys.open(&String::from_utf8_lossy(input)).is_none(), "a token was forged");
    let Some(([at, with, position, rest @ ..], target)) = input.split_first_chunk::<8>() else { return };
    let target: String = target.iter().map(|b| char::from(b'!' + b % 94)).take(1_200).collect();
    let delivery = DeliveryId::from_raw(i64::from(u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]])));
    let purposes = [Purpose::Open, Purpose::Unsubscribe, Purpose::Click { position: u16::from(*position), target }];
    for purpose in purposes {
        let token = Token { delivery, purpose };
        let text = token.sign(keys.current());
        assert_eq!(keys.open(&text).as_ref(), Some(&token));
        let mut bytes = text.clone().into_bytes();
        let place = usize::from(*at) * bytes.len() / 256;
        bytes[place] = *with;
        let other = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(opened) = keys.open(&other) {
            assert!(other == text && opened == token, "{other} and {text} are one token");
        }
    }
}

/// However a message is cut into packets, the same comes of it; nothing in it is a bare CR or LF.
pub fn receiver(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    for chunked in [false, true] {
        let new = || if chunked { Receiver::chunked() } else { Receiver::default() };
        let (mut whole, mut out) = (new(), Vec::new());
        let end = whole.push(bytes, &mut out);
        let (mut parts, mut pieces, mut ended, mut taken) = (new(), Vec::new(), None, 0);
        for part in bytes.chunks(usize::from(*cut).max(1)) {
            if let Some(n) = parts.push(part, &mut pieces) {
                ended = Some(taken + n);
                break;
            }
            taken += part.len();
        }
        assert!(end == ended && out == pieces && whole.fault() == parts.fault(), "cuts change a message");
        assert_eq!(whole.eight_bit(), parts.eight_bit());
        if whole.fault().is_none() {
            let bare = |n: usize| match out[n] {
                b'\n' => n == 0 || out[n - 1] != b'\r',
                b'\r' => out.get(n + 1) != Some(&b'\n'),
                _ => false,
            };
            assert!(!(0..out.len()).any(bare), "a bare line end came through");
        }
    }
    for line in bytes.split(|b| *b == b'\n') {
        let _ = command::parse(line);
    }
}
