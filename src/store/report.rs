//! The handle of pages: reads rollups only, never counts raw events.

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::error::StoreError;
use super::fold::mode_code;
use super::fold_rows::mode;
use super::hits::Hits;
use super::reader::Readers;
use super::view::{
    CampaignReport, CampaignRow, DeliveryReport, DeliveryRow, LinkRow, Overview, PersonReport, Point, Receipt,
    RefusalRow, SiteRow, State,
};
use super::view_queue::{LastReply, QueueReport};
use super::{findings, names, report_campaign, report_delivery, report_person, report_queue};
use crate::domain::counts::METRICS;
use crate::domain::timestamp::BUCKET_MS;
use crate::domain::{
    Address, CampaignId, Counts, DeliveryId, Domain, MessageId, Metric, Mode, PersonId, Selection, Timestamp,
};

/// Campaigns that a list can be sorted over; older ones are found by their name.
const CAMPAIGNS_MAX: u32 = 5_000;
/// Domains shown before the rest is one row.
const SITES_SHOWN: u32 = 10;
/// Campaigns on the overview.
const RECENT_SHOWN: usize = 8;
/// Hours of a campaign's curve.
pub(super) const HOURS_MAX: usize = 400;

/// How wide the points of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// 15 minutes.
    Quarter,
    /// 60 minutes.
    Hour,
    /// 24 hours, from midnight UTC.
    Day,
}

impl Step {
    const fn ms(self) -> i64 {
        match self {
            Self::Quarter => BUCKET_MS,
            Self::Hour => 4 * BUCKET_MS,
            Self::Day => 96 * BUCKET_MS,
        }
    }
}

/// The order of the list of campaigns; all but the name with the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CampaignSort {
    /// Latest first.
    Started,
    /// Most recipients first.
    Recipients,
    /// By delivery rate.
    Delivered,
    /// By the low open rate.
    Opened,
    /// By click rate.
    Clicked,
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Of one campaign.
    pub campaign: Option<CampaignId>,
    /// In one state.
    pub state: Option<State>,
    /// Live or sandbox.
    pub mode: Option<Mode>,
    /// Those that wait for this domain.
    pub waiting_at: Option<Domain>,
    /// Those of one message.
    pub message: Option<MessageId>,
    /// Those to one person.
    pub person: Option<PersonId>,
}

/// Reads for pages and programs. Each is interrupted after two seconds with [`StoreError::Busy`].
#[derive(Clone)]
pub struct Reports {
    pub(super) readers: Readers,
    pub(super) hits: Hits,
}

impl Reports {
    /// The overview of a mode, `from` (or the beginning) to `to`.
    pub async fn overview(
        &self,
        mode: Mode,
        from: Option<Timestamp>,
        to: Timestamp,
        step: Step,
    ) -> Result<Overview, StoreError> {
        let dropped = self.hits.dropped();
        self.readers.read(move |conn| overview(conn, mode, from, to, step, dropped)).await
    }

    /// A page of campaigns: `skip` of them passed over, at most `limit`. The list is cut at the latest 5,000.
    pub async fn campaigns(
        &self,
        mode: Option<Mode>,
        sort: CampaignSort,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<CampaignRow>, StoreError> {
        self.readers
            .read(move |conn| {
                let mut rows = report_campaign::list(conn, mode, CAMPAIGNS_MAX)?;
                sort_campaigns(&mut rows, sort);
                let mut page: Vec<_> = rows.into_iter().skip(skip).take(limit).collect();
                page.iter_mut().try_for_each(|row| report_campaign::complete(conn, row))?;
                Ok(page)
            })
            .await
    }

    /// How many campaigns there are.
    pub async fn campaigns_total(&self, mode: Option<Mode>) -> Result<i64, StoreError> {
        self.readers.read(move |conn| campaigns_total(conn, mode)).await
    }

    /// One campaign, whole, with what was merged into it; for one that was merged, the one that shows it.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<CampaignReport>, StoreError> {
        self.readers.read(move |conn| report_campaign::whole(conn, names::shown_in(conn, id)?, SITES_SHOWN)).await
    }

    /// The campaign that is shown under a name.
    pub async fn campaign_named(&self, name: &str, mode: Mode) -> Result<Option<CampaignReport>, StoreError> {
        let name = name.to_owned();
        self.readers
            .read(move |conn| report_campaign::whole(conn, names::shown_as(conn, &name, mode)?, SITES_SHOWN))
            .await
    }

    /// Deliveries, newest first, those before `before`, at most `limit`.
    pub async fn deliveries(
        &self,
        filter: DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.readers.read(move |conn| report_delivery::list(conn, &filter, before, limit)).await
    }

    /// One delivery, whole.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryReport>, StoreError> {
        self.readers.read(move |conn| report_delivery::whole(conn, id)).await
    }

    /// What is known of an address, with at most `limit` of its deliveries, those before `before`; `None` when it was
    /// never mailed nor suppressed, or is erased.
    pub async fn person(
        &self,
        address: Address,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Option<PersonReport>, StoreError> {
        self.readers.read(move |conn| report_person::whole(conn, &address, before, limit)).await
    }

    /// How many deliveries wait, live and sandbox.
    pub async fn waiting(&self) -> Result<i64, StoreError> {
        self.readers
            .read(|conn| Ok(report_queue::waiting(conn, Mode::Live)? + report_queue::waiting(conn, Mode::Sandbox)?))
            .await
    }

    /// The campaigns whose numbers are shown together: this one first.
    pub async fn members(&self, id: CampaignId) -> Result<Vec<CampaignId>, StoreError> {
        self.readers.read(move |conn| names::members(conn, id)).await
    }

    /// The campaigns that are shown under a name, live and sandbox, with those merged into them.
    pub async fn campaigns_named(&self, name: &str) -> Result<Vec<CampaignId>, StoreError> {
        let name = name.to_owned();
        self.readers.read(move |conn| names::all_shown_as(conn, &name)).await
    }

    /// What waits; with `site`, of the domains only that one.
    pub async fn queue(&self, site: Option<Domain>, now: Timestamp) -> Result<QueueReport, StoreError> {
        self.readers.read(move |conn| report_queue::whole(conn, site.as_ref().map(Domain::as_str), now)).await
    }

    /// What a part of the queue is called, and how many deliveries wait there; `None` when there is no such thing.
    pub async fn part(&self, selection: Selection) -> Result<Option<(String, i64)>, StoreError> {
        self.readers
            .read(move |conn| {
                let Some(name) = report_queue::name(conn, &selection)? else { return Ok(None) };
                Ok(Some((name, report_queue::count(conn, &selection)?)))
            })
            .await
    }

    /// The reply to the last failed try of a delivery.
    pub async fn last_reply(&self, id: DeliveryId) -> Result<Option<LastReply>, StoreError> {
        self.readers.read(move |conn| report_queue::last_reply_to(conn, id)).await
    }
}

fn overview(
    conn: &Connection,
    mode: Mode,
    from: Option<Timestamp>,
    to: Timestamp,
    step: Step,
    dropped: u64,
) -> Result<Overview, StoreError> {
    let scope = CampaignId::all(mode);
    let points = series(conn, &[scope], from, to, step)?;
    let mut counts = Counts::default();
    points.iter().for_each(|point| counts += point.counts);
    let queued = report_queue::waiting(conn, mode)?;
    counts[Metric::Queued] = queued;
    let mut campaigns = report_campaign::list(conn, Some(mode), u32::try_from(RECENT_SHOWN).unwrap_or(u32::MAX))?;
    campaigns.iter_mut().try_for_each(|row| report_campaign::complete(conn, row))?;
    let other = match mode {
        Mode::Live => Mode::Sandbox,
        Mode::Sandbox => Mode::Live,
    };
    Ok(Overview {
        counts,
        points,
        campaigns,
        campaigns_total: campaigns_total(conn, Some(mode))?,
        sites: sites(conn, &[scope], SITES_SHOWN)?,
        queued,
        findings: findings::findings(conn, dropped)?,
        other_mode_has_mail: campaigns_total(conn, Some(other))? > 0,
    })
}

fn campaigns_total(conn: &Connection, mode: Option<Mode>) -> Result<i64, StoreError> {
    let sql = "select count(*) from v_campaign where name <> '' and (?1 is null or mode = ?1) \
               and id not in (select campaign from campaign_merge)";
    Ok(conn.prepare_cached(sql)?.query_row([mode.map(mode_code)], |row| row.get(0))?)
}

fn sort_campaigns(rows: &mut [CampaignRow], sort: CampaignSort) {
    let rate = |row: &CampaignRow| {
        let rates = row.counts.rates();
        let rate = match sort {
            CampaignSort::Delivered => rates.delivery,
            CampaignSort::Opened => rates.open_low,
            CampaignSort::Clicked => rates.click,
            CampaignSort::Started | CampaignSort::Recipients => None,
        };
        rate.map_or(-1.0, crate::domain::counts::Rate::value)
    };
    match sort {
        CampaignSort::Started => {}
        CampaignSort::Recipients => rows.sort_by_key(|row| std::cmp::Reverse(row.counts[Metric::Recipients])),
        CampaignSort::Delivered | CampaignSort::Opened | CampaignSort::Clicked => {
            rows.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
        }
    }
}

/// The columns of the counts, in order.
pub(super) fn count_columns() -> String {
    Metric::ALL.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", ")
}

/// Reads counts from the columns that begin at `from`.
pub(super) fn read_counts(row: &Row<'_>, from: usize) -> rusqlite::Result<Counts> {
    let mut values = [0; METRICS];
    for (at, value) in values.iter_mut().enumerate() {
        *value = row.get(from + at)?;
    }
    Ok(Counts::from_values(values))
}

/// The points of some scopes together, those with nothing in them left out.
pub(super) fn series(
    conn: &Connection,
    scopes: &[CampaignId],
    from: Option<Timestamp>,
    to: Timestamp,
    step: Step,
) -> Result<Vec<Point>, StoreError> {
    let sql = format!(
        "select bucket, {} from v_series where bucket >= ? and bucket <= ? and {} order by bucket",
        count_columns(),
        names::one_of("scope", scopes.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let range = [from.map_or(i64::MIN, Timestamp::millis), to.millis()];
    let mut rows =
        statement.query(params_from_iter(range.into_iter().chain(scopes.iter().map(|scope| scope.raw()))))?;
    let mut points: Vec<Point> = Vec::new();
    while let Some(row) = rows.next()? {
        let at = row.get::<_, i64>(0)?.div_euclid(step.ms()) * step.ms();
        let counts = read_counts(row, 1)?;
        match points.last_mut().filter(|point| point.at.millis() == at) {
            Some(point) => point.counts += counts,
            None => points.push(Point { at: Timestamp::from_millis(at), counts }),
        }
    }
    Ok(points)
}

/// The domains of some scopes with the most recipients, then all others in one row.
pub(super) fn sites(conn: &Connection, scopes: &[CampaignId], shown: u32) -> Result<Vec<SiteRow>, StoreError> {
    let raw = || scopes.iter().map(|scope| scope.raw());
    let of_scopes = names::one_of("scope", scopes.len());
    // Domains of one scope are rows of their own; those of several have to be met first.
    let (columns, grouped, by) = match scopes {
        [_] => (count_columns(), "", "recipients"),
        _ => (count_sums(), "group by domain", "sum(recipients)"),
    };
    let sql = format!("select domain, {columns} from v_site where {of_scopes} {grouped} order by {by} desc limit ?");
    let mut statement = conn.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| Ok(SiteRow { domain: row.get(0)?, domains: 1, counts: read_counts(row, 1)? });
    let values = params_from_iter(raw().chain([shown.into()]));
    let mut sites = statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
    let sql = format!("select count(distinct domain), {} from v_site where {of_scopes}", count_sums());
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, read_counts(row, 1)?));
    let (domains, mut others) = conn.prepare_cached(&sql)?.query_row(params_from_iter(raw()), read)?;
    sites.iter().for_each(|site| others -= site.counts);
    let rest = domains - i64::try_from(sites.len()).unwrap_or(0);
    if rest > 0 {
        sites.push(SiteRow { domain: String::new(), domains: rest, counts: others });
    }
    Ok(sites)
}

pub(super) fn count_sums() -> String {
    Metric::ALL.iter().map(|m| format!("coalesce(sum({}), 0)", m.as_str())).collect::<Vec<_>>().join(", ")
}

/// The text beside an event; empty when it was erased.
pub(super) fn text(conn: &Connection, source: i64, seq: i64, field: i64) -> Result<String, StoreError> {
    let sql = "select value from event_text where source = ?1 and seq = ?2 and field = ?3";
    let found = conn.prepare_cached(sql)?.query_row([source, seq, field], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// A stored receipt.
pub(super) fn receipt(conn: &Connection, message: i64) -> Result<Receipt, StoreError> {
    let sql = "select json, size_in, size_out from message join receipt on receipt.id = message.receipt \
               where message.id = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?));
    let found = conn.prepare_cached(sql)?.query_row([message], read).optional()?;
    let Some((json, size_in, size_out)) = found else { return Ok(Receipt::default()) };
    let receipt: Receipt = serde_json::from_str(&json).unwrap_or_default();
    Ok(Receipt { size_in, size_out, ..receipt })
}

/// A link's row.
pub(super) fn read_link(row: &Row<'_>) -> rusqlite::Result<LinkRow> {
    Ok(LinkRow {
        position: row.get(0)?,
        url: row.get(1)?,
        label: row.get(2)?,
        human: row.get(3)?,
        proxy: row.get(4)?,
        unknown: row.get(5)?,
        prefetch: row.get(6)?,
        scanner: row.get(7)?,
        total_events: row.get(8)?,
    })
}

/// A refusal's row without its sample.
pub(super) fn read_refusal(row: &Row<'_>) -> rusqlite::Result<(u8, RefusalRow, i64, i64)> {
    let code: u8 = row.get(0)?;
    let class = crate::domain::BounceClass::from_code(code).unwrap_or(crate::domain::BounceClass::Other);
    let refusal = RefusalRow { class, bounced: row.get(1)?, deferrals: row.get(2)?, sample: String::new() };
    Ok((code, refusal, row.get(3)?, row.get(4)?))
}

/// The mode of a stored code, for the other halves of this room.
pub(super) fn read_mode(row: &Row<'_>, at: usize) -> rusqlite::Result<Mode> {
    Ok(mode(row.get(at)?))
}
