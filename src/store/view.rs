//! What pages and programs read: plain values, made by `report` from the rollups, never from raw events.

use super::order::Pause;
use super::suppression::SuppressionRow;
use super::view_queue::RestRow;
use crate::domain::audience::Audience;
use crate::domain::bounce::BounceClass;
use crate::domain::campaign::{CampaignId, Mode};
use crate::domain::counts::Counts;
use crate::domain::event::Event;
use crate::domain::id::{DeliveryId, MessageId, PersonId};
use crate::domain::timestamp::Timestamp;
use crate::domain::zone::Zone;

/// The states of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waiting; `tries` tells whether it was deferred.
    Queued,
    /// Taken by a receiving server.
    Delivered,
    /// Refused for good.
    Bounced,
    /// Given up.
    Expired,
    /// Not sent.
    Suppressed,
    /// Taken out.
    Cancelled,
}

impl State {
    /// In the order of a delivery's life.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Delivered, Self::Bounced, Self::Expired, Self::Suppressed, Self::Cancelled];

    /// The word in pages, classes of style, JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A campaign in a list.
#[derive(Debug, Clone)]
pub struct CampaignRow {
    /// Its number, in URLs.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Live or sandbox.
    pub mode: Mode,
    /// The subject of its first message; empty when erased.
    pub subject: String,
    /// When its first recipient was accepted.
    pub first_at: Timestamp,
    /// When its last recipient was accepted.
    pub last_at: Timestamp,
    /// Messages accepted.
    pub messages: i64,
    /// Everything counted.
    pub counts: Counts,
    /// Clicks by people per hour since its first delivery, for a sparkline; at most 48 values.
    pub clicks_by_hour: Vec<i64>,
}

/// One bucket of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// Where the bucket begins.
    pub at: Timestamp,
    /// What happened in it: recipients by acceptance, outcomes by their time, opens and clicks counted once a delivery at
    /// the time of the first hit of its best class.
    pub counts: Counts,
}

pub use super::view_links::{ClickMap, LinkRow, Sample};

/// The deliveries of one recipient domain in a campaign (or in all).
#[derive(Debug, Clone, Default)]
pub struct SiteRow {
    /// The domain; empty for "all others".
    pub domain: String,
    /// How many domains a row of others stands for, else 1.
    pub domains: i64,
    /// Everything counted.
    pub counts: Counts,
}

/// A kind of refusal in a campaign.
#[derive(Debug, Clone)]
pub struct RefusalRow {
    /// The kind.
    pub class: BounceClass,
    /// Deliveries bounced or expired with it.
    pub bounced: i64,
    /// Failed tries that were repeated.
    pub deferrals: i64,
    /// The reply of one of them, exactly; empty when erased.
    pub sample: String,
    /// When it came: the first of them.
    pub since: Timestamp,
}

/// One delivery in a list.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which message.
    pub message: MessageId,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The campaign's name.
    pub campaign_name: String,
    /// Live or sandbox.
    pub mode: Mode,
    /// The address; empty when erased.
    pub recipient: String,
    /// The subject; empty when none.
    pub subject: String,
    /// Its state.
    pub state: State,
    /// Attempts made.
    pub tries: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The best class that opened it, where that counts and is not inferred.
    pub opened: Option<Audience>,
    /// Whether it counts as opened because a person clicked, though only machines fetched the pixel.
    pub inferred: bool,
    /// The best class that clicked, where that counts.
    pub clicked: Option<Audience>,
    /// The last event's time.
    pub last_at: Timestamp,
}

impl DeliveryRow {
    /// Whether the relay wrote it: such mail is in no campaign and has no story in the ledger.
    pub fn is_own_mail(&self) -> bool {
        self.campaign == CampaignId::OWN_MAIL
    }
}

/// What is known of one address.
#[derive(Debug, Clone)]
pub struct PersonReport {
    /// The address in lower case.
    pub address: String,
    /// Mail to it, newest first, each with the last reply to it; empty where nothing was said.
    pub deliveries: Vec<(DeliveryRow, String)>,
    /// What holds back mail to it, by scope; at most 100.
    pub suppressions: Vec<SuppressionRow>,
}

/// An event with the text that stands beside it.
#[derive(Debug, Clone)]
pub struct TimelineEntry {
    /// The event.
    pub event: Event,
    /// Its name in the export.
    pub id: String,
    /// The reply, for attempts.
    pub reply: String,
    /// The SMTP lines, for attempts: each begins with `C: ` or `S: `.
    pub transcript: String,
    /// The user agent, for hits.
    pub agent: String,
    /// The target, for clicks.
    pub target: String,
}

pub use super::report_overview::Overview;
pub use crate::mail::receipt::{Receipt, ReceiptLink};

/// Messages of a campaign that were treated alike.
#[derive(Debug, Clone)]
pub struct ReceiptKind {
    /// How many messages, whatever the number of their recipients.
    pub messages: i64,
    /// A delivery of one of them.
    pub sample: Option<DeliveryId>,
    /// Its receipt; none for the rest, whose messages differ, and when the receipts before it are too long together.
    pub receipt: Option<Receipt>,
    /// Whether it is all that is left beyond the most frequent kinds.
    pub rest: bool,
}

/// One delivery, whole.
#[derive(Debug, Clone)]
pub struct DeliveryReport {
    /// The row.
    pub row: DeliveryRow,
    /// The recipient.
    pub person: PersonId,
    /// The envelope's reverse path; empty for null.
    pub reverse_path: String,
    /// The `From` field as text.
    pub from: String,
    /// The `Message-ID` field.
    pub message_id: String,
    /// The credential that submitted it.
    pub credential: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Metadata, key and value.
    pub metadata: Vec<(String, String)>,
    /// Oldest first; at most 1,000.
    pub timeline: Vec<TimelineEntry>,
    /// What was last said of mail that the relay wrote itself, which has no timeline; empty otherwise.
    pub own_reply: String,
    /// What was changed.
    pub receipt: Receipt,
    /// Whether the body is still kept.
    pub body_kept: bool,
    /// While it waits.
    pub waiting: Option<Waiting>,
    /// How its message was submitted again, or which it repeats; at most 100.
    pub repeats: Vec<Repeat>,
}

/// That a message was submitted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The message that came first.
    pub first: MessageId,
    /// The one that took the recipients who did not have it, if there were any.
    pub again: Option<MessageId>,
    /// How often.
    pub times: u32,
    /// How many had it already, each time at most.
    pub recipients: u32,
    /// When it came again.
    pub first_at: Timestamp,
    /// When it did so for the last time.
    pub last_at: Timestamp,
    /// A delivery of the other message, where there is one.
    pub other: Option<DeliveryId>,
}

/// One campaign, whole.
#[derive(Debug, Clone)]
pub struct CampaignReport {
    /// The row.
    pub row: CampaignRow,
    /// When its first delivery was made.
    pub first_delivery_at: Option<Timestamp>,
    /// By the hour since the first delivery; at most 400 points.
    pub hours: Vec<Point>,
    /// At most 100 shown, by position.
    pub links: Vec<LinkRow>,
    /// The ten with the most recipients, then all others in one.
    pub sites: Vec<SiteRow>,
    /// Most first.
    pub refusals: Vec<RefusalRow>,
    /// The mail that is kept as its example.
    pub sample: Option<Sample>,
    /// What was done with its messages, most first, at most 51: the last may be a rest.
    pub kinds: Vec<ReceiptKind>,
    /// The campaigns that are shown as part of it, by number and name.
    pub merged: Vec<(CampaignId, String)>,
    /// Its pause, or that of a campaign that was merged into it.
    pub pause: Option<Pause>,
    /// Whether some of what is shown as this campaign is not paused.
    pub partly_paused: bool,
    /// Where what was never tried of it is held.
    pub rests: Vec<RestRow>,
}

/// Something that needs a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// One word at the left.
    pub word: String,
    /// What is wrong.
    pub title: String,
    /// Since when, for how many.
    pub detail: String,
    /// Where to act, and the link's words; empty for none.
    pub link: (String, String),
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something is lost.
    Bad,
    /// Something waits or differs.
    Warn,
    /// Good to know.
    Note,
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// When it is tried next.
    pub next_at: Timestamp,
    /// From then on a failed try is the last.
    pub expires_at: Timestamp,
    /// Why it cannot be sent.
    pub held: Option<String>,
    /// Whether it is held back by a pause.
    pub paused: bool,
}

/// A dashboard login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Stored number.
    pub id: i64,
    /// The address one signs in with, lower case.
    pub email: String,
    /// In whose times they read; `None` in those of the configuration.
    pub zone: Option<Zone>,
}

/// A sending domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendingDomain {
    /// The domain.
    pub domain: String,
    /// One a key.
    pub records: Vec<KeyRecord>,
    /// Since when.
    pub created_at: Timestamp,
}

/// The record that a key wants published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// `rsa` or `ed25519`.
    pub algorithm: String,
    /// The record's name.
    pub name: String,
    /// The TXT value.
    pub value: String,
}
