//! Finds, in one text/plain part, where URLs stand, as byte ranges. It changes nothing, and reads each octet a bounded
//! number of times.
//!
//! Nothing in plain text says where a URL ends, so this goes by what writers do (RFC 3986 appendix C, Markdown) and what
//! mail programs make of it. Where they could differ about what is a link, it is left alone.

use std::collections::BTreeSet;
use std::ops::Range;

use encoding_rs::{Encoding, UTF_8};

use super::html::FoundLink;
use super::link::{self, Rules};

/// How a part is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Its charset, a superset of ASCII.
    pub encoding: &'static Encoding,
    /// Whether readers drop the blank at a soft line break (RFC 3676 section 4.2, `DelSp=yes`).
    pub joins_lines: bool,
}

/// Reads a part. `opted_out` are the URLs that the sender wants left alone elsewhere in the mail.
pub fn find(page: &[u8], reading: Reading, rules: Rules<'_>, opted_out: &BTreeSet<String>) -> Vec<FoundLink> {
    let mut found = Vec::new();
    let (mut at, mut run) = (0, 0);
    for colon in memchr::memmem::find_iter(page, b"://") {
        let start = scheme_start(page, colon).filter(|start| *start >= at && starts_word(page, *start, reading));
        let (Some(start), host) = (start, colon + 3) else { continue };
        if run < host {
            run = page.iter().skip(host).position(|b| ends_run(*b)).map_or(page.len(), |n| host + n);
        }
        let Some((end, doubt)) = extent(page, start, host..run, reading) else { continue };
        at = end;
        let written = String::from_utf8_lossy(page.get(start..end).unwrap_or_default()).into_owned();
        let verdict = judge(&written, doubt, reading, rules, opted_out).map_err(|why| (written, why));
        found.push(FoundLink { value: start..end, label: String::new(), verdict });
    }
    found
}

/// A URL in plain text is its target, character for character. That it shows is no objection: in plain text every link does.
fn judge(
    written: &str,
    doubt: Option<&'static str>,
    reading: Reading,
    rules: Rules<'_>,
    opted_out: &BTreeSet<String>,
) -> Result<String, &'static str> {
    if let Some(why) = doubt {
        return Err(why);
    }
    let target = link::as_written(written.to_owned(), reading.encoding)?;
    if opted_out.contains(&target.url) {
        return Err("the sender asked for it in the HTML part");
    }
    link::objection(&target, "", rules).map_or(Ok(target.url), Err)
}

fn scheme_start(page: &[u8], colon: usize) -> Option<usize> {
    ["https", "http"].iter().find_map(|scheme| {
        let start = colon.checked_sub(scheme.len())?;
        page.get(start..colon)?.eq_ignore_ascii_case(scheme.as_bytes()).then_some(start)
    })
}

/// Whether a URL may begin here: not in a word, nor in another URL that lacks its scheme.
fn starts_word(page: &[u8], start: usize, reading: Reading) -> bool {
    let before = |n: usize| start.checked_sub(n).and_then(|at| page.get(at)).copied();
    let open = match before(1) {
        None => true,
        // In older charsets of more than one octet the first letter could be half of the character before.
        Some(b) if !b.is_ascii() => reading.encoding == UTF_8 || reading.encoding.is_single_byte(),
        Some(b'/' | b'@' | b'&' | b'?' | b'%' | b'$' | b'\\') => false,
        Some(b'+' | b'-' | b'=' | b'.') => before(2).is_none_or(|b| !b.is_ascii_alphanumeric() && b != b'_'),
        Some(b) => !b.is_ascii_alphanumeric(),
    };
    open && !(reading.joins_lines && goes_on_from_before(page, start))
}

/// Whether the line before, joined to this one, runs right up to `start`.
fn goes_on_from_before(page: &[u8], start: usize) -> bool {
    let marks = page[..start].iter().rev().take_while(|b| matches!(b, b' ' | b'>')).count();
    let Some(text) = page[..start - marks].strip_suffix(b"\n") else { return false };
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let signature = text.ends_with(b"\n-- ") || text == b"-- ";
    !signature && text.strip_suffix(b" ").is_some_and(|text| text.last().is_some_and(|b| !b.is_ascii_whitespace()))
}

/// Where a URL ends, and why it is left alone if that is not certain. `None` where none begins. `run` are the octets from its
/// host on that could belong to it.
fn extent(page: &[u8], start: usize, run: Range<usize>, reading: Reading) -> Option<(usize, Option<&'static str>)> {
    let begins = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'[' | b'{' | b'%' | b'*' | b'$');
    page.get(run.clone())?.first().filter(|b| begins(b))?;
    let after = page.get(run.end..).unwrap_or_default();
    if after.starts_with(b"<%") {
        return Some((run.end, Some("it holds a placeholder that was not filled in")));
    }
    let before = page.get(..start)?;
    if before.ends_with(b"<") || before.get(start.saturating_sub(5)..)?.eq_ignore_ascii_case(b"<URL:") {
        // RFC 3986 appendix C: all up to the bracket is the URL, also in the next line.
        return Some((run.end, (after.first() != Some(&b'>')).then_some("no angle bracket closes right behind it")));
    }
    let opener = before.last().copied().unwrap_or(b' ');
    if let Some(end) = closed_at(page, run.clone(), opener) {
        return trimmed(page, run.start..end, opener).map(|end| (end, None));
    }
    let doubt = if is_word(after, reading.encoding) {
        Some("letters beyond ASCII follow it, and mail programs differ about where it ends")
    } else if reading.joins_lines && is_joined(after) {
        Some("it may go on in the next line, which readers join to it (format=flowed)")
    } else {
        None
    };
    trimmed(page, run, opener).map(|end| (end, doubt))
}

/// Octets that stand in no URL and in nothing that writers take for one.
fn ends_run(byte: u8) -> bool {
    !byte.is_ascii_graphic() || matches!(byte, b'<' | b'>' | b'"' | b'`')
}

/// Where what was opened right before a URL is closed again.
fn closed_at(page: &[u8], run: Range<usize>, opener: u8) -> Option<usize> {
    let closer = match opener {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'\'' | b'|' => opener,
        _ => return None,
    };
    let mut depth = 0_usize;
    for at in run {
        let byte = *page.get(at)?;
        if byte == closer {
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        } else if byte == opener {
            depth += 1;
        }
    }
    None
}

/// Without the sentence's punctuation, and without closing brackets that nothing in the URL opened.
fn trimmed(page: &[u8], run: Range<usize>, opener: u8) -> Option<usize> {
    let bytes = page.get(run.clone())?;
    let surplus = |open: u8, close: u8| {
        let count = |wanted: u8| memchr::memchr_iter(wanted, bytes).count();
        count(close).saturating_sub(count(open))
    };
    let (mut round, mut square, mut curly) = (surplus(b'(', b')'), surplus(b'[', b']'), surplus(b'{', b'}'));
    let mut end = run.end;
    while let Some(byte) = page.get(run.start..end).and_then(<[u8]>::last) {
        let surplus = match byte {
            b'.' | b',' | b':' | b';' | b'!' | b'?' | b'\'' => &mut 1,
            b'*' if opener == b'*' => &mut 1,
            b')' => &mut round,
            b']' => &mut square,
            b'}' => &mut curly,
            _ => break,
        };
        let Some(less) = surplus.checked_sub(1) else { break };
        *surplus = less;
        end -= 1;
    }
    (end > run.start).then_some(end)
}

/// Whether a letter or digit beyond ASCII comes next.
fn is_word(after: &[u8], encoding: &'static Encoding) -> bool {
    let next = after.get(..after.len().min(4)).unwrap_or_default();
    let beyond = next.first().is_some_and(|b| !b.is_ascii());
    beyond && encoding.decode_without_bom_handling(next).0.chars().next().is_some_and(char::is_alphanumeric)
}

/// Whether a reader drops the blank and the line break that come next, and something comes behind them.
fn is_joined(after: &[u8]) -> bool {
    let next = after.strip_prefix(b" \r\n").or_else(|| after.strip_prefix(b" \n"));
    next.is_some_and(|next| !next.is_empty())
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
