//! The second reader of plain text: each tracked URL is replaced by its token's target, and the text must be the original,
//! octet for octet.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{ContentType, MessagePart, MimeHeaders};

/// A part, and the message it stands in.
pub(super) type Place<'p, 'm> = (&'p [u8], &'p MessagePart<'m>);

/// Compares an edited part with what it was. `target` opens a click token of the copy's delivery.
pub(super) fn check(
    before: Place<'_, '_>,
    after: Place<'_, '_>,
    base_url: &str,
    target: impl Fn(&str) -> Option<String>,
) -> Result<(), &'static str> {
    let part = before.1;
    if part.attachment_name().is_some() || part.content_disposition().is_some_and(ContentType::is_attachment) {
        return Err("an attachment was changed");
    }
    if !part.is_content_type("text", "plain") && part.content_type().is_some() {
        return Err("a text that is not plain was changed");
    }
    let original = decoded(before).ok_or("a text cannot be decoded again")?;
    let copy = decoded(after).ok_or("a changed text cannot be decoded")?;
    if without_tokens(&copy, &format!("{base_url}/c/"), target) == original {
        Ok(())
    } else {
        Err("a text differs beyond its links")
    }
}

/// A part's octets without their transfer encoding, whatever its charset.
fn decoded((message, part): Place<'_, '_>) -> Option<Vec<u8>> {
    let body = message.get(part.offset_body as usize..part.offset_end as usize)?;
    let encoding = part.content_transfer_encoding().map(str::to_ascii_lowercase);
    match encoding.as_deref() {
        Some("quoted-printable") => quoted_printable_decode(body),
        Some("base64") => base64_decode(body),
        Some(_) | None => Some(body.to_vec()),
    }
}

/// The text with every tracked URL led back to its target. A token ends where its letters do.
fn without_tokens(copy: &[u8], mark: &str, target: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let mut text = Vec::with_capacity(copy.len());
    let mut rest = copy;
    while let Some(at) = memchr::memmem::find(rest, mark.as_bytes()) {
        let (before, found) = rest.split_at(at);
        text.extend(before);
        let behind = found.get(mark.len()..).unwrap_or_default();
        let letters = behind.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_/".contains(b)).count();
        let token = behind.get(..letters).and_then(|token| std::str::from_utf8(token).ok());
        let end = mark.len() + letters;
        match token.and_then(&target) {
            Some(target) => text.extend(target.bytes()),
            None => text.extend(found.get(..end).unwrap_or_default()),
        }
        rest = found.get(end..).unwrap_or_default();
    }
    text.extend(rest);
    text
}
