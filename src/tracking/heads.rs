//! HEAD requests of the last minute: whoever checks an address so and then fetches it is no browser.
//!
//! A state in memory only; what it tells is kept with the GET that follows.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::domain::{DeliveryId, Timestamp};

/// A GET comes within this, or has nothing to do with the HEAD.
const KEPT_MS: i64 = 60_000;
/// So many are remembered; the oldest go first.
const HEADS_MAX: usize = 10_000;

/// Whose copy, which link (0 for the pixel), which client.
type Asked = (DeliveryId, u16, IpAddr);

/// Who asked with HEAD.
#[derive(Debug, Default)]
pub struct Heads(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    asked: HashMap<Asked, Timestamp>,
    by_time: VecDeque<(Asked, Timestamp)>,
}

impl Heads {
    /// A HEAD came.
    pub fn remember(&self, delivery: DeliveryId, position: u16, client: IpAddr, at: Timestamp) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = (delivery, position, client);
        heads.asked.insert(asked, at);
        heads.by_time.push_back((asked, at));
        if heads.by_time.len() > HEADS_MAX
            && let Some((oldest, then)) = heads.by_time.pop_front()
            && heads.asked.get(&oldest) == Some(&then)
        {
            heads.asked.remove(&oldest);
        }
    }

    /// Whether the same client asked for the same with HEAD within the last minute. It is told once.
    pub fn came_first(&self, delivery: DeliveryId, position: u16, client: IpAddr, at: Timestamp) -> bool {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let then = heads.asked.remove(&(delivery, position, client));
        then.is_some_and(|then| at.millis().saturating_sub(then.millis()) <= KEPT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_of_one_get_of_the_same_client_and_link_within_a_minute() {
        let heads = Heads::default();
        let (delivery, at) = (DeliveryId::from_raw(7), Timestamp::from_millis);
        let client = |n: u8| IpAddr::from([192, 0, 2, n]);
        heads.remember(delivery, 3, client(1), at(1_000));
        assert!(!heads.came_first(delivery, 3, client(2), at(1_001)));
        assert!(!heads.came_first(delivery, 4, client(1), at(1_001)));
        assert!(heads.came_first(delivery, 3, client(1), at(61_000)));
        assert!(!heads.came_first(delivery, 3, client(1), at(61_000)));
        heads.remember(delivery, 3, client(1), at(1_000));
        assert!(!heads.came_first(delivery, 3, client(1), at(61_001)));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let heads = Heads::default();
        let (client, at) = (IpAddr::from([192, 0, 2, 1]), Timestamp::from_millis(5));
        let count = i64::try_from(HEADS_MAX).unwrap();
        for n in 0..=count {
            heads.remember(DeliveryId::from_raw(n), 1, client, at);
        }
        assert!(!heads.came_first(DeliveryId::from_raw(0), 1, client, at));
        assert!(heads.came_first(DeliveryId::from_raw(1), 1, client, at));
        assert!(heads.came_first(DeliveryId::from_raw(count), 1, client, at));
        assert!(heads.0.lock().unwrap().by_time.len() <= HEADS_MAX);
    }
}
