//! Events: what happened, said once and never changed.
//!
//! An event is (source, seq, time, fact). Facts name a person only by a [`PersonId`]; text that may hold an address
//! (replies, transcripts, subjects, metadata, agents, targets) stands beside the ledger, never in it. Facts have a
//! versioned byte form that is read for ever: numbers of kinds and fields are never reused.

pub use super::attempt::Attempt;
use super::audience::Audience;
use super::bounce::{BounceClass, coded_enum};
use super::campaign::{CampaignId, Mode};
use super::client::Client;
pub use super::hit::Hit;
use super::id::{DeliveryId, MessageId, PersonId};
use super::suppression::{Added, Suppression};
use super::timestamp::Timestamp;
use super::wire::{FieldWriter, Fields, WireError};

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place in its source's run, from 1.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

coded_enum!(
    /// The kinds of facts, by the words of the export.
    Kind {
        /// The relay took responsibility for one recipient.
        Accepted = 1, "accepted";
        /// Not sent: the address is on the suppression list.
        Suppressed = 2, "suppressed";
        /// An attempt failed and will be repeated.
        Deferred = 3, "deferred";
        /// The receiving server took responsibility.
        Delivered = 4, "delivered";
        /// Refused for good.
        Bounced = 5, "bounced";
        /// Given up after its life.
        Expired = 6, "expired";
        /// Taken out of the queue by a user.
        Cancelled = 7, "cancelled";
        /// A bounce message came after the receiving server had said 250.
        LateBounced = 8, "late_bounced";
        /// A feedback report.
        Complained = 9, "complained";
        /// The pixel was fetched.
        Opened = 10, "opened";
        /// A link was followed.
        Clicked = 11, "clicked";
        /// The person left.
        Unsubscribed = 12, "unsubscribed";
        /// An earlier hit was judged anew.
        Reclassified = 13, "reclassified";
        /// An address came onto the suppression list.
        SuppressionAdded = 14, "suppression_added";
        /// And left it.
        SuppressionRemoved = 15, "suppression_removed";
        /// A link's redirect was changed.
        Repointed = 16, "repointed";
        /// A person's name was taken out of the map.
        Erased = 17, "erased";
        /// A closed range of events was folded into totals.
        Sealed = 18, "sealed";
    }
);

/// What stands in every fact about a delivery after its acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The campaign it belongs to, so that a reader need not look it up.
    pub campaign: CampaignId,
    /// Live or sandbox.
    pub mode: Mode,
}

/// One recipient of one message was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Delivery and campaign.
    pub about: About,
    /// The message.
    pub message: MessageId,
    /// The recipient.
    pub person: PersonId,
    /// The campaign's name.
    pub campaign_name: String,
    /// Whether this is the message's first recipient: messages are counted by it.
    pub first_of_message: bool,
    /// The recipient's domain.
    pub domain: String,
    /// Tags the sender gave.
    pub tags: Vec<String>,
    /// Octets of the message as it came.
    pub size: u64,
    /// Whether the copy is planned to carry a pixel.
    pub pixel: bool,
    /// How many tracked links the copy is planned to carry.
    pub links: u16,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// See [`Accepted`].
    Accepted(Accepted),
    /// Not sent: on the suppression list.
    Suppressed {
        /// Delivery and campaign.
        about: About,
        /// What held it back.
        by: Option<Suppression>,
    },
    /// To be tried again.
    Deferred {
        /// Delivery and campaign.
        about: About,
        /// The try.
        attempt: Attempt,
        /// The kind of refusal.
        class: BounceClass,
        /// When it is tried again: a decision, so it is part of the fact.
        next: Timestamp,
    },
    /// Taken by the receiving server.
    Delivered {
        /// Delivery and campaign.
        about: About,
        /// The try.
        attempt: Attempt,
        /// Whether the copy that left carried a pixel.
        pixel: bool,
        /// How many tracked links it carried.
        links: u16,
    },
    /// Refused for good.
    Bounced {
        /// Delivery and campaign.
        about: About,
        /// The try.
        attempt: Attempt,
        /// The kind of refusal.
        class: BounceClass,
    },
    /// Given up.
    Expired {
        /// Delivery and campaign.
        about: About,
        /// The last try.
        attempt: Attempt,
        /// The kind of its last refusal.
        class: BounceClass,
    },
    /// Taken out of the queue.
    Cancelled {
        /// Delivery and campaign.
        about: About,
    },
    /// A bounce message came later.
    LateBounced {
        /// Delivery and campaign.
        about: About,
        /// The kind of refusal.
        class: BounceClass,
    },
    /// A feedback report came.
    Complained {
        /// Delivery and campaign.
        about: About,
    },
    /// The pixel was fetched.
    Opened(Hit),
    /// A link was followed.
    Clicked(Hit),
    /// The person left.
    Unsubscribed {
        /// Delivery and campaign.
        about: About,
        /// Who asked.
        client: Option<Client>,
    },
    /// An earlier hit was judged anew; `hit` has the new class and rule and the hit's own number of hits.
    Reclassified {
        /// The hit, with its new class.
        hit: Hit,
        /// The class it had.
        from: Audience,
        /// When the hit was.
        hit_at: Timestamp,
        /// The seq of the hit's event, of the same source.
        hit_seq: i64,
    },
    /// An address came onto the suppression list.
    SuppressionAdded(Added),
    /// And left it.
    SuppressionRemoved {
        /// Who.
        person: PersonId,
        /// For which stream; empty for all.
        scope: String,
    },
    /// A link's redirect was changed.
    Repointed {
        /// In which campaign.
        campaign: CampaignId,
        /// Which link.
        position: u16,
        /// Its pattern.
        pattern: i64,
    },
    /// A person's name was taken out of the map.
    Erased {
        /// Whose.
        person: PersonId,
    },
    /// All events of this source up to `through` were folded into totals; `digest` is over their bytes.
    Sealed {
        /// The last seq of the range.
        through: i64,
        /// SHA-256 over the range, as hex.
        digest: String,
    },
}

impl Fact {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Accepted(_) => Kind::Accepted,
            Self::Suppressed { .. } => Kind::Suppressed,
            Self::Deferred { .. } => Kind::Deferred,
            Self::Delivered { .. } => Kind::Delivered,
            Self::Bounced { .. } => Kind::Bounced,
            Self::Expired { .. } => Kind::Expired,
            Self::Cancelled { .. } => Kind::Cancelled,
            Self::LateBounced { .. } => Kind::LateBounced,
            Self::Complained { .. } => Kind::Complained,
            Self::Opened(_) => Kind::Opened,
            Self::Clicked(_) => Kind::Clicked,
            Self::Unsubscribed { .. } => Kind::Unsubscribed,
            Self::Reclassified { .. } => Kind::Reclassified,
            Self::SuppressionAdded(_) => Kind::SuppressionAdded,
            Self::SuppressionRemoved { .. } => Kind::SuppressionRemoved,
            Self::Repointed { .. } => Kind::Repointed,
            Self::Erased { .. } => Kind::Erased,
            Self::Sealed { .. } => Kind::Sealed,
        }
    }

    /// Delivery and campaign, for the facts that have them.
    pub const fn about(&self) -> Option<About> {
        match self {
            Self::Accepted(accepted) => Some(accepted.about),
            Self::Opened(hit) | Self::Clicked(hit) | Self::Reclassified { hit, .. } => Some(hit.about),
            Self::Suppressed { about, .. }
            | Self::Deferred { about, .. }
            | Self::Delivered { about, .. }
            | Self::Bounced { about, .. }
            | Self::Expired { about, .. }
            | Self::Cancelled { about }
            | Self::LateBounced { about, .. }
            | Self::Complained { about }
            | Self::Unsubscribed { about, .. } => Some(*about),
            Self::SuppressionAdded(_)
            | Self::SuppressionRemoved { .. }
            | Self::Repointed { .. }
            | Self::Erased { .. }
            | Self::Sealed { .. } => None,
        }
    }

    /// The byte form, without the kind, which is stored beside it.
    pub fn encode(&self) -> Vec<u8> {
        let w = FieldWriter::default();
        match self {
            Self::Accepted(accepted) => accepted.write(w),
            Self::Suppressed { about, by: Some(by) } => by.write(about.write(w)),
            Self::Unsubscribed { about, client: Some(client) } => client.write(about.write(w)),
            Self::Suppressed { about, .. }
            | Self::Cancelled { about }
            | Self::Complained { about }
            | Self::Unsubscribed { about, .. } => about.write(w),
            Self::Deferred { about, attempt, class, next } => {
                attempt.write(about.write(w)).number(20, class.code().into()).signed(21, next.millis())
            }
            Self::Delivered { about, attempt, pixel, links } => {
                attempt.write(about.write(w)).number(22, (*pixel).into()).number(23, (*links).into())
            }
            Self::Bounced { about, attempt, class } | Self::Expired { about, attempt, class } => {
                attempt.write(about.write(w)).number(20, class.code().into())
            }
            Self::LateBounced { about, class } => about.write(w).number(20, class.code().into()),
            Self::Opened(hit) | Self::Clicked(hit) => hit.write(w),
            Self::Reclassified { hit, from, hit_at, hit_seq } => {
                hit.write(w).number(30, from.code().into()).signed(31, hit_at.millis()).signed(32, *hit_seq)
            }
            Self::SuppressionAdded(added) => added.write(w),
            Self::SuppressionRemoved { person, scope } => w.signed(4, person.raw()).text(41, scope),
            Self::Repointed { campaign, position, pattern } => {
                w.signed(2, campaign.raw()).number(24, (*position).into()).signed(25, *pattern)
            }
            Self::Erased { person } => w.signed(4, person.raw()),
            Self::Sealed { through, digest } => w.signed(42, *through).text(43, digest),
        }
        .finish()
    }

    /// Reads the byte form of a kind.
    pub fn decode(kind: u8, bytes: &[u8]) -> Result<Self, WireError> {
        let kind = Kind::from_code(kind).ok_or(WireError::UnknownKind(kind.into()))?;
        let f = Fields::read(bytes)?;
        let about = About::read(&f);
        Ok(match kind {
            Kind::Accepted => Self::Accepted(Accepted::read(&f)?),
            Kind::Suppressed => Self::Suppressed { about, by: Suppression::read(&f)? },
            Kind::Deferred => {
                let next = Timestamp::from_millis(f.signed(21));
                Self::Deferred { about, attempt: Attempt::read(&f)?, class: class(&f)?, next }
            }
            Kind::Delivered => {
                Self::Delivered { about, attempt: Attempt::read(&f)?, pixel: f.number(22) != 0, links: f.small(23)? }
            }
            Kind::Bounced => Self::Bounced { about, attempt: Attempt::read(&f)?, class: class(&f)? },
            Kind::Expired => Self::Expired { about, attempt: Attempt::read(&f)?, class: class(&f)? },
            Kind::Cancelled => Self::Cancelled { about },
            Kind::LateBounced => Self::LateBounced { about, class: class(&f)? },
            Kind::Complained => Self::Complained { about },
            Kind::Opened => Self::Opened(Hit::read(&f)?),
            Kind::Clicked => Self::Clicked(Hit::read(&f)?),
            Kind::Unsubscribed => Self::Unsubscribed { about, client: Client::read(&f) },
            Kind::Reclassified => Self::Reclassified {
                hit: Hit::read(&f)?,
                from: Hit::audience(&f, 30)?,
                hit_at: Timestamp::from_millis(f.signed(31)),
                hit_seq: f.signed(32),
            },
            Kind::SuppressionAdded => Self::SuppressionAdded(Added::read(&f)?),
            Kind::SuppressionRemoved => Self::SuppressionRemoved { person: person(&f), scope: f.text(41) },
            Kind::Repointed => {
                let campaign = CampaignId::from_raw(f.signed(2));
                Self::Repointed { campaign, position: f.small(24)?, pattern: f.signed(25) }
            }
            Kind::Erased => Self::Erased { person: person(&f) },
            Kind::Sealed => Self::Sealed { through: f.signed(42), digest: f.text(43) },
        })
    }
}

impl About {
    pub(super) fn write(self, w: FieldWriter) -> FieldWriter {
        let sandbox = u64::from(self.mode == Mode::Sandbox);
        w.signed(1, self.delivery.raw()).signed(2, self.campaign.raw()).number(6, sandbox)
    }

    pub(super) fn read(f: &Fields<'_>) -> Self {
        let mode = if f.number(6) == 0 { Mode::Live } else { Mode::Sandbox };
        Self { delivery: DeliveryId::from_raw(f.signed(1)), campaign: CampaignId::from_raw(f.signed(2)), mode }
    }
}

impl Accepted {
    fn write(&self, w: FieldWriter) -> FieldWriter {
        let w = self.about.write(w).signed(3, self.message.raw()).signed(4, self.person.raw());
        let w = w
            .text(5, &self.campaign_name)
            .number(17, self.first_of_message.into())
            .text(7, &self.domain)
            .number(9, self.size);
        let w = self.tags.iter().fold(w, |w, tag| w.text(8, tag));
        w.number(22, self.pixel.into()).number(23, self.links.into())
    }

    fn read(f: &Fields<'_>) -> Result<Self, WireError> {
        Ok(Self {
            about: About::read(f),
            message: MessageId::from_raw(f.signed(3)),
            person: person(f),
            campaign_name: f.text(5),
            first_of_message: f.number(17) != 0,
            domain: f.text(7),
            tags: f.texts(8),
            size: f.number(9),
            pixel: f.number(22) != 0,
            links: f.small(23)?,
        })
    }
}

fn person(f: &Fields<'_>) -> PersonId {
    PersonId::from_raw(f.signed(4))
}

fn class(f: &Fields<'_>) -> Result<BounceClass, WireError> {
    BounceClass::from_code(f.small(20)?).ok_or(WireError::OutOfRange(20))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::Device;
    use crate::domain::suppression::{Origin, Reason};

    pub(crate) fn about() -> About {
        About { delivery: DeliveryId::from_raw(11), campaign: CampaignId::from_raw(5000), mode: Mode::Sandbox }
    }

    pub(crate) fn hit(position: u16, class: Audience) -> Hit {
        let (rule, family, address) = ("known-client".to_owned(), "Chrome".to_owned(), "192.0.2.0/24".to_owned());
        let device = Device::Unknown;
        Hit { about: about(), position, pattern: -9, class, rule, family, device, signals: 0, address, count: 1 }
    }

    fn attempt() -> Attempt {
        let (mx, ip, tls) = ("mx1.example.org".to_owned(), "192.0.2.1".to_owned(), "TLSv1.3".to_owned());
        Attempt {
            n: 2,
            mx,
            ip,
            tls,
            certificate: String::new(),
            code: 451,
            enhanced: "4.7.1".to_owned(),
            ms: 312,
            site: String::new(),
        }
    }

    /// Facts with fields that the second version did not have.
    fn third_samples() -> Vec<Fact> {
        let signals = Hit::SAID_PREFETCH | Hit::HEAD_CAME_FIRST;
        let hit = Hit { device: Device::Tablet, signals, ..hit(3, Audience::Scanner) };
        let opened = Hit { position: 0, device: Device::Desktop, signals: Hit::SAID_PREFETCH, ..hit.clone() };
        let reclassified = Fact::Reclassified {
            hit: hit.clone(),
            from: Audience::Human,
            hit_at: Timestamp::from_millis(1_795_467_845_678),
            hit_seq: 4,
        };
        vec![Fact::Opened(opened), Fact::Clicked(hit), reclassified]
    }

    fn bounce(since: i64) -> Suppression {
        Suppression { reason: Reason::Bounce, scope: String::new(), since: Timestamp::from_millis(since) }
    }

    /// Facts with fields that the first version did not have.
    fn later_samples() -> Vec<Fact> {
        let (about, delivery) = (about(), Some(about().delivery));
        let client = Client {
            class: Audience::Unknown,
            rule: "no-client".to_owned(),
            family: "curl".to_owned(),
            address: "192.0.2.0/24".to_owned(),
        };
        let scope = "list.example.org".to_owned();
        let certified = Attempt { certificate: "valid for mx1.example.org".to_owned(), ..attempt() };
        let left = Suppression { reason: Reason::Unsubscribe, scope, ..bounce(1_795_467_845_678) };
        vec![
            Fact::Suppressed { about, by: Some(left.clone()) },
            Fact::Unsubscribed { about, client: Some(client) },
            Fact::SuppressionAdded(Added {
                person: PersonId::from_raw(-42),
                suppression: left,
                origin: Origin::Delivery,
                delivery,
            }),
            Fact::Delivered { about, attempt: certified, pixel: false, links: 0 },
        ]
    }

    /// One fact of each kind.
    pub(crate) fn samples() -> Vec<Fact> {
        let (about, attempt) = (about(), attempt());
        let class = BounceClass::Greylisted;
        let person = PersonId::from_raw(-42);
        vec![
            Fact::Accepted(Accepted {
                about,
                message: MessageId::from_raw(7),
                person,
                campaign_name: "spring".to_owned(),
                first_of_message: true,
                domain: "example.org".to_owned(),
                tags: vec!["a".to_owned(), "b".to_owned()],
                size: 10_240,
                pixel: true,
                links: 12,
            }),
            Fact::Suppressed { about, by: None },
            Fact::Deferred { about, attempt: attempt.clone(), class, next: Timestamp::from_millis(99) },
            Fact::Delivered { about, attempt: attempt.clone(), pixel: true, links: 12 },
            Fact::Bounced { about, attempt: attempt.clone(), class: BounceClass::InvalidRecipient },
            Fact::Expired { about, attempt, class },
            Fact::Cancelled { about },
            Fact::LateBounced { about, class },
            Fact::Complained { about },
            Fact::Opened(hit(0, Audience::Proxy)),
            Fact::Clicked(hit(3, Audience::Human)),
            Fact::Unsubscribed { about, client: None },
            Fact::Reclassified {
                hit: hit(3, Audience::Scanner),
                from: Audience::Human,
                hit_at: Timestamp::from_millis(5),
                hit_seq: 4,
            },
            Fact::SuppressionAdded(Added { person, suppression: bounce(0), origin: Origin::Unknown, delivery: None }),
            Fact::SuppressionRemoved { person, scope: "list.example.org".to_owned() },
            Fact::Repointed { campaign: about.campaign, position: 3, pattern: 8 },
            Fact::Erased { person },
            Fact::Sealed { through: 1000, digest: "00ff".to_owned() },
        ]
    }

    #[test]
    fn every_kind_comes_back_and_fields_of_the_future_are_skipped() {
        assert_eq!(samples().len(), Kind::ALL.len());
        for fact in samples().into_iter().chain(later_samples()).chain(third_samples()) {
            let mut bytes = fact.encode();
            assert_eq!(Fact::decode(fact.kind().code(), &bytes), Ok(fact.clone()));
            bytes.extend(FieldWriter::default().number(999, 5).text(998, "new").finish());
            assert_eq!(Fact::decode(fact.kind().code(), &bytes), Ok(fact));
        }
        assert_eq!(Fact::decode(200, &[]), Err(WireError::UnknownKind(200)));
    }

    /// The bytes of every version, kept on disk: they must decode for ever.
    #[test]
    fn stored_bytes_of_every_version_still_decode() {
        let first = (include_str!("../../tests/golden/facts-1.txt"), samples());
        let later = (include_str!("../../tests/golden/facts-2.txt"), later_samples());
        let third = (include_str!("../../tests/golden/facts-3.txt"), third_samples());
        for (golden, facts) in [first, later, third] {
            let lines: Vec<_> = golden.lines().filter(|l| !l.starts_with('#')).collect();
            assert_eq!(lines.len(), facts.len());
            for (line, fact) in lines.iter().zip(facts) {
                let (kind, hex) = line.split_once(' ').unwrap();
                let bytes: Vec<u8> =
                    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
                let kind = Kind::ALL.iter().find(|k| k.as_str() == kind).unwrap();
                assert_eq!(Fact::decode(kind.code(), &bytes).as_ref(), Ok(&fact), "{kind}");
            }
        }
    }
}
