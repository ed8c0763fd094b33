//! Campaigns, as pages show them.

use std::cmp::Reverse;

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::error::StoreError;
use super::findings_campaign::Evidence;
use super::fold::mode_code;
use super::ledger::TextField;
use super::report::{self, HOURS_MAX, Step};
use super::view::{CampaignReport, CampaignRow, ClickMap, Finding, Point, RefusalRow, Sample, Severity};
use super::view_campaign::CampaignView;
use super::{
    canary, findings_campaign, kinds, names, order, report_clients, report_links, report_receivers, report_usual,
    setting_change,
};
use crate::domain::{Calendar, CampaignId, Counts, MessageId, Metric, Mode, Selection, Timestamp};

/// Hours of a list's sparkline.
const SPARK_HOURS: usize = 48;
/// What a campaign's hours tell.
const CURVE: &[Metric] = &[
    Metric::Delivered,
    Metric::Bounced,
    Metric::Expired,
    Metric::OpenedHuman,
    Metric::OpenedProxy,
    Metric::OpenedInferred,
    Metric::OpenedUnknown,
    Metric::OpenedPrefetch,
    Metric::ClickedHuman,
];
const HOUR_MS: i64 = 3_600_000;
const DAY_HOURS: usize = 24;
/// Campaigns whose findings are on the overview.
const LATEST_LOOKED_AT: u32 = 3;

/// A row and what only the whole report shows.
struct Found {
    row: CampaignRow,
    last_message: i64,
    first_delivery_at: Option<Timestamp>,
}

fn columns() -> String {
    format!(
        "id, coalesce((select n.name from campaign_name n where n.campaign = id), name), mode, first_at, last_at, messages, first_message, last_message, first_delivery_at, {}",
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

impl Found {
    /// Takes in the numbers of a campaign that is shown as part of this one.
    fn join(&mut self, other: &Self) {
        let row = &mut self.row;
        row.counts += other.row.counts;
        row.messages += other.row.messages;
        row.first_at = row.first_at.min(other.row.first_at);
        if other.row.last_at > row.last_at {
            (row.last_at, self.last_message) = (other.row.last_at, other.last_message);
        }
        self.first_delivery_at = [self.first_delivery_at, other.first_delivery_at].into_iter().flatten().min();
    }
}

/// The latest campaigns, those merged into others within these, without what [`complete`] adds.
pub(super) fn list(conn: &Connection, mode: Option<Mode>, limit: u32) -> Result<Vec<CampaignRow>, StoreError> {
    let sql = format!(
        "select {} from v_campaign where name <> '' and (?1 is null or mode = ?1) \
         and id not in (select campaign from campaign_merge) order by first_at desc limit ?2",
        columns()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query_map(params![mode.map(mode_code), limit], read)?.collect::<Result<Vec<_>, _>>()?;
    let sql = "select into_campaign, campaign from campaign_merge";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (into, merged) = (CampaignId::from_raw(row.get(0)?), CampaignId::from_raw(row.get(1)?));
        if let Some(shown) = found.iter_mut().find(|shown| shown.row.id == into)
            && let Some(merged) = one(conn, merged)?
        {
            shown.join(&merged);
        }
    }
    Ok(found.into_iter().map(|found| found.row).collect())
}

fn one(conn: &Connection, id: CampaignId) -> Result<Option<Found>, StoreError> {
    let sql = format!("select {} from v_campaign where id = ?1 and name <> ''", columns());
    Ok(conn.prepare_cached(&sql)?.query_row([id.raw()], read).optional()?)
}

/// Adds the subject and the sparkline.
pub(super) fn complete(conn: &Connection, row: &mut CampaignRow) -> Result<(), StoreError> {
    row.subject = subject(conn, row.id)?;
    let members = names::members(conn, row.id)?;
    if let Some(first) = first_delivery(conn, &members)? {
        let hours = hours(conn, &members, first, SPARK_HOURS, &[Metric::ClickedHuman])?;
        row.clicks_by_hour = hours.iter().map(|point| point.counts[Metric::ClickedHuman]).collect();
    }
    Ok(())
}

/// The subject of its first message.
fn subject(conn: &Connection, id: CampaignId) -> Result<String, StoreError> {
    let sql = "select subject from v_campaign join message on message.id = first_message where v_campaign.id = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([id.raw()], |row| row.get(0)).optional()?.unwrap_or_default())
}

fn first_delivery(conn: &Connection, members: &[CampaignId]) -> Result<Option<Timestamp>, StoreError> {
    let sql = format!("select min(first_delivery_at) from v_campaign where {}", names::one_of("id", members.len()));
    let values = params_from_iter(members.iter().map(|id| id.raw()));
    let found: Option<i64> = conn.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
    Ok(found.filter(|at| *at < i64::MAX).map(Timestamp::from_millis))
}

/// A campaign with those that are shown as part of it.
struct Joined {
    found: Found,
    /// All of them, this one first.
    members: Vec<CampaignId>,
    /// The others, by name.
    merged: Vec<(CampaignId, String)>,
    /// The shown campaign's own, whatever was merged into it.
    sample: Option<Sample>,
}

fn joined(conn: &Connection, id: CampaignId) -> Result<Option<Joined>, StoreError> {
    let Some(mut found) = one(conn, id)? else { return Ok(None) };
    let members = names::members(conn, id)?;
    let sample = sample(conn, found.last_message)?;
    let mut merged = Vec::new();
    for member in members.iter().skip(1) {
        if let Some(member) = one(conn, *member)? {
            merged.push((member.row.id, member.row.name.clone()));
            found.join(&member);
        }
    }
    Ok(Some(Joined { found, members, merged, sample }))
}

/// One campaign, whole.
pub(super) fn whole(conn: &Connection, id: CampaignId, sites_shown: u32) -> Result<Option<CampaignReport>, StoreError> {
    let Some(joined) = joined(conn, id)? else { return Ok(None) };
    report(conn, joined, sites_shown).map(Some)
}

fn report(conn: &Connection, joined: Joined, sites_shown: u32) -> Result<CampaignReport, StoreError> {
    let Joined { mut found, members, merged, sample } = joined;
    complete(conn, &mut found.row)?;
    let hours = match found.first_delivery_at {
        Some(first) => hours(conn, &members, first, HOURS_MAX, CURVE)?,
        None => Vec::new(),
    };
    let mut pauses = order::pauses(conn)?;
    pauses.retain(|pause| members.iter().any(|member| pause.selection == Selection::Campaign(*member)));
    Ok(CampaignReport {
        first_delivery_at: found.first_delivery_at,
        hours,
        links: report_links::first(conn, &members)?,
        sites: report_receivers::sites(conn, &members, sites_shown)?,
        refusals: refusals(conn, &members)?,
        sample,
        kinds: kinds::of(conn, &members)?,
        merged,
        partly_paused: pauses.len() < members.len(),
        pause: pauses.into_iter().next(),
        rests: canary::held(conn, Some(&members))?,
        row: found.row,
    })
}

/// What the click map is drawn from.
pub(super) fn click_map(conn: &Connection, id: CampaignId) -> Result<Option<ClickMap>, StoreError> {
    let Some(Joined { found, members, sample, .. }) = joined(conn, id)? else { return Ok(None) };
    let links = report_links::all(conn, &members)?;
    let row = found.row;
    Ok(Some(ClickMap { id: row.id, name: row.name, counts: row.counts, links, sample }))
}

fn sample(conn: &Connection, message: i64) -> Result<Option<Sample>, StoreError> {
    let Some(delivery) = kinds::delivery(conn, message)? else { return Ok(None) };
    let sql = "select coalesce((select p.address from v_delivery d join person p on p.id = d.person where d.delivery = ?1), ''), \
               exists (select 1 from queue_message where message = ?2)";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (recipient, body_kept) = conn.prepare_cached(sql)?.query_row(params![delivery.raw(), message], read)?;
    Ok(Some(Sample { message: MessageId::from_raw(message), delivery, recipient, body_kept }))
}

/// One campaign with all that its page shows.
pub(super) fn view(
    conn: &Connection,
    id: CampaignId,
    (now, calendar): (Timestamp, Calendar),
) -> Result<Option<CampaignView>, StoreError> {
    let Some(joined) = joined(conn, id)? else { return Ok(None) };
    let members = joined.members.clone();
    let report = report(conn, joined, report::SITES_SHOWN)?;
    let hours_shown = hours_shown(&report, now);
    let usual = match report.first_delivery_at {
        Some(first) => report_usual::usual(conn, &report.row, first, (now, hours_shown))?,
        None => None,
    };
    let receivers = report_receivers::with_latency(conn, &members, &report.sites)?;
    let findings = findings_campaign::findings(&Evidence {
        id,
        counts: &report.row.counts,
        first_at: report.row.first_at,
        receivers: &receivers,
        refusals: &report.refusals,
        kinds: &report.kinds,
        usual: usual.as_ref(),
        calendar,
    });
    let first = report.first_delivery_at.unwrap_or(now).min(report.row.first_at);
    let last = Timestamp::from_millis(first.millis() + i64::try_from(HOURS_MAX).unwrap_or(0) * HOUR_MS);
    Ok(Some(CampaignView {
        clients: report_clients::of(conn, &members)?,
        changes: setting_change::between(conn, first, last.min(now))?,
        hours_shown,
        usual,
        receivers,
        findings,
        report,
    }))
}

/// Up to its age while it is young; later up to the last hour with anything in it, and a day at least.
fn hours_shown(report: &CampaignReport, now: Timestamp) -> usize {
    let Some(first) = report.first_delivery_at else { return 0 };
    let age = usize::try_from((now.millis() - first.bucket().millis()) / HOUR_MS).unwrap_or(0) + 1;
    age.min(DAY_HOURS).max(report.hours.len()).min(HOURS_MAX)
}

/// What is bad in the latest campaigns, each finding with its campaign's name.
pub(super) fn bad_of_latest(conn: &Connection, calendar: Calendar) -> Result<Vec<Finding>, StoreError> {
    let mut found = Vec::new();
    for row in list(conn, Some(Mode::Live), LATEST_LOOKED_AT)? {
        let members = names::members(conn, row.id)?;
        let mut own = findings_campaign::findings(&Evidence {
            id: row.id,
            counts: &row.counts,
            first_at: row.first_at,
            receivers: &report_receivers::alone(conn, &members, report::SITES_SHOWN)?,
            refusals: &refusals(conn, &members)?,
            kinds: &[],
            usual: None,
            calendar,
        });
        own.retain(|finding| finding.severity == Severity::Bad);
        let name = findings_campaign::isolated(&row.name);
        own.iter_mut().for_each(|finding| finding.title = format!("{name}: {}", finding.title));
        found.extend(own);
    }
    Ok(found)
}

/// One point for every hour since the first delivery up to the last with anything in it, at most `most`. What came before
/// is part of the first: refusals, and what was fetched while a server had not yet answered.
fn hours(
    conn: &Connection,
    members: &[CampaignId],
    first: Timestamp,
    most: usize,
    metrics: &[Metric],
) -> Result<Vec<Point>, StoreError> {
    let start = first.bucket();
    let end = Timestamp::from_millis(start.millis() + i64::try_from(most).unwrap_or(0) * HOUR_MS - 1);
    let quarters = report::series(conn, members, (None, end), Step::Quarter, metrics)?;
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

fn refusals(conn: &Connection, members: &[CampaignId]) -> Result<Vec<RefusalRow>, StoreError> {
    let sql = format!(
        "select class, bounced, deferrals, sample_source, sample_seq, sample_at from v_refusal \
         where (bounced > 0 or deferrals > 0) and {} order by bounced desc, deferrals desc",
        names::one_of("campaign", members.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let values = params_from_iter(members.iter().map(|id| id.raw()));
    let rows = statement.query_map(values, report::read_refusal)?.collect::<Result<Vec<_>, _>>()?;
    let mut refusals: Vec<RefusalRow> = Vec::with_capacity(rows.len());
    for (_, mut refusal, source, seq) in rows {
        if let Some(same) = refusals.iter_mut().find(|other| other.class == refusal.class) {
            same.bounced += refusal.bounced;
            same.deferrals += refusal.deferrals;
            same.since = same.since.min(refusal.since);
            continue;
        }
        refusal.sample = report::text(conn, source, seq, TextField::Reply.code())?;
        refusals.push(refusal);
    }
    refusals.sort_by_key(|refusal| Reverse((refusal.bounced, refusal.deferrals)));
    Ok(refusals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{schema, views};

    #[test]
    fn what_came_before_the_first_delivery_is_part_of_its_hour() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        views::renew(&mut conn).unwrap();
        let start = 400 * 24 * HOUR_MS;
        for (at, what) in [
            (start - 3 * HOUR_MS, "bounced"),
            (start - HOUR_MS / 4, "opened_prefetch"),
            (start, "delivered"),
            (start + 2 * HOUR_MS, "opened_human"),
        ] {
            let sql = format!("insert into v_series (scope, bucket, {what}) values (5000, ?1, 1)");
            conn.execute(&sql, [at]).unwrap();
        }
        let (campaign, first) = ([CampaignId::from_raw(5_000)], Timestamp::from_millis(start));
        let hours = hours(&conn, &campaign, first, SPARK_HOURS, CURVE).unwrap();
        let all = [Metric::Bounced, Metric::OpenedPrefetch, Metric::Delivered, Metric::OpenedHuman];
        let found: Vec<_> = hours.iter().map(|hour| (hour.at.millis() - start, all.map(|m| hour.counts[m]))).collect();
        assert_eq!(found, [(0, [1, 1, 1, 0]), (HOUR_MS, [0; 4]), (2 * HOUR_MS, [0, 0, 0, 1])]);
    }
}
