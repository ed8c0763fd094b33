//! Texts of servers, and what is looked for in them.

use super::bounce_rules::GAP_MAX;

/// Stars that one pattern may have within it.
const STARS_MAX: usize = 3;

/// A text as it is compared: lower case, one blank between words, hyphens and underscores as blanks, curly apostrophes
/// straight; a word with an `@` is nothing but that, so that nobody's name counts.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if word.contains('@') {
            out.push_str("@ ");
            continue;
        }
        for c in word.chars().flat_map(char::to_lowercase) {
            match c {
                '-' | '_' if out.ends_with(' ') || out.is_empty() => {}
                '-' | '_' => out.push(' '),
                '\u{2019}' => out.push('\''),
                c => out.push(c),
            }
        }
        if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Words to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// In this order, each at most [`GAP_MAX`] characters behind the one before.
    pieces: Vec<String>,
    /// It may begin within a word.
    open_start: bool,
    /// It may end within a word.
    open_end: bool,
}

impl Pattern {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let inner = text.trim_matches('*');
        let pieces: Vec<String> = inner.split('*').map(piece).collect();
        if pieces.iter().any(|piece| piece.trim().is_empty()) {
            return Err(format!("\"{text}\" has nothing to look for, or two stars side by side"));
        }
        if pieces.len() > STARS_MAX + 1 {
            return Err(format!("\"{text}\" has more than {STARS_MAX} stars in it"));
        }
        Ok(Self { pieces, open_start: text.starts_with('*'), open_end: text.ends_with('*') })
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        text.match_indices(first.as_str()).any(|(at, _)| {
            let begins = self.open_start || is_edge(first.chars().next(), text[..at].chars().next_back());
            begins && self.goes_on(text, at + first.len(), first, others)
        })
    }

    /// Whether the pieces behind `last`, which ended `at`, follow.
    fn goes_on(&self, text: &str, at: usize, last: &str, others: &[String]) -> bool {
        let Some((next, others)) = others.split_first() else {
            return self.open_end || is_edge(last.chars().next_back(), text[at..].chars().next());
        };
        let rest = &text[at..];
        let window = rest.char_indices().nth(GAP_MAX + next.len()).map_or(rest.len(), |(end, _)| end);
        let mut found = rest[..window].match_indices(next.as_str());
        found.any(|(gap, _)| self.goes_on(text, at + gap + next.len(), next, others))
    }
}

/// Whether a word may begin or end between two characters.
fn is_edge(inside: Option<char>, outside: Option<char>) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !(is_word(inside) && is_word(outside))
}

/// As [`plain`], but blanks at its ends stay: they part words around a star.
fn piece(text: &str) -> String {
    let blank = |yes: bool| if yes { " " } else { "" };
    let is_blank = |c: char| c == '-' || c == '_' || c.is_whitespace();
    format!("{}{}{}", blank(text.starts_with(is_blank)), plain(text), blank(text.ends_with(is_blank)))
}
