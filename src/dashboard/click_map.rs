//! The click map: a campaign's mail with the number of people behind each link.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web;
use askama::Template;

use super::Dashboard;
use super::auth::User;
use super::format::{Written as _, WrittenCount as _, WrittenRate as _};
use super::shell::{Answer, Fault, Shell, State, campaign_id, framed, page};
use crate::domain::counts::Rate;
use crate::domain::token::Purpose;
use crate::domain::{Metric, link};
use crate::mail::click_map::{Badge, Drawing, Heat, Legend, Place, draw, sentence};
use crate::store::view::{CampaignReport, ClickMap, LinkRow};
use crate::work;

/// Links listed on the page.
const LISTED_MAX: usize = 100;

/// The mail in its own frame: no script, no image, no network, no way to the page around it.
const FRAME_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'; base-uri 'none'; \
                            form-action 'none'";

impl CampaignReport {
    /// Whether there is a mail to put numbers on.
    pub(super) fn has_sample(&self) -> bool {
        self.sample.as_ref().is_some_and(|sample| sample.body_kept)
    }
}

/// A link in the list.
struct ListedLink {
    link: LinkRow,
    share: String,
    machines: i64,
    placed: bool,
}

#[derive(Template)]
#[template(path = "click_map.html")]
struct MapPage {
    shell: Shell,
    id: crate::domain::CampaignId,
    name: String,
    reached: i64,
    /// Why there is no mail to show; empty when there is.
    missing: String,
    is_page: bool,
    rows: Vec<ListedLink>,
    more: usize,
    /// Whether a link is not on the map.
    hidden: bool,
}

/// GET /campaigns/{id}/map
pub async fn map(user: User, state: State, id: web::Path<String>) -> Answer {
    let map = state.reports.click_map(campaign_id(&id)?).await?.ok_or(Fault::Missing("campaign"))?;
    let reached = map.counts[Metric::WithLinks];
    let (drawn, map) = drawn(&state, map).await;
    let (placed, is_page, missing) = match drawn {
        Ok(drawing) => (drawing.placed, drawing.is_page, String::new()),
        Err(why) => (BTreeSet::new(), true, why),
    };
    let more = map.links.len().saturating_sub(LISTED_MAX);
    let listed = |link: LinkRow| ListedLink {
        share: Rate::of(link.human, reached).percent(),
        machines: machines(&link),
        placed: placed.contains(&link.position),
        link,
    };
    let rows: Vec<_> = map.links.into_iter().take(LISTED_MAX).map(listed).collect();
    page(&MapPage {
        shell: Shell::new(&state, "campaigns", &user.0),
        id: map.id,
        name: map.name,
        reached,
        hidden: missing.is_empty() && rows.iter().any(|row| !row.placed),
        missing,
        is_page,
        rows,
        more,
    })
}

/// GET /campaigns/{id}/map/mail: the mail itself, for a frame of its own or for paper.
pub async fn mail(_: User, state: State, id: web::Path<String>) -> Answer {
    let map = state.reports.click_map(campaign_id(&id)?).await?.ok_or(Fault::Missing("campaign"))?;
    let body = match drawn(&state, map).await.0 {
        Ok(drawing) => drawing.html,
        Err(why) => sentence(&why),
    };
    Ok(framed(FRAME_POLICY, body))
}

/// The mail with its numbers, or why there is none and what to do; and what it was drawn from.
async fn drawn(state: &Dashboard, map: ClickMap) -> (Result<Drawing, String>, ClickMap) {
    let Some(sample) = map.sample.clone().filter(|sample| sample.body_kept) else {
        let why = "No mail of this campaign is kept any more, so there is none to put the numbers on. The next mail that is \
                   accepted for this campaign is kept as its sample.";
        return (Err(why.to_owned()), map);
    };
    let copy = match (state.render)(sample.message, sample.delivery).await {
        Ok(copy) => copy,
        Err(why) => {
            let why = format!("The kept mail cannot be shown: {why}. The next mail of this campaign takes its place.");
            return (Err(why), map);
        }
    };
    let (tokens, links) = (state.tokens.clone(), map.links.clone());
    let reached = map.counts[Metric::WithLinks];
    let drawing = work::on(copy.len(), move || {
        let open = |token: &str| match tokens.open(token)?.purpose {
            Purpose::Click { position, target } => Some((position, target)),
            Purpose::Open | Purpose::Unsubscribe => None,
        };
        let numbers = Numbers::of(&links, reached);
        let badge = |place: &Place| numbers.badge(place);
        draw(&copy, &Legend { recipient: &sample.recipient, open: &open, badge: &badge })
    })
    .await;
    let kept_as_it_came =
        |why: &str| format!("The mail cannot be shown as a map: {why}. The numbers stand under Links.");
    let drawing = match drawing {
        Ok(drawing) => drawing.map_err(kept_as_it_came),
        Err(why) => Err(kept_as_it_came(&why)),
    };
    (drawing, map)
}

/// Clicks that no person made.
fn machines(link: &LinkRow) -> i64 {
    link.prefetch + link.scanner
}

/// The numbers of links by where they stand.
struct Numbers<'a> {
    places: BTreeMap<u16, Vec<&'a LinkRow>>,
    most: i64,
    reached: i64,
}

impl<'a> Numbers<'a> {
    fn of(links: &'a [LinkRow], reached: i64) -> Self {
        let mut places: BTreeMap<u16, Vec<&LinkRow>> = BTreeMap::new();
        for link in links.iter().filter(|link| link.position > 0) {
            places.entry(link.position).or_default().push(link);
        }
        let most = places.values().map(|rows| rows.iter().map(|row| row.human).sum()).max().unwrap_or(0);
        Self { places, most, reached }
    }

    /// Of all addresses at this place, since they may be one a person; but where other mails of the campaign have a link
    /// to another host there, it is another link.
    fn badge(&self, (position, target): &Place) -> Badge {
        let rows = self.places.get(position).map(Vec::as_slice).unwrap_or_default();
        let is_own = |row: &&LinkRow| {
            let site = link::site(&row.url);
            row.url.is_empty() || site.contains('*') || site.eq_ignore_ascii_case(link::site(target))
        };
        let (own, others): (Vec<_>, Vec<_>) = rows.iter().copied().partition(is_own);
        let sum = |of: fn(&LinkRow) -> i64| own.iter().map(|row| of(row)).sum::<i64>();
        let (people, unknown, machines, proxies) =
            (sum(|row| row.human), sum(|row| row.unknown), sum(machines), sum(|row| row.proxy));
        let elsewhere: i64 = others.iter().map(|row| row.human).sum();
        let share = Rate::of(people, self.reached).filter(|_| people > 0);
        let text = match share {
            Some(_) => format!("{} \u{b7} {}", people.grouped(), share.percent()),
            None => people.grouped(),
        };
        let counted = usize::try_from(people).unwrap_or(0).counted("delivery").replace("deliverys", "deliveries");
        let mut detail = format!("Link {position}: clicked by people in {counted} of {}.", self.reached.grouped());
        for (count, what) in [
            (unknown, "by programs that are not known"),
            (machines, "by scanners and other machines, not counted"),
            (proxies, "through proxies, not counted"),
        ] {
            if count > 0 {
                detail += &format!(" {} {what}.", count.grouped());
            }
        }
        if elsewhere > 0 {
            let n = elsewhere.grouped();
            detail += &format!(" {n} clicked another link that stands at this place in other mails of the campaign.");
        }
        Badge { text, detail, heat: Heat::of(people, self.most) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(position: u16, url: &str, human: i64, scanner: i64) -> LinkRow {
        LinkRow {
            position,
            url: url.to_owned(),
            personal: url.contains('*'),
            label: String::new(),
            human,
            proxy: 0,
            unknown: 0,
            prefetch: 0,
            scanner,
            total_events: human + scanner,
        }
    }

    #[test]
    fn all_addresses_of_one_link_are_one_number() {
        let links = [
            link(0, "", 90, 0),
            link(1, "https://a.example/u/anna", 3, 1),
            link(1, "https://a.example/u/bert", 2, 0),
            link(1, "", 1, 0),
            link(1, "https://b.example/", 7, 0),
            link(2, "https://*.a.example/", 13, 0),
        ];
        let numbers = Numbers::of(&links, 100);
        let badge = |position, target: &str| numbers.badge(&(position, target.to_owned()));
        let one = badge(1, "https://a.example/u/cora");
        assert_eq!((one.text.as_str(), one.heat), ("6 \u{b7} 6.0%", Heat::Middle));
        assert!(
            one.detail.contains("1 by scanners") && one.detail.contains("7 clicked another link"),
            "{}",
            one.detail
        );
        assert_eq!(badge(2, "https://cora.a.example/").heat, Heat::Most);
        assert_eq!(badge(3, "https://a.example/").text, "0");
    }
}
