//! History judged anew: what the rules say of hits that were judged by others, and the facts that say so.
//!
//! A delivery's hits are judged in the order in which they came, by the same steps as when they came, so that what was
//! judged by the same rules stays as it is. Deliveries are walked in slices, each its own read.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use rusqlite::{Connection, params, params_from_iter};

use super::error::StoreError;
use super::hits::{Hits, reclassified};
use super::stories::{self, Stored};
use super::writer::{Batch, Lane};
use super::{ledger, names, schema};
use crate::domain::audience_story::Story;
use crate::domain::{Audience, AudienceRules, DeliveryId, Event, Fact, Timestamp, Verdict};

/// Deliveries that are looked up at once.
const DELIVERIES: i64 = 500;
/// Events of a delivery that are read at once.
const EVENTS: i64 = 2_000;
/// Corrections that are handed over at once.
const CORRECTIONS: usize = 500;

/// That a hit of this folder's own is of another class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// Its place in the ledger.
    pub seq: i64,
    /// The class that it has.
    pub from: Audience,
    /// The class that it is to have.
    pub to: Audience,
    /// The rule that says so.
    pub rule: String,
}

/// Which history.
#[derive(Debug, Clone, Default)]
pub struct Rejudging {
    /// Of the campaign that is shown under this name, live and sandbox.
    pub campaign: Option<String>,
    /// Hits from this time on.
    pub since: Option<Timestamp>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Deliveries.
    pub deliveries: u64,
    /// Their hits.
    pub hits: u64,
    /// Hits that another installation wrote, or this one before its data folder was restored: their class stays.
    pub of_others: u64,
}

/// Judges history by these rules; hands over what differs, some at a time, and stops at the first error.
pub fn rejudge<E: From<StoreError>>(
    path: &Path,
    rules: &AudienceRules,
    which: &Rejudging,
    mut each: impl FnMut(Vec<Correction>) -> Result<(), E>,
) -> Result<Seen, E> {
    let conn = schema::open_reader(path).map_err(E::from)?;
    let own = own_source(&conn).map_err(E::from)?;
    let campaigns =
        which.campaign.as_ref().map(|name| names::all_shown_as(&conn, name)).transpose().map_err(E::from)?;
    let mut walk = Walk { conn: &conn, rules, own, since: which.since, seen: Seen::default(), found: Vec::new() };
    let wholes: Vec<Option<i64>> = match campaigns {
        None => vec![None],
        Some(ids) => ids.into_iter().map(|id| Some(id.raw())).collect(),
    };
    for campaign in wholes {
        let mut after = 0;
        loop {
            let deliveries = walk.deliveries(campaign, after).map_err(E::from)?;
            let Some(last) = deliveries.last() else { break };
            after = last.raw();
            for delivery in deliveries {
                walk.delivery(delivery, &mut each)?;
            }
        }
    }
    walk.hand_over(0, &mut each)?;
    Ok(walk.seen)
}

fn own_source(conn: &Connection) -> Result<i64, StoreError> {
    let sql = "select id from source where name = (select value from meta where key = 'source')";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

struct Walk<'w> {
    conn: &'w Connection,
    rules: &'w AudienceRules,
    own: i64,
    since: Option<Timestamp>,
    seen: Seen,
    found: Vec<Correction>,
}

/// A hit that may still be judged otherwise by those that follow.
struct Open {
    /// Its number in the story: two sources may use the same seq.
    number: i64,
    seq: i64,
    at: Timestamp,
    class: Audience,
}

impl Walk<'_> {
    /// Deliveries with hits, by number.
    fn deliveries(&self, campaign: Option<i64>, after: i64) -> Result<Vec<DeliveryId>, StoreError> {
        let own = if campaign.is_some() { "campaign = ?4 and" } else { "" };
        let sql = format!(
            "select delivery from v_delivery where {own} delivery > ?1 and open_events + click_events > 0 \
             and last_at >= ?2 order by delivery limit ?3"
        );
        let since = self.since.map_or(i64::MIN, Timestamp::millis);
        let values = [after, since, DELIVERIES].into_iter().chain(campaign);
        let mut statement = self.conn.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| row.get(0).map(DeliveryId::from_raw))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn delivery<E: From<StoreError>>(
        &mut self,
        delivery: DeliveryId,
        each: &mut impl FnMut(Vec<Correction>) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = classes(self.conn, self.own, delivery).map_err(E::from)?;
        let mut story = Story::new(stories::context(self.conn, delivery).map_err(E::from)?);
        let mut open: VecDeque<Open> = VecDeque::new();
        let mut verdicts: HashMap<i64, Verdict> = HashMap::new();
        let (mut after, mut number) = ((0, 0), 0);
        self.seen.deliveries += 1;
        loop {
            let events = events(self.conn, delivery, after).map_err(E::from)?;
            let Some((source, last)) = events.last() else { break };
            after = (*source, last.seq);
            for (source, event) in &events {
                let (Fact::Opened(hit) | Fact::Clicked(hit)) = &event.fact else { continue };
                self.seen.hits += 1;
                self.seen.of_others += u64::from(*source != self.own);
                let own_class = now.get(&event.seq).filter(|_| *source == self.own);
                let class = own_class.copied().unwrap_or(hit.class);
                let stored = Stored { source: *source, own: self.own, class, hit, event };
                let weighed = stories::weigh(self.conn, self.rules, story.context(), &stored).map_err(E::from)?;
                // As when it came: whoever is forgotten keeps what was last said of it.
                if story.is_full() {
                    verdicts.extend(story.judge(self.rules).into_iter().map(|change| (change.seq, change.verdict)));
                }
                number += 1;
                open.push_back(Open { number, seq: event.seq, at: event.at, class });
                if story.push(number, weighed, None).is_some()
                    && let Some(closed) = open.pop_front()
                {
                    self.close(delivery, &closed, &mut verdicts);
                    self.hand_over(CORRECTIONS, each)?;
                }
            }
        }
        verdicts.extend(story.judge(self.rules).into_iter().map(|change| (change.seq, change.verdict)));
        for closed in open {
            self.close(delivery, &closed, &mut verdicts);
        }
        self.hand_over(CORRECTIONS, each)
    }

    /// Nothing that follows changes this hit any more.
    fn close(&mut self, delivery: DeliveryId, hit: &Open, verdicts: &mut HashMap<i64, Verdict>) {
        let Some(verdict) = verdicts.remove(&hit.number) else { return };
        if verdict.class != hit.class && self.since.is_none_or(|since| hit.at >= since) {
            let (from, to, rule) = (hit.class, verdict.class, verdict.rule.to_string());
            self.found.push(Correction { delivery, seq: hit.seq, from, to, rule });
        }
    }

    /// Hands over what there is, when it is enough.
    fn hand_over<E>(
        &mut self,
        enough: usize,
        each: &mut impl FnMut(Vec<Correction>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.found.is_empty() && self.found.len() >= enough {
            let rest = self.found.split_off(self.found.len().min(CORRECTIONS));
            each(std::mem::replace(&mut self.found, rest))?;
        }
        Ok(())
    }
}

/// The classes of a delivery's hits of this folder's own that were judged anew.
fn classes(conn: &Connection, own: i64, delivery: DeliveryId) -> Result<HashMap<i64, Audience>, StoreError> {
    let (mut now, mut after) = (HashMap::new(), (0, 0));
    loop {
        let events = events(conn, delivery, after)?;
        let Some((source, last)) = events.last() else { return Ok(now) };
        after = (*source, last.seq);
        for (_, event) in events.into_iter().filter(|(source, _)| *source == own) {
            if let Fact::Reclassified { hit, hit_seq, .. } = event.fact {
                now.insert(hit_seq, hit.class);
            }
        }
    }
}

/// The events of a delivery behind a place, in order.
fn events(conn: &Connection, delivery: DeliveryId, after: (i64, i64)) -> Result<Vec<(i64, Event)>, StoreError> {
    let sql = format!(
        "select {}, source from event where delivery = ?1 and (source, seq) > (?2, ?3) order by source, seq limit ?4",
        ledger::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![delivery.raw(), after.0, after.1, EVENTS])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push((row.get(5)?, ledger::read(row)?));
    }
    Ok(events)
}

impl Hits {
    /// Writes corrections down; what is of another class by now than was thought is passed over. Gives how many were
    /// written.
    pub async fn reclassify(&self, corrections: Vec<Correction>, now: Timestamp) -> Result<usize, StoreError> {
        let bytes = corrections.len() * 256;
        self.writer.write(Lane::Urgent, bytes, move |batch| apply(batch, &corrections, now)).await
    }
}

fn apply(batch: &mut Batch<'_>, corrections: &[Correction], now: Timestamp) -> Result<usize, StoreError> {
    let mut written = 0;
    for of_one in corrections.chunk_by(|a, b| a.delivery == b.delivery) {
        let Some(first) = of_one.first() else { continue };
        let classes = classes(batch.tx, batch.source(), first.delivery)?;
        for correction in of_one {
            let Some(event) = batch.event(correction.seq)? else { continue };
            let (Fact::Opened(hit) | Fact::Clicked(hit)) = event.fact else { continue };
            let class = classes.get(&correction.seq).copied().unwrap_or(hit.class);
            let is_so = class == correction.from && class != correction.to;
            if !is_so || hit.about.delivery != correction.delivery {
                continue;
            }
            let verdict = Verdict { class: correction.to, rule: correction.rule.as_str().into() };
            batch.record(now, reclassified(hit, (correction.seq, event.at), class, &verdict), &[])?;
            written += 1;
        }
        batch.stories.take(first.delivery);
    }
    Ok(written)
}
