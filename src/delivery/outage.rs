//! Whether it is this machine that reaches nobody: the DNS answers nothing at all, or no connection to anyone comes about.
//!
//! Pure. That is no receiver's doing, so no attempt is used up and no life runs meanwhile; one delivery at a time is tried,
//! at growing intervals, until one gets through. That nobody can be connected to is never sure: whom it was not tried with
//! is tried all the same.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::domain::{Calendar, Timestamp};
use crate::store::view::{Finding, Severity};

/// Connections to so many sites must fail before it is our own fault.
const SITES_SILENT: usize = 3;
/// All within this, and none may have stood: what fails beside others that stand is the receivers' own fault. So it is
/// while only they were tried: the site that stood last must be among them.
const SILENCE_WINDOW: Duration = Duration::from_mins(10);
/// Sites known to be silent; when there are more, all are taken for it.
const SILENT_MAX: usize = 20_000;
/// Between two tries, at first and at most.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How far an attempt got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// A server of this site: a connection stood.
    Server(String),
    /// The DNS, which answered.
    Names,
    /// The DNS, which answers, but not about this name.
    NoName,
    /// The DNS; then no connection to this site stood.
    NoServer(String),
    /// Nothing: the DNS answers no question, not even about the root.
    NoNames,
    /// A server of this site, where one domain's mail goes while that of others goes elsewhere: it says nothing of them.
    Beside(String),
    /// Nobody had to be asked.
    Unasked,
}

/// What this machine lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    Names,
    Connections,
}

/// Whom a delivery may begin to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Anyone,
    /// Sites that are not silent; this long.
    Others(Duration),
    /// This long.
    Nobody(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Held {
    lack: Lack,
    since: Timestamp,
    next: Instant,
    pause: Duration,
}

/// What an attempt says about this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it counts; else it failed by our own fault.
    pub(super) counts: bool,
    /// The outage that it ended had begun then.
    pub(super) ended: Option<Timestamp>,
}

/// The state.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Sites that no connection stood to, and when it was tried last.
    silent: BTreeMap<String, Instant>,
    held: Option<Held>,
    /// The site that a connection stood to last, and when.
    reached: Option<(String, Instant)>,
    /// When the last one ended.
    ended: Option<Instant>,
}

const COUNTS: Verdict = Verdict { counts: true, ended: None };
const SPARED: Verdict = Verdict { counts: false, ended: None };

impl Outage {
    /// Whom a delivery may begin to while so many are under way.
    pub(super) fn leave(&self, under_way: usize, now: Instant) -> Leave {
        let Some(held) = &self.held else { return Leave::Anyone };
        let left = held.next.saturating_duration_since(now);
        let pause = if under_way > 0 { left.max(PAUSE_MIN) } else { left };
        match held.lack {
            Lack::Names | Lack::Connections if pause.is_zero() => Leave::Anyone,
            Lack::Names => Leave::Nobody(pause),
            Lack::Connections => Leave::Others(pause),
        }
    }

    /// Whether a connection to this site was tried in vain.
    pub(super) fn is_silent(&self, site: &str) -> bool {
        self.silent.contains_key(site) || self.silent.len() >= SILENT_MAX
    }

    /// Hears how far an attempt got that ends now and took so long.
    pub(super) fn heard(&mut self, reach: &Reach, now: Timestamp, steady: Instant, took: Duration) -> Verdict {
        let no_names = self.held.is_some_and(|held| held.lack == Lack::Names);
        // Such an attempt was asking while nobody answered, also when somebody does by its end.
        let began_within =
            no_names || self.ended.is_some_and(|ended| steady.checked_sub(took).is_none_or(|b| b < ended));
        match reach {
            Reach::Server(site) => {
                self.silent.clear();
                self.reached = Some((site.clone(), steady));
                Verdict { ended: self.end(steady), ..COUNTS }
            }
            Reach::Names => Verdict { ended: if no_names { self.end(steady) } else { None }, ..COUNTS },
            Reach::NoName => Verdict { ended: if no_names { self.end(steady) } else { None }, counts: !began_within },
            Reach::NoNames => self.hold(Lack::Names, now, steady, took),
            Reach::Beside(site) => {
                self.silent.remove(site);
                COUNTS
            }
            Reach::Unasked => COUNTS,
            Reach::NoServer(site) => {
                let lately = |at: Instant| steady.saturating_duration_since(at) < SILENCE_WINDOW;
                if self.held.is_none() {
                    self.silent.retain(|_, at| lately(*at));
                }
                if self.silent.len() < SILENT_MAX || self.silent.contains_key(site) {
                    self.silent.insert(site.clone(), steady);
                }
                let gone = |(stood, at): &(String, Instant)| !lately(*at) && self.silent.contains_key(stood);
                let silence = self.silent.len() >= SITES_SILENT && self.reached.as_ref().is_none_or(gone);
                if !silence && self.held.is_none() {
                    return COUNTS;
                }
                self.hold(Lack::Connections, now, steady, took)
            }
        }
    }

    fn hold(&mut self, lack: Lack, now: Timestamp, steady: Instant, took: Duration) -> Verdict {
        let (since, pause) = match &self.held {
            None => {
                tracing::error!(lack = lack.word(), "this machine reaches nobody; deliveries wait and do not age");
                (now - took, PAUSE_MIN)
            }
            // Those that were under way together say the same thing; only what comes after the pause says it again.
            Some(held) if steady < held.next => (held.since, held.pause),
            Some(held) => (held.since, (held.pause * 2).min(PAUSE_MAX)),
        };
        self.held = Some(Held { lack, since, next: steady + pause, pause });
        SPARED
    }

    fn end(&mut self, steady: Instant) -> Option<Timestamp> {
        let held = self.held.take()?;
        self.ended = Some(steady);
        tracing::info!(lack = held.lack.word(), "this machine reaches others again; deliveries go on");
        Some(held.since)
    }

    /// The span that is under way, which does not count either, and what is lacking.
    pub(super) fn open(&self) -> Option<(Timestamp, &'static str)> {
        self.held.map(|held| (held.since, held.lack.word()))
    }

    /// Goes on where the relay was stopped: the first that gets through ends it.
    pub(super) fn resume(&mut self, since: Timestamp, lack: &str, now: Instant) {
        let lack = if lack == Lack::Names.word() { Lack::Names } else { Lack::Connections };
        self.held = Some(Held { lack, since, next: now, pause: PAUSE_MIN });
    }

    /// For the overview.
    pub(super) fn finding(&self, calendar: Calendar) -> Option<Finding> {
        let held = self.held?;
        let (title, detail) = match held.lack {
            Lack::Names => (
                "Nothing is delivered: no DNS resolver answers this machine.",
                "See to the resolvers of this machine, or name others in delivery.dns.",
            ),
            Lack::Connections => (
                "Nothing is delivered: no connection to any mail server comes about.",
                "Many providers block port 25. Ask for it to be opened, or hand mail to a smarthost: delivery.mode = \
                 \"smarthost\".",
            ),
        };
        let since = calendar.short(held.since);
        Some(Finding {
            severity: Severity::Bad,
            word: "Cut off".to_owned(),
            title: title.to_owned(),
            detail: format!("Since {since}. {detail} Mail waits meanwhile and does not expire."),
            link: ("/queue".to_owned(), "See the queue".to_owned()),
        })
    }
}

impl Lack {
    const fn word(self) -> &'static str {
        match self {
            Self::Names => "no DNS answer at all",
            Self::Connections => "no connection to any server",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::Zone;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    const TOOK: Duration = Duration::from_secs(1);

    #[test]
    fn one_dead_receiver_is_its_own_fault_and_three_in_a_row_are_ours() {
        let (began, utc) = (Clock.instant(), Calendar::new(Zone::UTC, at(0)));
        let mut outage = Outage::default();
        let silent = |name: &str| Reach::NoServer(name.to_owned());
        let stood = |name: &str| Reach::Server(name.to_owned());
        let heard = |outage: &mut Outage, reach: &Reach, minute: i64| {
            outage.heard(reach, at(60 * minute), began + Duration::from_mins(minute.unsigned_abs()), TOOK)
        };
        for (name, minute) in [("a", 0), ("a", 0), ("a", 1), ("b", 1), ("c", 12), ("d", 18)] {
            assert_eq!(heard(&mut outage, &silent(name), minute), COUNTS);
        }
        assert_eq!(heard(&mut outage, &stood("e"), 19), COUNTS);
        for name in ["a", "b", "c", "d"] {
            assert_eq!(heard(&mut outage, &silent(name), 20), COUNTS);
        }
        assert_eq!(heard(&mut outage, &silent("e"), 29), SPARED);
        assert_eq!(heard(&mut outage, &silent("a"), 31), SPARED);
        // Whom it was not tried with is tried all the same.
        assert!(matches!(outage.leave(0, began + Duration::from_mins(31)), Leave::Others(_)));
        assert!(outage.is_silent("a") && outage.is_silent("e") && !outage.is_silent("f"));
        assert!(outage.finding(utc).unwrap().detail.contains("smarthost"));
        let ended = heard(&mut outage, &stood("f"), 40);
        assert_eq!(ended, Verdict { counts: true, ended: Some(at(60 * 29 - 1)) });
        assert!(outage.finding(utc).is_none() && outage.leave(400, began) == Leave::Anyone);
        for name in ["a", "b", "c", "d"] {
            assert_eq!(heard(&mut outage, &silent(name), 41), COUNTS);
        }
    }

    #[test]
    fn dead_receivers_that_alone_are_tried_for_a_while_are_not_our_fault() {
        let began = Clock.instant();
        let mut outage = Outage::default();
        let heard = |outage: &mut Outage, reach: &Reach, minute: i64| {
            outage.heard(reach, at(60 * minute), began + Duration::from_mins(minute.unsigned_abs()), TOOK)
        };
        assert_eq!(heard(&mut outage, &Reach::Server("good".to_owned()), 0), COUNTS);
        for minute in [15, 30, 60, 120] {
            for n in 0..20 {
                assert_eq!(heard(&mut outage, &Reach::NoServer(format!("dead{n}")), minute), COUNTS);
            }
        }
        assert_eq!(outage.leave(1, began), Leave::Anyone);
        assert_eq!(heard(&mut outage, &Reach::NoServer("good".to_owned()), 121), SPARED);
    }

    #[test]
    fn a_server_of_the_house_says_nothing_of_the_others() {
        let began = Clock.instant();
        let mut outage = Outage::default();
        let heard = |outage: &mut Outage, reach: &Reach, minute: i64| {
            outage.heard(reach, at(60 * minute), began + Duration::from_mins(minute.unsigned_abs()), TOOK)
        };
        let (silent, beside) = (|name: &str| Reach::NoServer(name.to_owned()), Reach::Beside("house".to_owned()));
        assert_eq!(heard(&mut outage, &Reach::Server("a".to_owned()), 0), COUNTS);
        assert_eq!(heard(&mut outage, &silent("b"), 20), COUNTS);
        assert_eq!(heard(&mut outage, &beside, 20), COUNTS);
        assert_eq!(heard(&mut outage, &silent("house"), 21), COUNTS);
        assert_eq!(heard(&mut outage, &silent("a"), 21), SPARED);
        assert!(outage.is_silent("house"));
        for reach in [&beside, &Reach::Unasked] {
            assert_eq!(heard(&mut outage, reach, 22), COUNTS);
        }
        // It is served again at once, and the others wait on.
        assert!(!outage.is_silent("house") && outage.is_silent("a") && outage.open().is_some());
        assert_eq!(heard(&mut outage, &Reach::NoNames, 30), SPARED);
        assert_eq!((heard(&mut outage, &Reach::Unasked, 31), outage.open().is_some()), (COUNTS, true));
    }

    #[test]
    fn without_dns_one_is_tried_at_a_time_at_growing_intervals() {
        let mut steady = Clock.instant();
        let mut outage = Outage::default();
        assert_eq!(outage.leave(0, steady), Leave::Anyone);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert_eq!(outage.heard(&Reach::NoNames, at(7), steady, TOOK), SPARED);
            let Leave::Nobody(pause) = outage.leave(0, steady) else { panic!() };
            assert!(matches!(outage.leave(1, steady + pause), Leave::Nobody(_)));
            steady += pause;
            assert_eq!(outage.leave(0, steady), Leave::Anyone);
            pauses.push(pause);
        }
        assert!(pauses.is_sorted() && pauses[0] == PAUSE_MIN && pauses[7] == PAUSE_MAX);
        let ended = outage.heard(&Reach::Names, at(99), steady, TOOK);
        assert_eq!(ended, Verdict { counts: true, ended: Some(at(6)) });
    }

    #[test]
    fn what_asked_while_nobody_answered_is_spared_also_after_the_end() {
        let steady = Clock.instant();
        let mut outage = Outage::default();
        assert_eq!(outage.heard(&Reach::NoName, at(1), steady, TOOK), COUNTS);
        outage.heard(&Reach::NoNames, at(20), steady, TOOK * 18);
        let ended = outage.heard(&Reach::NoName, at(20), steady, TOOK * 18);
        assert_eq!(ended, Verdict { counts: false, ended: Some(at(2)) });
        let later = steady + TOOK;
        assert!(!outage.heard(&Reach::NoName, at(21), later, TOOK * 19).counts);
        assert!(outage.heard(&Reach::NoName, at(60), later + TOOK * 39, TOOK).counts);
    }
}
