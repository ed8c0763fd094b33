//! How the sender's earlier campaigns stood when they were as old as this one is now.

use rusqlite::{Connection, Row, params, params_from_iter};

use super::error::StoreError;
use super::fold::mode_code;
use super::names;
use super::report::{HOURS_MAX, count_sums, read_counts};
use super::view::CampaignRow;
use crate::domain::campaign;
use crate::domain::usual::{CAMPAIGNS_MAX, Earlier, SIZE_FACTOR, Usual};
use crate::domain::{CampaignId, Counts, Metric, Timestamp};

const HOUR_MS: i64 = 3_600_000;
/// Earlier campaigns that are looked through for comparable ones.
const LOOKED_THROUGH: i64 = 500;
/// From this age on all that a campaign counted is compared.
#[expect(clippy::cast_possible_wrap, reason = "some hundreds")]
const GROWN_UP_MS: i64 = HOURS_MAX as i64 * HOUR_MS;

/// What is compared, or is part of it.
const COMPARED: [Metric; 14] = [
    Metric::Recipients,
    Metric::Suppressed,
    Metric::Cancelled,
    Metric::Delivered,
    Metric::Bounced,
    Metric::Expired,
    Metric::Complained,
    Metric::Unsubscribed,
    Metric::WithPixel,
    Metric::WithLinks,
    Metric::OpenedHuman,
    Metric::OpenedProxy,
    Metric::OpenedInferred,
    Metric::ClickedHuman,
];

/// What is usual for a campaign whose first delivery was then, at its present age, over so many hours.
pub(super) fn usual(
    conn: &Connection,
    row: &CampaignRow,
    first_delivery_at: Timestamp,
    (now, hours): (Timestamp, usize),
) -> Result<Option<Usual>, StoreError> {
    if row.name == campaign::NONE {
        return Ok(None);
    }
    let age_ms = now.bucket().millis() - first_delivery_at.bucket().millis();
    let mut earlier = Vec::with_capacity(CAMPAIGNS_MAX);
    for (id, first) in comparable(conn, row, first_delivery_at)? {
        let members = names::members(conn, id)?;
        let mut one = series(conn, &members, first.bucket(), age_ms.min(GROWN_UP_MS))?;
        if age_ms >= GROWN_UP_MS {
            one.counts = whole(conn, &members)?;
        }
        earlier.push(one);
    }
    Ok(Usual::of(&earlier, hours))
}

/// The latest of the same mode that began before, of about its size, each with its first delivery.
fn comparable(
    conn: &Connection,
    row: &CampaignRow,
    first_delivery_at: Timestamp,
) -> Result<Vec<(CampaignId, Timestamp)>, StoreError> {
    let sql = "select id, first_delivery_at from (select * from v_campaign where mode = ?1 and first_at < ?2 \
               order by first_at desc limit ?3) where name not in ('', ?4) and first_delivery_at <= ?5 \
               and recipients between ?6 and ?7 and id <> ?8 \
               and id not in (select campaign from campaign_merge) limit ?9";
    let recipients = row.counts[Metric::Recipients];
    let values = params![
        mode_code(row.mode),
        row.first_at.millis(),
        LOOKED_THROUGH,
        campaign::NONE,
        first_delivery_at.millis(),
        recipients / SIZE_FACTOR,
        recipients.saturating_mul(SIZE_FACTOR),
        row.id.raw(),
        CAMPAIGNS_MAX
    ];
    let read = |row: &Row<'_>| Ok((CampaignId::from_raw(row.get(0)?), Timestamp::from_millis(row.get(1)?)));
    Ok(conn.prepare_cached(sql)?.query_map(values, read)?.collect::<Result<_, _>>()?)
}

/// What was counted until an age, and in each hour; what came before the first delivery is part of the first.
fn series(conn: &Connection, members: &[CampaignId], first: Timestamp, age_ms: i64) -> Result<Earlier, StoreError> {
    let sums: Vec<_> = COMPARED.iter().map(|metric| format!("sum({})", metric.as_str())).collect();
    let sql = format!(
        "select max(0, (bucket - ?) / ?) as hour, {} from v_series where bucket <= ? and {} group by hour order by hour",
        sums.join(", "),
        names::one_of("scope", members.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let start = first.millis();
    let values = [start, HOUR_MS, start.saturating_add(age_ms)];
    let mut rows = statement.query(params_from_iter(values.into_iter().chain(members.iter().map(|id| id.raw()))))?;
    let mut earlier = Earlier::default();
    while let Some(row) = rows.next()? {
        let hour: usize = row.get(0)?;
        let mut counts = Counts::default();
        for (at, metric) in COMPARED.iter().enumerate() {
            counts[*metric] = row.get(at + 1)?;
        }
        earlier.counts += counts;
        if hour < HOURS_MAX {
            earlier.hours.resize(earlier.hours.len().max(hour), Counts::default());
            earlier.hours.push(counts);
        }
    }
    Ok(earlier)
}

fn whole(conn: &Connection, members: &[CampaignId]) -> Result<Counts, StoreError> {
    let sql = format!("select {} from v_campaign where {}", count_sums(), names::one_of("id", members.len()));
    let values = params_from_iter(members.iter().map(|id| id.raw()));
    Ok(conn.prepare_cached(&sql)?.query_row(values, |row| read_counts(row, 0))?)
}
