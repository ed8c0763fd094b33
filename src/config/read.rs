//! Reading values out of a TOML file and the environment, gathering every complaint with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::raw::Raw;

/// Environment variables are `POSTRIDER__SECTION__KEY`, or `POSTRIDER__KEY` for keys outside of sections.
pub const PREFIX: &str = "POSTRIDER__";

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// `line 3, column 10`, or the variable's name; empty for the whole.
    pub place: String,
    /// `section.key`.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.key].into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.what)
    }
}

struct Found {
    raw: Raw,
    place: String,
}

/// A key with its value as pages may show it, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `section.key`.
    pub key: String,
    /// As TOML.
    pub value: String,
    /// `line 3, column 10`, or the variable's name; empty for the default.
    pub place: String,
}

/// Keys that hold lists of tables: each value in them is a key of its own, `section.key.1.name` of the first table.
const TABLE_LISTS: [&str; 1] = ["delivery.routes"];
/// Keys that hold a table of keys.
const TABLES: [&str; 1] = ["delivery.canary"];

/// All values that were given, by `section.key`, the keys asked for with their defaults, and the complaints so far.
pub struct Reader {
    values: BTreeMap<String, Found>,
    /// Where the tables of a list begin.
    tables: BTreeMap<String, String>,
    known: BTreeMap<String, Raw>,
    complaints: Vec<Complaint>,
}

impl Reader {
    /// Reads the file's text, then lays the variables over it.
    pub fn new(text: &str, variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut reader =
            Self { values: BTreeMap::new(), tables: BTreeMap::new(), known: BTreeMap::new(), complaints: Vec::new() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = error.span().map_or_else(String::new, |span| place(text, span.start));
            reader.complaints.push(Complaint { place, key: String::new(), what: error.message().to_owned() });
        }
        for (key, value) in table.get_ref() {
            match value.get_ref() {
                DeValue::Table(section) => {
                    section.iter().for_each(|(inner, v)| {
                        reader.put(text, &format!("{}.{}", key.get_ref(), inner.get_ref()), inner.span().start, v);
                    });
                }
                _ => reader.put(text, key.get_ref(), key.span().start, value),
            }
        }
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(PREFIX) {
                let key = key.to_ascii_lowercase().replace("__", ".");
                if let Some((table, _)) = key.rsplit_once('.')
                    && table.rsplit_once('.').is_some_and(|(list, _)| TABLE_LISTS.contains(&list))
                {
                    reader.tables.entry(table.to_owned()).or_insert_with(|| name.clone());
                }
                reader.values.insert(key, Found { raw: Raw::of_variable(&value), place: name });
            }
        }
        reader
    }

    fn put(&mut self, text: &str, key: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        if let DeValue::Table(table) = value.get_ref()
            && TABLES.contains(&key)
        {
            for (name, value) in table {
                self.put(text, &format!("{key}.{}", name.get_ref()), name.span().start, value);
            }
            return;
        }
        if let DeValue::Array(list) = value.get_ref()
            && TABLE_LISTS.contains(&key)
            && list.iter().all(|item| item.get_ref().is_table())
        {
            for (n, item) in list.iter().enumerate() {
                let table = format!("{key}.{}", n + 1);
                for (name, value) in item.get_ref().as_table().into_iter().flatten() {
                    self.put(text, &format!("{table}.{}", name.get_ref()), name.span().start, value);
                }
                self.tables.insert(table, place(text, item.span().start));
            }
            return;
        }
        self.values.insert(key.to_owned(), Found { raw: Raw::of(value.get_ref()), place: place(text, at) });
    }

    /// Whether a key was given.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Whether a key was complained about.
    pub fn has_complaint(&self, key: &str) -> bool {
        self.complaints.iter().any(|complaint| complaint.key == key)
    }

    /// The tables of a list, each by the key that its values stand under, in their order.
    pub fn tables(&mut self, key: &str) -> Vec<String> {
        if let Some(found) = self.values.get(key) {
            let empty = matches!(&found.raw, Raw::List(items) if items.is_empty());
            if !empty {
                let variable = format!("{PREFIX}{}__1__TO", key.to_ascii_uppercase().replace('.', "__"));
                let what = format!("must be written as tables [[{key}]]; variables are such as {variable}");
                self.complain(key, what);
            }
        }
        let number = |table: &String| table.strip_prefix(key)?.strip_prefix('.')?.parse::<u64>().ok();
        let numbers: BTreeSet<_> = self.tables.keys().filter_map(number).collect();
        if numbers.is_empty() || self.has(key) {
            self.known.insert(key.to_owned(), Raw::List(Vec::new()));
        }
        numbers.into_iter().map(|number| format!("{key}.{number}")).collect()
    }

    /// Where a key was given, else the table that it belongs to.
    fn place_of(&self, key: &str) -> String {
        let own = self.values.get(key).map(|found| &found.place);
        let table = || key.rsplit_once('.').and_then(|(table, _)| self.tables.get(table));
        own.or_else(table).cloned().unwrap_or_default()
    }

    /// Complains about a key.
    pub fn complain(&mut self, key: &str, what: impl Into<String>) {
        let place = self.place_of(key);
        self.complaints.push(Complaint { place, key: key.to_owned(), what: what.into() });
    }

    fn take(&mut self, key: &str, default: Raw) -> Option<Raw> {
        self.known.insert(key.to_owned(), default);
        self.values.get(key).map(|found| found.raw.clone())
    }

    fn wrong_type(&mut self, key: &str, found: &Raw, wanted: &str) {
        self.complain(key, format!("is {}, but must be {wanted}", found.type_name()));
    }

    /// A text.
    pub fn text(&mut self, key: &str, default: &str) -> String {
        match self.take(key, Raw::Text(default.to_owned())) {
            None => default.to_owned(),
            Some(Raw::Text(text)) => text,
            Some(other) => {
                self.wrong_type(key, &other, "a text in quotes");
                default.to_owned()
            }
        }
    }

    /// true or false.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.take(key, Raw::Flag(default)) {
            None => default,
            Some(Raw::Flag(flag)) => flag,
            Some(other) => {
                self.wrong_type(key, &other, "true or false");
                default
            }
        }
    }

    /// A whole number within limits.
    pub fn number(&mut self, key: &str, default: u64, limits: std::ops::RangeInclusive<u64>) -> u64 {
        let raw = self.take(key, Raw::Number(default.to_string()));
        let number = match &raw {
            None => return default,
            Some(Raw::Number(digits)) => digits.replace('_', "").parse::<u64>().ok(),
            Some(other) => {
                self.wrong_type(key, &other.clone(), "a whole number");
                return default;
            }
        };
        if let Some(number) = number.filter(|n| limits.contains(n)) {
            number
        } else {
            self.complain(key, format!("must be from {} to {}", limits.start(), limits.end()));
            default
        }
    }

    /// A part of a whole, from 0 to 1.
    pub fn part(&mut self, key: &str, default: f64) -> f64 {
        let digits = match self.take(key, Raw::Fraction(default.to_string())) {
            None => return default,
            Some(Raw::Fraction(digits) | Raw::Number(digits)) => digits,
            Some(other) => {
                self.wrong_type(key, &other, "a part of a whole, such as 0.05 for 5 %");
                return default;
            }
        };
        let part = digits.replace('_', "").parse().ok().filter(|part| (0.0..=1.0).contains(part));
        part.unwrap_or_else(|| {
            self.complain(key, "must be a part of a whole, from 0 to 1, such as 0.05 for 5 %");
            default
        })
    }

    /// A text that reads as `T`; `wanted` says what that is.
    pub fn parsed<T: FromStr>(&mut self, key: &str, default: &str, wanted: &str) -> Option<T> {
        let text = self.text(key, default);
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.complain(key, format!("{text:?} is not {wanted}"));
        }
        parsed
    }

    /// One of a few words.
    pub fn choice<T: Copy + PartialEq>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let usual = words.iter().find(|(_, value)| *value == default).map_or("", |(word, _)| word);
        let text = self.text(key, usual);
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            *value
        } else {
            let allowed: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.complain(key, format!("{text:?} is not one of {}", allowed.join(", ")));
            default
        }
    }

    /// A duration such as `90s`, `5m`, `8h`, `3d`.
    pub fn duration(&mut self, key: &str, default: &str) -> Duration {
        let text = self.text(key, default);
        self.read_duration(key, &text).or_else(|| humantime::parse_duration(default).ok()).unwrap_or_default()
    }

    fn read_duration(&mut self, key: &str, text: &str) -> Option<Duration> {
        if let Ok(duration) = humantime::parse_duration(text) {
            Some(duration)
        } else {
            self.complain(key, format!("{text:?} is not a duration such as \"30s\", \"5m\", \"8h\" or \"3d\""));
            None
        }
    }

    /// A list of durations.
    pub fn durations(&mut self, key: &str, default: &[&str]) -> Vec<Duration> {
        let texts = self.texts(key, default);
        texts.iter().filter_map(|text| self.read_duration(key, text)).collect()
    }

    /// A list of texts; a variable may give them with commas between.
    pub fn texts(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        let list = default.iter().map(|text| Raw::Text((*text).to_owned())).collect();
        let raw = self.take(key, Raw::List(list));
        let items = match raw {
            None => return default.iter().map(|text| (*text).to_owned()).collect(),
            Some(Raw::Text(text)) => {
                return text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
            }
            Some(Raw::List(items)) => items,
            Some(other) => {
                self.wrong_type(key, &other, "a list of texts");
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Raw::Text(text) => texts.push(text),
                other => self.wrong_type(key, &other, "a list of texts only"),
            }
        }
        texts
    }

    /// A list of texts that each read as `T`.
    pub fn list<T: FromStr>(&mut self, key: &str, default: &[&str], wanted: &str) -> Vec<T> {
        let mut list = Vec::new();
        for text in self.texts(key, default) {
            match text.parse() {
                Ok(value) => list.push(value),
                Err(_) => self.complain(key, format!("{text:?} is not {wanted}")),
            }
        }
        list
    }

    /// Every key that was asked for, with its value and where it came from.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |(key, default): (&String, &Raw)| {
            let found = self.values.get(key);
            let value = found.map_or(default, |found| &found.raw).to_string();
            Shown { key: key.clone(), value, place: found.map_or_else(String::new, |found| found.place.clone()) }
        };
        self.known.iter().map(shown).collect()
    }

    /// All complaints, those about unknown keys included, in the order of their places.
    pub fn finish(mut self) -> Vec<Complaint> {
        let unknown: Vec<_> = self.values.keys().filter(|key| !self.known.contains_key(*key)).cloned().collect();
        for key in unknown {
            let names: BTreeSet<_> = match key.rsplit_once('.') {
                Some((section, _)) => {
                    let within = self.known.keys().filter_map(|k| k.strip_prefix(section)?.strip_prefix('.'));
                    within.filter_map(|rest| rest.split('.').next()).collect()
                }
                None => self.known.keys().map(String::as_str).filter(|k| !k.contains('.')).collect(),
            };
            let what = if names.is_empty() {
                let sections: BTreeSet<_> =
                    self.known.keys().filter_map(|k| k.split_once('.')).map(|(s, _)| s).collect();
                format!("there is no such section; there are {}", sections.into_iter().collect::<Vec<_>>().join(", "))
            } else {
                format!("there is no such key; there are {}", names.into_iter().collect::<Vec<_>>().join(", "))
            };
            self.complain(&key, what);
        }
        self.complaints.sort_by_key(|complaint| line_of(&complaint.place));
        self.complaints
    }
}

fn line_of(place: &str) -> u64 {
    let digits: String = place.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    format!("line {line}, column {column}")
}
