//! Things in lanes, the better kinds first; within a kind by priorities that share the turns by their weights, and within a
//! priority by campaigns that take turns: a campaign of a million holds up no other.
//!
//! Pure.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{CampaignId, Priority, priority};

/// The things, each in the lane and of the campaign that it was put in with.
#[derive(Debug)]
pub(super) struct Turns<T> {
    kinds: BTreeMap<u8, Kind<T>>,
    count: usize,
}

/// Things of one kind.
#[derive(Debug)]
struct Kind<T> {
    /// By priority, best first.
    of: [VecDeque<(CampaignId, VecDeque<T>)>; Priority::ALL.len()],
    /// Turns that each priority has before all begin anew.
    left: [u8; Priority::ALL.len()],
}

impl<T> Kind<T> {
    fn new() -> Self {
        Self { of: [VecDeque::new(), VecDeque::new(), VecDeque::new()], left: Priority::ALL.map(Priority::weight) }
    }

    fn is_empty(&self) -> bool {
        self.of.iter().all(VecDeque::is_empty)
    }

    /// The campaigns of a priority, and the turns that it has left.
    fn of(&mut self, priority: Priority) -> (&mut VecDeque<(CampaignId, VecDeque<T>)>, &mut u8) {
        let ([high, normal, low], [of_high, of_normal, of_low]) = (&mut self.of, &mut self.left);
        match priority {
            Priority::High => (high, of_high),
            Priority::Normal => (normal, of_normal),
            Priority::Low => (low, of_low),
        }
    }

    /// Whose turn it is, and whether all begin anew with it.
    fn next(&self) -> Option<(Priority, bool)> {
        let waiting =
            || Priority::ALL.into_iter().zip(self.of.iter().zip(self.left)).filter(|(_, (of, _))| !of.is_empty());
        let with_turns = waiting().find(|(_, (_, left))| *left > 0).map(|(priority, _)| (priority, false));
        with_turns.or_else(|| waiting().next().map(|(priority, _)| (priority, true)))
    }

    fn front(&self) -> Option<&T> {
        let (priority, _) = self.next()?;
        let [high, normal, low] = &self.of;
        let of = match priority {
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        };
        of.front()?.1.front()
    }

    fn pop(&mut self) -> Option<T> {
        let (priority, anew) = self.next()?;
        if anew {
            self.left = Priority::ALL.map(Priority::weight);
        }
        let (of, left) = self.of(priority);
        *left = left.saturating_sub(1);
        let (campaign, mut things) = of.pop_front()?;
        let thing = things.pop_front();
        if !things.is_empty() {
            of.push_back((campaign, things));
        }
        thing
    }
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { kinds: BTreeMap::new(), count: 0 }
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
        let kind = self.kinds.entry(priority::kind_of(lane)).or_insert_with(Kind::new);
        let (turns, _) = kind.of(priority::priority_of(lane));
        match turns.iter_mut().find(|(of, _)| *of == campaign) {
            Some((_, things)) => things.push_back(thing),
            None => turns.push_back((campaign, VecDeque::from([thing]))),
        }
        self.count += 1;
    }

    /// The next one.
    pub(super) fn front(&self) -> Option<&T> {
        self.kinds.values().next()?.front()
    }

    /// Takes the next one; its campaign's turn is over.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut kind = self.kinds.first_entry()?;
        let thing = kind.get_mut().pop();
        if kind.get().is_empty() {
            kind.remove();
        }
        self.count -= usize::from(thing.is_some());
        thing
    }

    /// How many there are of a campaign in a lane.
    pub(super) fn count_of(&self, lane: u8, campaign: CampaignId) -> usize {
        let of = self.kinds.get(&priority::kind_of(lane)).map(|kind| &kind.of);
        let turns = Priority::ALL.into_iter().zip(of.into_iter().flatten());
        let own = turns.filter(|(other, _)| *other == priority::priority_of(lane)).flat_map(|(_, turns)| turns);
        own.filter(|(of, _)| *of == campaign).map(|(_, things)| things.len()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.kinds.values().flat_map(|kind| &kind.of).flatten().flat_map(|(_, things)| things)
    }

    /// Keeps only these; turns stay as they are.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&T) -> bool) {
        self.kinds.retain(|_, kind| {
            for turns in &mut kind.of {
                turns.retain_mut(|(_, things)| {
                    things.retain(&mut stays);
                    !things.is_empty()
                });
            }
            !kind.is_empty()
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
        assert!(turns.kinds.is_empty());
    }

    #[test]
    fn priorities_share_the_turns_of_a_kind_by_their_weights() {
        let lane = |priority| priority::fresh_lane(false, priority);
        let mut turns = Turns::default();
        for n in 0..130 {
            for priority in [Priority::Low, Priority::Normal, Priority::High] {
                turns.push(lane(priority), campaign(n % 2), priority.as_str());
            }
        }
        turns.push(priority::fresh_lane(true, Priority::Low), campaign(9), "between two");
        assert_eq!(turns.pop(), Some("between two"));
        let mut first: Vec<_> = (0..130).filter_map(|_| turns.pop()).collect();
        let high = first.iter().take(13).filter(|word| **word == "high").count();
        first.sort_unstable();
        let count = |word| first.iter().filter(|other| **other == word).count();
        assert_eq!((high, count("high"), count("normal"), count("low")), (8, 80, 40, 10));
        // Who is alone has all turns, and what comes meanwhile has its share at once.
        turns.retain(|word| *word == "low");
        assert_eq!((0..20).filter_map(|_| turns.pop()).collect::<Vec<_>>(), vec!["low"; 20]);
        turns.push(lane(Priority::High), campaign(1), "high");
        assert!(turns.pop() == Some("high") && turns.front() == Some(&"low"));
        assert_eq!((turns.len(), turns.count_of(lane(Priority::Low), campaign(0))), (100, 50));
    }
}
