//! The canary of a campaign: its first deliveries at a site go ahead of the rest, which follows when few of them were
//! refused.
//!
//! One sample for each campaign and site. What was tried for the first time counts as settled, so that a receiver who
//! asks to come again, or never answers, keeps nobody waiting for longer than one try of each.

use super::bounce::{BounceClass, coded_enum};
use super::reply::Outcome;

/// How large a sample is, and what holds the rest back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Canary {
    /// Deliveries of a campaign at a site that go ahead; 0 switches all of it off.
    pub first: u32,
    /// With a greater part of them refused the rest is held; 0: that is not looked at.
    pub refused: f64,
    /// With more complaints in what was delivered there the rest is held; 0: that is not looked at.
    pub complained: f64,
}

impl Canary {
    /// None at all.
    pub const OFF: Self = Self { first: 0, refused: 0.0, complained: 0.0 };

    /// Whether there is one.
    pub const fn is_on(&self) -> bool {
        self.first > 0
    }

    /// Whether so many refusals among so many that were tried hold the rest back.
    pub fn is_refused(&self, refused: u32, tried: u32) -> bool {
        exceeds(refused, tried, self.refused)
    }

    /// Whether so many complaints do, when so many were delivered. A share of few says little: it is always that of a whole
    /// sample at least.
    pub fn is_complained(&self, complained: u32, delivered: u32) -> bool {
        exceeds(complained, delivered.max(self.first), self.complained)
    }
}

fn exceeds(part: u32, whole: u32, limit: f64) -> bool {
    limit > 0.0 && f64::from(part) > limit * f64::from(whole)
}

coded_enum!(
    /// How a campaign stands at a site.
    CanaryState {
        /// The first are being tried; when all are under way the rest waits for what becomes of them.
        Trying = 0, "trying";
        /// All go.
        Passed = 1, "passed";
        /// What was not tried yet waits until a person decides.
        Held = 2, "held";
        /// A person let it go.
        Released = 3, "released";
    }
);

/// Whether a first try says that the receiver does not want this mail: refused for good, or put off for what was sent or
/// for who sends it. A receiver that only asks to come again, is full, in trouble or silent refuses nothing.
pub const fn is_refusal(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Delivered(_) => false,
        Outcome::Bounced { .. } => true,
        Outcome::Deferred { class, .. } | Outcome::Expired { class, .. } => is_unwanted(*class),
    }
}

const fn is_unwanted(class: BounceClass) -> bool {
    match class {
        BounceClass::Policy
        | BounceClass::SpamContent
        | BounceClass::IpBlocklisted
        | BounceClass::AuthFailed
        | BounceClass::RateLimited => true,
        BounceClass::InvalidRecipient
        | BounceClass::BadDomain
        | BounceClass::InactiveMailbox
        | BounceClass::MailboxFull
        | BounceClass::Greylisted
        | BounceClass::TooLarge
        | BounceClass::TlsOrProtocol
        | BounceClass::Dns
        | BounceClass::NoAnswer
        | BounceClass::Expired
        | BounceClass::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EnhancedCode, Reply, Timestamp};
    use super::*;

    #[test]
    fn more_than_the_limit_holds_and_zero_is_no_limit() {
        let canary = Canary { first: 200, refused: 0.05, complained: 0.003 };
        assert_eq!([(10, 200), (11, 200)].map(|(part, of)| canary.is_refused(part, of)), [false, true]);
        // One complaint among the first 200 is 0.5 %; among a thousand it is 0.1 %.
        let complaints = [(1, 3), (1, 200), (1, 1_000), (4, 1_000)];
        assert_eq!(complaints.map(|(part, of)| canary.is_complained(part, of)), [true, true, false, true]);
        let blind = Canary { refused: 0.0, complained: 0.0, ..canary };
        assert!(!blind.is_refused(200, 200) && !blind.is_complained(200, 200) && blind.is_on());
        assert!(!Canary::OFF.is_on());
    }

    #[test]
    fn greylisting_and_silence_refuse_nothing() {
        let reply = || Reply::local(451, EnhancedCode(4, 7, 1), "later");
        let deferred = |class| Outcome::Deferred { reply: reply(), class, next: Timestamp::default() };
        let refusals = BounceClass::ALL.iter().filter(|class| is_refusal(&deferred(**class)));
        let words: Vec<_> = refusals.map(|class| class.as_str()).collect();
        assert_eq!(words, ["policy", "spam_content", "ip_blocklisted", "auth_failed", "rate_limited"]);
        assert!(is_refusal(&Outcome::Bounced { reply: reply(), class: BounceClass::MailboxFull }));
        assert!(!is_refusal(&Outcome::Expired { reply: reply(), class: BounceClass::NoAnswer }));
        assert!(!is_refusal(&Outcome::Delivered(reply())));
    }
}
