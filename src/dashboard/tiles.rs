//! The four numbers at the top of a page, and the points of a series.

use super::chart;
use super::format::{Written as _, WrittenBand as _, WrittenRate as _};
use crate::domain::{Counts, Metric};

/// One of the four numbers at the top of a page.
pub struct Tile {
    pub name: &'static str,
    pub anchor: &'static str,
    pub value: String,
    pub bar: String,
    pub parts: String,
    pub interval: String,
}

/// Of a sum of counts.
pub fn tiles(counts: &Counts) -> Vec<Tile> {
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

/// The point called `at`.
pub fn point_row(at: String, counts: &Counts) -> PointRow {
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
