//! Which class a reply gets: rules, one a line, of which the first that fits decides.
//!
//! `CLASS [code:550,552-554,4xx] [status:x.1.1,5.7.20-26] [host:example.com] ["words" ...] [# source]`. All conditions of
//! a rule must hold; of several texts in quotes one is enough. A text is found as whole words, in any case; `*` in it
//! stands for up to [`GAP_MAX`] characters, and at its end for the rest of a word. Hyphens and underscores count as
//! blanks, and whatever holds an `@` as nothing but that, since addresses are chosen by people.

use std::sync::{Arc, LazyLock};

use super::bounce::BounceClass;
use super::bounce_text::{Pattern, plain};
use super::reply::{EnhancedCode, Reply};

/// What a `*` within a text may stand for, in characters.
pub const GAP_MAX: usize = 80;
/// Rules that one file may have.
pub const RULES_MAX: usize = 10_000;

const BUILT_IN: &str = include_str!("bounce.rules");

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BrokenRule {
    /// The line, from one.
    pub line: usize,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

/// Rules, in the order in which they are tried. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BounceRules(Arc<Vec<Rule>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    class: BounceClass,
    /// Basic codes, from and to.
    codes: Vec<(u16, u16)>,
    statuses: Vec<Status>,
    host: Option<String>,
    texts: Vec<Pattern>,
}

/// Enhanced codes: class, subject and a stretch of details; `None` is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Status {
    class: Option<u8>,
    subject: u16,
    details: (u16, u16),
}

/// A reply as rules look at it.
struct Seen<'a> {
    code: u16,
    status: Option<EnhancedCode>,
    host: &'a str,
    text: String,
}

impl BounceRules {
    /// Those that every relay has.
    pub fn built_in() -> Self {
        // A test holds that they can be read.
        static RULES: LazyLock<BounceRules> = LazyLock::new(|| BounceRules::read(BUILT_IN).unwrap_or_default());
        RULES.clone()
    }

    /// An operator's rules, and behind them the built-in ones.
    pub fn with_own(text: &str) -> Result<Self, BrokenRule> {
        let mut rules = Self::read(text)?.0.as_ref().clone();
        rules.extend_from_slice(&Self::built_in().0);
        Ok(Self(Arc::new(rules)))
    }

    fn read(text: &str) -> Result<Self, BrokenRule> {
        let mut rules = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let broken = |why| BrokenRule { line: n + 1, why };
            if rules.len() == RULES_MAX {
                return Err(broken(format!("more than {RULES_MAX} rules")));
            }
            rules.extend(Rule::read(line).map_err(broken)?);
        }
        Ok(Self(Arc::new(rules)))
    }

    /// The class of a reply of `host`, the receiving server's name. What no rule fits is [`BounceClass::Other`].
    pub fn class(&self, reply: &Reply, host: &str) -> BounceClass {
        let status = reply.enhanced.or_else(|| status_within(&reply.text));
        let seen = Seen { code: reply.code, status, host, text: plain(&reply.text) };
        self.0.iter().find(|rule| rule.fits(&seen)).map_or(BounceClass::Other, |rule| rule.class)
    }
}

impl Rule {
    /// `None` for a line without a rule.
    fn read(line: &str) -> Result<Option<Self>, String> {
        let words = words(line)?;
        let Some((first, conditions)) = words.split_first() else { return Ok(None) };
        let mut rule =
            Self { class: class_named(first)?, codes: Vec::new(), statuses: Vec::new(), host: None, texts: Vec::new() };
        for word in conditions {
            rule.condition(word)?;
        }
        if conditions.is_empty() {
            return Err("a rule needs a condition: code:, status:, host: or a text in quotes".to_owned());
        }
        Ok(Some(rule))
    }

    fn condition(&mut self, word: &str) -> Result<(), String> {
        if let Some(text) = word.strip_prefix('"') {
            self.texts.push(Pattern::read(text)?);
        } else if let Some(list) = word.strip_prefix("code:") {
            self.codes = list.split(',').map(code).collect::<Result<_, _>>()?;
        } else if let Some(list) = word.strip_prefix("status:") {
            self.statuses = list.split(',').map(Status::read).collect::<Result<_, _>>()?;
        } else if let Some(host) = word.strip_prefix("host:") {
            let host = host.trim_start_matches('.').to_lowercase();
            if host.is_empty() {
                return Err("host: needs a name, or its end".to_owned());
            }
            self.host = Some(host);
        } else {
            return Err(format!("{word} is no condition; there are code:, status:, host: and texts in quotes"));
        }
        Ok(())
    }

    fn fits(&self, seen: &Seen<'_>) -> bool {
        let any_or_none = |empty: bool, any: bool| empty || any;
        any_or_none(self.codes.is_empty(), self.codes.iter().any(|(from, to)| (*from..=*to).contains(&seen.code)))
            && any_or_none(self.statuses.is_empty(), self.statuses.iter().any(|status| status.fits(seen.status)))
            && self.host.as_deref().is_none_or(|end| ends_in(seen.host, end))
            && any_or_none(self.texts.is_empty(), self.texts.iter().any(|text| text.is_in(&seen.text)))
    }
}

impl Status {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no enhanced code; write 5.1.1, x.1.1, x.7.20-26 or x.7.*");
        let [class, subject, details] = text.split('.').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let class = match class {
            "x" => None,
            "2" | "4" | "5" => Some(class.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        };
        let number = |text: &str| text.parse::<u16>().ok().filter(|n| *n <= 999).ok_or_else(wrong);
        let details = match details.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if details == "*" => (0, 999),
            None => (number(details)?, number(details)?),
        };
        if details.0 > details.1 {
            return Err(wrong());
        }
        Ok(Self { class, subject: number(subject)?, details })
    }

    fn fits(self, status: Option<EnhancedCode>) -> bool {
        status.is_some_and(|EnhancedCode(class, subject, detail)| {
            self.class.is_none_or(|wanted| wanted == class)
                && self.subject == subject
                && (self.details.0..=self.details.1).contains(&detail)
        })
    }
}

fn class_named(word: &str) -> Result<BounceClass, String> {
    BounceClass::ALL.iter().copied().find(|class| class.as_str() == word).ok_or_else(|| {
        let names: Vec<_> = BounceClass::ALL.iter().map(|class| class.as_str()).collect();
        format!("{word} is no class; there are {}", names.join(", "))
    })
}

/// `550`, `552-554` or `4xx`.
fn code(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("{text} is no reply code; write 550, 552-554, 4xx or 5xx");
    let number = |text: &str| text.parse().ok().filter(|n| (400..=599).contains(n)).ok_or_else(wrong);
    let (from, to) = match (text, text.split_once('-')) {
        ("4xx", _) => (400, 499),
        ("5xx", _) => (500, 599),
        (_, Some((from, to))) => (number(from)?, number(to)?),
        (_, None) => (number(text)?, number(text)?),
    };
    if from > to { Err(wrong()) } else { Ok((from, to)) }
}

/// The words of a line before its comment; a text in quotes is one, and begins with its quote.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, behind) = if let Some(text) = rest.strip_prefix('"') {
            let (text, behind) = text.split_once('"').ok_or("a text in quotes does not end")?;
            (format!("\"{text}"), behind)
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        words.push(word);
        rest = behind.trim_start();
    }
    Ok(words)
}

/// Whether a host is the one named, or below it.
fn ends_in(host: &str, end: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// An enhanced code at the end of a text, as qmail writes it: `(#5.1.1)`.
fn status_within(text: &str) -> Option<EnhancedCode> {
    text.split('#').skip(1).find_map(|behind| {
        let end = behind.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(behind.len());
        EnhancedCode::parse_front(&behind[..end])
    })
}

#[cfg(test)]
#[path = "bounce_rules_tests.rs"]
mod tests;
