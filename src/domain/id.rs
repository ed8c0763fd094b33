//! Identifiers, made without asking anyone.
//!
//! An id has 63 bits (SQLite has no unsigned integers): 41 bits of milliseconds since 2024-01-01, 10 bits of node,
//! 12 bits of sequence. Ids of one node never go backwards, whatever the wall clock does.

use std::fmt;
use std::str::FromStr;

use super::timestamp::Timestamp;

/// 2024-01-01T00:00:00Z; 41 bits from here last until 2093.
const EPOCH_MS: i64 = 1_704_067_200_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
/// Highest node number.
pub const NODE_MAX: u16 = (1 << NODE_BITS) - 1;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            /// From the stored integer.
            pub const fn from_raw(raw: i64) -> Self {
                Self(raw)
            }

            /// The integer to store.
            pub const fn raw(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:013x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                i64::from_str_radix(text, 16).map(Self)
            }
        }
    };
}

id_type!(
    /// Content accepted once.
    MessageId
);
id_type!(
    /// One message to one recipient.
    DeliveryId
);
id_type!(
    /// A random stand-in for an address in the ledger; the map to the address stands outside of it.
    PersonId
);

/// Makes ids that grow strictly, for one node.
#[derive(Debug, Clone)]
pub struct IdMaker {
    node: u16,
    last: i64,
}

impl IdMaker {
    /// Starts above `stored_max`, the highest id of this kind already stored.
    pub fn new(node: u16, stored_max: i64) -> Self {
        Self { node: node.min(NODE_MAX), last: stored_max.max(0) }
    }

    /// The next id. A clock that stands still or jumps back only makes the sequence run ahead of the time.
    pub fn next_raw(&mut self, now: Timestamp) -> i64 {
        let since = now.millis().saturating_sub(EPOCH_MS).clamp(0, (1 << 41) - 1);
        let fresh = (since << (NODE_BITS + SEQUENCE_BITS)) | (i64::from(self.node) << SEQUENCE_BITS);
        self.last = if fresh > self.last { fresh } else { self.bump() };
        self.last
    }

    /// One more than the last id in this node's own number space.
    fn bump(&self) -> i64 {
        let sequence_mask = (1 << SEQUENCE_BITS) - 1;
        let own_node = i64::from(self.node) << SEQUENCE_BITS;
        let time = self.last >> (NODE_BITS + SEQUENCE_BITS);
        let same_node = (self.last >> SEQUENCE_BITS) & i64::from(NODE_MAX) == i64::from(self.node);
        let sequence = self.last & sequence_mask;
        if same_node && sequence < sequence_mask {
            self.last + 1
        } else {
            ((time + 1) << (NODE_BITS + SEQUENCE_BITS)) | own_node
        }
    }
}

/// Who wrote an event: 40 random bits per data folder (renewed when a backup is opened) and the node number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(String);

impl Source {
    /// A source from its parts; only the lower 40 bits of `random` count.
    pub fn new(node: u16, random: u64) -> Self {
        Self(format!("n{}.{:010x}", node.min(NODE_MAX), random & 0xff_ffff_ffff))
    }

    /// From its stored text.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text as stored and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event's name: who wrote it, and its place in that source's run without gaps, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Who wrote it.
    pub source: Source,
    /// From 1.
    pub seq: i64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:012}", self.source, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_when_the_clock_stands_still_or_jumps_back() {
        let mut maker = IdMaker::new(3, 0);
        let noon = Timestamp::from_millis(EPOCH_MS + 1_000_000);
        let mut last = 0;
        for step in 0..10_000 {
            let now = if step % 7 == 0 { Timestamp::from_millis(EPOCH_MS) } else { noon };
            let id = maker.next_raw(now);
            assert!(id > last);
            assert_eq!((id >> SEQUENCE_BITS) & i64::from(NODE_MAX), 3);
            last = id;
        }
    }

    #[test]
    fn ids_start_above_what_is_stored_also_by_another_node() {
        let mut other = IdMaker::new(9, 0);
        let far = Timestamp::from_millis(EPOCH_MS + 5_000_000);
        let stored = other.next_raw(far);
        let mut maker = IdMaker::new(2, stored);
        let id = maker.next_raw(Timestamp::from_millis(EPOCH_MS));
        assert!(id > stored);
        assert_eq!((id >> SEQUENCE_BITS) & i64::from(NODE_MAX), 2);
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = MessageId::from_raw(0x1234_5678_9abc);
        assert_eq!(id.to_string().parse::<MessageId>(), Ok(id));
    }
}
