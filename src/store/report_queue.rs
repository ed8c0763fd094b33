//! The queue, as pages and commands show it.
//!
//! A million deliveries may wait: how many is read from the rollups, by the index of domains where something waits, and
//! what is said of a domain is looked up at the ends of the queue's indexes. No row of the queue is counted.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::canary;
use super::error::StoreError;
use super::ledger::{self, TextField};
use super::order;
use super::refill::campaigns_of;
use super::report::{self, Step};
use super::site;
use super::view_queue::{HeldRow, LastReply, Oldest, PauseRow, QueueReport, QueueRow};
use crate::domain::order::Selection;
use crate::domain::{CampaignId, DeliveryId, Fact, Metric, Mode, Timestamp, priority};

/// Domains that a page shows.
const DOMAINS_SHOWN: u32 = 100;
/// Held deliveries that a page shows.
const HELD_SHOWN: u32 = 50;
/// Both modes together, in the index of what waits.
const WAITING: &str = "v_site where scope in (1, 2) and scope < 1024 and queued > 0";

/// All of it; with the name of a site or a domain, only the domains of that.
pub(super) fn whole(conn: &Connection, only: Option<&str>, now: Timestamp) -> Result<QueueReport, StoreError> {
    let sql =
        format!("select coalesce(sum(queued), 0), coalesce(sum(deferred), 0), count(distinct domain) from {WAITING}");
    let (waiting, tried, domains) =
        conn.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (held, held_total) = held(conn)?;
    let week = Timestamp::from_millis(now.millis() - 7 * 86_400_000);
    let hour = Timestamp::from_millis(now.millis() - 3_600_000).bucket();
    Ok(QueueReport {
        waiting,
        tried,
        domains,
        oldest: oldest(conn, None)?,
        rows: rows(conn, only)?,
        sites: site::all_waiting(conn)?,
        held,
        held_total,
        pauses: pauses(conn)?,
        rests: canary::held(conn, None)?,
        delivered_hour: since(conn, Metric::Delivered, hour, now)?,
        expired_week: since(conn, Metric::Expired, week, now)?,
    })
}

/// How often something happened to mail of both modes.
fn since(conn: &Connection, metric: Metric, from: Timestamp, to: Timestamp) -> Result<i64, StoreError> {
    let mut sum = 0;
    for mode in [Mode::Live, Mode::Sandbox] {
        let points = report::series(conn, &[CampaignId::all(mode)], (Some(from), to), Step::Quarter, &[metric])?;
        sum += points.iter().map(|point| point.counts[metric]).sum::<i64>();
    }
    Ok(sum)
}

/// How many wait in one mode, and how many of these were tried.
pub(super) fn waiting(conn: &Connection, mode: Mode) -> Result<(i64, i64), StoreError> {
    let sql = "select coalesce(sum(queued), 0), coalesce(sum(deferred), 0) from v_site \
               where scope = ?1 and scope < 1024 and queued > 0";
    Ok(conn.prepare_cached(sql)?.query_row([CampaignId::all(mode).raw()], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The domains with the most deferred deliveries: name and how many.
pub(super) fn deferring(conn: &Connection, limit: usize) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = format!(
        "select domain, sum(deferred) from {WAITING} and deferred > 0 group by domain order by 2 desc limit ?1"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many deliveries an order would touch.
pub(super) fn count(conn: &Connection, selection: &Selection) -> Result<i64, StoreError> {
    let (sql, value) = match selection {
        Selection::All => return Ok(waiting(conn, Mode::Live)?.0 + waiting(conn, Mode::Sandbox)?.0),
        Selection::Domain(domain) => {
            let sql = "select coalesce(sum(queued), 0) from v_site where scope in (1, 2) and domain = ?1";
            return Ok(conn.prepare_cached(sql)?.query_row([domain.as_str()], |row| row.get(0))?);
        }
        Selection::Site(site) => return site::waiting(conn, site),
        Selection::Campaign(campaign) => {
            ("select coalesce(sum(queued), 0) from v_campaign where id = ?1", campaign.raw())
        }
        Selection::Message(message) => (
            "select count(*) from v_delivery v cross join queue_delivery q on q.delivery = v.delivery \
             where v.message = ?1",
            message.raw(),
        ),
        Selection::Delivery(delivery) => ("select count(*) from queue_delivery where delivery = ?1", delivery.raw()),
    };
    Ok(conn.prepare_cached(sql)?.query_row([value], |row| row.get(0))?)
}

/// The oldest delivery that waits, anywhere or at one domain.
pub(super) fn oldest(conn: &Connection, domain: Option<&str>) -> Result<Option<Oldest>, StoreError> {
    const COLUMNS: &str = "select delivery, domain, accepted_at, expires_at from queue_delivery";
    let read = |row: &Row<'_>| {
        Ok(Oldest {
            delivery: DeliveryId::from_raw(row.get(0)?),
            domain: row.get(1)?,
            accepted_at: Timestamp::from_millis(row.get(2)?),
            expires_at: Timestamp::from_millis(row.get(3)?),
        })
    };
    let found = match domain {
        None => conn
            .prepare_cached(&format!("{COLUMNS} where campaign <> 0 order by delivery limit 1"))?
            .query_row([], read),
        Some(domain) => {
            let sql = format!(
                "{COLUMNS} indexed by queue_domain where domain = ?1 and campaign <> 0 order by delivery limit 1"
            );
            conn.prepare_cached(&sql)?.query_row([domain], read)
        }
    };
    Ok(found.optional()?)
}

fn rows(conn: &Connection, only: Option<&str>) -> Result<Vec<QueueRow>, StoreError> {
    let sql = format!(
        "select domain, sum(queued), sum(deferred) from {WAITING} \
         and (?1 is null or domain = ?1 or domain in ({} ?1)) group by domain order by 2 desc, 1 limit ?2",
        site::DOMAINS_OF
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query(params![only, DOMAINS_SHOWN])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let domain: String = row.get(0)?;
        let (parts, site) = (parts(conn, &domain)?, site::of(conn, &domain)?);
        rows.push(QueueRow {
            waiting: row.get(1)?,
            tried: row.get(2)?,
            oldest: oldest(conn, Some(&domain))?,
            next_at: next_at(conn, &domain, &parts)?,
            last_reply: last_reply(conn, &domain, &parts)?,
            resting: match &site {
                Some(site) => canary::resting(conn, &domain, site)?,
                None => 0,
            },
            site,
            domain,
        });
    }
    Ok(rows)
}

/// Lane and campaign of all that waits for a domain and is not held: what the index is asked by.
fn parts(conn: &Connection, domain: &str) -> Result<Vec<(u8, i64)>, StoreError> {
    let mut parts = Vec::new();
    for lane in 0..priority::LANES {
        parts.extend(campaigns_of(conn, domain, lane)?.into_iter().map(|campaign| (lane, campaign)));
    }
    Ok(parts)
}

/// When the next of a domain is due, whether it is paused or not; held ones never are.
fn next_at(conn: &Connection, domain: &str, parts: &[(u8, i64)]) -> Result<Option<Timestamp>, StoreError> {
    let sql = "select min(next_at) from queue_delivery \
               where domain = ?1 and lane = ?2 and campaign = ?3 and held is null";
    let mut next: Option<i64> = None;
    for (lane, campaign) in parts {
        let own: Option<i64> =
            conn.prepare_cached(sql)?.query_row(params![domain, lane, campaign], |row| row.get(0))?;
        next = [next, own].into_iter().flatten().min();
    }
    Ok(next.map(Timestamp::from_millis))
}

/// The reply to the last try of the delivery that was deferred for the longest, which is mostly the latest one.
fn last_reply(conn: &Connection, domain: &str, parts: &[(u8, i64)]) -> Result<Option<LastReply>, StoreError> {
    let sql = "select next_at, delivery from queue_delivery \
               where domain = ?1 and lane = ?2 and campaign = ?3 and held is null order by next_at desc limit 1";
    let mut latest: Option<(i64, i64)> = None;
    for (lane, campaign) in parts.iter().filter(|(lane, _)| priority::is_tried_lane(*lane)) {
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let mut statement = conn.prepare_cached(sql)?;
        latest = latest.max(statement.query_row(params![domain, lane, campaign], read).optional()?);
    }
    match latest {
        Some((_, delivery)) => last_reply_to(conn, DeliveryId::from_raw(delivery)),
        None => Ok(None),
    }
}

/// The reply to the last failed try of a delivery.
pub(super) fn last_reply_to(conn: &Connection, delivery: DeliveryId) -> Result<Option<LastReply>, StoreError> {
    let sql = format!("select {}, source from event where delivery = ?1 order by at desc, seq desc", ledger::COLUMNS);
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query([delivery.raw()])?;
    while let Some(row) = found.next()? {
        let event = ledger::read(row)?;
        if let Fact::Deferred { class, .. } = event.fact {
            let text = report::text(conn, row.get(5)?, event.seq, TextField::Reply.code())?;
            return Ok(Some(LastReply { text, class }));
        }
    }
    Ok(None)
}

/// What cannot be sent, with the reason, and how much of it there is.
fn held(conn: &Connection) -> Result<(Vec<HeldRow>, i64), StoreError> {
    let total = conn
        .prepare_cached("select count(*) from queue_delivery where held is not null")?
        .query_row([], |row| row.get(0))?;
    let sql = "select delivery, address, held from queue_delivery where held is not null order by delivery limit ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        Ok(HeldRow { delivery: DeliveryId::from_raw(row.get(0)?), recipient: row.get(1)?, why: row.get(2)? })
    };
    let rows = statement.query_map([HELD_SHOWN], read)?.collect::<Result<_, _>>()?;
    Ok((rows, total))
}

/// What is paused, with the names of campaigns and how much waits there.
pub(super) fn pauses(conn: &Connection) -> Result<Vec<PauseRow>, StoreError> {
    let mut rows = Vec::new();
    for pause in order::pauses(conn)? {
        rows.push(PauseRow {
            name: name(conn, &pause.selection)?.unwrap_or_default(),
            waiting: count(conn, &pause.selection)?,
            pause,
        });
    }
    Ok(rows)
}

/// What a part of the queue is called for people; `None` when there is no such thing.
pub(super) fn name(conn: &Connection, selection: &Selection) -> Result<Option<String>, StoreError> {
    let (sql, value) = match selection {
        Selection::All => return Ok(Some(String::new())),
        Selection::Domain(domain) => return Ok(Some(domain.to_string())),
        Selection::Site(site) => return Ok(site::is_known(conn, site)?.then(|| site.to_string())),
        Selection::Campaign(campaign) => (
            "select coalesce(n.name, v.name) from v_campaign v left join campaign_name n on n.campaign = v.id \
             where v.id = ?1 and v.name <> ''",
            campaign.raw(),
        ),
        Selection::Message(message) => ("select subject from message where id = ?1", message.raw()),
        Selection::Delivery(delivery) => ("select address from queue_delivery where delivery = ?1", delivery.raw()),
    };
    Ok(conn.prepare_cached(sql)?.query_row([value], |row| row.get(0)).optional()?)
}
