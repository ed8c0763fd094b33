//! How the receiving sites stand, on the queue's page: what waits there, whether it is held back, and how fast it goes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::format::WrittenSpan as _;
use crate::domain::{Selection, SiteState, Timestamp};
use crate::store::view_queue::{PauseRow, QueueReport, WaitingSite};

/// Sites on the page.
const SITES_SHOWN: usize = 50;

/// A receiving site, in words.
pub(super) struct ToldSite {
    pub(super) name: String,
    pub(super) state: (&'static str, String),
    /// What waits there.
    pub(super) waiting: Option<WaitingSite>,
    /// Whether it is held back itself.
    pub(super) paused: bool,
    /// How it is approached, with the pace in words; `None` while nothing of it is remembered.
    pub(super) speed: Option<(SiteState, String)>,
}

/// What is known of a site.
#[derive(Default)]
struct Found<'r> {
    speed: Option<SiteState>,
    waiting: Option<&'r WaitingSite>,
    pause: Option<&'r PauseRow>,
}

/// Paused ones and those that are not approached as ever first, and how many there are in all.
pub(super) fn told_sites(states: Vec<SiteState>, report: &QueueReport, now: Timestamp) -> (Vec<ToldSite>, usize) {
    let mut all: BTreeMap<String, Found<'_>> = BTreeMap::new();
    for state in states {
        let name = state.site.clone();
        all.entry(name).or_default().speed = Some(state);
    }
    for row in &report.sites {
        all.entry(row.site.clone()).or_default().waiting = Some(row);
    }
    for pause in &report.pauses {
        if let Selection::Site(site) = &pause.pause.selection {
            all.entry(site.to_string()).or_default().pause = Some(pause);
        }
    }
    let everything = report.pauses.iter().find(|row| row.pause.selection == Selection::All);
    let told = |(name, found): (String, Found<'_>)| ToldSite {
        state: site_state(found.speed.as_ref(), found.pause.or(everything), now),
        name,
        waiting: found.waiting.cloned(),
        paused: found.pause.is_some(),
        speed: found.speed.map(|speed| (speed.clone(), pace(&speed))),
    };
    let mut told: Vec<_> = all.into_iter().map(told).collect();
    let count = told.len();
    told.sort_by_key(rank);
    told.truncate(SITES_SHOWN);
    (told, count)
}

fn rank(told: &ToldSite) -> (bool, bool, Reverse<usize>, Reverse<i64>) {
    let speed = told.speed.as_ref().map(|(speed, _)| speed);
    let busy = speed.map_or(0, |speed| speed.waiting + speed.in_flight);
    let waiting = told.waiting.as_ref().map_or(0, |row| row.waiting);
    (!told.paused, speed.is_none_or(|speed| speed.usual), Reverse(busy), Reverse(waiting))
}

fn site_state(site: Option<&SiteState>, pause: Option<&PauseRow>, now: Timestamp) -> (&'static str, String) {
    if let Some(pause) = pause {
        return ("paused", format!("Paused by {}", pause.pause.by));
    }
    let Some(site) = site else { return ("good", "As ever".to_owned()) };
    match site.cooling {
        Some(until) => ("deferred", format!("Cooling down, {} more", until.since(now).span())),
        None if !site.usual => ("queued", "Slowed down".to_owned()),
        None if site.in_flight > 0 || site.waiting > 0 => ("good", "Flowing".to_owned()),
        None => ("good", "As ever".to_owned()),
    }
}

/// `2 a second`, or `1 in 30 s`.
fn pace(site: &SiteState) -> String {
    match site.messages_per_second {
        None => "any".to_owned(),
        Some(rate) if rate >= 1.0 => format!("{rate:.1} a second"),
        Some(rate) => format!("1 in {}", Duration::from_secs_f64((1.0 / rate).round()).span()),
    }
}
