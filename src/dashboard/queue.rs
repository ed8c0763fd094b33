//! What waits, where, since when and whether it will be lost; and the forms that act on it, here and on the pages of
//! campaigns and mails.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::format::{Written as _, WrittenClass as _, WrittenCount as _, WrittenSpan as _, WrittenTime as _};
use super::queue_sites::{ToldSite, told_sites};
use super::shell::{Answer, Fault, Shell, State, page, see_other};
use crate::domain::{Act, BounceClass, Domain, Order, Selection, Site, Timestamp};
use crate::store::StoreError;
use crate::store::view::Finding;
use crate::store::view_queue::{Oldest, PauseRow, QueueReport, QueueRow};

/// The page reloads itself after so many seconds.
const RELOAD_S: u32 = 10;
/// An order that takes longer goes on while the page is shown.
const ORDER_TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
pub struct Query {
    site: Option<String>,
    still: Option<String>,
    act: Option<String>,
    changed: Option<u64>,
}

/// A row of the table, in words.
struct Told {
    row: QueueRow,
    state: (&'static str, String),
    paused: bool,
    /// When the next is due, and in how long; empty for now.
    next: Option<(Timestamp, String)>,
    lost: String,
}

/// What a reply means.
struct Meaning {
    domain: String,
    reply: String,
    class: BounceClass,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    report: QueueReport,
    now: Timestamp,
    site: String,
    still: bool,
    flash: String,
    oldest: Option<(Oldest, String)>,
    rows: Vec<Told>,
    meanings: Vec<Meaning>,
    sites: Vec<ToldSite>,
    sites_in_all: usize,
    paused: Option<PauseRow>,
    findings: Vec<Finding>,
}

/// GET /queue
pub async fn queue(user: User, state: State, query: web::Query<Query>) -> Answer {
    let asked = query.site.as_deref().filter(|text| !text.is_empty());
    let known = if let Some(text) = asked { state.reports.site_named(text).await? } else { None };
    let domain = || asked.and_then(|text| Domain::parse(text).ok()).map(|domain| domain.to_string());
    let site = known.map(|site| site.to_string()).or_else(domain);
    let now = state.clock.now();
    let mut report = state.reports.queue(site.clone(), now).await?;
    let paused = report.pauses.iter().find(|row| row.pause.selection == Selection::All).cloned();
    let meanings = meanings(&report.rows);
    let rows = std::mem::take(&mut report.rows);
    let rows = rows.into_iter().map(|row| told(row, &report.pauses, now)).collect();
    let still = query.still.is_some();
    let (sites, sites_in_all) = told_sites((state.sites)(), &report, now);
    let shell = Shell::new(&state, "queue", &user.0);
    let findings = (state.troubles)(shell.calendar);
    let mut answer = page(&QueuePage {
        shell,
        now,
        site: site.unwrap_or_default(),
        still,
        flash: query.act.as_deref().and_then(Act::parse).map(|act| flash(act, query.changed)).unwrap_or_default(),
        oldest: report.oldest.clone().map(|oldest| (oldest.clone(), fate(&oldest, now))),
        rows,
        meanings,
        sites,
        sites_in_all,
        paused,
        findings,
        report,
    })?;
    if !still {
        let place = format!("{RELOAD_S}; url=/queue?site={}", query.site.as_deref().map(encoded).unwrap_or_default());
        if let Ok(place) = actix_web::http::header::HeaderValue::from_str(&place) {
            answer.headers_mut().insert(actix_web::http::header::REFRESH, place);
        }
    }
    Ok(answer)
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn told(row: QueueRow, pauses: &[PauseRow], now: Timestamp) -> Told {
    let domain = Domain::parse(&row.domain).ok().map(Selection::Domain);
    let site = row.site.as_deref().and_then(Site::parse).map(Selection::Site);
    let pause_of = |part: Option<&Selection>| pauses.iter().find(|pause| Some(&pause.pause.selection) == part);
    let own = pause_of(domain.as_ref());
    let paused = own.or_else(|| pause_of(Some(&Selection::All))).or_else(|| pause_of(site.as_ref()));
    let state = match (paused, row.next_at) {
        (Some(pause), _) if Some(&pause.pause.selection) == site.as_ref() => {
            ("paused", format!("Site paused by {}", pause.pause.by))
        }
        (Some(pause), _) => ("paused", format!("Paused by {}", pause.pause.by)),
        (None, None) => ("bounced", "Held".to_owned()),
        (None, Some(_)) if row.resting >= row.waiting => ("paused", "Held after the first".to_owned()),
        (None, Some(at)) if at > now && row.tried > 0 => ("deferred", "Backing off".to_owned()),
        (None, Some(at)) if at > now => ("queued", "Not due yet".to_owned()),
        (None, Some(_)) => ("good", "Flowing".to_owned()),
    };
    let lost = row.oldest.as_ref().map_or_else(String::new, |oldest| fate(oldest, now));
    let wait = |at: Timestamp| if at > now { at.since(now).span() } else { String::new() };
    let next = row.next_at.filter(|_| paused.is_none() && row.resting < row.waiting).map(|at| (at, wait(at)));
    Told { state, paused: own.is_some(), next, lost, row }
}

/// Whether the oldest will be lost.
fn fate(oldest: &Oldest, now: Timestamp) -> String {
    if oldest.expires_at > now {
        format!("expires in {}", oldest.expires_at.since(now).span())
    } else {
        "has one last try".to_owned()
    }
}

/// One of each kind of reply, those of the domains where most waits.
fn meanings(rows: &[QueueRow]) -> Vec<Meaning> {
    let mut found: Vec<Meaning> = Vec::new();
    for row in rows {
        if let Some(last) = row.last_reply.as_ref().filter(|last| found.iter().all(|m| m.class != last.class)) {
            let words: Vec<_> = last.text.split(' ').take(2).collect();
            let is_code = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
            let reply = words.into_iter().take_while(is_code).collect::<Vec<_>>().join(" ");
            found.push(Meaning { domain: row.domain.clone(), reply, class: last.class });
        }
    }
    found
}

fn flash(act: Act, changed: Option<u64>) -> String {
    let Some(changed) = changed else { return "This takes a while and goes on; the numbers below follow.".to_owned() };
    let count = i64::try_from(changed).unwrap_or(i64::MAX).grouped();
    match act {
        Act::Retry => format!("{count} deliveries will be tried again now."),
        Act::Release => "The rest goes out now.".to_owned(),
        Act::Cancel => format!("{count} deliveries were cancelled. What was under way ends as it ends."),
        Act::Pause if changed == 0 => "That was paused already.".to_owned(),
        Act::Pause => "Paused. What was under way ends as it ends; nothing more begins.".to_owned(),
        Act::Resume if changed == 0 => "That was not paused.".to_owned(),
        Act::Resume => "Resumed.".to_owned(),
    }
}

#[derive(Deserialize)]
pub struct OrderForm {
    act: String,
    kind: String,
    #[serde(default)]
    value: String,
}

impl OrderForm {
    fn order(&self, by: &str) -> Result<Order, Fault> {
        let act = Act::parse(&self.act).ok_or(Fault::Missing("order"))?;
        let selection = Selection::parse(&self.kind, &self.value).ok_or(Fault::Missing("part of the queue"))?;
        Order::new(act, selection, by).ok_or(Fault::Missing("order"))
    }
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    shell: Shell,
    order: Order,
    name: String,
    count: i64,
    back: String,
}

/// A campaign with those merged into it; any other part as it is.
async fn parts(state: &State, selection: &Selection) -> Result<Vec<Selection>, Fault> {
    Ok(match selection {
        Selection::Campaign(id) => state.reports.members(*id).await?.into_iter().map(Selection::Campaign).collect(),
        Selection::All | Selection::Domain(_) | Selection::Site(_) | Selection::Message(_) | Selection::Delivery(_) => {
            vec![selection.clone()]
        }
    })
}

/// GET /queue/order: says how many people it touches, and asks.
pub async fn ask(user: User, state: State, query: web::Query<OrderForm>) -> Answer {
    let order = query.order(&user.0.email)?;
    let (mut called, mut count) = (None, 0);
    for part in parts(&state, order.selection()).await? {
        if let Some((name, waiting)) = state.reports.part(part.clone()).await? {
            called.get_or_insert(name);
            count += if let (Act::Release, Selection::Campaign(id)) = (order.act(), &part) {
                state.reports.rests(vec![*id]).await?.iter().map(|rest| rest.waiting).sum()
            } else {
                waiting
            };
        }
    }
    let name = called.ok_or(Fault::Missing("part of the queue"))?;
    let back = place(order.selection()).unwrap_or_else(|| "/queue".to_owned());
    page(&OrderPage { shell: Shell::new(&state, "queue", &user.0), order, name, count, back })
}

/// POST /queue/order
pub async fn order(user: User, state: State, form: web::Form<OrderForm>) -> Answer {
    let order = form.order(&user.0.email)?;
    let (act, place) = (order.act().as_str(), place(order.selection()));
    let parts = parts(&state, order.selection()).await?;
    let (orders, by) = (Arc::clone(&state.orders), user.0.email.clone());
    let carried_out = tokio::spawn(async move {
        let mut changed = 0;
        for part in parts.into_iter().filter_map(|part| Order::new(order.act(), part, &by)) {
            changed += orders(part).await?;
        }
        Ok::<_, StoreError>(changed)
    });
    let changed = match tokio::time::timeout(ORDER_TIME_MAX, carried_out).await {
        Ok(Ok(done)) => format!("&changed={}", done?),
        // It goes on without this page, or the relay's log says why it does not.
        Ok(Err(_)) | Err(_) => String::new(),
    };
    Ok(see_other(&place.unwrap_or_else(|| format!("/queue?act={act}{changed}"))))
}

/// The page that shows a part of the queue, where it has one of its own.
fn place(selection: &Selection) -> Option<String> {
    match selection {
        Selection::Campaign(campaign) => Some(format!("/campaigns/{campaign}")),
        Selection::Delivery(delivery) => Some(format!("/messages/{delivery}")),
        Selection::All | Selection::Domain(_) | Selection::Site(_) | Selection::Message(_) => None,
    }
}
