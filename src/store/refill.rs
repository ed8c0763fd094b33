//! Reads what is due of one domain, a share for each campaign, by the index of what waits.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::queue::{LeftOut, Queue, Refill, read_due};
use crate::domain::{CampaignId, Domain, Timestamp, priority};

/// Campaigns with mail for one domain that are looked at.
const CAMPAIGNS_MAX: usize = 10_000;

impl Queue {
    /// The deliveries of a domain that are due by `until`, fresh mail first, at most about `limit` of a lane, of which each
    /// campaign has its share, the earliest of it; and when the next one is. Those of paused campaigns are left
    /// out, and what `left_out` says.
    pub async fn refill(
        &self,
        domain: Domain,
        left_out: LeftOut,
        until: Timestamp,
        limit: usize,
    ) -> Result<Refill, StoreError> {
        let writer = self.writer.clone();
        self.readers
            .read_long(move |conn| {
                let mut found = Refill { due: Vec::new(), more: false, later: None, through: 0 };
                for lane in 0..priority::LANES {
                    refill_lane(conn, (&domain, lane), (until, limit), &left_out, &mut found)?;
                }
                Ok(Refill { through: writer.commits() + 1, ..found })
            })
            .await
    }
}

/// The campaigns with deliveries of a domain and lane that are not held, by the index alone.
pub(super) fn campaigns_of(conn: &Connection, domain: &str, lane: u8) -> Result<Vec<i64>, StoreError> {
    let sql =
        "select min(campaign) from queue_delivery where domain = ?1 and lane = ?2 and campaign > ?3 and held is null";
    let mut statement = conn.prepare_cached(sql)?;
    let (mut all, mut last) = (Vec::new(), i64::MIN);
    while all.len() < CAMPAIGNS_MAX {
        let next: Option<i64> = statement.query_row(params![domain, lane, last], |row| row.get(0))?;
        let Some(next) = next else { break };
        all.push(next);
        last = next;
    }
    Ok(all)
}

fn refill_lane(
    conn: &Connection,
    (domain, lane): (&Domain, u8),
    (until, limit): (Timestamp, usize),
    left_out: &LeftOut,
    found: &mut Refill,
) -> Result<(), StoreError> {
    let mut due = Vec::new();
    let fresh = priority::is_campaign_lane(lane) && !priority::is_tried_lane(lane);
    let paused = "select 1 from queue_pause where campaign = ?1 and campaign <> 0";
    let first = "select min(next_at) from queue_delivery \
                 where domain = ?1 and lane = ?2 and campaign = ?3 and next_at > ?4 and held is null";
    let first_after = |campaign: i64, after: i64| -> Result<Option<i64>, StoreError> {
        let mut statement = conn.prepare_cached(first)?;
        Ok(statement.query_row(params![domain.as_str(), lane, campaign, after], |row| row.get(0))?)
    };
    for campaign in campaigns_of(conn, domain.as_str(), lane)? {
        if conn.prepare_cached(paused)?.exists([campaign])? {
            continue;
        }
        if fresh && left_out.shut.contains(&CampaignId::from_raw(campaign)) {
            continue;
        }
        let earliest = first_after(campaign, i64::MIN)?.filter(|at| *at <= until.millis());
        due.extend(earliest.map(|at| (at, campaign)));
        let later = first_after(campaign, until.millis())?.map(Timestamp::from_millis);
        found.later = [found.later, later].into_iter().flatten().min();
    }
    due.sort_unstable();
    let share = limit.div_ceil(due.len().max(1));
    let sql = "select delivery, message, campaign, mode, address, lane, next_at, attempts, accepted_at, expires_at, alike \
               from queue_delivery where domain = ?1 and lane = ?2 and campaign = ?3 and next_at <= ?4 \
               and held is null order by next_at";
    found.more |= due.len() > limit;
    for (_, campaign) in due.into_iter().take(limit) {
        let (mut statement, mut taken) = (conn.prepare_cached(sql)?, 0);
        let mut rows = statement.query(params![domain.as_str(), lane, campaign, until.millis()])?;
        while let Some(row) = rows.next()? {
            let Some(one) = read_due(row)?.filter(|one| !left_out.under_way.contains(&one.delivery)) else { continue };
            if taken == share {
                found.more = true;
                break;
            }
            taken += 1;
            found.due.push(one);
        }
    }
    Ok(())
}
