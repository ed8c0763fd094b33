//! The log on standard error: one event a line, whatever text from outside is in it.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

/// Starts it: `POSTRIDER_LOG` filters, and without it `otherwise`; `POSTRIDER_LOG_FORMAT=json` changes the form.
pub fn start(otherwise: &str) {
    let filter = EnvFilter::try_from_env("POSTRIDER_LOG").unwrap_or_else(|_| EnvFilter::new(otherwise));
    let json = std::env::var("POSTRIDER_LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Lines(io::stderr()));
    // A second start in one process (a test) keeps the first one's log.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

/// Gets each event in one piece, and writes it as one line of printable text: nothing that a client said can begin a line
/// of its own, or steer the terminal of whoever reads.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len() + 1);
        for c in text.trim_end_matches('\n').chars() {
            // Beside the control characters those that end a line or turn its direction (UAX 14, UAX 9).
            if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            {
                line.extend(c.escape_default());
            } else {
                line.push(c);
            }
        }
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_printable_text() {
        let mut lines = Lines(Vec::new());
        lines.write_all("INFO gr\u{fc}n a\r\nINFO forged\u{1b}[2J\0\u{9b}\u{2028}x\u{202e}y\n".as_bytes()).unwrap();
        let shown = String::from_utf8(lines.0).unwrap();
        let wanted = "INFO gr\u{fc}n a\\r\\nINFO forged\\u{1b}[2J\\u{0}\\u{9b}\\u{2028}x\\u{202e}y\n";
        assert_eq!(shown, wanted);
    }
}
