//! The tables of a campaign's page: what became of whom, links, sites, refusals, programs.

use super::campaign_tiles::{fine, from_to, open_band};
use super::chart;
use super::format::{Written as _, WrittenRate as _};
use super::receipts::escaped_len;
use crate::domain::counts::Rate;
use crate::domain::{BounceClass, Counts, Device, Metric};
use crate::store::view::{LinkRow, RefusalRow};
use crate::store::view_campaign::{Clients, ReceiverRow};

/// Links shown with a bar; the others are folded away without.
pub const LINKS_OPEN: usize = 12;
/// Octets of links that a page shows, as HTML.
const LINKS_BYTES_MAX: usize = 40 << 10;
/// Octets of markup around a link, about.
const AROUND_LINK_BYTES: usize = 250;
/// Characters of a link's address or words.
const TEXT_MAX: usize = 160;
/// Programs shown by name.
const FAMILIES_SHOWN: usize = 8;

/// A step of the funnel, or what was lost before it.
pub struct FunnelRow {
    pub name: &'static str,
    pub lost: bool,
    pub anchor: &'static str,
    pub people: String,
    pub rate: String,
    pub bar: String,
}

/// From all recipients to those who left.
pub fn funnel(counts: &Counts) -> Vec<FunnelRow> {
    let (rates, all) = (counts.rates(), counts[Metric::Recipients]);
    let share = |n: i64| Rate::of(n, all).share();
    let step = |name, anchor, people: i64, rate: String, parts: &[(&str, f64)]| FunnelRow {
        name,
        lost: false,
        anchor,
        people: people.grouped(),
        rate,
        bar: chart::bar(parts, 24),
    };
    let lost = |name, people: i64| FunnelRow {
        name,
        lost: true,
        anchor: "",
        people: people.grouped(),
        rate: if people > 0 { fine(Rate::of(people, all)) } else { String::new() },
        bar: String::new(),
    };
    let mut rows = vec![step("Recipients", "funnel", all, String::new(), &[("f-ink", share(all))])];
    rows.push(lost("suppressed before sending", counts[Metric::Suppressed]));
    rows.push(lost("cancelled", counts[Metric::Cancelled]));
    rows.push(lost("bounced or expired", counts[Metric::Bounced] + counts[Metric::Expired]));
    rows.push(lost("still waiting", counts[Metric::Queued]));
    let delivered = counts[Metric::Delivered];
    rows.push(step("Delivered", "delivery", delivered, rates.delivery.percent(), &[("f-ink", share(delivered))]));
    rows.push(lost("without a pixel", delivered - counts[Metric::WithPixel]));
    rows.push(lost("without a tracked link", delivered - counts[Metric::WithLinks]));
    let machine = counts.opened_high() - counts.opened_low();
    let parts = [
        ("f-human", share(counts[Metric::OpenedHuman])),
        ("f-proxy", share(counts[Metric::OpenedProxy])),
        ("f-inferred", share(counts[Metric::OpenedInferred])),
        ("f-prefetch", share(machine)),
    ];
    let mut opened = step("Opened", "open", counts.opened_low(), open_band(counts), &parts);
    if machine > 0 {
        opened.people = format!("{}\u{2013}{}", counts.opened_low().grouped(), counts.opened_high().grouped());
    }
    rows.push(opened);
    let clicked = counts[Metric::ClickedHuman];
    rows.push(step("Clicked", "click", clicked, rates.click.percent(), &[("f-human", share(clicked))]));
    for (name, people) in [("Unsubscribed", counts[Metric::Unsubscribed]), ("Complained", counts[Metric::Complained])] {
        rows.push(step(name, "left", people, fine(Rate::of(people, delivered)), &[("f-bad", share(people))]));
    }
    rows
}

/// A link with its rate of those that carried a link.
pub struct LinkShown {
    pub position: String,
    pub label: String,
    pub url: String,
    pub people: String,
    pub rate: String,
    pub interval: String,
    pub bar: String,
    pub unknown: String,
    pub scanners: String,
    pub hits: String,
    pub personal: bool,
}

/// The links that a page has room for, and how many more there are.
pub fn links(rows: &[LinkRow], with_links: i64) -> (Vec<LinkShown>, usize) {
    let rate = |row: &LinkRow| Rate::of(row.human, with_links);
    let most = rows.iter().filter_map(rate).map(|rate| rate.interval().1).fold(0.0, f64::max);
    let (scale, mut room, mut shown) = (chart::scale(most), LINKS_BYTES_MAX, Vec::new());
    for (n, row) in rows.iter().enumerate() {
        let (label, url) = (shortened(&row.label), shortened(&row.url));
        let Some(left) = room.checked_sub(AROUND_LINK_BYTES + escaped_len(&label) + escaped_len(&url)) else { break };
        room = left;
        let bar = rate(row).filter(|_| n < LINKS_OPEN);
        shown.push(LinkShown {
            position: if row.position == 0 { String::new() } else { row.position.to_string() },
            label: if row.position == 0 { "Other links, beyond the first 1,000".to_owned() } else { label },
            url,
            people: row.human.grouped(),
            rate: fine(rate(row)),
            interval: rate(row).map_or_else(String::new, |rate| from_to(rate.interval())),
            bar: bar.map_or_else(String::new, |rate| chart::measured(rate.value(), rate.interval(), scale)),
            unknown: row.unknown.grouped(),
            scanners: row.scanner.grouped(),
            hits: row.total_events.grouped(),
            personal: row.personal,
        });
    }
    let more = rows.len() - shown.len();
    (shown, more)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text.to_owned();
    }
    text.chars().take(TEXT_MAX).chain(['\u{2026}']).collect()
}

/// A receiving site.
pub struct SiteShown {
    pub name: String,
    pub rest: bool,
    pub to_deliver: String,
    pub delivered: String,
    pub delivered_bar: String,
    pub waiting: i64,
    pub tried: i64,
    /// Half of them, and 95 in a hundred.
    pub latency: Option<(String, String)>,
    pub opened: String,
    pub opened_bar: String,
    pub clicked: String,
    pub clicked_interval: String,
    pub clicked_bar: String,
}

/// The sites, and the end of the scale that clicks are drawn to.
pub fn sites(rows: &[ReceiverRow]) -> (Vec<SiteShown>, String) {
    let clicks = rows.iter().filter_map(|row| row.site.counts.rates().click);
    let scale = chart::scale(clicks.map(|rate| rate.interval().1).fold(0.0, f64::max));
    (rows.iter().map(|row| site(row, scale)).collect(), format!("{}%", written(scale * 100.0)))
}

fn written(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn site(row: &ReceiverRow, scale: f64) -> SiteShown {
    let counts = &row.site.counts;
    let rates = counts.rates();
    let delivered = [("f-ink", rates.delivery.share()), ("f-bad", rates.bounce.share())];
    let (low, high) = (rates.open_low.share(), rates.open_high.share());
    SiteShown {
        name: row.site.called(),
        rest: row.site.is_rest(),
        to_deliver: counts.to_deliver().grouped(),
        delivered: rates.delivery.percent(),
        delivered_bar: chart::bar(&delivered, 14),
        waiting: counts[Metric::Queued],
        tried: counts[Metric::Deferred],
        latency: row.latency_ms.map(|(half, most)| (took(half), took(most))),
        opened: open_band(counts),
        opened_bar: chart::bar(&[("f-human", low), ("f-prefetch", high - low)], 14),
        clicked: super::campaign_tiles::click_rate(counts),
        clicked_interval: rates.click.map_or_else(String::new, |rate| from_to(rate.interval())),
        clicked_bar: rates.click.map_or_else(String::new, |rate| chart::measured(rate.value(), rate.interval(), scale)),
    }
}

/// How long something took: as exact as a reader needs.
fn took(ms: i64) -> String {
    match ms {
        ..1_000 => "<1 s".to_owned(),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// A kind of refusal.
pub struct RefusalShown {
    pub class: BounceClass,
    pub sample: String,
    pub people: String,
    pub share: String,
    pub deferrals: String,
    /// Whether it keeps an address from more mail.
    pub suppresses: &'static str,
}

/// The refusals of a campaign in which so many failed.
pub fn refusals(rows: Vec<RefusalRow>, counts: &Counts) -> Vec<RefusalShown> {
    let failed = counts[Metric::Bounced] + counts[Metric::Expired];
    let shown = |row: RefusalRow| RefusalShown {
        class: row.class,
        sample: row.sample,
        people: row.bounced.grouped(),
        share: if row.bounced > 0 { Rate::of(row.bounced, failed).percent() } else { String::new() },
        deferrals: row.deferrals.grouped(),
        suppresses: suppresses(&row.class),
    };
    rows.into_iter().map(shown).collect()
}

/// Whether a refusal of this kind keeps an address from more mail.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand on by reference")]
pub fn suppresses(class: &BounceClass) -> &'static str {
    match class {
        BounceClass::MailboxFull => "the third in 7 days",
        class if class.is_final() => "yes",
        _ => "no",
    }
}

/// A program or a kind of device: name, opened, its bar, clicked.
pub type UsedRow = (String, String, String, String);

/// Programs and devices, each with a bar of all who opened by hand.
pub fn clients(of: Clients, opened_by_hand: i64) -> (Vec<UsedRow>, Vec<UsedRow>) {
    let row = |name: String, opened: i64, clicked: i64| {
        let bar = chart::bar(&[("f-human", Rate::of(opened, opened_by_hand).share())], 14);
        (name, opened.grouped(), bar, clicked.grouped())
    };
    let (mut programs, mut others) = (Vec::new(), (0, 0, 0));
    for (n, (family, opened, clicked)) in of.families.into_iter().enumerate() {
        if n < FAMILIES_SHOWN {
            let name = if family.is_empty() { "not told by the program".to_owned() } else { family };
            programs.push(row(name, opened, clicked));
        } else {
            others = (others.0 + 1, others.1 + opened, others.2 + clicked);
        }
    }
    if others.0 > 0 {
        programs.push(row(format!("{} others", others.0), others.1, others.2));
    }
    let device = |device| match device {
        Device::Unknown => "not told by the program",
        Device::Phone => "Phone",
        Device::Tablet => "Tablet",
        Device::Desktop => "Desktop",
    };
    let devices = of.devices.into_iter().map(|(kind, opened, clicked)| row(device(kind).to_owned(), opened, clicked));
    (programs, devices.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipient_is_somewhere_in_the_funnel() {
        let mut counts = Counts::default();
        for (metric, n) in [
            (Metric::Recipients, 12_480),
            (Metric::Suppressed, 80),
            (Metric::Cancelled, 8),
            (Metric::Bounced, 150),
            (Metric::Expired, 10),
            (Metric::Queued, 42),
            (Metric::Delivered, 12_190),
            (Metric::WithPixel, 12_154),
            (Metric::WithLinks, 12_190),
            (Metric::OpenedHuman, 5_000),
            (Metric::OpenedPrefetch, 2_000),
        ] {
            counts[metric] = n;
        }
        let rows: Vec<_> =
            funnel(&counts).into_iter().map(|row| format!("{}: {} {}", row.name, row.people, row.rate)).collect();
        assert_eq!(
            rows,
            [
                "Recipients: 12,480 ",
                "suppressed before sending: 80 0.64%",
                "cancelled: 8 0.06%",
                "bounced or expired: 160 1.3%",
                "still waiting: 42 0.34%",
                "Delivered: 12,190 98.4%",
                "without a pixel: 36 0.29%",
                "without a tracked link: 0 ",
                "Opened: 5,000\u{2013}7,000 41.1\u{2013}57.6%",
                "Clicked: 0 0%",
                "Unsubscribed: 0 0%",
                "Complained: 0 0%"
            ]
        );
    }

    #[test]
    fn a_thousand_long_links_do_not_fill_the_page() {
        let link = |n: u16, url: &str| LinkRow {
            position: n,
            url: url.to_owned(),
            label: "See".to_owned(),
            human: 3,
            proxy: 0,
            unknown: 0,
            prefetch: 0,
            scanner: 0,
            total_events: 4,
            personal: false,
        };
        let plain: Vec<_> = (0..100).map(|n| link(n, "https://shop.example/a")).collect();
        let (shown, more) = links(&plain, 10);
        assert_eq!((shown.len(), more, shown[0].position.as_str()), (100, 0, ""));
        assert!(shown[0].label.starts_with("Other links") && shown[1].rate == "30.0%" && shown[12].bar.is_empty());
        let long: Vec<_> = (0..100).map(|n| link(n, &"&".repeat(2_000))).collect();
        let (shown, more) = links(&long, 10);
        assert!(shown.len() < 60 && shown.len() + more == 100, "{}", shown.len());
        assert_eq!(shown[1].url.chars().count(), TEXT_MAX + 1);
        assert_eq!(links(&plain, 0).0[1].rate, "\u{2013}");
    }

    #[test]
    fn spans_are_as_exact_as_a_reader_needs() {
        let written: Vec<_> = [3, 41_000, 119_000, 840_000, 18_600_000, 200_000_000].map(took).into();
        assert_eq!(written, ["<1 s", "41 s", "119 s", "14 min", "5 h", "2 d"]);
    }
}
