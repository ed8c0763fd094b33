//! What an operator orders done to the queue, and to which part of it.

use super::address::Domain;
use super::campaign::CampaignId;
use super::id::{DeliveryId, MessageId};
use super::site::Site;

/// A part of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// Everything that waits.
    All,
    /// What waits for one recipient domain.
    Domain(Domain),
    /// What waits for the domains of one receiving site.
    Site(Site),
    /// What waits of one campaign.
    Campaign(CampaignId),
    /// What waits of one message.
    Message(MessageId),
    /// One delivery.
    Delivery(DeliveryId),
}

impl Selection {
    /// From the word of its kind and the name of the part, as [`Selection::kind`] and [`Selection::value`] give them.
    pub fn parse(kind: &str, value: &str) -> Option<Self> {
        match kind {
            "all" => Some(Self::All),
            "domain" => Domain::parse(value).ok().map(Self::Domain),
            "site" => Site::parse(value).map(Self::Site),
            "campaign" => value.parse().ok().map(Self::Campaign),
            "message" => value.parse().ok().map(Self::Message),
            "delivery" => value.parse().ok().map(Self::Delivery),
            _ => None,
        }
    }

    /// The word of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Domain(_) => "domain",
            Self::Site(_) => "site",
            Self::Campaign(_) => "campaign",
            Self::Message(_) => "message",
            Self::Delivery(_) => "delivery",
        }
    }

    /// The name of the part; empty for everything.
    pub fn value(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Domain(domain) => domain.to_string(),
            Self::Site(site) => site.to_string(),
            Self::Campaign(campaign) => campaign.to_string(),
            Self::Message(message) => message.to_string(),
            Self::Delivery(delivery) => delivery.to_string(),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// What was deferred is due now; what is held is tried once more.
    Retry,
    /// No attempt begins until it is resumed.
    Pause,
    /// The end of a pause of the same part.
    Resume,
    /// It leaves the queue and is not sent.
    Cancel,
    /// The rest of a campaign that is held after its first deliveries goes out all the same.
    Release,
}

impl Act {
    /// The word in commands, forms and requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Release => "release",
        }
    }

    /// From the word; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Retry, Self::Pause, Self::Resume, Self::Cancel, Self::Release]
            .into_iter()
            .find(|act| act.as_str() == text)
    }
}

/// An order that makes sense: only everything, a campaign, a domain or a site can be paused. What is cancelled is never a
/// site: which domains it has may have changed since they were looked for, and what is cancelled is lost for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    act: Act,
    selection: Selection,
    by: String,
}

impl Order {
    /// `by` is who orders it; `None` when that cannot be done to the part.
    pub fn new(act: Act, selection: Selection, by: &str) -> Option<Self> {
        let possible = match (act, &selection) {
            (Act::Retry, _) => true,
            (Act::Cancel, part) => !matches!(part, Selection::Site(_)),
            (Act::Release, part) => matches!(part, Selection::Campaign(_)),
            (Act::Pause | Act::Resume, part) => !matches!(part, Selection::Message(_) | Selection::Delivery(_)),
        };
        possible.then(|| Self { act, selection, by: by.to_owned() })
    }

    /// What is to be done.
    pub const fn act(&self) -> Act {
        self.act
    }

    /// To which part.
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Who ordered it.
    pub fn by(&self) -> &str {
        &self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_reads_back_from_its_words() {
        let all = [
            Selection::All,
            Selection::Domain(Domain::parse("a.example").unwrap()),
            Selection::Site(Site::parse("Microsoft 365").unwrap()),
            Selection::Campaign(CampaignId::from_raw(4711)),
            Selection::Message(MessageId::from_raw(8)),
            Selection::Delivery(DeliveryId::from_raw(9)),
        ];
        for selection in all {
            assert_eq!(Selection::parse(selection.kind(), &selection.value()), Some(selection));
        }
        assert_eq!(Selection::parse("domain", "no domain"), None);
        assert_eq!(Selection::parse("site", " \t"), None);
        assert_eq!(Selection::parse("host", "a.example"), None);
    }

    #[test]
    fn only_what_makes_sense_is_an_order() {
        let one = Selection::Delivery(DeliveryId::from_raw(9));
        assert!(Order::new(Act::Pause, one.clone(), "").is_none() && Order::new(Act::Cancel, one, "").is_some());
        assert!(Order::new(Act::Resume, Selection::All, "").is_some());
        let site = Selection::Site(Site::parse("mx.a.example").unwrap());
        assert!(Order::new(Act::Cancel, site.clone(), "").is_none() && Order::new(Act::Pause, site, "").is_some());
        assert_eq!(Act::parse("cancel"), Some(Act::Cancel));
    }
}
