//! The list of campaigns, as the page shows it.

use std::cmp::Ordering;

use rusqlite::Connection;

use super::error::StoreError;
use super::fold::mode_code;
use super::report_campaign;
use super::view::CampaignRow;
use crate::domain::counts::Rate;
use crate::domain::{Metric, Mode};

/// Campaigns that a list can be sorted over: the latest, of those whose name fits.
const CAMPAIGNS_MAX: usize = 5_000;
/// The latest, among which a name is looked for.
const NAMED_MAX: u32 = 50_000;

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CampaignSort {
    /// By its start.
    #[default]
    Started,
    /// By its name.
    Name,
    /// By recipients.
    Recipients,
    /// By delivery rate.
    Delivered,
    /// By the low open rate.
    Opened,
    /// By click rate.
    Clicked,
    /// By bounce rate.
    Bounced,
}

/// Which campaigns to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignsOf {
    /// Live or sandbox; both for none.
    pub mode: Option<Mode>,
    /// What the name holds, in any case; empty for all.
    pub name: String,
    /// Their order.
    pub sort: CampaignSort,
    /// The least first.
    pub ascending: bool,
}

/// A page of campaigns: `skip` of them passed over, at most `limit`; and how many there are, at most 5,000 of a name.
pub(super) fn page(
    conn: &Connection,
    of: &CampaignsOf,
    skip: usize,
    limit: usize,
) -> Result<(Vec<CampaignRow>, i64), StoreError> {
    let wanted = of.name.trim().to_lowercase();
    let latest_first = of.sort == CampaignSort::Started && !of.ascending;
    let looked_at = match wanted.is_empty() {
        // As they come.
        true if latest_first => u32::try_from((skip + limit).min(CAMPAIGNS_MAX)).unwrap_or(NAMED_MAX),
        true => u32::try_from(CAMPAIGNS_MAX).unwrap_or(NAMED_MAX),
        false => NAMED_MAX,
    };
    let mut rows = report_campaign::list(conn, of.mode, looked_at)?;
    rows.retain(|row| row.name.to_lowercase().contains(&wanted));
    rows.truncate(CAMPAIGNS_MAX);
    let found = if wanted.is_empty() { total(conn, of.mode)? } else { i64::try_from(rows.len()).unwrap_or(0) };
    rows.sort_by(|a, b| order(a, b, of));
    let mut page: Vec<_> = rows.into_iter().skip(skip).take(limit).collect();
    page.iter_mut().try_for_each(|row| report_campaign::complete(conn, row))?;
    Ok((page, found))
}

/// How many campaigns there are.
pub(super) fn total(conn: &Connection, mode: Option<Mode>) -> Result<i64, StoreError> {
    let sql = "select count(*) from v_campaign where name <> '' and (?1 is null or mode = ?1) \
               and id not in (select campaign from campaign_merge)";
    Ok(conn.prepare_cached(sql)?.query_row([mode.map(mode_code)], |row| row.get(0))?)
}

/// Those without a rate come last, whichever comes first.
fn order(a: &CampaignRow, b: &CampaignRow, of: &CampaignsOf) -> Ordering {
    let turned = |order: Ordering| if of.ascending { order } else { order.reverse() };
    let rate = |row: &CampaignRow| {
        let rates = row.counts.rates();
        match of.sort {
            CampaignSort::Delivered => rates.delivery,
            CampaignSort::Opened => rates.open_low,
            CampaignSort::Clicked => rates.click,
            CampaignSort::Bounced => rates.bounce,
            CampaignSort::Started | CampaignSort::Name | CampaignSort::Recipients => None,
        }
    };
    match of.sort {
        CampaignSort::Started => turned(a.first_at.cmp(&b.first_at)),
        CampaignSort::Name => turned(a.name.to_lowercase().cmp(&b.name.to_lowercase())),
        CampaignSort::Recipients => turned(a.counts[Metric::Recipients].cmp(&b.counts[Metric::Recipients])),
        CampaignSort::Delivered | CampaignSort::Opened | CampaignSort::Clicked | CampaignSort::Bounced => {
            match (rate(a).map(Rate::value), rate(b).map(Rate::value)) {
                (Some(a), Some(b)) => turned(a.total_cmp(&b)),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        }
    }
}
