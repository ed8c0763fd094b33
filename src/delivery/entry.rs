//! What the window knows of one destination domain.

use std::collections::HashSet;
use std::sync::Arc;

use super::alike::Likeness;
use super::turns::Turns;
use crate::domain::{CampaignId, DeliveryId, Domain, Mode, Timestamp};
use crate::store::Due;

/// Where a domain stands whose next one is not read yet: with usual mail.
const UNREAD_LANE: u8 = 1;

/// Where a domain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In no list: it waits for its time or for what is in flight.
    Idle,
    /// In the ring.
    Ring,
    /// In its site's list, for a permit.
    Parked,
    /// In the list of those that wait for a read.
    Hungry,
    /// Being read.
    Refilling,
    /// Its site is being looked for.
    Locating,
}

/// One domain.
pub(super) struct Entry {
    pub(super) loaded: Turns<Due>,
    /// Whether the queue may hold due deliveries that are not loaded.
    pub(super) more: bool,
    pub(super) later: Option<Timestamp>,
    pub(super) under_way: HashSet<DeliveryId>,
    pub(super) place: Place,
    /// `None` until it was looked for.
    pub(super) site: Option<Arc<str>>,
    /// What was settled while a read was under way: the read may still have seen it.
    pub(super) settled_meanwhile: Vec<DeliveryId>,
    /// The read under way may have seen what was cancelled since: it counts for nothing.
    pub(super) stale: bool,
}

impl Entry {
    pub(super) fn new(site: Option<Arc<str>>) -> Self {
        Self {
            loaded: Turns::default(),
            more: false,
            later: None,
            under_way: HashSet::new(),
            place: Place::Idle,
            site,
            settled_meanwhile: Vec::new(),
            stale: false,
        }
    }

    /// Takes all that are of this likeness and may go, up to `room`, out of what is loaded.
    pub(super) fn take_like(
        &mut self,
        likeness: Likeness,
        room: usize,
        may: &mut impl FnMut(&Due) -> bool,
    ) -> Vec<Due> {
        let mut taken: Vec<Due> = Vec::new();
        self.loaded.retain(|due| {
            let joins = taken.len() < room && Likeness::of(due) == Some(likeness) && may(due);
            if joins {
                taken.push(due.clone());
            }
            !joins
        });
        taken
    }

    /// The lane and the campaign of the next one. What is not read yet may be anything.
    pub(super) fn rank(&self) -> (u8, CampaignId) {
        self.loaded.front().map_or((UNREAD_LANE, CampaignId::from_raw(0)), |due| (due.lane, due.campaign))
    }

    /// Something is due at `at`.
    pub(super) fn due_at(&mut self, at: Timestamp) {
        self.later = Some(self.later.map_or(at, |known| known.min(at)));
    }

    /// The site that it counts at; its own name while none is known.
    pub(super) fn site_or(&self, domain: &Domain) -> Arc<str> {
        self.site.clone().unwrap_or_else(|| Arc::from(domain.as_str()))
    }

    /// Whether the next one goes to a site that is not known. What stays in the inbox asks for none.
    pub(super) fn is_lost(&self) -> bool {
        self.site.is_none() && self.loaded.front().is_some_and(|due| due.mode == Mode::Live)
    }
}
