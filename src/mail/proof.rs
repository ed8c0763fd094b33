//! The second reader. Another MIME parser and another HTML tokeniser read a copy and the message it was made from; each
//! tracked URL that the token codec accepts is replaced by its target, the pixel dropped, and what remains must be the
//! same. A rewriter that undid its own edits would prove nothing; this shares no code with it but the token codec.

use std::fmt;

use encoding_rs::{Encoding, UTF_8};
use html5gum::{DefaultEmitter, StartTag, StringReader, Token as HtmlToken, Tokenizer};
use mail_parser::{HeaderName, HeaderValue, Message, MessagePart, MimeHeaders, PartType};

use super::nesting;
use super::plan::Plan;
use super::proof_rules;
use super::proof_text::{self, Place};
use crate::domain::token::Purpose;
use crate::domain::{DeliveryId, TokenKeys};

/// The first thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference(String);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn differ(what: impl Into<String>) -> Difference {
    Difference(what.into())
}

/// Compares a delivery's copy with the message it was made from.
pub fn check(
    raw: &[u8],
    copy: &[u8],
    plan: &Plan<'_>,
    keys: &TokenKeys,
    delivery: DeliveryId,
) -> Result<(), Difference> {
    let copy = copy.strip_prefix(plan.prepend).ok_or_else(|| differ("the lines on top are not the planned ones"))?;
    let copy = without_unsubscribe(copy, plan, keys, delivery)?;
    let before: Message<'_> = nesting::parse(raw).ok_or_else(|| differ("the message cannot be read again"))?;
    let after: Message<'_> = nesting::parse(copy).ok_or_else(|| differ("the copy cannot be read"))?;
    if before.parts.len() != after.parts.len() {
        return Err(differ("the copy has another number of parts"));
    }
    let mut reader = Reader { plan, keys, delivery, pixels: 0 };
    let body_at = |parts: &[MessagePart<'_>]| parts.first().map_or(0, |part| part.offset_body as usize);
    let edited = raw.get(body_at(&before.parts)..) != copy.get(body_at(&after.parts)..);
    for (n, (one, other)) in before.parts.iter().zip(&after.parts).enumerate() {
        reader.headers((raw, one), (copy, other), n == 0, edited)?;
        reader.body((raw, one), (copy, other))?;
    }
    gaps(raw, &before, copy, &after)?;
    transport(raw, copy)?;
    if reader.pixels > 1 { Err(differ("the copy has more than one pixel")) } else { Ok(()) }
}

/// The two fields of RFC 8058, with a token of this delivery, where they are planned.
fn without_unsubscribe<'c>(
    copy: &'c [u8],
    plan: &Plan<'_>,
    keys: &TokenKeys,
    delivery: DeliveryId,
) -> Result<&'c [u8], Difference> {
    if !plan.unsubscribe {
        return Ok(copy);
    }
    let start = format!("List-Unsubscribe: <{}/u/", plan.base_url);
    let rest = copy.strip_prefix(start.as_bytes()).and_then(|rest| {
        let (token, rest) = rest.split_at_checked(memchr::memchr(b'>', rest)?)?;
        let token = keys.open(std::str::from_utf8(token).ok()?)?;
        let is_own = token.delivery == delivery && token.purpose == Purpose::Unsubscribe;
        let rest = rest.strip_prefix(b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")?;
        is_own.then_some(rest)
    });
    rest.ok_or_else(|| differ("List-Unsubscribe is not the planned one"))
}

/// Preamble, boundaries and epilogue: the octets of multiparts that belong to no leaf.
fn gaps(raw: &[u8], before: &Message<'_>, copy: &[u8], after: &Message<'_>) -> Result<(), Difference> {
    let between = |bytes: &[u8], message: &Message<'_>| {
        let mut left: Vec<u8> = Vec::new();
        let mut at = message.parts.first().map_or(0, |part| part.offset_body as usize);
        for part in message.parts.iter().skip(1) {
            let (start, end) = (part.offset_header as usize, part.offset_end as usize);
            left.extend(bytes.get(at..start).unwrap_or_default());
            at = match part.body {
                PartType::Multipart(_) => part.offset_body as usize,
                _ => end,
            };
        }
        if message.parts.len() > 1 {
            left.extend(bytes.get(at..).unwrap_or_default());
        }
        left
    };
    if between(raw, before) == between(copy, after) { Ok(()) } else { Err(differ("octets between the parts differ")) }
}

/// What had no long line gets none (RFC 5322 section 2.1.1), and what was 7-bit stays so.
fn transport(raw: &[u8], copy: &[u8]) -> Result<(), Difference> {
    let is_long = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).len() > 998;
    let has_long = |bytes: &[u8]| bytes.split(|b| *b == b'\n').any(is_long);
    if has_long(copy) && !has_long(raw) {
        return Err(differ("the copy has a line over 998 octets"));
    }
    if raw.is_ascii() && !copy.is_ascii() { Err(differ("the copy is not 7-bit")) } else { Ok(()) }
}

/// What a stretch of HTML stands in.
struct Around {
    encoding: &'static Encoding,
    conditional: bool,
}

/// A conditional comment that Outlook may show, as condition, inside and end.
fn divided(comment: &str) -> Option<(&str, &str, &str)> {
    let open = comment.get(..3)?.eq_ignore_ascii_case("[if").then(|| comment.find("]>"))?? + 2;
    let close = comment.rfind("<![").filter(|close| *close >= open)?;
    let condition: String = comment[3..open - 2].chars().filter(|c| !c.is_whitespace() && !"()".contains(*c)).collect();
    let dead = matches!(condition.to_ascii_lowercase().as_str(), "" | "false" | "!mso" | "!true");
    (!dead).then(|| (&comment[..open], &comment[open..close], &comment[close..]))
}

struct Reader<'a> {
    plan: &'a Plan<'a>,
    keys: &'a TokenKeys,
    delivery: DeliveryId,
    pixels: usize,
}

impl Reader<'_> {
    /// Fields, in order and byte for byte, but for those that the closed list of changes names.
    fn headers(&self, one: Place<'_, '_>, other: Place<'_, '_>, top: bool, edited: bool) -> Result<(), Difference> {
        let fields = |(raw, part): Place<'_, '_>| -> Vec<(String, Vec<u8>)> {
            let field = |h: &mail_parser::Header<'_>| {
                let bytes = raw.get(h.offset_field as usize..h.offset_end as usize).unwrap_or_default().to_vec();
                (h.name.as_str().to_ascii_lowercase(), bytes)
            };
            part.headers.iter().map(field).collect()
        };
        let (before, after) = (fields(one), fields(other));
        let changed = body_of(one) != body_of(other);
        let moved = changed && is_quoted_printable(other.1) && !is_quoted_printable(one.1);
        let kept = |fields: Vec<(String, Vec<u8>)>| -> Vec<_> {
            fields.into_iter().filter(|(name, _)| !moved || name != "content-transfer-encoding").collect()
        };
        // A part's own fields speak of its own body, those of the message of all of it.
        let edited = changed || (top && edited);
        let fate = |name: &str, field: &[u8]| {
            let value = field.splitn(2, |b| *b == b':').nth(1).unwrap_or_default();
            proof_rules::fate(name, value, top, edited, self.plan)
        };
        proof_rules::check_fields(&kept(before), &kept(after), fate).map_err(differ)
    }

    fn body(&mut self, one: Place<'_, '_>, other: Place<'_, '_>) -> Result<(), Difference> {
        match (&one.1.body, &other.1.body) {
            (PartType::Multipart(a), PartType::Multipart(b)) if a == b => Ok(()),
            (PartType::Html(_), PartType::Html(_)) if body_of(one) == body_of(other) => Ok(()),
            (PartType::Html(before), PartType::Html(after)) => {
                if one.1.attachment_name().is_some()
                    || one.1.content_disposition().is_some_and(mail_parser::ContentType::is_attachment)
                {
                    return Err(differ("an attachment was changed"));
                }
                let encoding = charset(one.1).unwrap_or(UTF_8);
                self.pages(before, after, &Around { encoding, conditional: false })
            }
            _ if body_of(one) == body_of(other) => Ok(()),
            (PartType::Text(_), PartType::Text(_)) if self.plan.switches.text => {
                proof_text::check(one, other, self.plan.base_url, |token| self.click(token)).map_err(differ)
            }
            _ => Err(differ("a part that is no HTML was changed")),
        }
    }

    fn pages(&mut self, before: &str, after: &str, around: &Around) -> Result<(), Difference> {
        let (mut before, mut after) = (Page::read(before), Page::read(after));
        loop {
            let one = before.next(|_| false);
            let other = after.next(|tag| {
                let pixel = !around.conditional && self.is_pixel(tag);
                self.pixels += usize::from(pixel);
                pixel
            });
            let pair = match (one, other) {
                (Some(one), Some(other)) => (one, other),
                (None, None) => return Ok(()),
                (Some(_), None) | (None, Some(_)) => return Err(differ("the HTML has another number of elements")),
            };
            match pair {
                (HtmlToken::StartTag(one), HtmlToken::StartTag(other)) => self.tags(&one, &other, around)?,
                (HtmlToken::Comment(one), HtmlToken::Comment(other)) if one != other => {
                    let text = |comment: &html5gum::HtmlString| String::from_utf8_lossy(comment).into_owned();
                    let (one, other) = (text(&one.value), text(&other.value));
                    match (divided(&one), divided(&other)) {
                        (Some(one), Some(other)) if !around.conditional && one.0 == other.0 && one.2 == other.2 => {
                            self.pages(one.1, other.1, &Around { conditional: true, ..*around })?;
                        }
                        _ => return Err(differ("a comment in the HTML differs")),
                    }
                }
                (one, other) if one == other => {}
                _ => return Err(differ("the HTML's text or structure differs")),
            }
        }
    }

    /// An image of the delivery's own token that is not seen and says nothing.
    fn is_pixel(&self, tag: &StartTag<()>) -> bool {
        let is = |name: &[u8], wanted: &[u8]| tag.attributes.get(name).is_some_and(|found| **found.value == *wanted);
        let small = is(b"width", b"1") && is(b"height", b"1") && is(b"alt", b"") && tag.attributes.len() == 6;
        if **tag.name != *b"img" || !small {
            return false;
        }
        let src = tag.attributes.get(b"src".as_slice()).map(|value| String::from_utf8_lossy(&value.value));
        let token = src.as_deref().and_then(|src| src.strip_prefix(self.plan.base_url)?.strip_prefix("/o/"));
        let token = token.and_then(|token| self.keys.open(token.strip_suffix(".gif")?));
        token.is_some_and(|t| t.delivery == self.delivery && t.purpose == Purpose::Open)
    }

    fn tags(&self, one: &StartTag<()>, other: &StartTag<()>, around: &Around) -> Result<(), Difference> {
        if one == other {
            return Ok(());
        }
        let name: &[u8] = &one.name;
        if !(matches!(name, b"a" | b"area") || (around.conditional && name.starts_with(b"v:"))) {
            return Err(differ("an element that is no link was changed"));
        }
        let attributes = |tag: &StartTag<()>| -> Vec<(Vec<u8>, Vec<u8>)> {
            let all = tag.attributes.iter().map(|(name, value)| (name.to_vec(), value.value.to_vec()));
            all.filter(|(name, value)| !proof_rules::opts_out(name, value)).collect()
        };
        let (before, after) = (attributes(one), attributes(other));
        let opted_out = before.len() < one.attributes.len();
        if one.name != other.name || one.self_closing != other.self_closing || before.len() != after.len() {
            return Err(differ("an element in the HTML differs"));
        }
        for ((name, value), (other_name, other_value)) in before.iter().zip(&after) {
            let same = name == other_name
                && (value == other_value
                    || (name == b"href" && !opted_out && self.leads(value, other_value, around.encoding)));
            if !same {
                return Err(differ(format!("an attribute {} differs", String::from_utf8_lossy(name))));
            }
        }
        Ok(())
    }

    /// The target in a click token of this delivery.
    fn click(&self, token: &str) -> Option<String> {
        let token = self.keys.open(token).filter(|token| token.delivery == self.delivery)?;
        if let Purpose::Click { target, .. } = token.purpose { Some(target) } else { None }
    }

    /// Whether a tracked URL leads to where the original did.
    fn leads(&self, original: &[u8], tracked: &[u8], encoding: &'static Encoding) -> bool {
        let (original, tracked) = (String::from_utf8_lossy(original), String::from_utf8_lossy(tracked));
        let token = tracked.strip_prefix(self.plan.base_url).and_then(|rest| rest.strip_prefix("/c/"));
        let Some(target) = token.and_then(|token| self.click(token)) else { return false };
        let kept: String = original.trim_matches(|c: char| c <= ' ').split(['\t', '\r', '\n']).collect();
        let lower = kept.to_ascii_lowercase();
        let full = lower.starts_with("http://") || lower.starts_with("https://");
        if full && kept.bytes().all(|b| b.is_ascii_graphic()) {
            return kept == target;
        }
        let query = proof_rules::query_in(encoding);
        url::Url::options().encoding_override(Some(&query)).parse(&kept).is_ok_and(|url| url.as_str() == target)
    }
}

fn body_of<'p>((raw, part): Place<'p, '_>) -> Option<&'p [u8]> {
    raw.get(part.offset_body as usize..part.offset_end as usize)
}

fn is_quoted_printable(part: &MessagePart<'_>) -> bool {
    let field = part.headers.iter().rev().find(|h| h.name == HeaderName::ContentTransferEncoding);
    field.and_then(|h| h.value.as_text()).is_some_and(|text| text.eq_ignore_ascii_case("quoted-printable"))
}

fn charset(part: &MessagePart<'_>) -> Option<&'static Encoding> {
    let field = part.headers.iter().rev().find(|h| h.name == HeaderName::ContentType)?;
    let HeaderValue::ContentType(kind) = &field.value else { return None };
    Encoding::for_label(kind.attribute("charset")?.as_bytes())
}

/// A page as its tokens, one at a time; texts that stand side by side are one, as they are wherever a pixel stood between.
struct Page<'p> {
    tokens: Tokenizer<StringReader<'p>, DefaultEmitter>,
    ahead: Option<HtmlToken>,
}

impl<'p> Page<'p> {
    fn read(page: &'p str) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        Self { tokens: Tokenizer::new_with_emitter(page, emitter), ahead: None }
    }

    /// The next token, without the elements that `skip` names.
    fn next(&mut self, mut skip: impl FnMut(&StartTag<()>) -> bool) -> Option<HtmlToken> {
        let mut text: Option<HtmlToken> = None;
        while let Some(token) = self.ahead.take().or_else(|| self.token()) {
            match (&mut text, token) {
                (_, HtmlToken::StartTag(tag)) if skip(&tag) => {}
                (Some(HtmlToken::String(text)), HtmlToken::String(more)) => text.value.extend(more.value.iter()),
                (None, token @ HtmlToken::String(_)) => text = Some(token),
                (None, token) => return Some(token),
                (Some(_), token) => {
                    self.ahead = Some(token);
                    break;
                }
            }
        }
        text
    }

    fn token(&mut self) -> Option<HtmlToken> {
        self.tokens.by_ref().find_map(|token| match token {
            Ok(HtmlToken::Error(_)) | Err(_) => None,
            Ok(token) => Some(token),
        })
    }
}
