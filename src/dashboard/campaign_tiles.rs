//! The five numbers at the top of a campaign's page, each with its interval and what is usual.

use super::chart;
use super::format::{Written as _, WrittenBand as _, WrittenRate as _};
use crate::domain::counts::Rate;
use crate::domain::usual::{Span, Usual};
use crate::domain::{Counts, Metric};

/// One of the five.
pub struct CampaignTile {
    pub name: &'static str,
    pub anchor: &'static str,
    pub class: &'static str,
    pub value: String,
    pub bar: String,
    /// How many and what, a line each.
    pub facts: Vec<(String, String)>,
    pub intervals: Vec<String>,
    /// The range and its middle; empty where nothing is usual yet.
    pub usual: Vec<String>,
}

/// With two decimals below one percent, where they matter.
pub fn fine(rate: Option<Rate>) -> String {
    match rate {
        Some(rate) if rate.part > 0 && rate.value() < 0.01 => {
            if rate.value() < 0.000_1 {
                "<0.01%".to_owned()
            } else {
                format!("{:.2}%", rate.value() * 100.0)
            }
        }
        rate => rate.percent(),
    }
}

/// `8.5–9.5%`, with two decimals where all is below one percent.
pub fn from_to((low, high): (f64, f64)) -> String {
    let digits = if high < 0.01 { 2 } else { 1 };
    format!("{:.digits$}\u{2013}{:.digits$}%", low * 100.0, high * 100.0)
}

/// The band of opens, or why there is none.
pub fn open_band(counts: &Counts) -> String {
    if counts[Metric::Delivered] > 0 && counts[Metric::WithPixel] == 0 {
        return "not tracked".to_owned();
    }
    counts.rates().open_band()
}

/// The rate of clicks, or why there is none.
pub fn click_rate(counts: &Counts) -> String {
    if counts[Metric::Delivered] > 0 && counts[Metric::WithLinks] == 0 {
        return "not tracked".to_owned();
    }
    counts.rates().click.percent()
}

fn ends(span: Option<Span>) -> Option<(f64, f64)> {
    span.map(|span| (span.low, span.high))
}

fn usual_text(what: &str, span: Option<Span>) -> Vec<String> {
    let Some(span) = span else { return Vec::new() };
    let middle = from_to((span.median, span.median));
    let middle = middle.split_once('\u{2013}').map_or("", |(_, middle)| middle);
    vec![format!("usual{what} {}", from_to((span.low, span.high))), format!("middle {middle}")]
}

fn interval(of: &str, rate: Option<Rate>) -> Vec<String> {
    rate.map(|rate| format!("interval{of} {}", from_to(rate.interval()))).into_iter().collect()
}

fn gauge(rate: Option<Rate>, usual: Option<Span>) -> String {
    rate.map_or_else(String::new, |rate| chart::gauge(rate.value(), rate.interval(), ends(usual)))
}

fn fact(count: i64, words: &str) -> (String, String) {
    (count.grouped(), words.to_owned())
}

/// Of a campaign.
pub fn campaign_tiles(counts: &Counts, usual: Option<&Usual>) -> Vec<CampaignTile> {
    let of = |span: fn(&Usual) -> Option<Span>| usual.and_then(span);
    vec![
        delivered(counts, of(|usual| usual.delivery)),
        opened(counts, of(|usual| usual.open_low)),
        clicked(counts, of(|usual| usual.click)),
        bounced(counts, of(|usual| usual.bounce)),
        left(counts, of(|usual| usual.left)),
    ]
}

fn delivered(counts: &Counts, usual: Option<Span>) -> CampaignTile {
    let rates = counts.rates();
    let parts = [("f-ink", rates.delivery.share()), ("f-bad", rates.bounce.share())];
    CampaignTile {
        name: "Delivered",
        anchor: "delivery",
        class: "",
        value: rates.delivery.percent(),
        bar: chart::band(&parts, &[], ends(usual)),
        facts: vec![fact(counts[Metric::Delivered], &format!("of {}", counts.to_deliver().grouped()))],
        intervals: interval("", rates.delivery),
        usual: usual_text("", usual),
    }
}

fn opened(counts: &Counts, usual: Option<Span>) -> CampaignTile {
    let rates = counts.rates();
    let share = |metric| Rate::of(counts[metric], counts[Metric::WithPixel]).share();
    let parts = [
        ("f-human", share(Metric::OpenedHuman)),
        ("f-proxy", share(Metric::OpenedProxy)),
        ("f-inferred", share(Metric::OpenedInferred)),
        ("f-prefetch", share(Metric::OpenedPrefetch) + share(Metric::OpenedUnknown)),
    ];
    let whiskers: Vec<_> = [rates.open_low, rates.open_high].into_iter().flatten().map(Rate::interval).collect();
    let mut intervals = interval(" of low", rates.open_low);
    intervals.extend(interval(" of high", rates.open_high));
    let tracked = format!("sure, of {} with a pixel", counts[Metric::WithPixel].grouped());
    CampaignTile {
        name: "Opened, low\u{2013}high",
        anchor: "open",
        class: " wide2 odd",
        value: open_band(counts),
        bar: chart::band(&parts, &whiskers, ends(usual)),
        facts: vec![
            fact(counts.opened_low(), &tracked),
            fact(counts.opened_high() - counts.opened_low(), "more fetched by a machine, perhaps for a person"),
        ],
        intervals,
        usual: usual_text(" low at this age", usual),
    }
}

fn clicked(counts: &Counts, usual: Option<Span>) -> CampaignTile {
    let rate = counts.rates().click;
    CampaignTile {
        name: "Clicked",
        anchor: "click",
        class: "",
        value: click_rate(counts),
        bar: gauge(rate, usual),
        facts: vec![fact(
            counts[Metric::ClickedHuman],
            &format!("of {} with a link", counts[Metric::WithLinks].grouped()),
        )],
        intervals: interval("", rate),
        usual: usual_text("", usual),
    }
}

fn bounced(counts: &Counts, usual: Option<Span>) -> CampaignTile {
    let (rate, expired) = (counts.rates().bounce, counts[Metric::Expired]);
    let bounced = format!("of {} bounced", counts.to_deliver().grouped());
    let mut facts = vec![fact(counts[Metric::Bounced], &bounced), fact(expired, "expired")];
    if counts[Metric::LateBounced] > 0 {
        facts.push(fact(counts[Metric::LateBounced], "bounced after delivery, in no rate"));
    }
    CampaignTile {
        name: "Bounced or expired",
        anchor: "bounce",
        class: "",
        value: fine(rate),
        bar: gauge(rate, usual),
        facts,
        intervals: interval("", rate),
        usual: usual_text("", usual),
    }
}

fn left(counts: &Counts, usual: Option<Span>) -> CampaignTile {
    let rate = counts.left();
    let unsubscribed = format!("of {} unsubscribed", counts[Metric::Delivered].grouped());
    CampaignTile {
        name: "Left",
        anchor: "left",
        class: "",
        value: fine(rate),
        bar: gauge(rate, usual),
        facts: vec![fact(counts[Metric::Unsubscribed], &unsubscribed), fact(counts[Metric::Complained], "complained")],
        intervals: interval("", rate),
        usual: usual_text("", usual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rates_have_two_decimals_and_none_is_a_dash() {
        assert_eq!((fine(Rate::of(41, 12_190)), fine(Rate::of(0, 5))), ("0.34%".into(), "0%".into()));
        assert_eq!(
            (fine(None), fine(Rate::of(1, 100_000)), fine(Rate::of(1, 10))),
            ("\u{2013}".into(), "<0.01%".into(), "10.0%".into())
        );
        assert_eq!(
            (from_to((0.085, 0.0951)), from_to((0.0024, 0.0037))),
            ("8.5\u{2013}9.5%".into(), "0.24\u{2013}0.37%".into())
        );
    }

    #[test]
    fn what_was_not_tracked_says_so() {
        let mut counts = Counts::default();
        let values =
            |counts: &Counts| campaign_tiles(counts, None).into_iter().map(|tile| tile.value).collect::<Vec<_>>();
        assert_eq!(values(&counts), vec!["\u{2013}"; 5]);
        (counts[Metric::Recipients], counts[Metric::Delivered]) = (1, 1);
        assert_eq!(values(&counts), ["100%", "not tracked", "not tracked", "0%", "0%"]);
        counts[Metric::WithPixel] = 1;
        assert_eq!(values(&counts)[1], "0%");
    }

    #[test]
    fn what_is_usual_is_told_where_it_is_known() {
        let mut counts = Counts::default();
        (counts[Metric::Recipients], counts[Metric::Delivered], counts[Metric::Unsubscribed]) = (1_000, 1_000, 3);
        let usual = Usual { left: Some(Span { low: 0.0024, median: 0.003, high: 0.0037 }), ..Usual::default() };
        let tiles = campaign_tiles(&counts, Some(&usual));
        assert_eq!(tiles[4].usual, ["usual 0.24\u{2013}0.37%", "middle 0.30%"]);
        assert!(tiles[4].bar.contains("class=\"us\"") && tiles[0].usual.is_empty());
        assert_eq!(tiles[4].intervals, ["interval 0.10\u{2013}0.88%"]);
    }
}
