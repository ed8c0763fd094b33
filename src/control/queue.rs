//! The queue: listed, shown, and ordered about.

use super::perform::Performer;
use super::request::{QueueLine, Response, Selector};
use crate::domain::order::{Act, Order, Selection};
use crate::domain::{DeliveryId, Domain, MessageId, Timestamp};
use crate::store::view::DeliveryReport;
use crate::store::view_queue::{PauseRow, QueueRow, RestRow};
use crate::store::{DeliveryFilter, StoreError};

/// Who orders, when it comes from a command.
const BY: &str = "the command line";
/// Deliveries of a message that are shown.
const SHOWN_MAX: usize = 1_000;

impl Performer {
    pub(super) async fn list_queue(&self, site: Option<String>) -> Result<Response, StoreError> {
        let only = match site.as_deref() {
            None => None,
            Some(text) => match (self.reports.site_named(text).await?, Domain::parse(text)) {
                (Some(site), _) => Some(site.to_string()),
                (None, Ok(domain)) => Some(domain.to_string()),
                (None, Err(_)) => return Ok(Response::failed(unknown_site(text))),
            },
        };
        let now = self.clock.now();
        let report = self.reports.queue(only, now).await?;
        let shown: i64 = report.rows.iter().map(|row| row.waiting).sum();
        let mut notes: Vec<_> = report.pauses.iter().map(paused).collect();
        notes.extend(report.rests.iter().map(rest));
        notes.extend(report.held.iter().map(|row| format!("held: {} {}: {}", row.delivery, row.recipient, row.why)));
        notes.push(format!(
            "{} deliveries wait, {} of them were tried; {shown} are listed",
            report.waiting, report.tried
        ));
        Ok(Response::Queue { domains: report.rows.iter().map(line).collect(), notes })
    }

    /// A delivery, or the deliveries of a message that wait.
    pub(super) async fn show_queued(&self, id: &str) -> Result<Response, StoreError> {
        let unknown = || Response::failed(format!("nothing in the queue has the id {id:?}; see: postrider queue"));
        let Ok(delivery) = id.parse::<DeliveryId>() else { return Ok(unknown()) };
        if let Some(report) = self.reports.delivery(delivery).await? {
            let last = self.reports.last_reply(delivery).await?.map(|last| last.text);
            return Ok(Response::Facts { facts: facts(&report, last) });
        }
        let message = MessageId::from_raw(delivery.raw());
        let filter = DeliveryFilter { message: Some(message), ..DeliveryFilter::default() };
        let rows = self.reports.deliveries(filter, None, u32::try_from(SHOWN_MAX).unwrap_or(u32::MAX)).await?;
        let line = |row: &crate::store::view::DeliveryRow| {
            (row.delivery.to_string(), format!("{}\t{}\t{} tries", row.recipient, row.state.as_str(), row.tries))
        };
        Ok(if rows.is_empty() { unknown() } else { Response::Facts { facts: rows.iter().map(line).collect() } })
    }

    pub(super) async fn order(&self, act: &str, selector: Selector) -> Result<Response, StoreError> {
        let Some(act) = Act::parse(act) else {
            return Ok(Response::failed(format!("{act:?} is no order to the queue")));
        };
        let parts = match &selector {
            Selector::Campaign { name } => {
                self.reports.campaigns_named(name).await?.into_iter().map(Selection::Campaign).collect()
            }
            Selector::Site { site } => match self.reports.site_named(site).await? {
                Some(site) => vec![Selection::Site(site)],
                None => return Ok(Response::failed(unknown_site(site))),
            },
            other => match part(other) {
                Ok(part) => vec![part],
                Err(why) => return Ok(Response::failed(why)),
            },
        };
        let (mut changed, mut known) = (0, false);
        for part in parts {
            if self.reports.part(part.clone()).await?.is_none() {
                continue;
            }
            known = true;
            let Some(order) = Order::new(act, part, BY) else {
                return Ok(Response::failed(
                    "a single message or delivery cannot be paused, and a site not be cancelled; name a campaign or a domain",
                ));
            };
            changed += (self.orders)(order).await?;
        }
        if !known {
            return Ok(Response::failed(format!("nothing in the queue is {}", described(&selector))));
        }
        let rest = self.reports.queue(None, self.clock.now()).await?.pauses;
        Ok(Response::done(sentence(act, &selector, changed, &rest)))
    }
}

/// A site that no mail went to.
fn unknown_site(text: &str) -> String {
    format!(
        "no mail went to a receiving site {text:?}; the last column of postrider queue names them, and --domain takes a domain"
    )
}

/// The part of the queue that is named by an id, a domain or a site.
fn part(selector: &Selector) -> Result<Selection, String> {
    let by_id = |kind: &str, text: &str| {
        Selection::parse(kind, text).ok_or_else(|| format!("{text:?} is no id of a {kind}; see: postrider queue show"))
    };
    match selector {
        Selector::All => Ok(Selection::All),
        Selector::Delivery { id } => by_id("delivery", id),
        Selector::Message { id } => by_id("message", id),
        Selector::Campaign { name } => by_id("campaign", name),
        Selector::Site { site } => Selection::parse("site", site).ok_or_else(|| unknown_site(site)),
        Selector::Domain { domain } => {
            Domain::parse(domain).map(Selection::Domain).map_err(|why| format!("the domain {domain:?} {why}"))
        }
    }
}

fn described(selector: &Selector) -> String {
    match selector {
        Selector::All => "everything".to_owned(),
        Selector::Delivery { id } => format!("the delivery {id}"),
        Selector::Message { id } => format!("the message {id}"),
        Selector::Campaign { name } => format!("the campaign {name:?}"),
        Selector::Domain { domain } => format!("mail to {domain}"),
        Selector::Site { site } => format!("mail to the site {site}"),
    }
}

fn sentence(act: Act, selector: &Selector, changed: u64, pauses: &[PauseRow]) -> String {
    let what = described(selector);
    let still = |text: String| {
        let rest: Vec<_> = pauses.iter().map(paused).collect();
        if rest.is_empty() { text } else { format!("{text}\n{}", rest.join("\n")) }
    };
    match (act, changed) {
        (Act::Retry, n) => format!("{n} deliveries are due now ({what})"),
        (Act::Cancel, n) => format!("{n} deliveries were cancelled ({what})"),
        (Act::Release, 0) => format!("nothing of {what} was held after its first deliveries"),
        (Act::Release, n) => format!("the rest of {what} goes out now, at {n} sites"),
        (Act::Pause, 0) => format!("{what} is paused already"),
        (Act::Pause, _) => format!("{what} is paused; what was under way ends as it ends"),
        (Act::Resume, 0) => still(format!("{what} was not paused")),
        (Act::Resume, _) => still(format!("{what} is resumed")),
    }
}

fn paused(row: &PauseRow) -> String {
    let what = match row.pause.selection.kind() {
        "all" => "everything".to_owned(),
        kind => format!("{kind} {}", row.name),
    };
    format!("paused: {what}, {} waiting, since {}, by {}", row.waiting, row.pause.since.rfc3339(), row.pause.by)
}

fn rest(row: &RestRow) -> String {
    format!(
        "held: the rest of campaign {} at {}, {} waiting, since {}: {}; postrider queue release --campaign sends it \
         anyway, cancel does not",
        row.name,
        row.site,
        row.waiting,
        row.since.rfc3339(),
        row.why()
    )
}

fn line(row: &QueueRow) -> QueueLine {
    let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    QueueLine {
        domain: row.domain.clone(),
        waiting: row.waiting,
        tried: row.tried,
        oldest: at(row.oldest.as_ref().map(|oldest| oldest.accepted_at)),
        expires: at(row.oldest.as_ref().map(|oldest| oldest.expires_at)),
        next: at(row.next_at),
        last_reply: row.last_reply.as_ref().map(|last| last.text.clone()).unwrap_or_default(),
        site: row.site.clone().unwrap_or_default(),
    }
}

fn facts(report: &DeliveryReport, last_reply: Option<String>) -> Vec<(String, String)> {
    let row = &report.row;
    let mut facts = vec![
        ("delivery", row.delivery.to_string()),
        ("message", row.message.to_string()),
        ("campaign", row.campaign_name.clone()),
        ("recipient", row.recipient.clone()),
        ("subject", row.subject.clone()),
        ("state", row.state.as_str().to_owned()),
        ("tries", row.tries.to_string()),
        ("accepted", row.accepted_at.rfc3339()),
    ];
    if let Some(waiting) = &report.waiting {
        facts.push(("next try", waiting.next_at.rfc3339()));
        facts.push(("expires", waiting.expires_at.rfc3339()));
        facts.push(("paused", if waiting.paused { "yes" } else { "no" }.to_owned()));
        facts.extend(waiting.held.clone().map(|why| ("held", why)));
    }
    facts.extend(last_reply.map(|text| ("last reply", text)));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
