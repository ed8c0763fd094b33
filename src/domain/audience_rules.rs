//! The rules that tell who fetched something, and what one hit looks like to them.
//!
//! A rule fits when all it asks for holds; the first that fits decides. What a rule can look at is what is kept of a hit
//! and of its delivery, so that history is judged like the present.

use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::audience::{Audience, Verdict};
use super::bounce_rules::BrokenRule;
use super::device::Device;
use super::event::Hit;
use super::timestamp::Timestamp;

const BUILT_IN: &str = include_str!("audience.toml");

/// What is known of the delivery that a hit belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The mail exchanger that took the mail, in lower case; empty when it is not known.
    pub mx: String,
    /// When it said 250; `None` when it has not.
    pub delivered_at: Option<Timestamp>,
    /// Whether it did so at the first try: before that no mailbox can have had the mail.
    pub first_try: bool,
    /// How many tracked links the copy carries.
    pub links: u16,
}

/// What is kept of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenHit<'a> {
    /// When.
    pub at: Timestamp,
    /// 0 for the pixel, else the link's position.
    pub position: u16,
    /// The client's network as it is kept; empty for none.
    pub address: &'a str,
    /// The user agent.
    pub agent: &'a str,
    /// What else the request told: the sum of [`Hit::SAID_PREFETCH`] and the like.
    pub signals: u8,
}

/// Rules, in the order in which they are tried. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AudienceRules(pub(super) Arc<Table>);

impl AudienceRules {
    /// A short number of the rules, another when they are others.
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(format!("{:?}", self.0));
        digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a file of rules says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Table {
    pub(super) rules: Vec<Rule>,
    pub(super) bursts: Vec<Burst>,
    pub(super) families: Vec<(Arc<str>, Agent)>,
    pub(super) devices: Vec<(Device, Agent)>,
}

/// Judges one hit by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) verdict: Verdict,
    pub(super) opens: bool,
    pub(super) clicks: bool,
    pub(super) agent: Option<Agent>,
    pub(super) networks: Vec<IpNet>,
    /// Ends of names of mail exchangers.
    pub(super) mx: Vec<String>,
    /// Signals of which one must be there; 0 for none.
    pub(super) signals: u8,
    /// At most so many milliseconds after the 250, or before it.
    pub(super) within_ms: Option<i64>,
    /// At least so many milliseconds before the 250 of a first try.
    pub(super) ahead_ms: Option<i64>,
}

/// Judges hits together: links followed faster than people follow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) verdict: Verdict,
    /// So many distinct links, or every tracked link of a mail that has at least `least`.
    pub(super) links: Option<usize>,
    pub(super) least: u16,
    pub(super) pace: Pace,
    /// Whether all must come from one client network.
    pub(super) one_client: bool,
    /// Other hits of the same client so long before and after belong to it.
    pub(super) before_ms: i64,
    pub(super) after_ms: i64,
}

/// How fast links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// All within so many milliseconds.
    Within(i64),
    /// Each at most so many milliseconds after the one before.
    Pause(i64),
}

/// Which agents: one of the parts, beginnings or wholes, and none of the parts that exclude. All in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Agent {
    pub(super) parts: Vec<String>,
    pub(super) beginnings: Vec<String>,
    pub(super) wholes: Vec<String>,
    pub(super) without: Vec<String>,
}

impl AudienceRules {
    /// Those that every relay has.
    pub fn built_in() -> Self {
        // A test holds that they can be read.
        static RULES: LazyLock<AudienceRules> = LazyLock::new(|| {
            AudienceRules(Arc::new(
                super::audience_read::read(BUILT_IN).map_or_else(|_| Table::default(), |file| file.table),
            ))
        });
        RULES.clone()
    }

    /// An operator's rules, and behind them the built-in ones, but for those of the same names; the file may do without
    /// the latter.
    pub fn with_own(text: &str) -> Result<Self, BrokenRule> {
        let file = super::audience_read::read(text)?;
        let mut table = file.table;
        if file.built_in {
            table.append(Self::built_in().0.as_ref());
        }
        Ok(Self(Arc::new(table)))
    }

    /// How one hit is judged by itself. What no rule fits cannot be told.
    pub fn alone(&self, context: &Context, hit: &SeenHit<'_>) -> Verdict {
        let agent = plain(hit.agent);
        let network = network(hit.address);
        let found = self.0.rules.iter().find(|rule| rule.fits(context, hit, &agent, network.as_ref()));
        found.map_or_else(unknown, |rule| rule.verdict.clone())
    }

    /// The family of a client's program and its kind of device, as far as the agent tells; empty and unknown otherwise.
    pub fn program(&self, agent: &str) -> (Arc<str>, Device) {
        let agent = plain(agent);
        let family = self.0.families.iter().find(|(_, which)| which.fits(&agent)).map(|(name, _)| Arc::clone(name));
        let device = self.0.devices.iter().find(|(_, which)| which.fits(&agent)).map(|(device, _)| *device);
        (family.unwrap_or_else(|| Arc::from("")), device.unwrap_or(Device::Unknown))
    }
}

impl Table {
    /// Adds what has no name in common.
    fn append(&mut self, other: &Self) {
        let taken: Vec<Arc<str>> = self.names().cloned().collect();
        let is_new = |verdict: &Verdict| !taken.contains(&verdict.rule);
        self.rules.extend(other.rules.iter().filter(|rule| is_new(&rule.verdict)).cloned());
        self.bursts.extend(other.bursts.iter().filter(|burst| is_new(&burst.verdict)).cloned());
        self.families.extend(other.families.iter().cloned());
        self.devices.extend(other.devices.iter().cloned());
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let bursts = self.bursts.iter().map(|burst| &burst.verdict.rule);
        self.rules.iter().map(|rule| &rule.verdict.rule).chain(bursts)
    }
}

impl Rule {
    fn fits(&self, context: &Context, hit: &SeenHit<'_>, agent: &str, network: Option<&IpNet>) -> bool {
        let kind = if hit.position == 0 { self.opens } else { self.clicks };
        let since_ms = context.delivered_at.map(|at| hit.at.millis().saturating_sub(at.millis()));
        kind && (self.signals == 0 || self.signals & hit.signals != 0)
            && self.within_ms.is_none_or(|most| since_ms.is_some_and(|since| since <= most))
            && self.ahead_ms.is_none_or(|least| context.first_try && since_ms.is_some_and(|since| since <= -least))
            && (self.mx.is_empty() || self.mx.iter().any(|end| ends_in(&context.mx, end)))
            && self.agent.as_ref().is_none_or(|which| which.fits(agent))
            && (self.networks.is_empty()
                || network.is_some_and(|client| self.networks.iter().any(|net| net.contains(client))))
    }
}

impl Agent {
    fn fits(&self, agent: &str) -> bool {
        let any = self.parts.iter().any(|part| agent.contains(part.as_str()))
            || self.beginnings.iter().any(|start| agent.starts_with(start.as_str()))
            || self.wholes.iter().any(|whole| agent == whole);
        any && !self.without.iter().any(|part| agent.contains(part.as_str()))
    }
}

fn unknown() -> Verdict {
    static RULE: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("unknown-agent"));
    Verdict { class: Audience::Unknown, rule: RULE.clone() }
}

/// An agent as rules look at it.
fn plain(agent: &str) -> String {
    agent.trim().to_ascii_lowercase()
}

/// A client's network as it was kept: a network, or one address.
fn network(kept: &str) -> Option<IpNet> {
    kept.parse().ok().or_else(|| kept.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn ends_in(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// What a request told, by the names that rules give it.
pub(super) const SIGNALS: &[(&str, u8)] = &[("prefetch", Hit::SAID_PREFETCH), ("head", Hit::HEAD_CAME_FIRST)];

#[cfg(test)]
#[path = "audience_rules_tests.rs"]
mod tests;
