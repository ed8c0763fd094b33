//! How fast one site is approached: it starts with what is known of it, is halved and cools down when the site says that
//! this is too fast, and rises slowly while it says nothing of the kind.
//!
//! Pure.

use std::time::Duration;

use super::providers::Start;
use crate::domain::Timestamp;

/// The least part of the start that is used; a connection, and a message over it, are left always.
const SHARE_MIN: f64 = 1.0 / 64.0;
/// So much more of the start is used after so many answers in a row that said nothing of the kind.
const RAISE: f64 = 1.0 / 16.0;
const RAISE_AFTER: u32 = 10;
/// Nothing begins for so long after a cut, at first and at most; each further cut doubles it.
const COOL_MIN: Duration = Duration::from_secs(5);
const COOL_MAX: Duration = Duration::from_mins(2);
/// The least rate, in messages a second: what is given up still has to be given up in time.
const RATE_MIN: f64 = 1.0 / 5.0;
/// A rate that was learned rises by so much at a time, and is forgotten above so many times what was refused.
const RATE_RAISE: f64 = 1.25;
const RATE_FORGOTTEN: f64 = 2.0;
/// After so many attempts in a row without a connection one is tried at a time.
const SILENT_MAX: u32 = 3;
/// What was learned is forgotten after so long without a word.
const MEMORY: Duration = Duration::from_hours(1);
/// Over so long a rate is measured.
const METER: Duration = Duration::from_secs(10);

/// What an attempt says about the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The server answered, and did not say that this is too fast: the mail was taken, or refused for its own sake.
    Answered,
    /// Too fast, too many: 421, or a refusal for the rate.
    TooFast,
    /// No connection stood.
    Silent,
    /// Nothing.
    Other,
}

/// Whether something may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    Now,
    /// When something under way has ended.
    Full,
    /// Not before.
    At(Timestamp),
}

/// The pace of one site.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    start: Start,
    /// The part of the start that is used, up to 1.
    share: f64,
    /// The rate that was learned, and the one that was refused.
    rate: Option<(f64, f64)>,
    /// Messages that may begin now, where there is a rate.
    allowance: f64,
    allowed_at: Timestamp,
    cool: Duration,
    cool_until: Timestamp,
    cut_at: Timestamp,
    heard_at: Timestamp,
    answered: u32,
    silent: u32,
    meter: Meter,
}

/// Counts what begins.
#[derive(Debug, Clone, Copy)]
struct Meter {
    since: Timestamp,
    count: f64,
    before: f64,
}

impl Pace {
    pub(super) fn new(start: Start, now: Timestamp) -> Self {
        let long_ago = Timestamp::from_millis(i64::MIN);
        Self {
            start,
            share: 1.0,
            rate: None,
            allowance: 1.0,
            allowed_at: now,
            cool: Duration::ZERO,
            cool_until: long_ago,
            cut_at: long_ago,
            heard_at: now,
            answered: 0,
            silent: 0,
            meter: Meter { since: now, count: 0.0, before: 0.0 },
        }
    }

    pub(super) fn start(&self) -> Start {
        self.start
    }

    /// Transactions that may be under way.
    pub(super) fn connections(&self) -> usize {
        let connections = if self.silent >= SILENT_MAX { 1 } else { self.part_of(self.start.connections) };
        usize::try_from(connections).unwrap_or(usize::MAX)
    }

    /// Messages over one connection.
    pub(super) fn messages_per_connection(&self) -> u32 {
        self.part_of(self.start.messages_per_connection)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a u32")]
    fn part_of(&self, start: u32) -> u32 {
        (f64::from(start) * self.share).floor().max(1.0) as u32
    }

    /// Messages a second; `None` is no limit.
    pub(super) fn messages_per_second(&self) -> Option<f64> {
        let known = self.start.messages_per_second.map(|rate| rate * self.share);
        [known, self.rate.map(|(rate, _)| rate)].into_iter().flatten().reduce(f64::min)
    }

    /// Until when nothing begins.
    pub(super) fn cooling(&self, now: Timestamp) -> Option<Timestamp> {
        (self.cool_until > now).then_some(self.cool_until)
    }

    /// Whether it is as it started; a cut ends that, and its cooling with it.
    pub(super) fn is_usual(&self) -> bool {
        self.share >= 1.0 && self.rate.is_none() && self.silent < SILENT_MAX
    }

    /// Whether a new one would do the same.
    pub(super) fn is_plain(&self) -> bool {
        self.is_usual() && self.silent == 0 && self.start.messages_per_second.is_none()
    }

    /// Whether something may begin while so many are under way.
    pub(super) fn permit(&mut self, in_flight: usize, now: Timestamp) -> Permit {
        if in_flight == 0 && now.since(self.heard_at) >= MEMORY {
            *self = Self::new(self.start, now);
        }
        // A clock that was put back makes nobody wait longer than was meant.
        self.cool_until = self.cool_until.min(now + self.cool);
        if let Some(until) = self.cooling(now) {
            return Permit::At(until);
        }
        if in_flight >= self.connections() {
            return Permit::Full;
        }
        let Some(rate) = self.messages_per_second() else { return Permit::Now };
        let passed = now.since(self.allowed_at).as_secs_f64();
        (self.allowance, self.allowed_at) = ((self.allowance + passed * rate).min(rate.max(1.0)), now);
        if self.allowance >= 1.0 {
            return Permit::Now;
        }
        let wait = Duration::from_secs_f64((1.0 - self.allowance) / rate);
        Permit::At(now + wait.max(Duration::from_millis(1)))
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.allowance -= 1.0;
        self.meter.count(now);
    }

    /// An attempt that began at `begun` has said this.
    pub(super) fn hear(&mut self, word: Word, begun: Timestamp, now: Timestamp) {
        self.heard_at = now;
        match word {
            Word::Answered => {
                (self.silent, self.answered) = (0, self.answered + 1);
                if self.answered >= RAISE_AFTER {
                    self.answered = 0;
                    self.raise();
                }
            }
            // Those that were under way at a cut say what is known.
            Word::TooFast if begun > self.cut_at => self.cut(now),
            Word::TooFast => {}
            Word::Silent => self.silent = self.silent.saturating_add(1),
            Word::Other => self.silent = 0,
        }
    }

    fn cut(&mut self, now: Timestamp) {
        let refused = self.messages_per_second().unwrap_or_else(|| self.meter.rate(now));
        let first = self.rate.map_or(refused, |(_, first)| first);
        self.rate = Some(((refused / 2.0).max(RATE_MIN), first));
        self.share = (self.share / 2.0).max(SHARE_MIN);
        self.cool = (self.cool * 2).clamp(COOL_MIN, COOL_MAX);
        (self.cut_at, self.cool_until) = (now, now + self.cool);
        (self.answered, self.silent) = (0, 0);
        (self.allowance, self.allowed_at) = (1.0, now);
    }

    fn raise(&mut self) {
        self.share = (self.share + RAISE).min(1.0);
        self.cool = (self.cool / 2).max(COOL_MIN);
        self.rate = self.rate.map(|(rate, refused)| (rate * RATE_RAISE, refused));
        self.rate = self.rate.filter(|(rate, refused)| self.share < 1.0 || *rate < refused * RATE_FORGOTTEN);
    }
}

impl Meter {
    fn count(&mut self, now: Timestamp) {
        let passed = now.since(self.since);
        if passed >= METER {
            *self = Self { since: now, count: 0.0, before: if passed < METER * 2 { self.count } else { 0.0 } };
        }
        self.count += 1.0;
    }

    /// In a second, over the last complete measure where the present one is young.
    fn rate(&self, now: Timestamp) -> f64 {
        let passed = now.since(self.since).as_secs_f64();
        let present = self.count / passed.max(1.0);
        let all = (self.count + self.before) / (passed + METER.as_secs_f64());
        if self.before > 0.0 { all } else { present }.max(RATE_MIN)
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
