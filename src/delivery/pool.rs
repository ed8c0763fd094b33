//! Sessions that wait a moment for the next copy to the same server.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::seats::{Seat, Seats};
use super::session::Session;

/// Idle sessions in all; one more is closed instead.
const IDLE_SESSIONS_MAX: usize = 200;
/// How often idle sessions are looked over, at the least.
const SWEEP_EVERY_MAX: Duration = Duration::from_secs(1);

/// Whoever waits for a connection of its site to end waits no longer: it says goodbye within less.
const SEAT_WAIT_MAX: Duration = Duration::from_secs(5);

/// Idle sessions by what they can serve and the addresses that they may leave from, and how many connections there are to
/// each site.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shelf>, Seats);

struct Shelf {
    idle_max: Duration,
    content: Mutex<Content>,
}

/// What serves the same, and the addresses that a session may leave from; empty for those of the settings.
type Way = (String, Vec<IpAddr>);

#[derive(Default)]
struct Content {
    by_way: HashMap<Way, Vec<(Instant, Session)>>,
    count: usize,
    swept: bool,
}

impl Pool {
    pub(super) fn new(idle_max: Duration) -> Self {
        Self(Arc::new(Shelf { idle_max, content: Mutex::default() }), Seats::default())
    }

    /// The session for this, from one of these addresses, that was used last and still stands.
    pub(super) async fn take(&self, key: &str, sources: &[IpAddr]) -> Option<Session> {
        let way = (key.to_owned(), sources.to_vec());
        loop {
            let session = self.0.content().pop(&way)?;
            if session.is_quiet().await {
                return Some(session);
            }
        }
    }

    /// Room for one more connection to a site of which `most` may be open: where there is none, one that is idle makes
    /// room, or one that says goodbye is waited for.
    pub(super) async fn seat(&self, site: &str, most: Option<usize>) -> Seat {
        let Some(most) = most else { return self.1.take_anyway(site) };
        let patience = Instant::now() + SEAT_WAIT_MAX;
        loop {
            let left = self.1.one_left();
            tokio::pin!(left);
            // From here on no end is missed.
            left.as_mut().enable();
            if let Some(seat) = self.1.take(site, most) {
                return seat;
            }
            let idle = self.0.content().pop_of_site(site);
            if let Some(session) = idle {
                session.quit().await;
            } else if tokio::time::timeout_at(patience, left).await.is_err() {
                return self.1.take_anyway(site);
            }
        }
    }

    /// Keeps a session for a while, or says goodbye to it. `messages_max` 1 keeps nothing.
    pub(super) fn put(&self, session: Session, messages_max: u32) {
        if !session.is_usable() {
            return;
        }
        let mut content = self.0.content();
        if messages_max <= 1 || session.sent >= messages_max || content.count >= IDLE_SESSIONS_MAX {
            drop(content);
            tokio::spawn(session.quit());
            return;
        }
        content.count += 1;
        let way = (session.key.clone(), session.sources.clone());
        content.by_way.entry(way).or_default().push((Instant::now(), session));
        if !std::mem::replace(&mut content.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }

    /// Says goodbye to all idle sessions.
    pub(super) async fn close(&self) {
        let all = self.0.content().drain();
        futures_util::future::join_all(all.into_iter().map(Session::quit)).await;
    }
}

impl Shelf {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn pop(&mut self, way: &Way) -> Option<Session> {
        let (_, session) = self.by_way.get_mut(way)?.pop()?;
        self.count -= 1;
        Some(session)
    }

    fn pop_of_site(&mut self, site: &str) -> Option<Session> {
        let is_there = |session: &Session| session.seat.as_ref().is_some_and(|seat| seat.site() == site);
        let found = self.by_way.values_mut().find_map(|kept| {
            let at = kept.iter().position(|(_, session)| is_there(session))?;
            Some(kept.remove(at).1)
        });
        self.count -= usize::from(found.is_some());
        found
    }

    fn drain(&mut self) -> Vec<Session> {
        self.count = 0;
        self.by_way.drain().flat_map(|(_, kept)| kept).map(|(_, session)| session).collect()
    }

    /// Takes out what has waited since before `oldest`.
    fn expire(&mut self, oldest: Instant) -> Vec<Session> {
        let mut gone = Vec::new();
        self.by_way.retain(|_, kept| {
            let (stay, go): (Vec<_>, Vec<_>) = std::mem::take(kept).into_iter().partition(|(since, _)| *since > oldest);
            *kept = stay;
            gone.extend(go.into_iter().map(|(_, session)| session));
            !kept.is_empty()
        });
        self.count -= gone.len();
        gone
    }
}

/// Runs while there are idle sessions.
async fn sweep(shelf: Weak<Shelf>) {
    loop {
        let Some(pause) = shelf.upgrade().map(|s| (s.idle_max / 2).min(SWEEP_EVERY_MAX)) else { return };
        tokio::time::sleep(pause).await;
        let Some(shelf) = shelf.upgrade() else { return };
        let gone = {
            let mut content = shelf.content();
            let gone = Instant::now().checked_sub(shelf.idle_max).map(|at| content.expire(at)).unwrap_or_default();
            content.swept = content.count > 0;
            if !content.swept && gone.is_empty() {
                return;
            }
            gone
        };
        let empty = !shelf.content().swept;
        for session in gone {
            tokio::spawn(session.quit());
        }
        if empty {
            return;
        }
    }
}
