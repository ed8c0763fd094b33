//! How long a receiver asks to be left alone, when its reply says so: "Greylisted, try again in 300 seconds".

use std::time::Duration;

use super::reply::Reply;

/// What is asked is kept to within these.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_hours(12);
/// Words before or behind the time that say what it is for.
const ASKING: &[&str] =
    &["again", "retry", "retries", "wait", "resend", "come back", "greylist", "graylist", "defer", "later"];
/// So much around the time is looked at for them, in octets.
const AROUND: usize = 60;

/// The pause that a reply asks for; `None` when it names none.
pub fn asked_pause(reply: &Reply) -> Option<Duration> {
    let text = reply.text.to_ascii_lowercase();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(digit) = bytes.get(at..)?.iter().position(u8::is_ascii_digit) {
        let start = at + digit;
        let end = start + bytes.get(start..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        at = end;
        // No part of a code, an address or a version.
        let alone = start == 0 || matches!(bytes.get(start - 1)?, b' ' | b'(' | b'=' | b':' | b'<' | b'[');
        let asked = alone.then(|| time(&text, start, end)).flatten();
        if let Some((pause, _)) = asked.filter(|(_, behind)| is_asked(&text, start, *behind)) {
            return Some(pause.clamp(PAUSE_MIN, PAUSE_MAX));
        }
    }
    None
}

/// A number with its unit, and where that ends: `300 seconds`, `5 min`, `00:05:00`.
fn time(text: &str, start: usize, end: usize) -> Option<(Duration, usize)> {
    if let Some(pause) = clock(text.get(start..)?) {
        return Some((pause, start + 8));
    }
    let number: u64 = text.get(start..end)?.parse().ok().filter(|n| *n > 0 && *n < 1_000_000)?;
    let rest = text.get(end..)?;
    let blanks = rest.len() - rest.trim_start_matches([' ', '-']).len();
    let word: String = rest.get(blanks..)?.chars().take_while(char::is_ascii_alphabetic).collect();
    let unit = match word.as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        _ => return None,
    };
    Some((Duration::from_secs(number * unit), end + blanks + word.len()))
}

/// `hh:mm:ss`.
fn clock(text: &str) -> Option<Duration> {
    let text = text.get(..8)?;
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok().filter(|_| part.len() == 2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let pause = Duration::from_secs(hours * 3_600 + minutes * 60 + seconds);
    Some(pause).filter(|_| minutes < 60 && seconds < 60 && !pause.is_zero())
}

/// Whether the words around a time say that it is to be waited for, and not what was counted within it.
fn is_asked(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(text.floor_char_boundary(start.saturating_sub(AROUND))..start).unwrap_or_default();
    let behind = text.get(end..text.ceil_char_boundary((end + AROUND).min(text.len()))).unwrap_or_default();
    // "10 messages per 60 seconds", "within the last 24 hours".
    let last = before.trim_end().rsplit(' ').next().unwrap_or_default();
    let counted = matches!(last, "per" | "every" | "last" | "past" | "within" | "each" | "than" | "older");
    !counted && ASKING.iter().any(|word| before.contains(word) || behind.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<u64> {
        asked_pause(&Reply { code: 451, enhanced: None, text: text.to_owned() }).map(|pause| pause.as_secs())
    }

    #[test]
    fn what_receivers_ask_for_is_read() {
        for (text, seconds) in [
            ("Greylisted, please try again in 300 seconds", 300),
            ("4.7.1 Greylisting in action, please come back in 00:05:00", 300),
            ("Recipient address rejected: Greylisted for 5 minutes", 300),
            ("you have been greylisted, retry in 1 hour", 3_600),
            ("Please wait 60s and try again", 60),
            ("Resources temporarily unavailable - please try again later (in 10 min.)", 600),
            ("try again in 180 seconds. 10 messages per 60 seconds is your limit", 180),
            ("Retry after: 120 seconds", 120),
            ("retry timeout: 299 seconds", 299),
            ("try again in 999999 hours", PAUSE_MAX.as_secs()),
        ] {
            assert_eq!(asked(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_none() {
        for text in [
            "",
            "try again later",
            "4.2.1 user is over quota; 5 messages refused",
            "too many messages: 100 per 60 seconds, try again later",
            "your address 192.0.2.60 second opinion, try again",
            "rejected: more than 10 connections within 60 seconds; try again",
            "refused for 5 minutes",
            "try again in 0 seconds",
            "try again in 5 bananas",
            "v1.60 sec try again",
            "again 99:99:99",
            "\u{fc}\u{fc}\u{fc} again \u{fc} 5\u{fc}",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(again|[0-9]{1,3}| |min|:|\u{fc}|.){0,80}") {
            let _ = asked(&text);
        }
    }
}
