//! Suppressions: addresses that are not mailed, why, and for which mail.
//!
//! A scope is a stream (the `List-Id`, else the domain in `From`) or, as an empty text, all mail.

use super::address::{Address, Domain};
use super::bounce::coded_enum;
use super::id::{DeliveryId, PersonId};
use super::timestamp::Timestamp;
use super::wire::{FieldWriter, Fields, WireError};

/// The longest name of a stream, in characters: that of a domain.
pub const STREAM_MAX: usize = 255;

coded_enum!(
    /// Why an address is not mailed.
    Reason {
        /// Its server refused it for good.
        Bounce = 1, "bounce";
        /// Its owner called a mail spam.
        Complaint = 2, "complaint";
        /// Its owner left.
        Unsubscribe = 3, "unsubscribe";
        /// Somebody said so.
        Manual = 4, "manual";
        /// It stood in a list that gave no reason.
        Import = 5, "import";
        /// Its mailbox stayed full: three refusals within seven days.
        MailboxFull = 6, "mailbox_full";
    }
);

coded_enum!(
    /// Who put an address on the list.
    Origin {
        /// A fact that names none.
        Unknown = 0, "unknown";
        /// What became of a delivery.
        Delivery = 1, "delivery";
        /// A command.
        Command = 2, "command";
        /// The dashboard.
        Dashboard = 3, "dashboard";
        /// A file.
        Import = 4, "import";
    }
);

impl Reason {
    /// From the word; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }

    /// Whether it says no more than `other` does for the same scope: transactional mail passes by an unsubscribe, and by
    /// nothing else.
    pub fn is_within(self, other: Self) -> bool {
        self == Self::Unsubscribe || other != Self::Unsubscribe
    }
}

/// What holds a mail back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Why.
    pub reason: Reason,
    /// For which stream; empty for all mail.
    pub scope: String,
    /// Since when.
    pub since: Timestamp,
}

/// An address came onto the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Who.
    pub person: PersonId,
    /// Why, for which mail, since when; a `since` of zero is the event's own time.
    pub suppression: Suppression,
    /// Who put it there.
    pub origin: Origin,
    /// The delivery it came of, if any.
    pub delivery: Option<DeliveryId>,
}

/// An address to put on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The address.
    pub address: Address,
    /// Why.
    pub reason: Reason,
    /// For which stream; empty for all mail.
    pub scope: String,
    /// Since when; `None` is now.
    pub since: Option<Timestamp>,
}

/// A stream's name as it is stored and compared: lower case, without white space and control characters around or in
/// it. `None` when nothing is left or too much is.
pub fn stream(text: &str) -> Option<String> {
    let name: String = text.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let name = name.to_lowercase();
    (1..=STREAM_MAX).contains(&name.chars().count()).then_some(name)
}

/// The stream of a message: its `List-Id` (RFC 2919), else the domain in `From`; empty when it has neither.
pub fn stream_of(list_id: Option<&str>, from: Option<&Domain>) -> String {
    list_id.and_then(stream).or_else(|| from.map(ToString::to_string)).unwrap_or_default()
}

impl Suppression {
    pub(super) fn write(&self, w: FieldWriter) -> FieldWriter {
        w.text(40, self.reason.as_str()).text(41, &self.scope).signed(45, self.since.millis())
    }

    /// `None` when there is none.
    pub(super) fn read(f: &Fields<'_>) -> Result<Option<Self>, WireError> {
        let word = f.text(40);
        if word.is_empty() {
            return Ok(None);
        }
        let reason = Reason::parse(&word).ok_or(WireError::OutOfRange(40))?;
        Ok(Some(Self { reason, scope: f.text(41), since: Timestamp::from_millis(f.signed(45)) }))
    }
}

impl Added {
    pub(super) fn write(&self, w: FieldWriter) -> FieldWriter {
        let w = self.suppression.write(w.signed(4, self.person.raw()));
        w.number(44, self.origin.code().into()).signed(1, self.delivery.map_or(0, DeliveryId::raw))
    }

    pub(super) fn read(f: &Fields<'_>) -> Result<Self, WireError> {
        Ok(Self {
            person: PersonId::from_raw(f.signed(4)),
            suppression: Suppression::read(f)?.ok_or(WireError::OutOfRange(40))?,
            origin: Origin::from_code(f.small(44)?).ok_or(WireError::OutOfRange(44))?,
            delivery: Some(f.signed(1)).filter(|id| *id != 0).map(DeliveryId::from_raw),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_list_ids_or_domains() {
        let from = Domain::parse("shop.example").unwrap();
        assert_eq!(stream_of(Some(" News.Shop.Example\r\n"), Some(&from)), "news.shop.example");
        assert_eq!(stream_of(Some(" "), Some(&from)), "shop.example");
        assert_eq!(stream_of(Some(&"x".repeat(300)), Some(&from)), "shop.example");
        assert_eq!(stream_of(None, None), "");
    }

    #[test]
    fn only_an_unsubscribe_holds_less_than_the_others() {
        for one in Reason::ALL {
            assert_eq!(Reason::parse(one.as_str()), Some(*one));
            for other in Reason::ALL {
                let less = *other == Reason::Unsubscribe && *one != Reason::Unsubscribe;
                assert_eq!(one.is_within(*other), !less, "{one} within {other}");
            }
        }
    }
}
