//! Writes of a delivery's row what differs from the stored one: an opening, the commonest of events, writes no index but
//! those of its class.

use rusqlite::{CachedStatement, params};

use super::error::StoreError;
use super::fold::{Set, mode_code};
use super::fold_state::DeliveryState;
use crate::domain::BounceClass;
use crate::domain::audience::Audience;

/// All of a delivery's row.
const PUT_DELIVERY: &str = "insert or replace into v_delivery values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
    ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)";
/// Less of it: only indexes that hold one of the columns set are written.
const SET_HITS: &str = "update v_delivery set opened_at = ?2, clicked_at = ?3, open_events = ?4, click_events = ?5, \
    last_at = ?6 where delivery = ?1";
const SET_CLASSES: &str = "update v_delivery set opened_at = ?2, clicked_at = ?3, open_events = ?4, click_events = ?5, \
    last_at = ?6, opened = ?7, clicked = ?8 where delivery = ?1";
const SET_FATE: &str = "update v_delivery set opened_at = ?2, clicked_at = ?3, open_events = ?4, click_events = ?5, \
    last_at = ?6, opened = ?7, clicked = ?8, site = ?9, site_try = ?10, state = ?11, tries = ?12, class = ?13, \
    settled_at = ?14, pixel = ?15, links = ?16, late_bounced_at = ?17, complained_at = ?18, unsubscribed_at = ?19 \
    where delivery = ?1";

/// How much of a delivery's row differs from the stored one: each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// When and how often it was read; no index holds that.
    Hits,
    /// The classes of its readers.
    Classes,
    /// What became of it.
    Fate,
    /// Whose it is, or all of it.
    Whole,
}

impl DeliveryState {
    /// How much of it differs from what is stored, `None` when nothing is.
    pub(super) fn differs_from(&self, stored: Option<&Self>) -> Difference {
        let Some(stored) = stored else { return Difference::Whole };
        let whose = |s: &Self| (s.known, s.message, s.campaign, s.mode, s.person, s.accepted_at);
        let fate = |s: &Self| {
            let sent = (s.site_try, s.state, s.tries, s.class, s.settled_at, s.pixel, s.links);
            (sent, s.late_bounced_at, s.complained_at, s.unsubscribed_at)
        };
        if whose(self) != whose(stored) || self.domain != stored.domain {
            Difference::Whole
        } else if fate(self) != fate(stored) || self.site != stored.site {
            Difference::Fate
        } else if (self.opened, self.clicked) != (stored.opened, stored.clicked) {
            Difference::Classes
        } else {
            Difference::Hits
        }
    }
}

/// Writes what differs from the stored rows of deliveries.
pub(super) struct DeliveryRows<'c> {
    put: CachedStatement<'c>,
    set_hits: CachedStatement<'c>,
    set_classes: CachedStatement<'c>,
    set_fate: CachedStatement<'c>,
}

impl<'c> DeliveryRows<'c> {
    /// Those of a set.
    pub(super) fn over(set: Set<'c>) -> Result<Self, StoreError> {
        Ok(Self {
            put: set.sql(PUT_DELIVERY)?,
            set_hits: set.sql(SET_HITS)?,
            set_classes: set.sql(SET_CLASSES)?,
            set_fate: set.sql(SET_FATE)?,
        })
    }

    /// Writes one.
    pub(super) fn write(
        &mut self,
        delivery: i64,
        state: &DeliveryState,
        difference: Difference,
    ) -> Result<(), StoreError> {
        let audience = |class: Option<Audience>| class.map_or(0, Audience::code);
        let (opened, clicked) = (audience(state.opened), audience(state.clicked));
        let class = state.class.map_or(0, BounceClass::code);
        if difference == Difference::Whole {
            self.put.execute(params![
                delivery,
                state.known,
                state.message,
                state.campaign,
                mode_code(state.mode),
                state.person,
                state.domain,
                state.site,
                state.site_try,
                state.state.code(),
                state.tries,
                class,
                state.accepted_at,
                state.settled_at,
                state.pixel,
                state.links,
                opened,
                state.opened_at,
                clicked,
                state.clicked_at,
                state.open_events,
                state.click_events,
                state.late_bounced_at,
                state.complained_at,
                state.unsubscribed_at,
                state.last_at
            ])?;
            return Ok(());
        }
        let values = params![
            delivery,
            state.opened_at,
            state.clicked_at,
            state.open_events,
            state.click_events,
            state.last_at,
            opened,
            clicked,
            state.site,
            state.site_try,
            state.state.code(),
            state.tries,
            class,
            state.settled_at,
            state.pixel,
            state.links,
            state.late_bounced_at,
            state.complained_at,
            state.unsubscribed_at
        ];
        let (statement, used) = match difference {
            Difference::Hits => (&mut self.set_hits, 6),
            Difference::Classes => (&mut self.set_classes, 8),
            Difference::Fate | Difference::Whole => (&mut self.set_fate, values.len()),
        };
        statement.execute(values.get(..used).unwrap_or(values))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mode;
    use crate::store::view::State;

    #[test]
    fn each_difference_includes_those_before_it() {
        let stored = DeliveryState { known: true, ..DeliveryState::unknown(7, Mode::Live) };
        let changed = |change: fn(&mut DeliveryState)| {
            let mut state = stored.clone();
            state.open_events += 1;
            change(&mut state);
            state.differs_from(Some(&stored))
        };
        assert_eq!(changed(|_| ()), Difference::Hits);
        assert_eq!(changed(|state| state.opened = Some(Audience::Human)), Difference::Classes);
        assert_eq!(changed(|state| state.site = "mx.b.example".to_owned()), Difference::Fate);
        assert_eq!(changed(|state| (state.state, state.clicked) = (State::Delivered, None)), Difference::Fate);
        assert_eq!(changed(|state| state.person = 3), Difference::Whole);
        assert_eq!(stored.differs_from(None), Difference::Whole);
    }
}
