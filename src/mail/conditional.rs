//! Outlook's conditional comments, `<!--[if …]> … <![endif]-->`: which of them it shows.

use std::ops::Range;

/// Outlook 2000 to 2019 and what came after it, as `mso` counts them.
const VERSIONS: &[u32] = &[9, 10, 11, 12, 14, 15, 16];
/// A longer condition is taken for none, in octets.
const CONDITION_MAX: usize = 200;

/// The inside of a comment that some Outlook shows; to all else, and with any other beginning, it is a comment.
pub(super) fn shown(page: &[u8], comment: &Range<usize>) -> Option<Range<usize>> {
    let bytes = page.get(comment.clone())?;
    let inner = bytes.strip_prefix(b"<!--[")?;
    let end = memchr::memmem::find(inner, b"]>").filter(|end| *end <= CONDITION_MAX)?;
    let (word, condition) = inner.get(..end)?.split_at_checked(2)?;
    let open = b"<!--[".len() + end + b"]>".len();
    let close = memchr::memmem::rfind(bytes, b"<![")?;
    let parted = condition.first().is_some_and(|next| !next.is_ascii_alphanumeric());
    let live = word.eq_ignore_ascii_case(b"if") && parted && open <= close;
    let live = live && may_hold(std::str::from_utf8(condition).ok()?);
    live.then(|| comment.start + open..comment.start + close)
}

/// What is known of a condition: whether it may hold, and whether it may not.
#[derive(Clone, Copy)]
struct Truth {
    yes: bool,
    no: bool,
}

impl Truth {
    const EITHER: Self = Self { yes: true, no: true };

    fn known(holds: bool) -> Self {
        Self { yes: holds, no: !holds }
    }
}

fn may_hold(condition: &str) -> bool {
    let words = words(condition);
    VERSIONS.iter().any(|version| {
        let mut reading = Reading { words: &words, version: *version };
        reading.any().is_some_and(|truth| truth.yes && reading.words.is_empty())
    })
}

/// Names, numbers and single signs, in lower case.
fn words(condition: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut goes_on = false;
    for c in condition.chars().map(|c| c.to_ascii_lowercase()) {
        let in_word = c.is_ascii_alphanumeric() || c == '.';
        match words.last_mut().filter(|_| in_word && goes_on) {
            Some(word) => word.push(c),
            None if c.is_ascii_whitespace() => {}
            None => words.push(c.to_string()),
        }
        goes_on = in_word;
    }
    words
}

/// A condition as one version of Outlook reads it; `None` where it is malformed, which shows nothing.
struct Reading<'w> {
    words: &'w [String],
    version: u32,
}

impl<'w> Reading<'w> {
    fn next(&mut self) -> Option<&'w str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_next = self.words.first().is_some_and(|word| word == sign);
        if is_next {
            self.next();
        }
        is_next
    }

    fn any(&mut self) -> Option<Truth> {
        let mut truth = self.all()?;
        while self.take("|") {
            let other = self.all()?;
            truth = Truth { yes: truth.yes || other.yes, no: truth.no && other.no };
        }
        Some(truth)
    }

    fn all(&mut self) -> Option<Truth> {
        let mut truth = self.one()?;
        while self.take("&") {
            let other = self.one()?;
            truth = Truth { yes: truth.yes && other.yes, no: truth.no || other.no };
        }
        Some(truth)
    }

    fn one(&mut self) -> Option<Truth> {
        match self.next()? {
            "!" => self.one().map(|truth| Truth { yes: truth.no, no: truth.yes }),
            "(" => {
                let truth = self.any()?;
                self.take(")").then_some(truth)
            }
            "true" => Some(Truth::known(true)),
            "false" => Some(Truth::known(false)),
            comparison @ ("lt" | "lte" | "gt" | "gte") => {
                let feature = self.next()?;
                self.feature(feature, comparison)
            }
            feature => self.feature(feature, "eq"),
        }
    }

    /// Of other features than Outlook itself (IE, vml, supportLists) nothing is known.
    fn feature(&mut self, feature: &str, comparison: &str) -> Option<Truth> {
        if !feature.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let number = self.words.first().and_then(|word| word.split('.').next()?.parse::<u32>().ok());
        if number.is_some() {
            self.next();
        }
        let Some(number) = number.filter(|_| feature == "mso") else {
            return Some(if feature == "mso" { Truth::known(true) } else { Truth::EITHER });
        };
        Some(Truth::known(match comparison {
            "lt" => self.version < number,
            "lte" => self.version <= number,
            "gt" => self.version > number,
            "gte" => self.version >= number,
            _ => self.version == number,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(comment: &str) -> Option<&str> {
        let page = format!("ab{comment}");
        shown(page.as_bytes(), &(2..page.len())).map(|range| &comment[range.start - 2..range.end - 2])
    }

    #[test]
    fn what_some_outlook_shows_is_live() {
        for condition in [
            "mso",
            "gte mso 9",
            "(gte mso 9)|(IE)",
            "mso | IE",
            "MSO 12",
            "lt mso 12",
            "true",
            "!false",
            "vml",
            "IE",
            "(mso)&!(lte mso 15)",
            "mso 16.0",
            "!IE",
            " (gt mso 14) & (lte mso 16) ",
        ] {
            assert_eq!(inside(&format!("<!--[if {condition}]>x<![endif]-->")), Some("x"), "{condition}");
        }
        assert_eq!(inside("<!--[IF(mso)]>a<![if mso]>b<![endif]><![ENDIF]-->"), Some("a<![if mso]>b<![endif]>"));
    }

    #[test]
    fn what_no_outlook_shows_is_a_comment() {
        for condition in [
            "!mso",
            "false",
            "!true",
            "lt mso 9",
            "mso 13",
            "gt mso 16",
            "",
            "mso &",
            "(mso",
            "mso mso",
            "12",
            "!(mso|IE)",
        ] {
            assert_eq!(inside(&format!("<!--[if {condition}]>x<![endif]-->")), None, "{condition}");
        }
        for comment in [
            "<!-- [if mso]>x<![endif]-->",
            "<!--[if mso]>x-->",
            "<!--[if mso]><!-->",
            "<!--[if mso]",
            "<!--[iffy]>x<![endif]-->",
            "<!--x [if mso]>x<![endif]-->",
            "<!--<![endif]-->",
            "<!--",
        ] {
            assert_eq!(inside(comment), None, "{comment}");
        }
        assert_eq!(inside(&format!("<!--[if {}mso]>x<![endif]-->", "!".repeat(999))), None);
    }
}
