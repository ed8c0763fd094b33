//! The rules, and what is complained about.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{SourceFile, Tree};

const LINES_MAX: usize = 400;

/// Every room and its floor; imports point down only. The clock lies under floor 1, since all above read it.
const ROOMS: &[(&str, Floor)] = &[
    ("domain", Floor::Ground),
    ("smtp", Floor::Ground),
    ("mail", Floor::Ground),
    ("clock", Floor::Clock),
    ("store", Floor::First),
    ("server", Floor::First),
    ("work", Floor::First),
    ("submission", Floor::Second),
    ("delivery", Floor::Second),
    ("returns", Floor::Second),
    ("tracking", Floor::Second),
    ("dashboard", Floor::Second),
    ("api", Floor::Second),
    ("control", Floor::Second),
    ("config", Floor::Top),
    ("app", Floor::Top),
    ("demo", Floor::Top),
    ("cli", Floor::Top),
    ("main", Floor::Top),
    ("lib", Floor::Top),
];

/// What code of the ground must not mention, but for the files named.
const NOT_ON_GROUND: &[(&str, &[&str])] = &[
    ("tokio", &[]),
    ("rusqlite", &[]),
    // A DKIM key is made where its format is known.
    ("rand", &["mail/dkim.rs", "mail/dkim/key.rs"]),
    ("std::net::TcpStream", &[]),
    ("std::fs", &[]),
    ("std::env", &[]),
];

/// How code reads a clock. `tokio::time::Instant` is none of these.
const CLOCK_READINGS: &[&str] =
    &["SystemTime", "Utc::now", "Local::now", "UNIX_EPOCH.elapsed", "std::time::Instant", "time::Instant::now"];

/// Words that say nothing, anywhere in a type's name.
const EMPTY_WORDS: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils", "Service", "Processor"];

/// Words that say nothing at a type's end. `DataReceiver` is about DATA.
const EMPTY_ENDINGS: &[&str] = &["Data", "Info"];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Floor {
    Ground,
    Clock,
    First,
    Second,
    Top,
}

fn floor_of(room: &str) -> Option<Floor> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// Whether code of the first room may name the second.
fn may_import(from: &str, to: &str) -> bool {
    match (floor_of(from), floor_of(to)) {
        (Some(Floor::Ground), Some(Floor::Ground)) => from != "domain" && to == "domain",
        (Some(Floor::Top), Some(_)) => true,
        (Some(above), Some(below)) => above > below,
        (None, _) | (_, None) => false,
    }
}

/// Everything that is against the rules, with its place.
pub fn complaints(tree: &Tree, long_files: &[(&str, usize)]) -> Vec<String> {
    let mut found = Vec::new();
    for file in &tree.files {
        found.extend(wrong_length(file, long_files));
        found.extend(silent_mod(file));
        found.extend(empty_names(file));
        if file.is_test() {
            continue;
        }
        if floor_of(file.room()).is_none() {
            found.push(format!("{}: no floor is known for the room `{}`", file.path, file.room()));
        }
        found.extend(wrong_imports(file));
        found.extend(forbidden_words(file));
    }
    found.extend(knots(tree));
    for (path, _) in long_files {
        if tree.files.iter().all(|file| file.path != *path) {
            found.push(format!("{path}: is not there any more; take it off the list of long files"));
        }
    }
    found
}

fn wrong_length(file: &SourceFile, long_files: &[(&str, usize)]) -> Option<String> {
    let lines = file.lines_without_tests;
    let allowed = long_files.iter().find(|(path, _)| *path == file.path).map(|(_, lines)| *lines);
    match allowed {
        None if lines > LINES_MAX => {
            Some(format!("{}: {lines} lines without its tests; more than {LINES_MAX} are two things", file.path))
        }
        Some(before) if lines > before => Some(format!("{}: grew from {before} to {lines} lines", file.path)),
        Some(before) if lines < before => {
            Some(format!("{}: {lines} lines now, not {before}; lower the list of long files", file.path))
        }
        None | Some(_) => None,
    }
}

fn silent_mod(file: &SourceFile) -> Option<String> {
    let silent = file.path.ends_with("/mod.rs") && !file.text.starts_with("//!");
    silent.then(|| format!("{}: begins with //! and what the room is for", file.path))
}

fn empty_names(file: &SourceFile) -> Vec<String> {
    let types = file.types().into_iter().filter(|name| {
        let words = words_of(name);
        words.iter().any(|word| EMPTY_WORDS.contains(&word.as_str()))
            || words.last().is_some_and(|word| EMPTY_ENDINGS.contains(&word.as_str()))
    });
    types.map(|name| format!("{}: the name `{name}` says nothing", file.path)).collect()
}

/// `AddressBookInfo` is Address, Book, Info.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            Some(_) | None => words.push(c.to_string()),
        }
    }
    words
}

fn wrong_imports(file: &SourceFile) -> Vec<String> {
    let room = file.room();
    let named = file.rooms_named().into_iter();
    let wrong = named.filter(|name| name != room && floor_of(name).is_some() && !may_import(room, name));
    wrong.map(|name| format!("{}: `{room}` may not import `{name}`", file.path)).collect()
}

fn forbidden_words(file: &SourceFile) -> Vec<String> {
    let mut found = Vec::new();
    let mut forbid = |word: &str, why: &str| {
        if let Some(line) = file.line_of(word) {
            found.push(format!("{}:{line}: `{word}`: {why}", file.path));
        }
    };
    if floor_of(file.room()) == Some(Floor::Ground) {
        for (word, except) in NOT_ON_GROUND {
            if !except.contains(&file.path.as_str()) {
                forbid(word, "the ground is pure");
            }
        }
    } else if file.room() != "store" {
        forbid("rusqlite", "one room knows SQL");
    }
    if file.room() != "clock" {
        for reading in CLOCK_READINGS {
            forbid(reading, "time comes in as an argument; the clock is read in clock.rs");
        }
    }
    found
}

/// Rooms that reach themselves through others. `lib.rs` only lists the rooms.
fn knots(tree: &Tree) -> Vec<String> {
    let mut imports: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| !file.is_test() && file.room() != "lib") {
        let named = file.rooms_named().into_iter().filter(|name| name != file.room());
        imports.entry(file.room()).or_default().extend(named);
    }
    let reaches_itself = |room: &str| {
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<&str> = vec![room];
        while let Some(next) = ahead.pop() {
            for below in imports.get(next).into_iter().flatten() {
                if reached.insert(below.as_str()) {
                    ahead.push(below);
                }
            }
        }
        reached.contains(room)
    };
    let knotted: Vec<_> = imports.keys().copied().filter(|room| reaches_itself(room)).collect();
    if knotted.is_empty() {
        Vec::new()
    } else {
        vec![format!("a knot of rooms that import each other: {}", knotted.join(", "))]
    }
}
