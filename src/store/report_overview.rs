//! The overview, as the page shows it.

use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;
use super::report::{SITES_SHOWN, series};
use super::view::{CampaignRow, Finding, Point, SiteRow};
use super::view_queue::Oldest;
use super::{findings, report_campaign, report_days, report_list, report_queue, report_receivers};
use crate::domain::zone::{Step, Zone};
use crate::domain::{Calendar, CampaignId, Counts, Metric, Mode, Timestamp};

/// Campaigns shown.
const RECENT_SHOWN: u32 = 8;
/// Points are hours in what is not longer than two days and a change of clocks.
const HOURS_SPAN: Duration = Duration::from_hours(50);
/// They are days in what is not longer, else months.
const DAYS_SPAN: Duration = Duration::from_hours(100 * 24);
/// Points, whatever was asked for.
const POINTS_MAX: usize = 1_200;

/// The overview.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Of the range; what waits is of now.
    pub counts: Counts,
    /// How wide the points are.
    pub step: Step,
    /// One after the other, also where nothing happened; none before the first mail.
    pub points: Vec<Point>,
    /// The latest campaigns, at most 8.
    pub campaigns: Vec<CampaignRow>,
    /// All campaigns in this mode.
    pub campaigns_total: i64,
    /// The ten domains with the most recipients, then all others in one; whole history.
    pub sites: Vec<SiteRow>,
    /// Waiting now.
    pub queued: i64,
    /// How many of these were tried.
    pub deferred: i64,
    /// The oldest that waits, of both modes.
    pub oldest: Option<Oldest>,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Whether there is any mail in the other mode.
    pub other_mode_has_mail: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct OverviewOf {
    /// Live or sandbox.
    pub mode: Mode,
    /// From when; `None` for the beginning.
    pub from: Option<Timestamp>,
    /// To when.
    pub to: Timestamp,
    /// Whose hours, days and months.
    pub calendar: Calendar,
}

pub(super) fn whole(conn: &Connection, of: OverviewOf, dropped: u64) -> Result<Overview, StoreError> {
    let OverviewOf { mode, from, to, calendar } = of;
    let scope = CampaignId::all(mode);
    let first = first_bucket(conn, scope)?;
    let step = step(from.or(first).unwrap_or(to), to, calendar.zone());
    let from = match (from, first, step) {
        // Months of nothing before the first mail tell nothing.
        (Some(from), Some(first), Step::Month(_)) => Some(from.max(first)),
        (from, first, _) => from.or(first),
    };
    let happened = match step {
        Step::Month(_) => report_days::months(conn, scope, (from, to), step)?,
        _ => series(conn, &[scope], (from, to), step, Metric::ALL)?,
    };
    let mut counts = Counts::default();
    happened.iter().for_each(|point| counts += point.counts);
    let (queued, deferred) = report_queue::waiting(conn, mode)?;
    (counts[Metric::Queued], counts[Metric::Deferred]) = (queued, deferred);
    let mut campaigns = report_campaign::list(conn, Some(mode), RECENT_SHOWN)?;
    campaigns.iter_mut().try_for_each(|row| report_campaign::complete(conn, row))?;
    let other = match mode {
        Mode::Live => Mode::Sandbox,
        Mode::Sandbox => Mode::Live,
    };
    Ok(Overview {
        counts,
        step,
        points: first.and(from).map(|from| with_gaps(&happened, from, to, step)).unwrap_or_default(),
        campaigns,
        campaigns_total: report_list::total(conn, Some(mode))?,
        sites: report_receivers::sites(conn, &[scope], SITES_SHOWN)?,
        queued,
        deferred,
        oldest: report_queue::oldest(conn, None)?,
        findings: findings::findings(conn, dropped, calendar)?,
        other_mode_has_mail: report_list::total(conn, Some(other))? > 0,
    })
}

fn step(from: Timestamp, to: Timestamp, zone: Zone) -> Step {
    match to.since(from) {
        span if span <= HOURS_SPAN => Step::Hour(zone),
        span if span <= DAYS_SPAN => Step::Day(zone),
        _ => Step::Month(zone),
    }
}

/// Every step of the range, with what happened in it.
fn with_gaps(happened: &[Point], from: Timestamp, to: Timestamp, step: Step) -> Vec<Point> {
    let mut happened = happened.iter().peekable();
    let steps = std::iter::successors(Some(step.start(from)), |at| Some(step.next(*at)));
    let mut points = Vec::new();
    for at in steps.take_while(|at| *at <= to).take(POINTS_MAX) {
        let counts = happened.next_if(|point| point.at == at).map_or_else(Counts::default, |point| point.counts);
        points.push(Point { at, counts });
    }
    points
}

fn first_bucket(conn: &Connection, scope: CampaignId) -> Result<Option<Timestamp>, StoreError> {
    let sql = "select min(bucket) from v_series where scope = ?1";
    let first: Option<i64> = conn.prepare_cached(sql)?.query_row([scope.raw()], |row| row.get(0))?;
    Ok(first.map(Timestamp::from_millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_anything_are_points_too_and_a_day_of_25_hours_is_one() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let zone = Zone::parse("Europe/Amsterdam").unwrap();
        let (from, to) = (at("2026-10-23T22:00:00Z"), at("2026-10-26T12:00:00Z"));
        let mut counts = Counts::default();
        counts[Metric::Delivered] = 3;
        let happened = [Point { at: at("2026-10-24T22:00:00Z"), counts }];
        let points = with_gaps(&happened, from, to, Step::Day(zone));
        let found: Vec<_> = points.iter().map(|point| (point.at.rfc3339(), point.counts[Metric::Delivered])).collect();
        let days = ["2026-10-23T22:00:00.000Z", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"];
        assert_eq!(found, [(days[0].to_owned(), 0), (days[1].to_owned(), 3), (days[2].to_owned(), 0)]);
        assert_eq!(step(from, to, zone), Step::Day(zone));
        assert_eq!(step(from, from + HOURS_SPAN, zone), Step::Hour(zone));
        assert_eq!(step(at("2025-01-01T00:00:00Z"), to, zone), Step::Month(zone));
    }
}
