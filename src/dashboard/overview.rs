//! The overview: all campaigns over a range of time.

use std::time::Duration;

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::chart::{self, Line};
use super::format::{Written as _, WrittenBand as _, WrittenRate as _, WrittenTime as _};
use super::shell::{Answer, Shell, State, page};
use super::tiles::{PointRow, Tile, point_row, tiles};
use crate::domain::{Metric, Mode};
use crate::store::Step;
use crate::store::view::{Overview, Point};

#[derive(Deserialize)]
pub struct Query {
    range: Option<String>,
    mode: Option<String>,
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
    let shell = Shell::new(&state, "overview", &user.0);
    let zone = shell.calendar.zone();
    let (range, days, step) = match query.range.as_deref() {
        Some("24h") => ("24h", Some(1), Step::Hour(zone)),
        Some("7d") => ("7d", Some(7), Step::Hour(zone)),
        Some("90d") => ("90d", Some(90), Step::Day(zone)),
        Some("all") => ("all", None, Step::Day(zone)),
        _ => ("30d", Some(30), Step::Day(zone)),
    };
    let (now, mode) = (state.clock.now(), query.mode.as_deref().and_then(Mode::parse).unwrap_or(state.mode));
    let mut overview =
        state.reports.overview(mode, days.map(|days| now - DAY * days), now, step, shell.calendar).await?;
    overview.findings.splice(0..0, (state.troubles)(shell.calendar));
    let hours = step == Step::Hour(zone);
    let name = |point: &Point| {
        if hours { point.at.short(&shell.calendar) } else { point.at.day(&shell.calendar) }
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
        shell,
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
