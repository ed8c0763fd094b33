//! A message as it came and a copy as it leaves, as one listing by lines.
//!
//! Long stretches are mostly alike, so both are walked side by side; where they part, the nearest place where lines are
//! equal again is looked for in windows that grow. The lines looked at are bounded, so the time is, whatever
//! the mails hold.

use std::collections::{HashMap, VecDeque};

/// Equal lines shown before and after a change.
const CONTEXT: usize = 3;
/// Removed lines shown of one change, and as many added ones.
const CHANGE_LINES_MAX: usize = 40;
/// Octets shown of one line.
const LINE_BYTES_MAX: usize = 600;
/// Octets shown in front of what differs in a longer line.
const LEAD_BYTES: usize = 120;
/// How far equal lines are looked for.
const WINDOWS: [usize; 4] = [64, 512, 4_096, 32_768];
/// A line as long as this is taken for the same line wherever it stands.
const ANCHOR_BYTES_MIN: usize = 10;
/// Lines looked at beyond the walk, in all.
const WORK_LINES_MAX: usize = 1_000_000;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It leaves as it came.
    Same,
    /// It came and does not leave.
    Removed,
    /// It leaves and did not come.
    Added,
}

/// A row of the listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A line, what cannot be seen made visible; and how many octets of it are not shown before and after.
    Line(Fate, String, usize, usize),
    /// So many lines of one fate that are not shown.
    Folded(Fate, usize),
}

/// What is the same in both, what is not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In order.
    pub rows: Vec<Row>,
    /// Whether there is more than is listed.
    pub cut: bool,
}

/// Lists two versions up to `room`, as `size` measures lines.
pub fn compare(before: &[u8], after: &[u8], room: usize, size: fn(&str) -> usize) -> Listing {
    let mut list = List { listing: Listing::default(), room, size };
    let (mut old, mut new) = (before, after);
    let mut work = WORK_LINES_MAX;
    while !(old.is_empty() && new.is_empty()) {
        list.same(&mut old, &mut new);
        if old.is_empty() && new.is_empty() {
            break;
        }
        let Some((removed, added)) = parting(old, new, &mut work).filter(|_| !list.listing.cut) else {
            list.listing.cut = true;
            break;
        };
        list.change(&take(&mut old, removed), &take(&mut new, added));
    }
    list.listing
}

struct List {
    listing: Listing,
    room: usize,
    size: fn(&str) -> usize,
}

impl List {
    /// Walks over what is equal; lists its ends next to changes.
    fn same(&mut self, old: &mut &[u8], new: &mut &[u8]) {
        let first = self.listing.rows.is_empty();
        let (start, mut count) = (*old, 0);
        let mut last = VecDeque::with_capacity(CONTEXT + 1);
        while !old.is_empty() && line(old) == line(new) {
            last.push_back(*old);
            if last.len() > CONTEXT {
                last.pop_front();
            }
            *new = new.get(line(old).len()..).unwrap_or_default();
            *old = old.get(line(old).len()..).unwrap_or_default();
            count += 1;
        }
        let head = if first { 0 } else { CONTEXT.min(count) };
        let ends = old.is_empty() && new.is_empty();
        let tail = if ends { 0 } else { CONTEXT.min(count - head) };
        let mut at = start;
        for text in take(&mut at, head) {
            self.line(Fate::Same, text, 0);
        }
        self.folded(Fate::Same, count - head - tail);
        for rest in last.iter().skip(last.len().saturating_sub(tail)) {
            self.line(Fate::Same, line(rest), 0);
        }
    }

    fn change(&mut self, removed: &[&[u8]], added: &[&[u8]]) {
        let alike = |n: usize| match (removed.get(n), added.get(n)) {
            (Some(old), Some(new)) => old.iter().zip(*new).take_while(|(a, b)| a == b).count(),
            _ => 0,
        };
        for (fate, lines) in [(Fate::Removed, removed), (Fate::Added, added)] {
            for (n, text) in lines.iter().enumerate().take(CHANGE_LINES_MAX) {
                self.line(fate, text, alike(n));
            }
            self.folded(fate, lines.len().saturating_sub(CHANGE_LINES_MAX));
        }
    }

    /// A line that differs from its other version behind so many octets.
    fn line(&mut self, fate: Fate, line: &[u8], alike: usize) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let from = if line.len() > LINE_BYTES_MAX { alike.saturating_sub(LEAD_BYTES) } else { 0 };
        let rest = line.get(from..).unwrap_or_default();
        let shown = rest.get(..LINE_BYTES_MAX).unwrap_or(rest);
        let text = visible(&String::from_utf8_lossy(shown));
        let size = (self.size)(&text);
        self.push(Row::Line(fate, text, from, rest.len() - shown.len()), size);
    }

    fn folded(&mut self, fate: Fate, count: usize) {
        if count > 0 {
            self.push(Row::Folded(fate, count), (self.size)(""));
        }
    }

    fn push(&mut self, row: Row, size: usize) {
        match self.room.checked_sub(size).filter(|_| !self.listing.cut) {
            Some(left) => {
                self.room = left;
                self.listing.rows.push(row);
            }
            None => self.listing.cut = true,
        }
    }
}

/// The first line, with its end.
fn line(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Takes so many lines, or those that there are.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Vec<&'a [u8]> {
    let mut lines = Vec::new();
    while lines.len() < count && !bytes.is_empty() {
        let first = line(bytes);
        *bytes = bytes.get(first.len()..).unwrap_or_default();
        lines.push(first);
    }
    lines
}

/// How many lines to pass over in each until they are equal again; nothing when enough was looked at.
fn parting(old: &[u8], new: &[u8], work: &mut usize) -> Option<(usize, usize)> {
    let mut seen = (0, 0);
    for window in WINDOWS {
        *work = work.checked_sub(window)?;
        let (mut old, mut new) = (old, new);
        let (removed, added) = (take(&mut old, window), take(&mut new, window));
        seen = (removed.len(), added.len());
        let mut places = HashMap::with_capacity(added.len());
        for at in 0..added.len() {
            places.entry(anchor(&added, at)).or_insert(at);
        }
        let meeting = |at| places.get(&anchor(&removed, at)).map(|place| (at, *place));
        let meetings = (0..removed.len()).filter_map(meeting);
        let nearest = meetings.min_by_key(|(removed, added)| removed + added);
        if nearest.is_some() {
            return nearest;
        }
        if old.is_empty() && new.is_empty() {
            break;
        }
    }
    Some(seen)
}

/// By what a line is found again: itself, or with the next one when it is so short that there may be many.
fn anchor<'a>(lines: &[&'a [u8]], at: usize) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let line = lines.get(at).copied();
    let short = line.is_some_and(|line| line.len() < ANCHOR_BYTES_MIN);
    (line, if short { lines.get(at + 1).copied() } else { None })
}

/// What cannot be seen, or would move what stands around it, is written out.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push(c),
            '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or(c)),
            '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => shown.push_str(&format!("\u{2039}U+{:04X}\u{203a}", u32::from(c))),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
