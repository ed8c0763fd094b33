//! What came of it, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// So many kinds of replies are told apart; further ones are counted together.
const KINDS_MAX: usize = 50;

/// What one session saw, and then what all saw.
#[derive(Default)]
pub struct Report {
    messages: u64,
    recipients: u64,
    /// Octets after DATA.
    pub bytes: u64,
    latencies_us: Vec<u32>,
    replies: BTreeMap<String, u64>,
}

impl Report {
    /// A message was answered after `latency`, with so many recipients taken.
    pub fn answered(&mut self, taken: u64, latency: Duration) {
        self.messages += u64::from(taken > 0);
        self.recipients += taken;
        self.latencies_us.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// A reply that was not the one hoped for.
    pub fn not_250(&mut self, to: &str, reply: &str) {
        self.count(format!("{to}: {reply}"), 1);
    }

    fn count(&mut self, kind: String, times: u64) {
        let known = self.replies.len() < KINDS_MAX || self.replies.contains_key(&kind);
        *self.replies.entry(if known { kind } else { "other".into() }).or_default() += times;
    }

    /// Adds what another session saw.
    pub fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.recipients += other.recipients;
        self.bytes += other.bytes;
        self.latencies_us.extend(other.latencies_us);
        for (kind, times) in other.replies {
            self.count(kind, times);
        }
    }

    /// The sum of it when `messages` were to be sent and `time` has passed.
    pub fn summary(mut self, messages: u64, time: Duration) -> Summary {
        self.latencies_us.sort_unstable();
        Summary { report: self, messages, seconds: time.as_secs_f64().max(1e-6) }
    }
}

/// The sum of a run.
pub struct Summary {
    report: Report,
    messages: u64,
    seconds: f64,
}

impl Summary {
    /// Whether every message was taken.
    pub fn all_taken(&self) -> bool {
        self.report.messages == self.messages
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody floods 2^52 messages")]
    fn per_second(&self, count: u64) -> f64 {
        (count as f64 / self.seconds * 10.0).round() / 10.0
    }

    /// The latency that `hundredths` of a hundred messages did not exceed, in milliseconds; 0 without messages.
    fn latency_ms(&self, hundredths: usize) -> f64 {
        let sorted = &self.report.latencies_us;
        let at = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
        f64::from(sorted.get(at).copied().unwrap_or(0)) / 1000.0
    }

    /// The same numbers for programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "messages": self.messages, "accepted": self.report.messages, "recipients": self.report.recipients,
            "bytes": self.report.bytes, "seconds": self.seconds,
            "accepted_per_s": self.per_second(self.report.messages),
            "recipients_per_s": self.per_second(self.report.recipients),
            "latency_ms": {"p50": self.latency_ms(50), "p99": self.latency_ms(99), "max": self.latency_ms(100)},
            "replies": self.report.replies,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        writeln!(f, "accepted  {} of {} messages, {} recipients", report.messages, self.messages, report.recipients)?;
        let (messages, recipients) = (self.per_second(report.messages), self.per_second(report.recipients));
        writeln!(f, "rate      {messages}/s, {recipients} recipients/s, {:.2} s in all", self.seconds)?;
        let (p50, p99, max) = (self.latency_ms(50), self.latency_ms(99), self.latency_ms(100));
        writeln!(f, "latency   p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms")?;
        for (reply, times) in &report.replies {
            writeln!(f, "{times:>8} x {reply}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_latencies() {
        let mut report = Report::default();
        for ms in (1..=100).rev() {
            report.answered(1, Duration::from_millis(ms));
        }
        let summary = report.summary(101, Duration::from_secs(2));
        assert_eq!(summary.json()["latency_ms"], serde_json::json!({"p50": 50.0, "p99": 99.0, "max": 100.0}));
        assert_eq!(summary.json()["accepted_per_s"], serde_json::json!(50.0));
        assert!(!summary.all_taken());
    }

    #[test]
    fn kinds_of_replies_are_bounded() {
        let mut report = Report::default();
        for n in 0..60 {
            report.not_250("RCPT", &format!("550 {n}"));
        }
        assert_eq!(report.replies.len(), KINDS_MAX + 1);
        assert_eq!(report.replies["other"], 10);
    }
}
