//! What of a mail's text is the recipient's own, as far as that can be known: the address in its spellings, its local part,
//! and the name that the mail's own `To` gives it. A name that only the mail's text knows cannot be told from other words.

use mail_parser::{Address, Message};

use crate::domain::link;

/// Stands for what is taken out.
const BLANK: &str = "[recipient]";
/// Shorter words are too common to be taken out, in characters.
const WORD_MIN: usize = 3;
/// Words of a name.
const WORDS_MAX: usize = 8;

/// What is taken out.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// In lower case, longest first; taken out wherever they stand.
    spellings: Vec<String>,
    /// In lower case; taken out where they stand by themselves.
    words: Vec<String>,
}

impl Person {
    /// What is known of a recipient from the envelope and from the mail's `To`.
    pub(super) fn of(recipient: &str, mail: &Message<'_>) -> Self {
        let mut person = Self::default();
        if let Some((local, domain)) = recipient.rsplit_once('@') {
            let spell = |between: &str| format!("{local}{between}{domain}").to_lowercase();
            person.spellings.extend(["@", "%40", "="].map(spell));
            person.add(local);
        }
        let shown = mail.to().map(Address::iter).into_iter().flatten().find(|shown| {
            shown.address.as_ref().is_some_and(|address| address.eq_ignore_ascii_case(recipient))
                && !recipient.is_empty()
        });
        if let Some(name) = shown.and_then(|shown| shown.name.as_deref()) {
            name.split_whitespace().take(WORDS_MAX).for_each(|word| person.add(word));
        }
        person.words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        person
    }

    fn add(&mut self, word: &str) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        if word.chars().count() >= WORD_MIN && !self.words.contains(&word) {
            self.words.push(word);
        }
    }

    /// A text without it; of addresses that stand in it, the values of queries and what looks like a code go too.
    pub(super) fn blanked(&self, text: &str) -> String {
        let mut text = self.masked_urls(text);
        for spelling in &self.spellings {
            text = replaced(&text, spelling, |_, _| true);
        }
        let parted = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        for word in &self.words {
            text = replaced(&text, word, |before, behind| {
                parted(before.chars().next_back()) && parted(behind.chars().next()) && !before.ends_with('[')
            });
        }
        text
    }

    #[expect(clippy::unused_self, reason = "whoever is meant, such an address may be theirs alone")]
    fn masked_urls(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(colon) = rest.find("://") {
            let start = rest[..colon].rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |at| next(rest, at));
            let end = rest[colon..]
                .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')'))
                .map_or(rest.len(), |n| colon + n);
            out.push_str(&rest[..start]);
            out.push_str(&link::masked(&rest[start..end]));
            rest = &rest[end..];
        }
        out + rest
    }
}

/// Behind the character at this place.
pub(super) fn next(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

/// A text without a word in lower case, where what stands around it allows.
fn replaced(text: &str, word: &str, is_there: impl Fn(&str, &str) -> bool) -> String {
    let lower = lower(text);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(lower.as_bytes(), word.as_bytes()) {
        let end = at + word.len();
        if let (Some(before), Some(behind)) = (text.get(..at), text.get(end..))
            && at >= from
            && is_there(before, behind)
        {
            out.push_str(&text[from..at]);
            out.push_str(BLANK);
            from = end;
        }
    }
    out + &text[from..]
}

/// In lower case, each letter in as many octets as before.
fn lower(text: &str) -> String {
    let small = |c: char| {
        let mut lower = c.to_lowercase();
        lower.next().filter(|small| lower.next().is_none() && small.len_utf8() == c.len_utf8()).unwrap_or(c)
    };
    text.chars().map(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::MessageParser;

    fn blanked(to: &str, text: &str) -> String {
        let mail = format!("To: {to}\r\n\r\nx");
        Person::of("Anna.Lind@own.example", &MessageParser::new().parse(&mail).unwrap()).blanked(text)
    }

    #[test]
    fn address_and_name_are_taken_out() {
        let to = "\"\u{d6}zg\u{fc}r Lindqvist\" <anna.lind@own.example>, Bert <b@own.example>";
        for (text, wanted) in [
            ("Dear \u{d6}ZG\u{dc}R,", "Dear [recipient],"),
            ("LINDQVIST and Lindqvists", "[recipient] and Lindqvists"),
            ("to anna.lind@own.example.", "to [recipient]."),
            ("bounce+anna.lind=own.example@r.example", "bounce+[recipient]@r.example"),
            ("anna.lind%40OWN.example", "[recipient]"),
            ("Hello anna.lind!", "Hello [recipient]!"),
            ("Bert and bertha", "Bert and bertha"),
            (
                "https://a.example/u/8f3a91c2?c=1 (https://b.example/x?d=2)",
                "https://a.example/u/*?c=* (https://b.example/x?d=*)",
            ),
            ("\u{e9}://", "\u{e9}://"),
        ] {
            assert_eq!(blanked(to, text), wanted, "{text}");
        }
        assert_eq!(blanked("undisclosed:;", "Dear Lindqvist"), "Dear Lindqvist");
    }

    #[test]
    fn nobody_is_taken_out_where_nobody_is_known() {
        let mail = MessageParser::new().parse("To: x <>\r\n\r\nx").unwrap();
        assert_eq!(Person::of("", &mail).blanked("x a@b.example"), "x a@b.example");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,60}(://)?(anna.lind)?\\PC{0,10}") {
            proptest::prop_assert!(!blanked("", &text).to_lowercase().contains("anna.lind@own.example"));
        }
    }
}
