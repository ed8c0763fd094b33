//! What pages read of a campaign's links, and of the mail that shows them.

use crate::domain::{CampaignId, Counts, DeliveryId, MessageId, link};

/// A link of a campaign.
#[derive(Debug, Clone, Default)]
pub struct LinkRow {
    /// From 1, in document order; 0 for "other links", past the cap of 1,000.
    pub position: u16,
    /// The target; where the targets that it counts differ, what they share, and `*`.
    pub url: String,
    /// Whether they differ: a person's own addresses, grouped by pattern.
    pub personal: bool,
    /// The anchor's text or its image's alternative text; may be empty.
    pub label: String,
    /// Deliveries by the best class that followed it: human.
    pub human: i64,
    /// Proxy.
    pub proxy: i64,
    /// Unknown.
    pub unknown: i64,
    /// Prefetch.
    pub prefetch: i64,
    /// Scanner.
    pub scanner: i64,
    /// All hits.
    pub total_events: i64,
}

impl LinkRow {
    /// Takes in the numbers of the same link in a campaign that is shown as part of this one, or of another address that
    /// stands at its place.
    pub(super) fn join(&mut self, other: &Self) {
        self.human += other.human;
        self.proxy += other.proxy;
        self.unknown += other.unknown;
        self.prefetch += other.prefetch;
        self.scanner += other.scanner;
        self.total_events += other.total_events;
        self.url = match (self.url.is_empty(), other.url.is_empty()) {
            (true, _) => other.url.clone(),
            (false, true) => std::mem::take(&mut self.url),
            (false, false) => link::grouped(&self.url, &other.url),
        };
        if self.label.is_empty() {
            self.label.clone_from(&other.label);
        }
    }
}

/// What a campaign's click map is drawn from.
#[derive(Debug, Clone)]
pub struct ClickMap {
    /// The campaign that is shown.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Everything counted.
    pub counts: Counts,
    /// All links with their numbers, at most 1,100, by position.
    pub links: Vec<LinkRow>,
    /// The kept sample; none once its delivery is unknown.
    pub sample: Option<Sample>,
}

/// The mail of a campaign that is kept as its example.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its message.
    pub message: MessageId,
    /// Whose copy of it.
    pub delivery: DeliveryId,
    /// The recipient's address; empty when erased.
    pub recipient: String,
    /// Whether the mail itself is still kept.
    pub body_kept: bool,
}
