//! Overview, campaigns, and one campaign.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::campaign_people::{Listed, WrittenLinks as _};
use super::chart::{self, Line};
use super::format::{
    Written as _, WrittenBand as _, WrittenClass as _, WrittenCount as _, WrittenRate as _, WrittenTime as _,
};
use super::receipts::{KindRow, kind_rows};
use super::shell::{Answer, Fault, Shell, State, campaign_id, html, page, see_other};
use crate::domain::counts::Rate;
use crate::domain::{CampaignId, Counts, Metric, Mode};
use crate::store::view::{CampaignReport, CampaignRow, Overview, Point};
use crate::store::{CampaignSort, Step};

/// Campaigns a page.
const PAGE: usize = 50;
/// Points of a curve shown in its table.
const TABLE_POINTS: usize = 48;

#[derive(Deserialize)]
pub struct Query {
    range: Option<String>,
    mode: Option<String>,
    sort: Option<String>,
    page: Option<usize>,
}

impl Query {
    fn mode(&self, own: Mode) -> Mode {
        self.mode.as_deref().and_then(Mode::parse).unwrap_or(own)
    }
}

/// One of the four numbers at the top of a page.
pub struct Tile {
    pub name: &'static str,
    pub anchor: &'static str,
    pub value: String,
    pub bar: String,
    pub parts: String,
    pub interval: String,
}

fn tiles(counts: &Counts) -> Vec<Tile> {
    let rates = counts.rates();
    let of = |part: i64, whole: i64| format!("{} of {}", part.grouped(), whole.grouped());
    let (low, high) = (rates.open_low.share(), rates.open_high.share());
    let refused = counts[Metric::Bounced] + counts[Metric::Expired];
    let band = format!(
        "{}\u{2013}{} of {}",
        counts.opened_low().grouped(),
        counts.opened_high().grouped(),
        counts[Metric::WithPixel].grouped()
    );
    vec![
        Tile {
            name: "Delivered",
            anchor: "delivery",
            value: rates.delivery.percent(),
            bar: chart::bar(&[("f-ink", rates.delivery.share()), ("f-bad", rates.bounce.share())], 14),
            parts: of(counts[Metric::Delivered], counts.to_deliver()),
            interval: rates.delivery.interval_text(),
        },
        Tile {
            name: "Opened, low\u{2013}high",
            anchor: "open",
            value: rates.open_band(),
            bar: chart::bar(&[("f-human", low), ("f-prefetch", high - low)], 14),
            parts: band,
            interval: rates.open_low.interval_text(),
        },
        Tile {
            name: "Clicked",
            anchor: "click",
            value: rates.click.percent(),
            bar: chart::bar(&[("f-human", rates.click.share())], 14),
            parts: of(counts[Metric::ClickedHuman], counts[Metric::WithLinks]),
            interval: rates.click.interval_text(),
        },
        Tile {
            name: "Bounced or expired",
            anchor: "bounce",
            value: rates.bounce.percent(),
            bar: chart::bar(&[("f-bad", rates.bounce.share())], 14),
            parts: of(refused, counts.to_deliver()),
            interval: rates.bounce.interval_text(),
        },
    ]
}

/// A point of a series in words and numbers.
pub struct PointRow {
    pub at: String,
    pub accepted: i64,
    pub delivered: i64,
    pub bounced: i64,
    pub low: i64,
    pub high: i64,
    pub clicked: i64,
}

fn point_row(at: String, counts: &Counts) -> PointRow {
    PointRow {
        at,
        accepted: counts[Metric::Recipients],
        delivered: counts[Metric::Delivered],
        bounced: counts[Metric::Bounced] + counts[Metric::Expired],
        low: counts.opened_low(),
        high: counts.opened_high(),
        clicked: counts[Metric::ClickedHuman],
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    range: String,
    mode: Mode,
    overview: Overview,
    tiles: Vec<Tile>,
    sent: String,
    read: String,
    points: Vec<PointRow>,
}

/// GET /
pub async fn overview(user: User, state: State, query: web::Query<Query>) -> Answer {
    const DAY: Duration = Duration::from_hours(24);
    let (range, days, step) = match query.range.as_deref() {
        Some("24h") => ("24h", Some(1), Step::Hour),
        Some("7d") => ("7d", Some(7), Step::Hour),
        Some("90d") => ("90d", Some(90), Step::Day),
        Some("all") => ("all", None, Step::Day),
        _ => ("30d", Some(30), Step::Day),
    };
    let (now, mode) = (state.clock.now(), query.mode(state.mode));
    let mut overview = state.reports.overview(mode, days.map(|days| now - DAY * days), now, step).await?;
    overview.findings.splice(0..0, (state.troubles)());
    let hours = step == Step::Hour;
    let name = |point: &Point| {
        let format = if hours { "%-d %b %H:%M" } else { "%-d %b" };
        point.at.to_chrono().format(format).to_string()
    };
    let points: Vec<_> = overview.points.iter().map(|point| point_row(name(point), &point.counts)).collect();
    let labels: Vec<_> = points.iter().map(|point| point.at.clone()).collect();
    let values = |of: fn(&PointRow) -> i64| points.iter().map(of).collect::<Vec<_>>();
    let sent = [
        Line { class: "l-ink", name: "delivered", values: values(|p| p.delivered) },
        Line { class: "l-bad", name: "bounced or expired", values: values(|p| p.bounced) },
    ];
    let read = [
        Line { class: "l-high", name: "opened, high", values: values(|p| p.high) },
        Line { class: "l-human", name: "opened, low", values: values(|p| p.low) },
        Line { class: "l-click", name: "clicked", values: values(|p| p.clicked) },
    ];
    page(&OverviewPage {
        shell: Shell::new(&state, "overview", &user.0),
        range: range.to_owned(),
        mode,
        tiles: tiles(&overview.counts),
        sent: chart::lines("sent", "Sent over time", "Deliveries; the table below holds the numbers.", &labels, &sent),
        read: chart::lines(
            "read",
            "Read over time",
            "Opens and clicks; the table below holds the numbers.",
            &labels,
            &read,
        ),
        points,
        overview,
    })
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    shell: Shell,
    mode: Mode,
    sort: &'static str,
    rows: Vec<CampaignRow>,
    total: i64,
    number: usize,
    more: bool,
}

/// GET /campaigns
pub async fn campaigns(user: User, state: State, query: web::Query<Query>) -> Answer {
    let mode = query.mode(state.mode);
    let (sort, by) = match query.sort.as_deref() {
        Some("recipients") => ("recipients", CampaignSort::Recipients),
        Some("delivered") => ("delivered", CampaignSort::Delivered),
        Some("opened") => ("opened", CampaignSort::Opened),
        Some("clicked") => ("clicked", CampaignSort::Clicked),
        _ => ("started", CampaignSort::Started),
    };
    let number = query.page.unwrap_or(1).clamp(1, 1_000_000);
    let mut rows = state.reports.campaigns(Some(mode), by, (number - 1) * PAGE, PAGE + 1).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let total = state.reports.campaigns_total(Some(mode)).await?;
    page(&CampaignsPage { shell: Shell::new(&state, "campaigns", &user.0), mode, sort, rows, total, number, more })
}

/// A step of the funnel.
pub struct FunnelRow {
    pub name: &'static str,
    pub value: i64,
    pub bar: String,
    pub rate: String,
}

fn funnel(counts: &Counts) -> Vec<FunnelRow> {
    let rates = counts.rates();
    let all = counts[Metric::Recipients];
    let share = |n: i64| Rate::of(n, all).share();
    let row = |name, value: i64, class, rate: String| FunnelRow {
        name,
        value,
        bar: chart::bar(&[(class, share(value))], 24),
        rate,
    };
    vec![
        row("Recipients", all, "f-ink", String::new()),
        row("Delivered", counts[Metric::Delivered], "f-ink", rates.delivery.percent()),
        row("Still waiting", counts[Metric::Queued], "f-warn", String::new()),
        row("Bounced or expired", counts[Metric::Bounced] + counts[Metric::Expired], "f-bad", rates.bounce.percent()),
        row("Opened, at least", counts.opened_low(), "f-human", rates.open_low.percent()),
        row("Opened, at most", counts.opened_high(), "f-prefetch", rates.open_high.percent()),
        row("Clicked", counts[Metric::ClickedHuman], "f-human", rates.click.percent()),
    ]
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    shell: Shell,
    complaint: &'static str,
    report: CampaignReport,
    tiles: Vec<Tile>,
    funnel: Vec<FunnelRow>,
    curve: String,
    hours: Vec<PointRow>,
    classes: Vec<(&'static str, i64, i64, &'static str)>,
    kinds_sum: String,
    kinds: Vec<KindRow>,
    listed: Listed,
}

/// GET /campaigns/{id}
pub async fn campaign(user: User, state: State, id: web::Path<String>) -> Answer {
    campaign_page(&state, &user, campaign_id(&id)?, (StatusCode::OK, "")).await
}

/// A campaign's page, with what was wrong with a form on it.
pub async fn campaign_page(
    state: &State,
    user: &User,
    id: CampaignId,
    (status, complaint): (StatusCode, &'static str),
) -> Answer {
    let mut report = state.reports.campaign(id).await?.ok_or(Fault::Missing("campaign"))?;
    if report.row.id != id {
        return Ok(see_other(&format!("/campaigns/{}", report.row.id)));
    }
    let counts = report.row.counts;
    let mut sum = Counts::default();
    let mut hours = Vec::new();
    for (n, point) in report.hours.iter().enumerate() {
        sum += point.counts;
        hours.push(point_row(format!("{n} h"), &sum));
    }
    let labels: Vec<_> = hours.iter().map(|hour| hour.at.clone()).collect();
    let values = |of: fn(&PointRow) -> i64| hours.iter().map(of).collect::<Vec<_>>();
    let lines = [
        Line { class: "l-high", name: "opened, high", values: values(|p| p.high) },
        Line { class: "l-human", name: "opened, low", values: values(|p| p.low) },
        Line { class: "l-click", name: "clicked", values: values(|p| p.clicked) },
    ];
    let curve = chart::lines(
        "curve",
        "Opened and clicked by hours since the first delivery",
        "Cumulative; the table below holds the numbers.",
        &labels,
        &lines,
    );
    let every = hours.len().div_ceil(TABLE_POINTS).max(1);
    let last = hours.len().saturating_sub(1);
    let shown =
        hours.into_iter().enumerate().filter(|(n, _)| n % every == 0 || *n == last).map(|(_, hour)| hour).collect();
    let class = |name, opened, clicked, counted| (name, counts[opened], clicked, counted);
    let (kinds_sum, kinds) = kind_rows(std::mem::take(&mut report.kinds));
    let template = CampaignPage {
        shell: Shell::new(state, "campaigns", &user.0),
        kinds_sum,
        kinds,
        listed: Listed::some(state, id).await?,
        complaint,
        tiles: tiles(&counts),
        funnel: funnel(&counts),
        curve,
        hours: shown,
        classes: vec![
            class("human", Metric::OpenedHuman, counts[Metric::ClickedHuman], "low and high"),
            class("proxy", Metric::OpenedProxy, counts[Metric::ClickedProxy], "low and high"),
            class("inferred", Metric::OpenedInferred, 0, "low and high"),
            class("unknown", Metric::OpenedUnknown, counts[Metric::ClickedUnknown], "high"),
            class("prefetch", Metric::OpenedPrefetch, counts[Metric::ClickedPrefetch], "high"),
            class("scanner", Metric::OpenedScanner, counts[Metric::ClickedScanner], "neither"),
        ],
        report,
    };
    Ok(html(status, template.render()?))
}
