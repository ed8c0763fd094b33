//! A campaign's curves: opened and clicked over the hours since its first delivery, beside what is usual.

use super::campaign_tiles::fine;
use super::curve::{Curve, Series};
use super::format::WrittenRate as _;
use crate::domain::counts::Rate;
use crate::domain::{Counts, Metric, Timestamp};
use crate::store::view_campaign::{CampaignView, SettingChange};

const HOUR_MS: f64 = 3_600_000.0;
/// Points of a line.
const POINTS_MAX: usize = 100;
/// Rows of the table of the same numbers.
const ROWS_MAX: usize = 48;
/// A campaign that began this moment has an axis too.
const HOURS_MIN: f64 = 0.25;

/// Which of the two charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All until then.
    Cumulative,
    /// What each hour added.
    PerHour,
}

impl Shape {
    /// Marks the one that is shown.
    pub fn here(self, per_hour: bool) -> &'static str {
        if (self == Self::PerHour) == per_hour { " aria-current=\"true\"" } else { "" }
    }
}

/// An hour in the table.
pub struct CurveHour {
    pub hour: usize,
    pub delivered: i64,
    pub low: String,
    pub high: String,
    pub usual: String,
    pub clicked: String,
}

/// What is drawn of one hour: shares of all that could open or click.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    high: f64,
    low: f64,
    usual: f64,
    clicked: f64,
}

/// The picture and its table; nothing before the first delivery.
pub fn curve(view: &CampaignView, shape: Shape, now: Timestamp) -> (String, Vec<CurveHour>) {
    let Some(first) = view.report.first_delivery_at.map(Timestamp::bucket) else { return (String::new(), Vec::new()) };
    let until = axis(view.hours_shown, first, now);
    let shares = shares(view, shape);
    let has_usual = view.usual.as_ref().is_some_and(|usual| !usual.opened_by_hour.is_empty());
    let line = |class, name, end, of: fn(&Shares) -> f64| Series {
        class,
        name,
        end,
        points: points(&shares, shape, until, of),
    };
    let mut series = vec![
        line("l-high", "Opened, high", "High", |at| at.high),
        line("l-human", "Opened, low", "Low", |at| at.low),
        line("l-ink", "Clicked", "Clicked", |at| at.clicked),
    ];
    if has_usual {
        series.push(line("l-muted", "Usual low", "Usual", |at| at.usual));
    }
    let markers: Vec<_> = view
        .changes
        .iter()
        .rev()
        .map(|change| (hours_between(first, change.at), changed(change)))
        .filter(|(hours, _)| (0.0..=until).contains(hours))
        .collect();
    let picture = Curve {
        id: "cv",
        title: "Opened and clicked by hours since the first delivery",
        summary: &summary(&view.report.row.counts, view, until, markers.len()),
        hours: until,
        series: &series,
        markers: &markers,
    };
    (picture.draw(), table(view, &shares, has_usual))
}

/// Its age while that is within the hours shown.
fn axis(hours_shown: usize, first: Timestamp, now: Timestamp) -> f64 {
    hours_between(first, now).min(number(hours_shown)).max(HOURS_MIN)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn hours_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.millis() - from.millis()) as f64 / HOUR_MS
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds")]
fn number(hours: usize) -> f64 {
    hours as f64
}

fn shares(view: &CampaignView, shape: Shape) -> Vec<Shares> {
    let whole = &view.report.row.counts;
    let usual = |hour: usize| {
        let usual = view.usual.as_ref()?;
        let of = if shape == Shape::PerHour { &usual.opened_in_hour } else { &usual.opened_by_hour };
        of.get(hour).copied()
    };
    let mut sum = Counts::default();
    let mut shares = Vec::with_capacity(view.hours_shown);
    for hour in 0..view.hours_shown {
        let own = view.report.hours.get(hour).map_or_else(Counts::default, |point| point.counts);
        sum += own;
        let counts = if shape == Shape::PerHour { &own } else { &sum };
        let opened = |n| Rate::of(n, whole[Metric::WithPixel]).share();
        shares.push(Shares {
            high: opened(counts.opened_high()),
            low: opened(counts.opened_low()),
            usual: usual(hour).unwrap_or_default(),
            clicked: Rate::of(counts[Metric::ClickedHuman], whole[Metric::WithLinks]).share(),
        });
    }
    shares
}

/// What stands at the end of an hour, or in its middle for what an hour added; some hours together where there are many.
fn points(shares: &[Shares], shape: Shape, until: f64, of: fn(&Shares) -> f64) -> Vec<(f64, f64)> {
    let together = shares.len().div_ceil(POINTS_MAX).max(1);
    let mut points = Vec::with_capacity(POINTS_MAX + 1);
    if shape == Shape::Cumulative {
        points.push((0.0, 0.0));
    }
    for (n, hours) in shares.chunks(together).enumerate() {
        let (begin, end) = (number(n * together), number(n * together + hours.len()).min(until));
        points.push(match shape {
            Shape::Cumulative => (end, hours.last().map_or(0.0, of)),
            Shape::PerHour => (f64::midpoint(begin, end), hours.iter().map(of).sum::<f64>() / number(hours.len())),
        });
    }
    if let [(hours, share)] = *points.as_slice() {
        points = vec![(0.0, share), (hours * 2.0, share)];
    }
    points
}

fn summary(counts: &Counts, view: &CampaignView, until: f64, markers: usize) -> String {
    let rates = counts.rates();
    let mut text = format!(
        "Shares of deliveries that carried a pixel or a link, 0 to {until:.0} hours. By now opened is {} low and {} high, clicked {}.",
        rates.open_low.percent(),
        rates.open_high.percent(),
        fine(rates.click)
    );
    if let Some(span) = view.usual.as_ref().and_then(|usual| usual.open_low) {
        text.push_str(&format!(" The usual low is {:.1}%.", span.median * 100.0));
    }
    if markers > 0 {
        text.push_str(&format!(" Settings that changed are marked: {markers}."));
    }
    text
}

fn table(view: &CampaignView, shares: &[Shares], has_usual: bool) -> Vec<CurveHour> {
    let every = shares.len().div_ceil(ROWS_MAX).max(1);
    let whole = &view.report.row.counts;
    // A rate without a denominator is none, and not 0.
    let percent = |share: f64, of: i64| if of > 0 { format!("{:.1}%", share * 100.0) } else { "–".to_owned() };
    let (pixel, links) = (whole[Metric::WithPixel], whole[Metric::WithLinks]);
    let mut delivered = 0;
    let mut rows = Vec::new();
    for (n, at) in shares.iter().enumerate() {
        delivered += view.report.hours.get(n).map_or(0, |point| point.counts[Metric::Delivered]);
        if n % every == every - 1 || n + 1 == shares.len() {
            rows.push(CurveHour {
                hour: n + 1,
                delivered,
                low: percent(at.low, pixel),
                high: percent(at.high, pixel),
                usual: if has_usual { percent(at.usual, 1) } else { String::new() },
                clicked: percent(at.clicked, links),
            });
        }
    }
    rows
}

/// A change in a few words; a key is one of ours.
fn changed(change: &SettingChange) -> String {
    let key = change.key.split_once('.').map_or(change.key.as_str(), |(_, key)| key);
    match change.now.as_str() {
        "true" => format!("{key} on"),
        "false" => format!("{key} off"),
        _ => format!("{key} changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(n: usize) -> Vec<Shares> {
        (1..=n).map(|n| Shares { low: number(n) / 1_000.0, ..Shares::default() }).collect()
    }

    #[test]
    fn a_young_campaigns_line_ends_at_its_age_and_a_long_one_has_few_points() {
        let low = |at: &Shares| at.low;
        let ends = |points: Vec<(f64, f64)>| (points.len(), points[0], *points.last().unwrap());
        assert_eq!(ends(points(&shares(3), Shape::Cumulative, 2.5, low)), (4, (0.0, 0.0), (2.5, 0.003)));
        assert_eq!(ends(points(&shares(3), Shape::PerHour, 2.5, low)), (3, (0.5, 0.001), (2.25, 0.003)));
        let (count, _, last) = ends(points(&shares(400), Shape::Cumulative, 400.0, low));
        assert!(count <= POINTS_MAX + 1 && last == (400.0, 0.4), "{count} {last:?}");
        let (count, first, _) = ends(points(&shares(400), Shape::PerHour, 400.0, low));
        assert!(
            count <= POINTS_MAX && (first.0 - 2.0).abs() < 1e-9 && (first.1 - 0.0025).abs() < 1e-9,
            "{count} {first:?}"
        );
        // One hour alone is a line, not a dot.
        assert_eq!(points(&shares(1), Shape::PerHour, 0.25, low), [(0.0, 0.001), (0.25, 0.001)]);
    }

    #[test]
    fn the_axis_is_the_age_up_to_the_hours_shown() {
        let at = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
        assert_eq!((axis(24, at(0), at(5)), axis(24, at(0), at(900)), axis(1, at(0), at(0))), (5.0, 24.0, HOURS_MIN));
    }
}
