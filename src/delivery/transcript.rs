//! The lines of an attempt, each with its time, for the page that shows it.

use tokio::time::Instant;

/// The longest transcript, in octets.
pub const TRANSCRIPT_MAX: usize = 16 * 1024;
/// The longest line in it, in characters.
const LINE_MAX: usize = 512;

/// Octets of all lines together, of an attempt that many share.
const ALL_MAX: usize = 8 * TRANSCRIPT_MAX;

/// Characters before a line's mark: milliseconds since the attempt began, or blanks where they are those of the line before,
/// and a blank.
const TIME_LEN: usize = 7;

/// Lines that begin with their time and `C: ` (ours), `S: ` (the server's) or `-- ` (what happened around them). Each
/// recipient of an attempt is shown what was said of all and of itself: the others are nobody's business, and are erased with
/// their own.
#[derive(Debug)]
pub(super) struct Transcript {
    began: Instant,
    lines: Vec<Line>,
    whose: Whose,
    /// Octets of each recipient's lines, and of all.
    octets: [usize; Whose::BITS as usize],
    in_all: usize,
    /// Those who have no room for more.
    cut: Whose,
}

#[derive(Debug)]
struct Line {
    whose: Whose,
    /// Milliseconds since the attempt began.
    at: u128,
    text: String,
}

/// Numbers of recipients, as bits.
type Whose = u64;

/// Of an attempt that begins now.
impl Default for Transcript {
    fn default() -> Self {
        let (began, octets) = (Instant::now(), [0; Whose::BITS as usize]);
        Self { began, lines: Vec::new(), whose: Whose::MAX, octets, in_all: 0, cut: 0 }
    }
}

impl Transcript {
    /// What follows is about these only. Gives what [`Transcript::widen`] takes.
    pub(super) fn narrow(&mut self, recipients: &[usize]) -> Whose {
        let bits = recipients.iter().fold(0, |bits, n| bits | bit(*n));
        std::mem::replace(&mut self.whose, bits)
    }

    /// The end of [`Transcript::narrow`].
    pub(super) fn widen(&mut self, former: Whose) {
        self.whose = former;
    }

    /// What we say now, without its line end. The caller keeps secrets out.
    pub(super) fn client(&mut self, line: &str) {
        self.client_at(line, Instant::now());
    }

    /// What we said then.
    pub(super) fn client_at(&mut self, line: &str, at: Instant) {
        self.line("C: ", line, at);
    }

    /// Lines of the server that came then.
    pub(super) fn server(&mut self, lines: &[Vec<u8>], at: Instant) {
        lines.iter().for_each(|line| self.line("S: ", &String::from_utf8_lossy(line), at));
    }

    /// What has happened.
    pub(super) fn note(&mut self, line: &str) {
        self.line("-- ", line, Instant::now());
    }

    /// The message itself: only its size.
    pub(super) fn message(&mut self, octets: usize) {
        let digits = octets.to_string();
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        self.client(&format!("({grouped} bytes)"));
    }

    /// All of it that is about this recipient.
    pub(super) fn text_of(&self, recipient: usize) -> String {
        let mut before = None;
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| line.whose & bit(recipient) != 0) {
            // Longer ones push their line aside: that takes a quarter of an hour.
            let time = if before == Some(line.at) { String::new() } else { line.at.to_string() };
            text.push_str(&format!("{time:>width$} {}", line.text, width = TIME_LEN - 1));
            before = Some(line.at);
        }
        text
    }

    fn line(&mut self, mark: &str, line: &str, at: Instant) {
        let clean: String = line.chars().take(LINE_MAX).map(visible).collect();
        let text = format!("{mark}{}\n", clean.trim_end());
        let (at, len) = (at.saturating_duration_since(self.began).as_millis(), TIME_LEN + text.len());
        let mut full = 0;
        for (n, octets) in self.octets.iter_mut().enumerate() {
            let own = self.whose & !self.cut & bit(n);
            if own != 0 && (*octets + len + 64 > TRANSCRIPT_MAX || self.in_all + len > ALL_MAX) {
                full |= own;
            } else if own != 0 {
                *octets += len;
            }
        }
        if full != 0 {
            self.lines.push(Line { whose: full, at, text: "-- the rest is left out\n".to_owned() });
            self.cut |= full;
        }
        if self.whose & !self.cut != 0 {
            self.in_all += len;
            self.lines.push(Line { whose: self.whose & !self.cut, at, text });
        }
    }
}

fn bit(recipient: usize) -> Whose {
    u32::try_from(recipient).ok().and_then(|n| Whose::checked_shl(1, n)).unwrap_or(0)
}

/// Control characters and the marks that turn writing direction become blanks.
fn visible(c: char) -> char {
    match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn say(log: &mut Transcript, line: &[u8], after_ms: u64) {
        log.server(&[line.to_vec()], log.began + Duration::from_millis(after_ms));
    }

    #[test]
    fn is_clean_and_bounded() {
        let mut log = Transcript::default();
        log.client_at("EHLO relay.example.com", log.began);
        say(&mut log, b"250 \x1b[31mcaf\xe9\r", 0);
        log.message(12_345);
        log.message(999);
        log.message(1_000_000);
        for n in 0..1000 {
            say(&mut log, &[b'x'; 4000], 1_000_000 + n);
        }
        let text = log.text_of(0);
        let said: String = text.lines().take(5).map(|line| format!("{}\n", &line[TIME_LEN..])).collect();
        assert_eq!(
            said,
            "C: EHLO relay.example.com\nS: 250  [31mcaf\u{fffd}\nC: (12,345 bytes)\nC: (999 bytes)\nC: (1,000,000 bytes)\n"
        );
        assert!(text.len() <= TRANSCRIPT_MAX && text.ends_with("left out\n"), "{}", text.len());
    }

    #[test]
    fn each_line_says_when_unless_the_one_before_did() {
        let mut log = Transcript::default();
        log.client_at("EHLO x", log.began);
        say(&mut log, b"250-x", 12);
        say(&mut log, b"250 y", 12);
        let former = log.narrow(&[1]);
        say(&mut log, b"250 z", 600_000);
        log.widen(former);
        say(&mut log, b"221 bye", 600_000);
        let beginning = "     0 C: EHLO x\n    12 S: 250-x\n       S: 250 y\n";
        assert_eq!(log.text_of(0), format!("{beginning}600000 S: 221 bye\n"));
        assert_eq!(log.text_of(1), format!("{beginning}600000 S: 250 z\n       S: 221 bye\n"));
    }

    #[test]
    fn each_recipient_sees_what_is_its_own() {
        let mut log = Transcript::default();
        log.client("MAIL FROM:<>");
        for n in 0..50 {
            let former = log.narrow(&[n]);
            log.client(&format!("RCPT TO:<u{n}@b.example>"));
            (0..100).for_each(|_| say(&mut log, &[b'x'; 4000], 1));
            log.widen(former);
        }
        say(&mut log, b"250 ok", 2);
        let said = |n| log.text_of(n).lines().map(|line| line[TIME_LEN..].to_owned()).collect::<Vec<_>>();
        assert_eq!(said(7)[..2], ["C: MAIL FROM:<>", "C: RCPT TO:<u7@b.example>"]);
        assert!(said(7)[2].starts_with("S: xxx"), "{}", log.text_of(7));
        let of_all = |n| log.text_of(n).matches("RCPT").count();
        assert!((0..50).all(|n| of_all(n) <= 1 && log.text_of(n).len() <= TRANSCRIPT_MAX));
        assert!(log.lines.iter().map(|line| TIME_LEN + line.text.len()).sum::<usize>() < ALL_MAX + 64 * 50);
        assert!(log.text_of(49).ends_with("left out\n") || log.text_of(49).ends_with("250 ok\n"));
    }
}
