//! The handle of pages: reads rollups only, never counts raw events.

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use tokio::sync::watch;

use super::error::StoreError;
use super::fold_rows::mode;
use super::hits::Hits;
use super::reader::Readers;
use super::report_list::CampaignsOf;
use super::report_overview::{Overview, OverviewOf};
use super::view::{
    CampaignReport, CampaignRow, ClickMap, DeliveryReport, DeliveryRow, LinkRow, PersonReport, Point, Receipt,
    RefusalRow, State,
};
use super::view_campaign::CampaignView;
use super::view_queue::{LastReply, QueueReport, RestRow};
use super::{
    canary, names, report_campaign, report_delivery, report_list, report_overview, report_person, report_queue,
};
use crate::domain::counts::METRICS;
pub use crate::domain::zone::Step;
use crate::domain::{
    Address, Calendar, CampaignId, Counts, DeliveryId, Domain, MessageId, Metric, Mode, PersonId, Selection, Timestamp,
};

/// Sites shown before the rest is one row.
pub(super) const SITES_SHOWN: u32 = 10;
/// Hours of a campaign's curve.
pub(super) const HOURS_MAX: usize = 400;

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
    /// The overview.
    pub async fn overview(&self, of: OverviewOf) -> Result<Overview, StoreError> {
        let dropped = self.hits.dropped();
        self.readers.read(move |conn| report_overview::whole(conn, of, dropped)).await
    }

    /// Changes with every event that is written down: the number of the next one.
    pub fn moved(&self) -> watch::Receiver<i64> {
        self.hits.writer.moved()
    }

    /// A page of campaigns, `skip` of them passed over, at most `limit`; and how many there are.
    pub async fn campaigns(
        &self,
        of: CampaignsOf,
        skip: usize,
        limit: usize,
    ) -> Result<(Vec<CampaignRow>, i64), StoreError> {
        self.readers.read(move |conn| report_list::page(conn, &of, skip, limit)).await
    }

    /// How many campaigns there are.
    pub async fn campaigns_total(&self, mode: Option<Mode>) -> Result<i64, StoreError> {
        self.readers.read(move |conn| report_list::total(conn, mode)).await
    }

    /// One campaign, whole, with what was merged into it; for one that was merged, the one that shows it.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<CampaignReport>, StoreError> {
        self.readers.read(move |conn| report_campaign::whole(conn, names::shown_in(conn, id)?, SITES_SHOWN)).await
    }

    /// What the click map of a campaign is drawn from; that of the campaign it is shown in when it was merged.
    pub async fn click_map(&self, id: CampaignId) -> Result<Option<ClickMap>, StoreError> {
        self.readers.read(move |conn| report_campaign::click_map(conn, names::shown_in(conn, id)?)).await
    }

    /// One campaign with all that its page shows; for one that was merged, the one that shows it.
    pub async fn campaign_view(
        &self,
        id: CampaignId,
        now: Timestamp,
        calendar: Calendar,
    ) -> Result<Option<CampaignView>, StoreError> {
        self.readers.read(move |conn| report_campaign::view(conn, names::shown_in(conn, id)?, (now, calendar))).await
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
            .read(|conn| Ok(report_queue::waiting(conn, Mode::Live)?.0 + report_queue::waiting(conn, Mode::Sandbox)?.0))
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

    /// What waits; with the name of a site or a domain, of the domains only those.
    pub async fn queue(&self, only: Option<String>, now: Timestamp) -> Result<QueueReport, StoreError> {
        self.readers.read(move |conn| report_queue::whole(conn, only.as_deref(), now)).await
    }

    /// Where the rest of these campaigns is held.
    pub async fn rests(&self, of: Vec<CampaignId>) -> Result<Vec<RestRow>, StoreError> {
        self.readers.read(move |conn| canary::held(conn, Some(&of))).await
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

/// The points of some scopes together, with these metrics; those with nothing in them left out.
pub(super) fn series(
    conn: &Connection,
    scopes: &[CampaignId],
    (from, to): (Option<Timestamp>, Timestamp),
    step: Step,
    metrics: &[Metric],
) -> Result<Vec<Point>, StoreError> {
    let columns: Vec<_> = metrics.iter().map(|metric| metric.as_str()).collect();
    let sql = format!(
        "select bucket, {} from v_series where bucket >= ? and bucket <= ? and {} order by bucket",
        columns.join(", "),
        names::one_of("scope", scopes.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let range = [from.map_or(i64::MIN, Timestamp::millis), to.millis()];
    let mut rows =
        statement.query(params_from_iter(range.into_iter().chain(scopes.iter().map(|scope| scope.raw()))))?;
    let mut points: Vec<Point> = Vec::new();
    let mut end = i64::MIN;
    while let Some(row) = rows.next()? {
        let bucket = row.get::<_, i64>(0)?;
        if bucket >= end {
            let at = Timestamp::from_millis(bucket);
            end = step.next(at).millis();
            points.push(Point { at: step.start(at), counts: Counts::default() });
        }
        if let Some(point) = points.last_mut() {
            for (at, metric) in metrics.iter().enumerate() {
                point.counts[*metric] += row.get::<_, i64>(at + 1)?;
            }
        }
    }
    Ok(points)
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
        personal: false,
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
    let since = Timestamp::from_millis(row.get(5)?);
    let refusal = RefusalRow { class, bounced: row.get(1)?, deferrals: row.get(2)?, sample: String::new(), since };
    Ok((code, refusal, row.get(3)?, row.get(4)?))
}

/// The mode of a stored code, for the other halves of this room.
pub(super) fn read_mode(row: &Row<'_>, at: usize) -> rusqlite::Result<Mode> {
    Ok(mode(row.get(at)?))
}
