//! The people of a campaign: which of them are asked for, and what is told of each.

use serde::Deserialize;

use super::view::State;
use crate::domain::audience::Audience;
use crate::domain::bounce::BounceClass;
use crate::domain::campaign::{CampaignId, Mode};
use crate::domain::id::{DeliveryId, MessageId};
use crate::domain::timestamp::Timestamp;

pub use super::fold_state::Opened;

/// Part of an address that is looked for, in octets at most: as long as an address may be.
const HOLDS_MAX: usize = 320;

impl Opened {
    /// Best first.
    pub const ALL: [Self; 6] = [
        Self::By(Audience::Human),
        Self::By(Audience::Proxy),
        Self::Inferred,
        Self::By(Audience::Unknown),
        Self::By(Audience::Prefetch),
        Self::By(Audience::Scanner),
    ];

    /// The word in pages, JSON and docs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::By(class) => class.as_str(),
            Self::Inferred => "inferred",
        }
    }
}

/// What became of the mail to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// In this state.
    Is(State),
    /// Queued, and tried at least once.
    Deferred,
}

impl Fate {
    /// In the order of a delivery's life.
    pub const ALL: [Self; 7] = [
        Self::Is(State::Queued),
        Self::Deferred,
        Self::Is(State::Delivered),
        Self::Is(State::Bounced),
        Self::Is(State::Expired),
        Self::Is(State::Suppressed),
        Self::Is(State::Cancelled),
    ];

    /// The word in pages and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Is(state) => state.as_str(),
            Self::Deferred => "deferred",
        }
    }
}

/// What a person did, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Opened, by any class.
    Opened,
    /// Clicked, by any class.
    Clicked,
    /// Left.
    Unsubscribed,
    /// Sent a feedback report.
    Complained,
    /// None of these.
    Nothing,
}

impl Deed {
    /// As they are listed.
    pub const ALL: [Self; 5] = [Self::Opened, Self::Clicked, Self::Unsubscribed, Self::Complained, Self::Nothing];

    /// The word in addresses of pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::Nothing => "nothing",
        }
    }
}

/// Which people of a campaign to list; all conditions hold together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeopleFilter {
    /// What became of the mail.
    pub fate: Option<Fate>,
    /// What they did.
    pub deed: Option<Deed>,
    /// As which class: of the click where clicks are asked for, of the opening where openings are, else of either.
    pub class: Option<Opened>,
    /// Who followed the link of this position.
    pub link: Option<u16>,
    /// A part of the address, in lower case; empty for any.
    pub holds: String,
}

/// A filter and a place in the list as they stand in an address: every field may be missing or empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PeopleWords {
    /// A [`Fate`].
    pub state: String,
    /// A [`Deed`]; `anything` is none.
    pub did: String,
    /// An [`Opened`].
    pub class: String,
    /// A link's position.
    pub link: String,
    /// A part of the address.
    pub q: String,
    /// The delivery that the list goes on behind.
    pub after: String,
}

impl PeopleWords {
    /// What the words mean, or what is wrong with one of them.
    pub fn filter(&self) -> Result<PeopleFilter, String> {
        let link = match self.link.trim() {
            "" => None,
            text => match text.parse() {
                Ok(position @ 1..) => Some(position),
                Ok(0) | Err(_) => return Err("link is not the number of a link; links are counted from 1".to_owned()),
            },
        };
        let holds = self.q.trim().to_lowercase();
        if holds.len() > HOLDS_MAX {
            return Err("no address is so long as what it should hold".to_owned());
        }
        Ok(PeopleFilter {
            fate: one_of("state", &self.state, &Fate::ALL, Fate::as_str)?,
            deed: one_of("did", if self.did == "anything" { "" } else { &self.did }, &Deed::ALL, Deed::as_str)?,
            class: one_of("class", &self.class, &Opened::ALL, Opened::as_str)?,
            link,
            holds,
        })
    }

    /// The place, or what is wrong with it.
    pub fn place(&self) -> Result<Option<DeliveryId>, String> {
        if self.after.is_empty() {
            return Ok(None);
        }
        self.after.parse().map(Some).map_err(|_| "after is not the id of a mail; take it from \"next\"".to_owned())
    }

    /// The filter's words that say something, in their order.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all =
            [("state", &self.state), ("did", &self.did), ("class", &self.class), ("link", &self.link), ("q", &self.q)];
        all.into_iter().map(|(name, word)| (name, word.trim())).filter(|(_, word)| !word.is_empty())
    }
}

fn one_of<T: Copy>(name: &str, word: &str, all: &[T], as_str: fn(T) -> &'static str) -> Result<Option<T>, String> {
    if word.is_empty() {
        return Ok(None);
    }
    let found = all.iter().copied().find(|one| as_str(*one) == word);
    found.map(Some).ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|one| as_str(*one)).collect();
        format!("{name} may be one of {}, or be left out", words.join(", "))
    })
}

/// One mail of a campaign and the person it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Which message.
    pub message: MessageId,
    /// The campaign that it was accepted for.
    pub campaign: CampaignId,
    /// The address; empty when erased.
    pub address: String,
    /// What became of the mail.
    pub state: State,
    /// Attempts made.
    pub tries: u32,
    /// Why it was refused or given up.
    pub refusal: Option<BounceClass>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// How its opening is counted and since when; `None` when it is not.
    pub opened: Option<(Opened, Timestamp)>,
    /// All fetches of the pixel.
    pub open_events: i64,
    /// Who clicked and since when, as far as that is counted.
    pub clicked: Option<(Audience, Timestamp)>,
    /// The links that were followed, by position, each with its best class; where clicks are counted.
    pub links: Vec<(u16, Audience)>,
    /// All hits on links.
    pub click_events: i64,
    /// When the person left.
    pub unsubscribed_at: Option<Timestamp>,
    /// When the person complained.
    pub complained_at: Option<Timestamp>,
    /// When a bounce came after the delivery.
    pub late_bounced_at: Option<Timestamp>,
    /// The last event's time.
    pub last_at: Timestamp,
}

impl PersonRow {
    /// What became of the mail, in one word.
    pub fn fate(&self) -> Fate {
        if self.state == State::Queued && self.tries > 0 { Fate::Deferred } else { Fate::Is(self.state) }
    }
}

/// A page of a campaign's people, in the order in which their mails were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The campaign that is shown, which is another where the one asked for was merged.
    pub campaign: CampaignId,
    /// What it is called.
    pub name: String,
    /// Live or sandbox.
    pub mode: Mode,
    /// At most as many as were asked for.
    pub rows: Vec<PersonRow>,
    /// How many there are in all, where the counts know it.
    pub total: Option<i64>,
    /// Behind which delivery the list goes on; `None` at its end.
    pub next: Option<DeliveryId>,
    /// Whether it was cut because enough was looked through, though there may be more within a page.
    pub unfinished: bool,
}
