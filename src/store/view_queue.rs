//! What the page of the queue reads.

use super::order::Pause;
use crate::domain::{BounceClass, CampaignId, DeliveryId, Timestamp};

/// The queue, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueReport {
    /// How many wait.
    pub waiting: i64,
    /// How many of these were tried.
    pub tried: i64,
    /// At how many domains.
    pub domains: i64,
    /// The oldest of all.
    pub oldest: Option<Oldest>,
    /// By domain, most first, at most 100.
    pub rows: Vec<QueueRow>,
    /// By receiving site, most first, at most 50; without the domains whose site was never found.
    pub sites: Vec<WaitingSite>,
    /// What cannot be sent, oldest first, at most 50.
    pub held: Vec<HeldRow>,
    /// All of these.
    pub held_total: i64,
    /// What is paused, everything first.
    pub pauses: Vec<PauseRow>,
    /// Where the rest of campaigns is held, latest first, at most 50.
    pub rests: Vec<RestRow>,
    /// Delivered in the last hour and the quarter it began in.
    pub delivered_hour: i64,
    /// Expired in seven days.
    pub expired_week: i64,
}

/// What waits for one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// The domain.
    pub domain: String,
    /// How many wait.
    pub waiting: i64,
    /// How many of these were tried.
    pub tried: i64,
    /// How many were not, and are held because of what became of the first ones of their campaigns at the site.
    pub resting: i64,
    /// The oldest.
    pub oldest: Option<Oldest>,
    /// When the next is due; `None` when all are held.
    pub next_at: Option<Timestamp>,
    /// What the domain's server said last; `None` when nothing was tried.
    pub last_reply: Option<LastReply>,
    /// The site that it shares limits with, as far as it is known.
    pub site: Option<String>,
}

/// What waits for one receiving site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingSite {
    /// The site.
    pub site: String,
    /// At how many of its domains.
    pub domains: usize,
    /// How many wait.
    pub waiting: i64,
    /// How many of these were tried.
    pub tried: i64,
}

/// The oldest delivery of a part of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oldest {
    /// Which.
    pub delivery: DeliveryId,
    /// For which domain.
    pub domain: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// From then on a failed try is the last.
    pub expires_at: Timestamp,
}

/// A reply that deferred a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReply {
    /// Exactly as it was said; empty when erased.
    pub text: String,
    /// Its kind.
    pub class: BounceClass,
}

/// A delivery that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// Which.
    pub delivery: DeliveryId,
    /// To whom.
    pub recipient: String,
    /// Why.
    pub why: String,
}

/// The rest of a campaign that is held at a site, because of its first deliveries there or of complaints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestRow {
    /// The campaign.
    pub campaign: CampaignId,
    /// What it is called.
    pub name: String,
    /// The site.
    pub site: String,
    /// How many of the first were tried.
    pub tried: u32,
    /// How many of these were refused.
    pub refused: u32,
    /// Complaints.
    pub complained: u32,
    /// How many had been delivered there when complaints held it; 0 when refusals did.
    pub delivered: u32,
    /// Since when.
    pub since: Timestamp,
    /// How many were never tried, and wait.
    pub waiting: i64,
}

impl RestRow {
    /// Why it is held, with the numbers.
    pub fn why(&self) -> String {
        let share = |part: u32, of: u32| f64::from(part) * 100.0 / f64::from(of.max(1));
        let Self { tried, refused, complained, delivered, .. } = self;
        if *delivered > 0 {
            let share = share(*complained, *delivered);
            return format!(
                "{complained} of {delivered} that were delivered there were complained of ({share:.2} %), more than \
                 delivery.canary.complained allows"
            );
        }
        let share = share(*refused, *tried);
        format!(
            "{refused} of its first {tried} there were refused ({share:.1} %), more than delivery.canary.refused allows"
        )
    }
}

/// A pause, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    /// The pause.
    pub pause: Pause,
    /// The campaign's name, the domain or the site; empty for everything.
    pub name: String,
    /// How many deliveries wait there.
    pub waiting: i64,
}
