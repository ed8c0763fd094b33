//! A source tree, read just far enough: comments and strings blanked, test code apart, paths found.

use std::collections::BTreeSet;
use std::path::Path;

/// One file under `src/`.
pub struct SourceFile {
    /// Its path from `src/`, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Comments, strings and test modules blanked; line by line the same place as in `text`.
    pub code: String,
    /// Where its test module begins; the number of lines when there is none.
    pub lines_without_tests: usize,
}

impl SourceFile {
    /// A file with this text.
    pub fn new(path: &str, text: &str) -> Self {
        let code = without_tests(&without_comments_and_strings(text));
        let lines = text.lines().count();
        let tests = code.find(TESTS_BEGIN).map_or(lines, |at| code[..at].lines().count());
        let code = code.replace(TESTS_BEGIN, &" ".repeat(TESTS_BEGIN.len()));
        Self { path: path.to_owned(), text: text.to_owned(), code, lines_without_tests: tests }
    }

    /// The room it belongs to: its folder under `src/`, or its own name.
    pub fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or(&self.path);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Whether it holds nothing but tests.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    /// How many modules it stands below the crate's root.
    fn depth(&self) -> usize {
        let below = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") || matches!(self.path.as_str(), "lib.rs" | "main.rs") {
            below - 1
        } else {
            below
        }
    }

    /// The names right below the crate's root that its code mentions, as `crate::name`, `super::…::name`, in braces
    /// or alone.
    pub fn rooms_named(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for root in ["crate::", "postrider::"] {
            for (at, _) in self.code.match_indices(root) {
                let boundary = self.code[..at].chars().next_back().is_none_or(|c| !is_word(c) && c != '$' && c != ':');
                if boundary {
                    names.extend(heads(&self.code[at + root.len()..]));
                }
            }
        }
        let up = "super::".repeat(self.depth());
        if !up.is_empty() {
            for (at, _) in self.code.match_indices(&up) {
                let boundary = self.code[..at].chars().next_back().is_none_or(|c| !is_word(c) && c != ':');
                if boundary {
                    names.extend(heads(&self.code[at + up.len()..]));
                }
            }
        }
        names.retain(|name| !matches!(name.as_str(), "self" | "super"));
        names
    }

    /// The first line on which its code has this word or path.
    pub fn line_of(&self, wanted: &str) -> Option<usize> {
        let ends = |c: Option<char>| c.is_none_or(|c| !is_word(c));
        let found = self.code.match_indices(wanted).find(|(at, _)| {
            ends(self.code[..*at].chars().next_back()) && ends(self.code[at + wanted.len()..].chars().next())
        });
        found.map(|(at, _)| self.code[..at].matches('\n').count() + 1)
    }

    /// The types it declares.
    pub fn types(&self) -> Vec<String> {
        let words: Vec<_> = self.code.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
        let declared =
            words.windows(2).filter(|pair| matches!(pair[0], "struct" | "enum" | "trait" | "type" | "union"));
        declared.map(|pair| pair[1].to_owned()).collect()
    }
}

/// All files of a tree.
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<SourceFile>,
}

impl Tree {
    /// Reads every `.rs` file below a folder.
    pub fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder of sources").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
                    files.push(SourceFile::new(&name, &std::fs::read_to_string(&path).expect("a source file")));
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// A made-up tree.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| SourceFile::new(path, text)).collect() }
    }
}

const TESTS_BEGIN: &str = "#[cfg(test)]";

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first name of a path, or of each path in its braces.
fn heads(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(inner) = path.strip_prefix('{') else {
        let end = path.find(|c| !is_word(c)).unwrap_or(path.len());
        return if end == 0 { Vec::new() } else { vec![path[..end].to_owned()] };
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut begin = 0;
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(heads(&inner[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
        if c == '}' && depth == 0 && begin == at + 1 {
            break;
        }
    }
    names
}

/// Blanks comments and what stands in strings and character literals, and keeps every line where it was.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let length = blank_length(rest, after_word);
        if length > 0 {
            let (blank, further) = rest.split_at(length);
            code.extend(blank.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = further;
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// How much of the front is a comment or a literal; 0 when it is code.
fn blank_length(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('"') {
        return string_length(rest);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    let raw = rest.strip_prefix('b').unwrap_or(rest);
    if let Some(hashes) = raw.strip_prefix('r').filter(|_| !after_word) {
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        if hashes[count..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(count));
            let body = count + 1;
            let found = hashes[body..].find(&end).map_or(hashes.len(), |at| body + at + end.len());
            return rest.len() - hashes.len() + found;
        }
    }
    0
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, not a lifetime.
fn character_length(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            let Some((escape, _)) = chars.next() else { return 0 };
            let end = escape + rest[escape..].chars().next().map_or(1, char::len_utf8);
            rest[end..].find('\'').map_or(0, |at| end + at + 1)
        }
        Some((_, _)) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Blanks the item behind each `#[cfg(test)]`, and leaves the attribute.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(TESTS_BEGIN) {
        let (before, item) = rest.split_at(at + TESTS_BEGIN.len());
        kept.push_str(before);
        let length = item_length(item);
        kept.extend(item[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[length..];
    }
    kept.push_str(rest);
    kept
}

/// Up to the item's last brace, or its semicolon.
fn item_length(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}
