//! The overview: all campaigns over a range of time.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::Dashboard;
use super::auth::User;
use super::campaigns::{Head, heads};
use super::chart;
use super::columns::{self, Columns, Part};
use super::format::{
    Written as _, WrittenBand as _, WrittenInterval as _, WrittenRate as _, WrittenSpan as _, WrittenTime as _,
};
use super::range::{Asked, Range};
use super::shell::{Answer, Fault, Shell, State, html_with_script};
use super::tiles::{PointRow, Tile, point_row, tiles};
use crate::domain::zone::Step;
use crate::domain::{Calendar, Metric, Mode, Timestamp};
use crate::store::OverviewOf;
use crate::store::view::{Overview, Point, User as Login};

/// What is looked at.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Query {
    #[serde(flatten)]
    range: Asked,
    mode: Option<String>,
}

#[derive(Template)]
#[template(path = "overview.html", blocks = ["facts", "tiles", "findings", "charts", "campaigns", "sites"])]
pub(super) struct OverviewPage {
    shell: Shell,
    range: Range,
    mode: Mode,
    overview: Overview,
    tiles: Vec<Tile>,
    heads: Vec<Head>,
    /// First and last day in words.
    days: (String, String),
    /// `day`, `hour` or `month`.
    each: &'static str,
    sent: String,
    read: String,
    /// The latest first.
    points: Vec<PointRow>,
    /// Where its changes are heard of.
    live: String,
}

/// GET /
pub async fn overview(user: User, state: State, query: web::Query<Query>) -> Answer {
    let page = OverviewPage::read(&state, &user.0, &query).await?;
    Ok(html_with_script(StatusCode::OK, page.render()?))
}

impl OverviewPage {
    pub(super) async fn read(state: &Dashboard, user: &Login, query: &Query) -> Result<Self, Fault> {
        let (shell, now) = (Shell::new(state, "overview", user), state.clock.now());
        let (calendar, range) = (shell.calendar, Range::read(&query.range, shell.calendar, now));
        let mode = query.mode.as_deref().and_then(Mode::parse).unwrap_or(state.mode);
        // Before the numbers: what moves while they are read is heard of.
        let seen = *state.reports.moved().borrow();
        let of = OverviewOf { mode, from: range.from, to: range.to, calendar };
        let mut overview = state.reports.overview(of).await?;
        overview.findings.splice(0..0, (state.troubles)(calendar));
        overview.findings.sort_by_key(|finding| finding.severity);
        let each = match overview.step {
            Step::Quarter | Step::Hour(_) => "hour",
            Step::Day(_) => "day",
            Step::Month(_) => "month",
        };
        let (long, short) = names(&overview.points, overview.step, calendar);
        let mut points: Vec<_> =
            overview.points.iter().zip(long).map(|(point, name)| point_row(name, &point.counts)).collect();
        let (sent, read) = (sent(each, &points, &short), read(each, &points, &short));
        points.reverse();
        let mut tiles = tiles(&overview.counts);
        tiles.push(waiting(&overview, mode == state.mode, now));
        let from = range.from.or(overview.points.first().map(|point| point.at)).unwrap_or(range.to);
        Ok(Self {
            days: (calendar.day(from), calendar.day(range.to)),
            live: format!("/live?{}&mode={}&since={seen}", range.query(), mode.as_str()),
            heads: heads(None),
            each,
            sent,
            read,
            points,
            tiles,
            shell,
            range,
            mode,
            overview,
        })
    }

    /// What may change while the page is looked at, by the ids on the page.
    pub(super) fn parts(&self) -> Result<Vec<(&'static str, String)>, Fault> {
        Ok(vec![
            ("facts", self.as_facts().render()?),
            ("tiles", self.as_tiles().render()?),
            ("findings", self.as_findings().render()?),
            ("charts", self.as_charts().render()?),
            ("campaigns", self.as_campaigns().render()?),
            ("sites", self.as_sites().render()?),
        ])
    }

    /// Whether nothing happened in the range.
    fn is_quiet(&self) -> bool {
        self.overview.points.iter().all(|point| point.counts.is_zero())
    }
}

/// What the points are called, in the table and below the columns. An hour that clocks show twice says which it is.
fn names(points: &[Point], step: Step, calendar: Calendar) -> (Vec<String>, Vec<String>) {
    let mut long: Vec<String> = Vec::new();
    for point in points {
        let mut name = match step {
            Step::Quarter | Step::Hour(_) => calendar.short(point.at),
            Step::Day(_) => calendar.day(point.at),
            Step::Month(_) => calendar.month(point.at),
        };
        if long.last() == Some(&name) {
            name = format!("{name} {}", calendar.zone().offset(point.at));
        }
        long.push(name);
    }
    let hour = |point: &Point| calendar.zone().local(point.at).format("%H:%M").to_string();
    let short = match step {
        Step::Quarter | Step::Hour(_) => points.iter().map(hour).collect(),
        Step::Day(_) | Step::Month(_) => long.clone(),
    };
    (long, short)
}

fn part(class: &'static str, key: &'static str, name: &'static str, values: impl Iterator<Item = i64>) -> Part {
    Part { class, key, name, values: values.collect() }
}

/// From when to when, the greatest and the last, in words.
fn words(points: &[PointRow], what: &str, of: fn(&PointRow) -> i64, last: impl Fn(&PointRow) -> String) -> String {
    let (Some(begin), Some(end)) = (points.first(), points.last()) else { return "Nothing yet.".to_owned() };
    let most = points.iter().rev().max_by_key(|point| of(point)).unwrap_or(end);
    format!("{} to {}. Most {what}: {} ({}). Last: {}.", begin.at, end.at, of(most).grouped(), most.at, last(end))
}

fn sent(each: &str, points: &[PointRow], names: &[String]) -> String {
    let stacked = [
        part("f-ink", "sq ink", "delivered", points.iter().map(|p| p.delivered)),
        part("f-bad", "sq badk", "bounced or expired", points.iter().map(|p| p.bounced)),
    ];
    let last = |p: &PointRow| {
        let numbers = [p.accepted, p.delivered, p.bounced].map(|n| n.grouped());
        format!("{} accepted, {} delivered, {} bounced or expired", numbers[0], numbers[1], numbers[2])
    };
    Columns {
        id: "sent",
        title: &format!("Sent by {each}"),
        summary: &words(points, "accepted", |p| p.accepted, last),
        unit: "deliveries",
        names,
        stacked: &stacked,
        within: None,
        line: Some(&part("wh", "", "accepted", points.iter().map(|p| p.accepted))),
    }
    .draw()
}

fn read(each: &str, points: &[PointRow], names: &[String]) -> String {
    let stacked = [
        part("f-human", "human", "opened, low", points.iter().map(|p| p.low)),
        part("f-prefetch", "prefetch", "up to high", points.iter().map(|p| p.high - p.low)),
    ];
    let last = |p: &PointRow| {
        let numbers = [p.low, p.high, p.clicked].map(|n| n.grouped());
        format!("opened by {} to {}, clicked by {}", numbers[0], numbers[1], numbers[2])
    };
    Columns {
        id: "read",
        title: &format!("Read by {each}"),
        summary: &words(points, "opened, at most", |p| p.high, last),
        unit: "people",
        names,
        stacked: &stacked,
        within: Some(&part("f-dark", "sq dark", "clicked", points.iter().map(|p| p.clicked))),
        line: None,
    }
    .draw()
}

/// What waits now, whatever the range. The oldest is that of the mode in which mail is taken.
fn waiting(overview: &Overview, own: bool, now: Timestamp) -> Tile {
    let oldest = overview.oldest.as_ref().filter(|_| own && overview.queued > 0);
    Tile {
        name: "Waiting now",
        anchor: "queue",
        value: overview.queued.grouped(),
        bar: String::new(),
        parts: format!("{} tried before", overview.deferred.grouped()),
        interval: oldest.map_or_else(String::new, |oldest| format!("oldest {}", now.since(oldest.accepted_at).span())),
    }
}

/// The page's changes, as one line of JSON; empty for none.
pub(super) fn changes(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> String {
    let changed = after.iter().filter(|part| !before.contains(part));
    let changed: serde_json::Map<_, _> =
        changed.map(|(id, html)| ((*id).to_owned(), serde_json::Value::from(html.trim()))).collect();
    if changed.is_empty() { String::new() } else { serde_json::Value::from(changed).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Counts, Zone};

    #[test]
    fn an_hour_that_comes_twice_says_which_it_is() {
        let zone = Zone::parse("Europe/Amsterdam").unwrap();
        let points: Vec<_> = ["2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"]
            .map(|at| Point { at: Timestamp::parse_rfc3339(at).unwrap(), counts: Counts::default() })
            .into();
        let calendar = Calendar::new(zone, points[0].at);
        let (long, short) = names(&points, Step::Hour(zone), calendar);
        assert_eq!(long, ["25 Oct 01:00", "25 Oct 02:00", "25 Oct 02:00 UTC+1"]);
        assert_eq!(short, ["01:00", "02:00", "02:00"]);
    }

    #[test]
    fn a_chart_is_told_in_words_with_its_last_value() {
        let point = |at: &str, accepted| PointRow { accepted, ..point_row(at.to_owned(), &Counts::default()) };
        let last = |p: &PointRow| format!("{} accepted", p.accepted);
        let told =
            words(&[point("1 Nov", 3), point("2 Nov", 1_000), point("3 Nov", 0)], "accepted", |p| p.accepted, last);
        assert_eq!(told, "1 Nov to 3 Nov. Most accepted: 1,000 (2 Nov). Last: 0 accepted.");
    }

    #[test]
    fn only_what_changed_is_told() {
        let part = |id, html: &str| (id, html.to_owned());
        let before = [part("tiles", "1"), part("sites", "2")];
        assert_eq!(changes(&before, &before), "");
        assert_eq!(changes(&before, &[part("tiles", "1"), part("sites", "<b>\n3")]), r#"{"sites":"<b>\n3"}"#);
    }
}
