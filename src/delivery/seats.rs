//! How many connections are open to each site, those that wait for another mail or say goodbye among them: a receiver
//! counts them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The counts.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<Room>);

#[derive(Default)]
struct Room {
    taken: Mutex<HashMap<String, usize>>,
    left: Notify,
}

/// One open connection; it is over when this is dropped.
pub(super) struct Seat {
    room: Arc<Room>,
    site: String,
}

impl Seats {
    /// A seat, where fewer than `most` are taken.
    pub(super) fn take(&self, site: &str, most: usize) -> Option<Seat> {
        let mut taken = self.0.taken();
        let full = taken.get(site).is_some_and(|count| *count >= most);
        (!full).then(|| self.sit(&mut taken, site))
    }

    /// A seat whatever is taken.
    pub(super) fn take_anyway(&self, site: &str) -> Seat {
        self.sit(&mut self.0.taken(), site)
    }

    fn sit(&self, taken: &mut HashMap<String, usize>, site: &str) -> Seat {
        *taken.entry(site.to_owned()).or_default() += 1;
        Seat { room: Arc::clone(&self.0), site: site.to_owned() }
    }

    /// Until the next one is left, of whichever site.
    pub(super) fn one_left(&self) -> Notified<'_> {
        self.0.left.notified()
    }
}

impl Seat {
    pub(super) fn site(&self) -> &str {
        &self.site
    }
}

impl Room {
    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        if let Some(count) = taken.get_mut(&self.site) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.site);
            }
        }
        drop(taken);
        self.room.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_are_taken_than_there_are() {
        let seats = Seats::default();
        let one = seats.take("a.example", 2).unwrap();
        let two = seats.take("a.example", 2).unwrap();
        assert!(seats.take("a.example", 2).is_none() && seats.take("b.example", 1).is_some());
        let third = seats.take_anyway("a.example");
        drop(one);
        assert!(seats.take("a.example", 2).is_none());
        let waiting = tokio::spawn({
            let seats = seats.clone();
            async move { seats.one_left().await }
        });
        while !waiting.is_finished() {
            drop(seats.take_anyway("c.example"));
            tokio::task::yield_now().await;
        }
        drop((two, third));
        assert!(seats.0.taken().is_empty());
    }
}
