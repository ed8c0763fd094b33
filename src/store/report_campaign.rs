//! Campaigns, as pages show them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::fold::mode_code;
use super::ledger::TextField;
use super::order;
use super::report::{self, HOURS_MAX, Step};
use super::view::{CampaignReport, CampaignRow, LinkRow, Point, RefusalRow};
use crate::domain::{CampaignId, Counts, DeliveryId, Metric, Mode, Selection, Timestamp};

/// Links shown.
const LINKS_SHOWN: u32 = 100;
/// Hours of a list's sparkline.
const SPARK_HOURS: usize = 48;
const HOUR_MS: i64 = 3_600_000;

/// A row and what only the whole report shows.
struct Found {
    row: CampaignRow,
    last_message: i64,
    first_delivery_at: Option<Timestamp>,
}

fn columns() -> String {
    format!(
        "id, name, mode, first_at, last_at, messages, first_message, last_message, first_delivery_at, {}",
        report::count_columns()
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    let first_delivery: i64 = row.get(8)?;
    Ok(Found {
        row: CampaignRow {
            id: CampaignId::from_raw(row.get(0)?),
            name: row.get(1)?,
            mode: report::read_mode(row, 2)?,
            subject: String::new(),
            first_at: Timestamp::from_millis(row.get(3)?),
            last_at: Timestamp::from_millis(row.get(4)?),
            messages: row.get(5)?,
            counts: report::read_counts(row, 9)?,
            clicks_by_hour: Vec::new(),
        },
        last_message: row.get(7)?,
        first_delivery_at: (first_delivery < i64::MAX).then(|| Timestamp::from_millis(first_delivery)),
    })
}

/// The latest campaigns, without what [`complete`] adds.
pub(super) fn list(conn: &Connection, mode: Option<Mode>, limit: u32) -> Result<Vec<CampaignRow>, StoreError> {
    let sql = format!(
        "select {} from v_campaign where name <> '' and (?1 is null or mode = ?1) order by first_at desc limit ?2",
        columns()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![mode.map(mode_code), limit], |row| Ok(read(row)?.row))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Adds the subject and the sparkline.
pub(super) fn complete(conn: &Connection, row: &mut CampaignRow) -> Result<(), StoreError> {
    let sql = "select subject, v_campaign.first_delivery_at from v_campaign \
               left join message on message.id = first_message where v_campaign.id = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?));
    let found = conn.prepare_cached(sql)?.query_row([row.id.raw()], read).optional()?;
    let Some((subject, first_delivery)) = found else { return Ok(()) };
    row.subject = subject.unwrap_or_default();
    if first_delivery < i64::MAX {
        let hours = hours(conn, row.id, Timestamp::from_millis(first_delivery), SPARK_HOURS)?;
        row.clicks_by_hour = hours.iter().map(|point| point.counts[Metric::ClickedHuman]).collect();
    }
    Ok(())
}

/// One campaign, whole.
pub(super) fn whole(conn: &Connection, id: CampaignId, sites_shown: u32) -> Result<Option<CampaignReport>, StoreError> {
    let sql = format!("select {} from v_campaign where id = ?1 and name <> ''", columns());
    let Some(mut found) = conn.prepare_cached(&sql)?.query_row([id.raw()], read).optional()? else { return Ok(None) };
    complete(conn, &mut found.row)?;
    let hours = match found.first_delivery_at {
        Some(first) => hours(conn, id, first, HOURS_MAX)?,
        None => Vec::new(),
    };
    let sql = "select delivery from v_delivery where message = ?1 order by delivery limit 1";
    let sample = conn.prepare_cached(sql)?.query_row([found.last_message], |row| row.get(0)).optional()?;
    Ok(Some(CampaignReport {
        first_delivery_at: found.first_delivery_at,
        hours,
        links: links(conn, id)?,
        sites: report::sites(conn, id, sites_shown)?,
        refusals: refusals(conn, id)?,
        sample: sample.map(DeliveryId::from_raw),
        receipt: report::receipt(conn, found.last_message)?,
        pause: order::pauses(conn)?.into_iter().find(|pause| pause.selection == Selection::Campaign(id)),
        row: found.row,
    }))
}

/// One point for every hour since the first delivery up to the last with anything in it, at most `most`.
fn hours(conn: &Connection, id: CampaignId, first: Timestamp, most: usize) -> Result<Vec<Point>, StoreError> {
    let start = first.bucket();
    let end = Timestamp::from_millis(start.millis() + i64::try_from(most).unwrap_or(0) * HOUR_MS - 1);
    let quarters = report::series(conn, id, Some(start), end, Step::Quarter)?;
    let mut hours: Vec<Point> = Vec::new();
    for quarter in quarters {
        let at = usize::try_from((quarter.at.millis() - start.millis()) / HOUR_MS).unwrap_or(0);
        while hours.len() <= at {
            let begin = start.millis() + i64::try_from(hours.len()).unwrap_or(0) * HOUR_MS;
            hours.push(Point { at: Timestamp::from_millis(begin), counts: Counts::default() });
        }
        if let Some(hour) = hours.get_mut(at) {
            hour.counts += quarter.counts;
        }
    }
    Ok(hours)
}

/// Named links with their counts, then those that were counted without a name.
fn links(conn: &Connection, id: CampaignId) -> Result<Vec<LinkRow>, StoreError> {
    let sql = "select n.position, n.url, n.label, coalesce(human, 0), coalesce(proxy, 0), coalesce(unknown, 0), \
               coalesce(prefetch, 0), coalesce(scanner, 0), coalesce(total_events, 0) \
               from campaign_link n left join v_link using (campaign, position, pattern) where n.campaign = ?1 \
               union all \
               select position, '', '', human, proxy, unknown, prefetch, scanner, total_events from v_link v \
               where v.campaign = ?1 and not exists (select 1 from campaign_link n \
               where n.campaign = v.campaign and n.position = v.position and n.pattern = v.pattern) \
               order by 1 limit ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![id.raw(), LINKS_SHOWN], report::read_link)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn refusals(conn: &Connection, id: CampaignId) -> Result<Vec<RefusalRow>, StoreError> {
    let sql = "select class, bounced, deferrals, sample_source, sample_seq from v_refusal \
               where campaign = ?1 and (bounced > 0 or deferrals > 0) order by bounced desc, deferrals desc";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([id.raw()], report::read_refusal)?.collect::<Result<Vec<_>, _>>()?;
    let mut refusals = Vec::with_capacity(rows.len());
    for (_, mut refusal, source, seq) in rows {
        refusal.sample = report::text(conn, source, seq, TextField::Reply.code())?;
        refusals.push(refusal);
    }
    Ok(refusals)
}
