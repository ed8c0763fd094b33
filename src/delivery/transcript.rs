//! The lines of an attempt, for the page that shows it.

/// The longest transcript, in octets.
pub const TRANSCRIPT_MAX: usize = 16 * 1024;
/// The longest line in it, in characters.
const LINE_MAX: usize = 512;

/// Octets of all lines together, of an attempt that many share.
const ALL_MAX: usize = 8 * TRANSCRIPT_MAX;

/// Lines that begin with `C: ` (ours), `S: ` (the server's) or `-- ` (what happened around them). Each recipient of an
/// attempt is shown what was said of all and of itself: the others are nobody's business, and are erased with their own.
#[derive(Debug)]
pub(super) struct Transcript {
    lines: Vec<(Whose, String)>,
    whose: Whose,
    /// Octets of each recipient's lines, and of all.
    octets: [usize; Whose::BITS as usize],
    in_all: usize,
    /// Those who have no room for more.
    cut: Whose,
}

/// Numbers of recipients, as bits.
type Whose = u64;

impl Default for Transcript {
    fn default() -> Self {
        Self { lines: Vec::new(), whose: Whose::MAX, octets: [0; Whose::BITS as usize], in_all: 0, cut: 0 }
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

    /// What we said, without its line end. The caller keeps secrets out.
    pub(super) fn client(&mut self, line: &str) {
        self.line("C: ", line);
    }

    /// A line of the server.
    pub(super) fn server(&mut self, line: &[u8]) {
        self.line("S: ", &String::from_utf8_lossy(line));
    }

    /// What happened.
    pub(super) fn note(&mut self, line: &str) {
        self.line("-- ", line);
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
        let own = self.lines.iter().filter(|(whose, _)| whose & bit(recipient) != 0);
        own.map(|(_, line)| line.as_str()).collect()
    }

    fn line(&mut self, mark: &str, line: &str) {
        let clean: String = line.chars().take(LINE_MAX).map(visible).collect();
        let line = format!("{mark}{}\n", clean.trim_end());
        let mut full = 0;
        for (n, octets) in self.octets.iter_mut().enumerate() {
            let own = self.whose & !self.cut & bit(n);
            if own != 0 && (*octets + line.len() + 64 > TRANSCRIPT_MAX || self.in_all + line.len() > ALL_MAX) {
                full |= own;
            } else if own != 0 {
                *octets += line.len();
            }
        }
        if full != 0 {
            self.lines.push((full, "-- the rest is left out\n".to_owned()));
            self.cut |= full;
        }
        if self.whose & !self.cut != 0 {
            self.in_all += line.len();
            self.lines.push((self.whose & !self.cut, line));
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
    use super::*;

    #[test]
    fn is_clean_and_bounded() {
        let mut log = Transcript::default();
        log.client("EHLO relay.example.com");
        log.server(b"250 \x1b[31mcaf\xe9\r");
        log.message(12_345);
        log.message(999);
        log.message(1_000_000);
        for _ in 0..1000 {
            log.server(&[b'x'; 4000]);
        }
        let text = log.text_of(0);
        assert!(text.starts_with(
            "C: EHLO relay.example.com\nS: 250  [31mcaf\u{fffd}\nC: (12,345 bytes)\nC: (999 bytes)\nC: (1,000,000 bytes)\n"
        ));
        assert!(text.len() <= TRANSCRIPT_MAX && text.ends_with("left out\n"));
    }

    #[test]
    fn each_recipient_sees_what_is_its_own() {
        let mut log = Transcript::default();
        log.client("MAIL FROM:<>");
        for n in 0..50 {
            let former = log.narrow(&[n]);
            log.client(&format!("RCPT TO:<u{n}@b.example>"));
            (0..100).for_each(|_| log.server(&[b'x'; 4000]));
            log.widen(former);
        }
        log.server(b"250 ok");
        assert!(log.text_of(7).starts_with("C: MAIL FROM:<>\nC: RCPT TO:<u7@b.example>\nS: xxx"), "{}", log.text_of(7));
        let of_all = |n| log.text_of(n).matches("RCPT").count();
        assert!((0..50).all(|n| of_all(n) <= 1 && log.text_of(n).len() <= TRANSCRIPT_MAX));
        assert!(log.lines.iter().map(|(_, line)| line.len()).sum::<usize>() < ALL_MAX + 64 * 50);
        assert!(log.text_of(49).ends_with("left out\n") || log.text_of(49).ends_with("250 ok\n"));
    }
}
