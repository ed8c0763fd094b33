//! Things in lanes, the better ones first, and within a lane by campaigns that take turns: a campaign of a million holds up
//! no other.
//!
//! Pure.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::CampaignId;

/// The things, each in the lane and of the campaign that it was put in with.
#[derive(Debug)]
pub(super) struct Turns<T> {
    lanes: BTreeMap<u8, VecDeque<(CampaignId, VecDeque<T>)>>,
    count: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), count: 0 }
    }
}

impl<T> Turns<T> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn push(&mut self, lane: u8, campaign: CampaignId, thing: T) {
        let turns = self.lanes.entry(lane).or_default();
        match turns.iter_mut().find(|(of, _)| *of == campaign) {
            Some((_, things)) => things.push_back(thing),
            None => turns.push_back((campaign, VecDeque::from([thing]))),
        }
        self.count += 1;
    }

    /// The next one.
    pub(super) fn front(&self) -> Option<&T> {
        self.lanes.values().next()?.front()?.1.front()
    }

    /// Takes the next one; its campaign's turn is over.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut lane = self.lanes.first_entry()?;
        let (campaign, mut things) = lane.get_mut().pop_front()?;
        let thing = things.pop_front();
        if !things.is_empty() {
            lane.get_mut().push_back((campaign, things));
        }
        if lane.get().is_empty() {
            lane.remove();
        }
        self.count -= usize::from(thing.is_some());
        thing
    }

    /// How many there are of a campaign in a lane.
    pub(super) fn count_of(&self, lane: u8, campaign: CampaignId) -> usize {
        let turns = self.lanes.get(&lane).into_iter().flatten();
        turns.filter(|(of, _)| *of == campaign).map(|(_, things)| things.len()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.lanes.values().flatten().flat_map(|(_, things)| things)
    }

    /// Keeps only these; turns stay as they are.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&T) -> bool) {
        self.lanes.retain(|_, turns| {
            turns.retain_mut(|(_, things)| {
                things.retain(&mut stays);
                !things.is_empty()
            });
            !turns.is_empty()
        });
        self.count = self.iter().count();
    }

    /// All of them, in the order of their turns.
    pub(super) fn drain(&mut self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.count);
        while let Some(thing) = self.pop() {
            all.push(thing);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(n: i64) -> CampaignId {
        CampaignId::from_raw(n)
    }

    #[test]
    fn better_lanes_come_first_and_campaigns_take_turns() {
        let mut turns = Turns::default();
        for n in 0..5 {
            turns.push(1, campaign(1), format!("large {n}"));
        }
        turns.push(2, campaign(3), "again".to_owned());
        turns.push(1, campaign(2), "small 0".to_owned());
        turns.push(1, campaign(2), "small 1".to_owned());
        assert_eq!((turns.len(), turns.count_of(1, campaign(1)), turns.count_of(0, campaign(1))), (8, 5, 0));
        assert_eq!(turns.pop().as_deref(), Some("large 0"));
        turns.push(0, campaign(9), "urgent".to_owned());
        assert_eq!(turns.front().map(String::as_str), Some("urgent"));
        let rest = ["urgent", "small 0", "large 1", "small 1", "large 2", "large 3", "large 4", "again"];
        assert_eq!(turns.drain(), rest);
        assert!(turns.is_empty() && turns.pop().is_none());
    }

    #[test]
    fn what_does_not_stay_is_gone_and_counted() {
        let mut turns = Turns::default();
        (0..10).for_each(|n| turns.push(1, campaign(n % 3), n));
        turns.retain(|n| n % 3 == 1);
        assert_eq!((turns.len(), turns.drain()), (3, vec![1, 4, 7]));
        assert!(turns.lanes.is_empty());
    }
}
