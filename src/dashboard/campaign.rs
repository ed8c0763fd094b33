//! One campaign.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use super::auth::User;
use super::chart::{self, Line};
use super::format::{
    Written as _, WrittenBand as _, WrittenClass as _, WrittenCount as _, WrittenRate as _, WrittenTime as _,
};
use super::receipts::{KindRow, kind_rows};
use super::shell::{Answer, Fault, Shell, State, campaign_id, html, see_other};
use super::tiles::{PointRow, Tile, point_row, tiles};
use crate::domain::counts::Rate;
use crate::domain::{CampaignId, Counts, Metric};
use crate::store::view::CampaignReport;

/// Points of a curve shown in its table.
const TABLE_POINTS: usize = 48;

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
