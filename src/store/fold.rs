//! The one fold from events to views.
//!
//! A function of (views, event): no clock, no random, no configuration, no network. An event whose seq is not above its
//! source's cursor is skipped, so that applied twice is applied once. Changes are summed in memory over a run of events
//! and written once per key.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params_from_iter};

use super::error::StoreError;
use super::fold_changes::{Adds, Changes};
use super::fold_put::DeliveryRows;
use super::fold_rows as rows;
use super::fold_state::{DeliveryState, HitCounter};
use crate::domain::{Event, Fact, Timestamp};

/// A delivery while the run lasts.
struct Loaded {
    /// As it is in its row; `None` when it has none.
    stored: Option<DeliveryState>,
    state: DeliveryState,
    hits: Option<Vec<HitCounter>>,
}

/// One set of views.
#[derive(Clone, Copy)]
pub(super) struct Set<'c> {
    conn: &'c Connection,
    /// The letter the views' names begin with.
    letter: char,
}

impl<'c> Set<'c> {
    /// A statement over this set.
    pub(super) fn sql(self, text: &str) -> Result<CachedStatement<'c>, StoreError> {
        let text = match self.letter {
            'v' => Cow::Borrowed(text),
            letter => Cow::Owned(text.replace(" v_", &format!(" {letter}_"))),
        };
        Ok(self.conn.prepare_cached(&text)?)
    }
}

/// One run of the fold over one set of views.
pub(super) struct Fold<'c> {
    set: Set<'c>,
    source: i64,
    deliveries: HashMap<i64, Loaded>,
    changes: Changes,
}

impl<'c> Fold<'c> {
    /// Over the views that pages read.
    pub(super) fn main(conn: &'c Connection) -> Self {
        Self::over(conn, 'v')
    }

    /// Over the set whose names begin with `letter`.
    pub(super) fn over(conn: &'c Connection, letter: char) -> Self {
        Self { set: Set { conn, letter }, source: 0, deliveries: HashMap::new(), changes: Changes::default() }
    }

    /// Applies a run of one source's events, in order of seq, and moves its cursor.
    pub(super) fn apply(mut self, source: i64, events: &[Event]) -> Result<(), StoreError> {
        let Some(last) = events.last() else { return Ok(()) };
        self.source = source;
        let cursor: i64 = self
            .set
            .sql("select seq from v_cursor where source = ?1")?
            .query_row([source], |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        for event in events.iter().filter(|event| event.seq > cursor) {
            self.take(event)?;
        }
        self.write()?;
        self.set
            .sql(
                "insert into v_cursor values (?1, ?2) on conflict (source) do update set seq = max(seq, excluded.seq)",
            )?
            .execute([source, last.seq])?;
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), StoreError> {
        let Some(about) = event.fact.about() else { return self.take_suppression(event) };
        let (delivery, campaign) = (about.delivery.raw(), about.campaign.raw());
        let is_hit = matches!(event.fact, Fact::Opened(_) | Fact::Clicked(_) | Fact::Reclassified { .. });
        let mut loaded = match self.deliveries.remove(&delivery) {
            Some(loaded) => loaded,
            None => self.load(delivery, campaign, about.mode)?,
        };
        if loaded.hits.is_none() && (is_hit || loaded.state.opened.is_some() || loaded.state.clicked.is_some()) {
            loaded.hits = Some(rows::load_hits(&mut self.set.sql(rows::SELECT_HITS)?, delivery)?);
        }
        let hits_known = loaded.hits.is_some();
        let mut hits = loaded.hits.take().unwrap_or_default();
        let before = Adds::of(&loaded.state, &hits);
        loaded.state.take(event.at, &event.fact, &mut hits);
        let after = Adds::of(&loaded.state, &hits);
        self.changes.add(self.set, (self.source, event), &loaded.state.domain, (&before, &after))?;
        loaded.hits = hits_known.then_some(hits);
        self.deliveries.insert(delivery, loaded);
        Ok(())
    }

    /// Written at once: each is a row of its own.
    fn take_suppression(&self, event: &Event) -> Result<(), StoreError> {
        let row = rows::suppression_row(event);
        row.map_or(Ok(()), |row| {
            Ok(self.set.sql(rows::UPSERT_SUPPRESSION)?.execute(params_from_iter(row)).map(|_| ())?)
        })
    }

    fn load(&self, delivery: i64, campaign: i64, mode: crate::domain::Mode) -> Result<Loaded, StoreError> {
        let stored = self.set.sql(rows::SELECT_DELIVERY)?.query_row([delivery], rows::read_delivery).optional()?;
        let hits = stored.is_none().then(Vec::new);
        let state = stored.clone().unwrap_or_else(|| DeliveryState::unknown(campaign, mode));
        Ok(Loaded { stored, state, hits })
    }

    /// In order of the keys, so that neighbours share pages.
    fn write(&self) -> Result<(), StoreError> {
        let mut deliveries: Vec<_> = self.deliveries.iter().collect();
        deliveries.sort_unstable_by_key(|(delivery, _)| **delivery);
        let (mut rows, mut put_hit) = (DeliveryRows::over(self.set)?, self.set.sql(rows::UPSERT_HIT)?);
        for (delivery, loaded) in deliveries {
            rows.write(*delivery, &loaded.state, loaded.state.differs_from(loaded.stored.as_ref()))?;
            let mut changed: Vec<_> = loaded.hits.iter().flatten().filter(|hit| hit.changed).collect();
            changed.sort_unstable_by_key(|hit| (hit.position, hit.class.code(), hit.minute));
            changed.iter().try_for_each(|hit| rows::write_hit(&mut put_hit, *delivery, hit))?;
        }
        self.changes.write(self.set)
    }
}

pub(super) const fn mode_code(mode: crate::domain::Mode) -> i64 {
    match mode {
        crate::domain::Mode::Live => 0,
        crate::domain::Mode::Sandbox => 1,
    }
}

pub(super) fn bucket(at: i64) -> i64 {
    Timestamp::from_millis(at).bucket().millis()
}
