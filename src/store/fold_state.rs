//! What the fold knows of one delivery, and what that delivery adds to the counts.
//!
//! The state is a function of the set of facts, whatever their order: the strongest state wins, times are the earliest,
//! hit counters add. So the facts of two nodes may meet in any order, and a change of counts is always the difference
//! between what a delivery added before and what it adds now.

use crate::domain::audience::Audience;
use crate::domain::event::{Accepted, Attempt, Fact, Hit};
use crate::domain::{BounceClass, Counts, Device, Metric, Mode, Timestamp, latency};

use super::view::State;

/// Hits are counted by the minute.
const MINUTE_MS: i64 = 60_000;

impl State {
    /// The stored number; the higher is the stronger when facts of two nodes meet.
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Suppressed => 1,
            Self::Cancelled => 2,
            Self::Expired => 3,
            Self::Bounced => 4,
            Self::Delivered => 5,
        }
    }

    pub(super) const fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Suppressed,
            2 => Self::Cancelled,
            3 => Self::Expired,
            4 => Self::Bounced,
            5 => Self::Delivered,
            _ => Self::Queued,
        }
    }

    pub(super) const fn metric(self) -> Metric {
        match self {
            Self::Queued => Metric::Queued,
            Self::Suppressed => Metric::Suppressed,
            Self::Cancelled => Metric::Cancelled,
            Self::Expired => Metric::Expired,
            Self::Bounced => Metric::Bounced,
            Self::Delivered => Metric::Delivered,
        }
    }
}

/// One row of the delivery view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryState {
    /// Whether its acceptance was seen; until then it counts nowhere but in hits.
    pub(super) known: bool,
    pub(super) message: i64,
    pub(super) campaign: i64,
    pub(super) mode: Mode,
    pub(super) person: i64,
    pub(super) domain: String,
    /// Where the latest try that reached for a host went; empty before.
    pub(super) site: String,
    /// Which try that was.
    pub(super) site_try: u32,
    pub(super) state: State,
    pub(super) tries: u32,
    pub(super) class: Option<BounceClass>,
    pub(super) accepted_at: i64,
    pub(super) settled_at: i64,
    pub(super) pixel: bool,
    pub(super) links: u16,
    pub(super) opened: Option<Audience>,
    pub(super) opened_at: i64,
    pub(super) clicked: Option<Audience>,
    pub(super) clicked_at: i64,
    pub(super) open_events: i64,
    pub(super) click_events: i64,
    pub(super) late_bounced_at: i64,
    pub(super) complained_at: i64,
    pub(super) unsubscribed_at: i64,
    pub(super) last_at: i64,
}

/// One counter of (delivery, link, class, minute, program). Position 0 is the pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HitCounter {
    pub(super) position: u16,
    pub(super) class: Audience,
    /// When it began, in milliseconds.
    pub(super) minute: i64,
    pub(super) family: String,
    pub(super) device: Device,
    pub(super) pattern: i64,
    pub(super) n: i64,
    /// Whether the stored row says something else.
    pub(super) changed: bool,
}

/// What a delivery adds: metrics with the time they belong to, for the series, and all of them as counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contribution {
    pub(super) stamped: Vec<(Metric, i64)>,
    pub(super) counts: Counts,
}

/// How an opened delivery is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// By the best class that fetched the pixel.
    By(Audience),
    /// Clicked by a person, pixel fetched by none but machines.
    Inferred,
}

impl DeliveryState {
    /// Before any fact.
    pub(super) fn unknown(campaign: i64, mode: Mode) -> Self {
        Self {
            known: false,
            message: 0,
            campaign,
            mode,
            person: 0,
            domain: String::new(),
            site: String::new(),
            site_try: 0,
            state: State::Queued,
            tries: 0,
            class: None,
            accepted_at: 0,
            settled_at: 0,
            pixel: false,
            links: 0,
            opened: None,
            opened_at: 0,
            clicked: None,
            clicked_at: 0,
            open_events: 0,
            click_events: 0,
            late_bounced_at: 0,
            complained_at: 0,
            unsubscribed_at: 0,
            last_at: 0,
        }
    }

    /// Takes a fact about this delivery in; `hits` are its counters.
    pub(super) fn take(&mut self, at: Timestamp, fact: &Fact, hits: &mut Vec<HitCounter>) {
        let at = at.millis();
        self.last_at = self.last_at.max(at);
        match fact {
            Fact::Accepted(accepted) => self.accept(at, accepted),
            Fact::Deferred { attempt, .. } => self.tried(attempt),
            Fact::Delivered { attempt, pixel, links, .. } => {
                self.tried(attempt);
                (self.pixel, self.links) = (*pixel, *links);
                self.settle(State::Delivered, at, None);
            }
            Fact::Bounced { attempt, class, .. } => {
                self.tried(attempt);
                self.settle(State::Bounced, at, Some(*class));
            }
            Fact::Expired { attempt, class, .. } => {
                self.tried(attempt);
                self.settle(State::Expired, at, Some(*class));
            }
            Fact::Suppressed { .. } => self.settle(State::Suppressed, at, None),
            Fact::Cancelled { .. } => self.settle(State::Cancelled, at, None),
            Fact::LateBounced { .. } => earliest(&mut self.late_bounced_at, at),
            Fact::Complained { .. } => earliest(&mut self.complained_at, at),
            Fact::Unsubscribed { .. } => earliest(&mut self.unsubscribed_at, at),
            Fact::Opened(hit) | Fact::Clicked(hit) => {
                count(hits, hit, hit.class, at, i64::from(hit.count));
                self.sum_up(hits);
            }
            Fact::Reclassified { hit, from, hit_at, .. } => {
                count(hits, hit, *from, hit_at.millis(), -i64::from(hit.count));
                count(hits, hit, hit.class, hit_at.millis(), i64::from(hit.count));
                self.sum_up(hits);
            }
            Fact::SuppressionAdded(_)
            | Fact::SuppressionRemoved { .. }
            | Fact::Repointed { .. }
            | Fact::Erased { .. }
            | Fact::Sealed { .. } => {}
        }
    }

    fn accept(&mut self, at: i64, accepted: &Accepted) {
        self.known = true;
        self.message = accepted.message.raw();
        self.person = accepted.person.raw();
        self.domain.clone_from(&accepted.domain);
        self.accepted_at = at;
        if self.state != State::Delivered {
            (self.pixel, self.links) = (accepted.pixel, accepted.links);
        }
    }

    fn tried(&mut self, attempt: &Attempt) {
        self.tries = self.tries.max(attempt.n);
        // Of the latest try; of two of one number the greater, so that the order they meet in does not matter.
        if !attempt.site.is_empty() && (attempt.n, &attempt.site) > (self.site_try, &self.site) {
            (self.site_try, self.site) = (attempt.n, attempt.site.clone());
        }
    }

    fn settle(&mut self, state: State, at: i64, class: Option<BounceClass>) {
        if state.code() > self.state.code() {
            (self.state, self.settled_at, self.class) = (state, at, class);
        } else if state == self.state {
            self.settled_at = self.settled_at.min(at);
        }
    }

    fn sum_up(&mut self, hits: &[HitCounter]) {
        let best = |clicks: bool| {
            let counted = hits.iter().filter(|h| h.n > 0 && (h.position > 0) == clicks);
            counted.min_by_key(|h| (h.class.rank(), h.minute)).map(|h| (h.class, h.minute))
        };
        let total = |clicks: bool| hits.iter().filter(|h| (h.position > 0) == clicks).map(|h| h.n).sum();
        (self.opened, self.opened_at) = best(false).map_or((None, 0), |(class, at)| (Some(class), at));
        (self.clicked, self.clicked_at) = best(true).map_or((None, 0), |(class, at)| (Some(class), at));
        (self.open_events, self.click_events) = (total(false), total(true));
    }

    /// Whether its clicks count: it was delivered with a tracked link.
    pub(super) fn clicks_count(&self) -> bool {
        self.known && self.state == State::Delivered && self.links > 0
    }

    /// Who clicked it and when; `None` when that does not count.
    pub(super) fn clicking(&self) -> Option<(Audience, i64)> {
        self.clicked.filter(|_| self.clicks_count()).map(|class| (class, self.clicked_at))
    }

    /// How its opening counts and when; `None` when it does not.
    pub(super) fn opening(&self) -> Option<(Opened, i64)> {
        if !(self.known && self.state == State::Delivered && self.pixel) {
            return None;
        }
        let by_person = self.clicks_count() && self.clicked == Some(Audience::Human);
        match self.opened {
            Some(class @ (Audience::Human | Audience::Proxy)) => Some((Opened::By(class), self.opened_at)),
            _ if by_person => Some((Opened::Inferred, self.clicked_at)),
            Some(class) => Some((Opened::By(class), self.opened_at)),
            None => None,
        }
    }

    /// Whose row of the receivers it is in: its site's, or its domain's as long as none is known.
    pub(super) fn receiver(&self) -> &str {
        if self.site.is_empty() { &self.domain } else { &self.site }
    }

    /// How long it took from acceptance to the 250, as a step of the latencies.
    pub(super) fn latency(&self) -> Option<u32> {
        (self.known && self.state == State::Delivered).then(|| latency::step(self.settled_at - self.accepted_at))
    }

    /// What it adds to every count.
    pub(super) fn contribution(&self) -> Contribution {
        let mut adds = Contribution::default();
        adds.counts[Metric::OpenEvents] = self.open_events;
        adds.counts[Metric::ClickEvents] = self.click_events;
        if !self.known {
            return adds;
        }
        adds.stamp(Metric::Recipients, self.accepted_at);
        match self.state {
            State::Queued => {
                adds.counts[Metric::Queued] = 1;
                adds.counts[Metric::Deferred] = i64::from(self.tries > 0);
            }
            settled => adds.stamp(settled.metric(), self.settled_at),
        }
        if self.state == State::Delivered {
            adds.stamp_if(self.pixel, Metric::WithPixel, self.settled_at);
            adds.stamp_if(self.links > 0, Metric::WithLinks, self.settled_at);
        }
        match self.opening() {
            Some((Opened::By(class), at)) => adds.stamp(Counts::opened(class), at),
            Some((Opened::Inferred, at)) => adds.stamp(Metric::OpenedInferred, at),
            None => {}
        }
        if let Some((class, at)) = self.clicking() {
            adds.stamp(Counts::clicked(class), at);
        }
        adds.stamp_if(self.late_bounced_at > 0, Metric::LateBounced, self.late_bounced_at);
        adds.stamp_if(self.complained_at > 0, Metric::Complained, self.complained_at);
        adds.stamp_if(self.unsubscribed_at > 0, Metric::Unsubscribed, self.unsubscribed_at);
        adds
    }

    /// What it adds to the links: (position, pattern, best class), one a link, and the hits of each.
    pub(super) fn links_contribution(&self, hits: &[HitCounter]) -> Vec<(u16, i64, Option<Audience>, i64)> {
        let mut positions: Vec<(u16, i64)> =
            hits.iter().filter(|h| h.position > 0).map(|h| (h.position, h.pattern)).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut links = Vec::with_capacity(positions.len());
        for (position, pattern) in positions {
            let own = || hits.iter().filter(|h| h.position == position && h.pattern == pattern);
            let best = own().filter(|h| h.n > 0).map(|h| h.class).min_by_key(|c| c.rank());
            links.push((position, pattern, best.filter(|_| self.clicks_count()), own().map(|h| h.n).sum()));
        }
        links
    }
}

impl Contribution {
    fn stamp(&mut self, metric: Metric, at: i64) {
        self.stamped.push((metric, at));
        self.counts[metric] += 1;
    }

    fn stamp_if(&mut self, counts: bool, metric: Metric, at: i64) {
        if counts {
            self.stamp(metric, at);
        }
    }
}

/// 0 is "not yet".
fn earliest(stored: &mut i64, at: i64) {
    *stored = if *stored == 0 { at } else { (*stored).min(at) };
}

fn count(hits: &mut Vec<HitCounter>, hit: &Hit, class: Audience, at: i64, n: i64) {
    let minute = at.div_euclid(MINUTE_MS) * MINUTE_MS;
    let same = |h: &&mut HitCounter| {
        (h.position, h.class, h.minute, h.device) == (hit.position, class, minute, hit.device) && h.family == hit.family
    };
    match hits.iter_mut().find(same) {
        Some(counter) => {
            counter.n += n;
            counter.changed = true;
        }
        None => hits.push(HitCounter {
            position: hit.position,
            class,
            minute,
            family: hit.family.clone(),
            device: hit.device,
            pattern: hit.pattern,
            n,
            changed: true,
        }),
    }
}
