//! What of the mail that waits goes first: the kind of mail, and within it the priority of its credential.
//!
//! Both together are a lane. A better kind always goes before another; priorities of one kind share what there is by their
//! weights, so that none waits for ever.

/// How much of its kind a credential's mail may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Priority {
    /// Eight turns.
    High,
    /// Four turns.
    #[default]
    Normal,
    /// One turn.
    Low,
}

impl Priority {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The word in commands, pages and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// From the word; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }

    /// Its turns among those of the others.
    pub const fn weight(self) -> u8 {
        match self {
            Self::High => 8,
            Self::Normal => 4,
            Self::Low => 1,
        }
    }

    /// Lanes of mail without a priority are those of normal mail.
    const fn code(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::High => 1,
            Self::Low => 2,
        }
    }
}

/// Kinds of mail: between two and fresh, of a campaign and fresh, and both when they were tried before.
const KINDS: u8 = 4;
/// What was tried before stands so much behind its own.
const TRIED: u8 = 2;
/// How many lanes there are.
pub const LANES: u8 = 3 * KINDS;

/// The lane of mail that was never tried.
pub const fn fresh_lane(transactional: bool, priority: Priority) -> u8 {
    priority.code() * KINDS + if transactional { 0 } else { 1 }
}

/// The lane of what was tried, from the one that it was in.
pub const fn tried_lane(lane: u8) -> u8 {
    lane - lane % KINDS + TRIED + lane % TRIED
}

/// Its kind: 0 goes before 1.
pub const fn kind_of(lane: u8) -> u8 {
    lane % KINDS
}

/// Whether it is no mail between two.
pub const fn is_campaign_lane(lane: u8) -> bool {
    lane % TRIED == 1
}

/// Whether what is in it was tried before.
pub const fn is_tried_lane(lane: u8) -> bool {
    kind_of(lane) >= TRIED
}

/// The priority of a lane.
pub const fn priority_of(lane: u8) -> Priority {
    match lane / KINDS {
        1 => Priority::High,
        2 => Priority::Low,
        _ => Priority::Normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_keeps_its_kind_and_its_priority() {
        let mut seen = std::collections::BTreeSet::new();
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.as_str()), Some(priority));
            for transactional in [true, false] {
                let fresh = fresh_lane(transactional, priority);
                let tried = tried_lane(fresh);
                assert_eq!((priority_of(fresh), priority_of(tried), tried_lane(tried)), (priority, priority, tried));
                assert_eq!((is_tried_lane(fresh), is_tried_lane(tried)), (false, true));
                assert_eq!((is_campaign_lane(fresh), is_campaign_lane(tried)), (!transactional, !transactional));
                assert!(kind_of(fresh) < kind_of(tried) && fresh < LANES && tried < LANES);
                seen.extend([fresh, tried]);
            }
        }
        assert_eq!(seen.len(), usize::from(LANES));
        // As they were written before there were priorities.
        assert_eq!([true, false].map(|t| fresh_lane(t, Priority::Normal)), [0, 1]);
        assert_eq!([0, 1, 2, 3].map(tried_lane), [2, 3, 2, 3]);
        assert_eq!(Priority::parse("highest"), None);
    }
}
