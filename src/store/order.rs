//! Orders to the queue: retry, pause, resume, cancel.
//!
//! What an order touches may be a million deliveries. They are looked up by readers, from the oldest on, and written in
//! slices, so that the writer takes other work between two of them. What was accepted after an order began is not part
//! of it.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params};

use super::canary;
use super::error::StoreError;
use super::fold_rows::mode;
use super::notice;
use super::notice_unsent::{self, Unsent};
use super::queue::Queue;
use super::settle::leave_queue;
use super::site;
use super::writer::{Batch, Lane};
use crate::domain::event::About;
use crate::domain::order::{Act, Order, Selection};
use crate::domain::{CampaignId, DeliveryId, Domain, Fact, MessageId, Timestamp};

/// Deliveries written at once: some hundredths of a second of the writer's time.
const SLICE: usize = 1_000;
/// As large as a batch may be, so that a slice is the last of its batch.
const SLICE_BYTES: usize = 4 << 20;

/// How orders are carried out: with the relay that runs, or on the store alone. Gives how many deliveries (for a pause or
/// its end: how many pauses) were changed.
pub type Orders = Arc<dyn Fn(Order) -> BoxFuture<'static, Result<u64, StoreError>> + Send + Sync>;

/// What an order did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Deliveries changed; for a pause or its end, 1 or 0.
    pub changed: u64,
    /// The domains where deliveries may be due now that were not before.
    pub awake: HashSet<Domain>,
}

/// What is held back, since when and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Everything, a domain, a site or a campaign.
    pub selection: Selection,
    /// Since when.
    pub since: Timestamp,
    /// Who ordered it.
    pub by: String,
}

/// A delivery that an order touches.
struct Selected {
    delivery: DeliveryId,
    message: MessageId,
    about: About,
    domain: Domain,
}

impl Queue {
    /// Carries an order out in the store. Whoever holds deliveries in memory has to be told.
    pub async fn perform(&self, order: &Order, now: Timestamp) -> Result<Done, StoreError> {
        let done = match order.act() {
            Act::Cancel => self.in_slices(order, now, cancel).await?,
            Act::Retry => self.in_slices(order, now, retry).await?,
            Act::Pause => self.pause(order.clone(), now).await?,
            Act::Resume => self.resume(order.selection().clone()).await?,
            Act::Release => self.release(order.clone(), now).await?,
        };
        let (act, part, name) = (order.act().as_str(), order.selection().kind(), order.selection().value());
        tracing::info!(act, part, name, changed = done.changed, "an order to the queue was carried out");
        Ok(done)
    }

    /// The last commit whose deliveries an order that ended now may have met.
    pub fn commits_met(&self) -> u64 {
        self.writer.commits() + 1
    }

    /// What is paused.
    pub async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.readers.read_long(pauses).await
    }

    async fn in_slices(
        &self,
        order: &Order,
        now: Timestamp,
        change: fn(&mut Batch<'_>, &Selected, Timestamp) -> Result<bool, StoreError>,
    ) -> Result<Done, StoreError> {
        let mut done = Done::default();
        let high = self.readers.read_long(highest).await?;
        let mut after = DeliveryId::from_raw(0);
        loop {
            let wanted = order.selection().clone();
            let only_later = (order.act() == Act::Retry).then_some(now);
            let slice = self.readers.read_long(move |conn| selected(conn, &wanted, only_later, after, high)).await?;
            let Some(last) = slice.last() else { return Ok(done) };
            after = last.delivery;
            let write = move |batch: &mut Batch<'_>| {
                let mut part = Done::default();
                for one in &slice {
                    if change(batch, one, now)? {
                        part.changed += 1;
                        part.awake.insert(one.domain.clone());
                    }
                }
                Ok(part)
            };
            let part = self.writer.write(Lane::Urgent, SLICE_BYTES, write).await?;
            done.changed += part.changed;
            done.awake.extend(part.awake);
        }
    }

    async fn pause(&self, order: Order, now: Timestamp) -> Result<Done, StoreError> {
        let pause = move |batch: &mut Batch<'_>| {
            if let Selection::Site(site) = order.selection() {
                return site::pause(batch.tx, site, now, order.by());
            }
            let Some((campaign, domain)) = key(order.selection()) else { return Ok(0) };
            let sql = "insert or ignore into queue_pause values (?1, ?2, ?3, ?4)";
            Ok(batch.tx.prepare_cached(sql)?.execute(params![campaign, domain, now.millis(), order.by()])?)
        };
        let changed = self.writer.write(Lane::Urgent, 128, pause).await?;
        Ok(Done { changed: changed as u64, ..Done::default() })
    }

    /// Lets the rest of a campaign go; gives at how many sites.
    async fn release(&self, order: Order, now: Timestamp) -> Result<Done, StoreError> {
        let release = move |batch: &mut Batch<'_>| {
            let Selection::Campaign(campaign) = order.selection() else { return Ok(0) };
            canary::release(batch.tx, *campaign, now, order.by())
        };
        let changed = self.writer.write(Lane::Urgent, 128, release).await?;
        Ok(Done { changed, ..Done::default() })
    }

    async fn resume(&self, selection: Selection) -> Result<Done, StoreError> {
        let resume = move |batch: &mut Batch<'_>| {
            if let Selection::Site(site) = &selection {
                // Whose domains wait there, the window knows.
                return Ok(Done { changed: site::resume(batch.tx, site)? as u64, ..Done::default() });
            }
            let Some((campaign, domain)) = key(&selection) else { return Ok(Done::default()) };
            let sql = "delete from queue_pause where campaign = ?1 and domain = ?2";
            let changed = batch.tx.prepare_cached(sql)?.execute(params![campaign, domain])? as u64;
            Ok(Done { changed, awake: waiting_domains(batch.tx, campaign)? })
        };
        self.writer.write(Lane::Urgent, 128, resume).await
    }
}

/// The key of a pause; sites have a table of their own, single messages and deliveries none.
fn key(selection: &Selection) -> Option<(i64, &str)> {
    match selection {
        Selection::All => Some((0, "")),
        Selection::Domain(domain) => Some((0, domain.as_str())),
        Selection::Campaign(campaign) => Some((campaign.raw(), "")),
        Selection::Site(_) | Selection::Message(_) | Selection::Delivery(_) => None,
    }
}

/// What is paused, everything first, sites last.
pub(super) fn pauses(conn: &Connection) -> Result<Vec<Pause>, StoreError> {
    let sql = "select campaign, domain, since, paused_by from queue_pause order by campaign, domain";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut pauses = Vec::new();
    while let Some(row) = rows.next()? {
        let (campaign, domain): (i64, String) = (row.get(0)?, row.get(1)?);
        let selection = match (campaign, Domain::parse(&domain)) {
            (0, Ok(domain)) => Selection::Domain(domain),
            (0, Err(_)) => Selection::All,
            (campaign, _) => Selection::Campaign(CampaignId::from_raw(campaign)),
        };
        pauses.push(Pause { selection, since: Timestamp::from_millis(row.get(2)?), by: row.get(3)? });
    }
    pauses.extend(site::pauses(conn)?);
    Ok(pauses)
}

/// The domains where a campaign's deliveries wait.
fn waiting_domains(conn: &Connection, campaign: i64) -> Result<HashSet<Domain>, StoreError> {
    let mut statement = conn.prepare_cached("select domain from v_site where scope = ?1 and queued > 0")?;
    let rows = statement.query_map([campaign], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.iter().filter_map(|domain| Domain::parse(domain).ok()).collect())
}

fn highest(conn: &Connection) -> Result<DeliveryId, StoreError> {
    let sql = "select coalesce(max(delivery), 0) from queue_delivery";
    Ok(DeliveryId::from_raw(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?))
}

/// The next slice of a selection; with `only_later`, of what was deferred until after then or is held. Campaigns and messages are found by their deliveries in the views, where both have an
/// index already: a second one would cost every delivery.
fn selected(
    conn: &Connection,
    selection: &Selection,
    only_later: Option<Timestamp>,
    after: DeliveryId,
    high: DeliveryId,
) -> Result<Vec<Selected>, StoreError> {
    const QUEUE: (&str, &str) = ("queue_delivery q", "q");
    const VIEW: (&str, &str) = ("v_delivery v cross join queue_delivery q on q.delivery = v.delivery", "v");
    let of_site = format!("q.domain in ({} ?3)", site::DOMAINS_OF);
    let ((source, first), own, value) = match selection {
        Selection::All => (QUEUE, "?3 is null", Value::Null),
        Selection::Domain(domain) => (QUEUE, "q.domain = ?3", Value::Text(domain.to_string())),
        Selection::Site(site) => (QUEUE, of_site.as_str(), Value::Text(site.to_string())),
        Selection::Campaign(campaign) => (VIEW, "v.campaign = ?3", Value::Integer(campaign.raw())),
        Selection::Message(message) => (VIEW, "v.message = ?3", Value::Integer(message.raw())),
        Selection::Delivery(delivery) => (QUEUE, "q.delivery = ?3", Value::Integer(delivery.raw())),
    };
    let sql = format!(
        "select q.delivery, q.message, q.campaign, q.mode, q.domain from {source} \
         where {own} and {first}.delivery > ?1 and {first}.delivery <= ?2 \
         and (?4 is null or {}) order by {first}.delivery limit {SLICE}",
        is_later("?4")
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params![after.raw(), high.raw(), value, only_later.map(Timestamp::millis)], read_selected)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn read_selected(row: &Row<'_>) -> rusqlite::Result<Option<Selected>> {
    let delivery = DeliveryId::from_raw(row.get(0)?);
    let about = About { delivery, campaign: CampaignId::from_raw(row.get(2)?), mode: mode(row.get(3)?) };
    let message = MessageId::from_raw(row.get(1)?);
    // Only domains that parsed were ever written.
    let domain = Domain::parse(&row.get::<_, String>(4)?).ok();
    Ok(domain.map(|domain| Selected { delivery, message, about, domain }))
}

/// Whether a delivery was deferred until after `now`, or is held.
fn is_later(now: &str) -> String {
    format!("((q.attempts > 0 and q.next_at > {now}) or q.held is not null)")
}

/// Takes a delivery out of the queue, unless it has left it already.
fn cancel(batch: &mut Batch<'_>, one: &Selected, now: Timestamp) -> Result<bool, StoreError> {
    notice_unsent::note(batch, one.delivery, one.message, Unsent::Cancelled, now)?;
    let waited = leave_queue(batch, one.delivery, one.message, now)?.was_there;
    if waited && one.about.campaign == CampaignId::OWN_MAIL {
        notice::cancelled(batch, one.delivery, now)?;
    } else if waited {
        batch.record(now, Fact::Cancelled { about: one.about }, &[])?;
    }
    Ok(waited)
}

/// Makes what was deferred due, and gives what is held one more try. Mail that was never tried keeps its time: it is due,
/// or it is not to go out yet.
fn retry(batch: &mut Batch<'_>, one: &Selected, now: Timestamp) -> Result<bool, StoreError> {
    let sql =
        format!("update queue_delivery as q set next_at = ?2, held = null where delivery = ?1 and {}", is_later("?2"));
    Ok(batch.tx.prepare_cached(&sql)?.execute(params![one.delivery.raw(), now.millis()])? == 1)
}
