//! The one fold from events to views.
//!
//! A function of (views, event): no clock, no random, no configuration, no network. An event whose seq is not above its
//! source's cursor is skipped, so that applied twice is applied once. Changes are summed in memory over a run of events
//! and written once per key.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params, params_from_iter};

use super::error::StoreError;
use super::fold_links::LinkKeys;
use super::fold_rows as rows;
use super::fold_state::{Contribution, DeliveryState, HitCounter};
use super::view::State;
use crate::domain::audience::Audience;
use crate::domain::{CampaignId, Counts, Event, Fact, Metric, Timestamp};

/// A delivery while the run lasts.
struct Loaded {
    state: DeliveryState,
    hits: Option<Vec<HitCounter>>,
    changed_hits: bool,
}

/// Changes of one campaign beyond its counts.
#[derive(Default)]
struct CampaignChange {
    first: Option<(i64, i64)>,
    last: Option<(i64, i64)>,
    name: String,
    mode: i64,
    messages: i64,
    first_delivery_at: Option<i64>,
    counts: Counts,
}

/// Changes of one link: by class in column order, and hits.
type LinkChange = [i64; 6];

/// Changes of one kind of refusal in a campaign.
#[derive(Default)]
struct RefusalChange {
    bounced: i64,
    deferrals: i64,
    sample: Option<(i64, i64, i64)>,
}

/// One run of the fold over one set of views.
pub(super) struct Fold<'c> {
    conn: &'c Connection,
    /// The letter the views' names begin with.
    set: char,
    source: i64,
    deliveries: HashMap<i64, Loaded>,
    campaigns: HashMap<i64, CampaignChange>,
    series: HashMap<(i64, i64), Counts>,
    sites: HashMap<(i64, String), Counts>,
    links: HashMap<(i64, u16, i64), LinkChange>,
    link_keys: LinkKeys,
    refusals: HashMap<(i64, u8), RefusalChange>,
}

impl<'c> Fold<'c> {
    /// Over the views that pages read.
    pub(super) fn main(conn: &'c Connection) -> Self {
        Self::over(conn, 'v')
    }

    /// Over the set whose names begin with `set`.
    pub(super) fn over(conn: &'c Connection, set: char) -> Self {
        Self {
            conn,
            set,
            source: 0,
            deliveries: HashMap::new(),
            campaigns: HashMap::new(),
            series: HashMap::new(),
            sites: HashMap::new(),
            links: HashMap::new(),
            link_keys: LinkKeys::default(),
            refusals: HashMap::new(),
        }
    }

    /// Applies a run of one source's events, in order of seq, and moves its cursor.
    pub(super) fn apply(mut self, source: i64, events: &[Event]) -> Result<(), StoreError> {
        let Some(last) = events.last() else { return Ok(()) };
        self.source = source;
        let cursor: i64 = self
            .sql("select seq from v_cursor where source = ?1")?
            .query_row([source], |row| row.get(0))
            .optional()?
            .unwrap_or(0);
        for event in events.iter().filter(|event| event.seq > cursor) {
            self.take(event)?;
        }
        self.write()?;
        self.sql(
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
        if loaded.hits.is_none() && (is_hit || loaded.state.clicked.is_some()) {
            loaded.hits = Some(rows::load_hits(&mut self.sql(rows::SELECT_HITS)?, delivery)?);
        }
        let hits_known = loaded.hits.is_some();
        let mut hits = loaded.hits.take().unwrap_or_default();
        let (before, links_before) = (loaded.state.contribution(), loaded.state.links_contribution(&hits));
        let (state_before, class_before) = (loaded.state.state, loaded.state.class);
        let was_known = loaded.state.known;
        loaded.state.take(event.at, &event.fact, &mut hits);
        let (after, links_after) = (loaded.state.contribution(), loaded.state.links_contribution(&hits));

        let scopes = [campaign, CampaignId::all(about.mode).raw()];
        self.change_counts(scopes, was_known, &loaded.state, &before, &after);
        self.change_hit_series(scopes, event);
        self.change_links(campaign, &links_before, &links_after)?;
        self.change_refusals(campaign, event, (state_before, class_before), &loaded.state);
        self.change_campaign(campaign, event);
        loaded.changed_hits |= is_hit;
        loaded.hits = hits_known.then_some(hits);
        self.deliveries.insert(delivery, loaded);
        Ok(())
    }

    /// Written at once: each is a row of its own.
    fn take_suppression(&self, event: &Event) -> Result<(), StoreError> {
        let row = rows::suppression_row(event);
        row.map_or(Ok(()), |row| Ok(self.sql(rows::UPSERT_SUPPRESSION)?.execute(params_from_iter(row)).map(|_| ())?))
    }

    fn load(&self, delivery: i64, campaign: i64, mode: crate::domain::Mode) -> Result<Loaded, StoreError> {
        let stored = self.sql(rows::SELECT_DELIVERY)?.query_row([delivery], rows::read_delivery).optional()?;
        let hits = stored.is_none().then(Vec::new);
        let state = stored.unwrap_or_else(|| DeliveryState::unknown(campaign, mode));
        Ok(Loaded { state, hits, changed_hits: false })
    }

    fn change_counts(
        &mut self,
        scopes: [i64; 2],
        was_known: bool,
        now: &DeliveryState,
        before: &Contribution,
        after: &Contribution,
    ) {
        let mut change = after.counts;
        change -= before.counts;
        if !change.is_zero() {
            self.campaigns.entry(scopes[0]).or_default().counts += change;
        }
        if before.stamped != after.stamped {
            for scope in scopes {
                for (metric, at) in &before.stamped {
                    self.series.entry((scope, bucket(*at))).or_default()[*metric] -= 1;
                }
                for (metric, at) in &after.stamped {
                    self.series.entry((scope, bucket(*at))).or_default()[*metric] += 1;
                }
            }
        }
        if !now.known {
            return;
        }
        // A delivery joins its domain's row with all it has when its acceptance is seen.
        let site_change = if was_known { change } else { after.counts };
        if !site_change.is_zero() {
            for scope in scopes {
                *self.sites.entry((scope, now.domain.clone())).or_default() += site_change;
            }
        }
    }

    /// Hits are counted in the bucket of their own time; a new judgement of an old hit adds none.
    fn change_hit_series(&mut self, scopes: [i64; 2], event: &Event) {
        let (metric, hit) = match &event.fact {
            Fact::Opened(hit) => (Metric::OpenEvents, hit),
            Fact::Clicked(hit) => (Metric::ClickEvents, hit),
            _ => return,
        };
        for scope in scopes {
            self.series.entry((scope, bucket(event.at.millis()))).or_default()[metric] += i64::from(hit.count);
        }
    }

    fn change_links(
        &mut self,
        campaign: i64,
        before: &[(u16, i64, Option<Audience>, i64)],
        after: &[(u16, i64, Option<Audience>, i64)],
    ) -> Result<(), StoreError> {
        if before == after {
            return Ok(());
        }
        for (links, sign) in [(before, -1), (after, 1)] {
            for (position, pattern, best, hits) in links {
                let (conn, set) = (self.conn, self.set);
                let sql = |text: &str| prepared(conn, set, text);
                let (position, pattern) = self.link_keys.row(campaign, *position, *pattern, sql)?;
                let change = self.links.entry((campaign, position, pattern)).or_default();
                if let Some(class) = best {
                    change[link_column(*class)] += sign;
                }
                change[5] += sign * hits;
            }
        }
        Ok(())
    }

    fn change_refusals(
        &mut self,
        campaign: i64,
        event: &Event,
        before: (State, Option<crate::domain::BounceClass>),
        now: &DeliveryState,
    ) {
        let failed = |state| matches!(state, State::Bounced | State::Expired);
        let mut seen = None;
        if let Some(class) = before.1.filter(|_| failed(before.0) && now.state != before.0) {
            self.refusals.entry((campaign, class.code())).or_default().bounced -= 1;
        }
        if let Some(class) = now.class.filter(|_| failed(now.state) && now.state != before.0) {
            self.refusals.entry((campaign, class.code())).or_default().bounced += 1;
            seen = Some(class);
        }
        if let Fact::Deferred { class, .. } = &event.fact {
            self.refusals.entry((campaign, class.code())).or_default().deferrals += 1;
            seen = Some(*class);
        }
        if let Some(class) = seen {
            let sample = (event.at.millis(), self.source, event.seq);
            let change = self.refusals.entry((campaign, class.code())).or_default();
            change.sample = Some(change.sample.map_or(sample, |known| known.min(sample)));
        }
    }

    fn change_campaign(&mut self, campaign: i64, event: &Event) {
        let at = event.at.millis();
        match &event.fact {
            Fact::Accepted(accepted) => {
                let change = self.campaigns.entry(campaign).or_default();
                let seen = (at, accepted.message.raw());
                change.first = Some(change.first.map_or(seen, |known| known.min(seen)));
                change.last = Some(change.last.map_or(seen, |known| known.max(seen)));
                // The name it was first accepted under; what it is called since stands beside the ledger.
                if change.name.is_empty() {
                    change.name.clone_from(&accepted.campaign_name);
                }
                change.mode = mode_code(accepted.about.mode);
                change.messages += i64::from(accepted.first_of_message);
            }
            Fact::Delivered { .. } => {
                let change = self.campaigns.entry(campaign).or_default();
                change.first_delivery_at = Some(change.first_delivery_at.map_or(at, |known| known.min(at)));
            }
            _ => {}
        }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        for (delivery, loaded) in &self.deliveries {
            rows::write_delivery(&mut self.sql(rows::UPSERT_DELIVERY)?, *delivery, &loaded.state)?;
            for hit in loaded.hits.iter().flatten().filter(|_| loaded.changed_hits) {
                rows::write_hit(&mut self.sql(rows::UPSERT_HIT)?, *delivery, hit)?;
            }
        }
        self.write_campaigns()?;
        self.write_counts(&rows::UPSERT_SERIES, self.series.iter().map(|((s, b), c)| ((*s, *b), c)))?;
        let sites = self.sites.iter().map(|((scope, domain), c)| ((*scope, domain.as_str()), c));
        self.write_counts(&rows::UPSERT_SITE, sites)?;
        for ((campaign, position, pattern), change) in &self.links {
            let keys = params![campaign, position, pattern];
            let mut statement = self.sql(rows::UPSERT_LINK)?;
            let values = keys.iter().copied().chain(change.iter().map(|n| n as &dyn rusqlite::ToSql));
            statement.execute(params_from_iter(values))?;
        }
        for ((campaign, class), change) in &self.refusals {
            let (at, source, seq) = change.sample.unwrap_or((i64::MAX, 0, 0));
            self.sql(rows::UPSERT_REFUSAL)?.execute(params![
                campaign,
                class,
                change.bounced,
                change.deferrals,
                at,
                source,
                seq
            ])?;
        }
        Ok(())
    }

    fn write_campaigns(&self) -> Result<(), StoreError> {
        for (campaign, change) in &self.campaigns {
            let (first_at, first_message) = change.first.unwrap_or((i64::MAX, 0));
            let (last_at, last_message) = change.last.unwrap_or((0, 0));
            let first_delivery = change.first_delivery_at.unwrap_or(i64::MAX);
            let keys = params![
                campaign,
                change.name,
                change.mode,
                first_at,
                last_at,
                first_message,
                last_message,
                change.messages,
                first_delivery
            ];
            let counts = change.counts.values().iter().map(|n| n as &dyn rusqlite::ToSql);
            self.sql(&rows::UPSERT_CAMPAIGN)?.execute(params_from_iter(keys.iter().copied().chain(counts)))?;
        }
        Ok(())
    }

    fn write_counts<'k, K>(
        &self,
        sql: &str,
        changes: impl Iterator<Item = ((i64, K), &'k Counts)>,
    ) -> Result<(), StoreError>
    where
        K: rusqlite::ToSql,
    {
        for ((scope, key), counts) in changes.filter(|(_, counts)| !counts.is_zero()) {
            let head = [&scope as &dyn rusqlite::ToSql, &key];
            let values = counts.values().iter().map(|n| n as &dyn rusqlite::ToSql);
            self.sql(sql)?.execute(params_from_iter(head.into_iter().chain(values)))?;
        }
        Ok(())
    }

    /// A statement over this fold's own set of views.
    fn sql(&self, text: &str) -> Result<CachedStatement<'c>, StoreError> {
        prepared(self.conn, self.set, text)
    }
}

fn prepared<'c>(conn: &'c Connection, set: char, text: &str) -> Result<CachedStatement<'c>, StoreError> {
    let text = match set {
        'v' => Cow::Borrowed(text),
        set => Cow::Owned(text.replace(" v_", &format!(" {set}_"))),
    };
    Ok(conn.prepare_cached(&text)?)
}

pub(super) const fn mode_code(mode: crate::domain::Mode) -> i64 {
    match mode {
        crate::domain::Mode::Live => 0,
        crate::domain::Mode::Sandbox => 1,
    }
}

fn bucket(at: i64) -> i64 {
    Timestamp::from_millis(at).bucket().millis()
}

const fn link_column(class: Audience) -> usize {
    match class {
        Audience::Human => 0,
        Audience::Proxy => 1,
        Audience::Unknown => 2,
        Audience::Prefetch => 3,
        Audience::Scanner => 4,
    }
}
