//! The list of mails, one mail with all that happened to it, and the built-in inbox.

use actix_web::web;
use askama::Template;
use serde::Deserialize;
use url::form_urlencoded;

use super::auth::User;
use super::format::{Written as _, WrittenCount as _, WrittenSize as _, WrittenTime as _};
use super::receipts::ShownReceipt as _;
use super::shell::{Answer, Fault, Shell, State, delivery_id, framed, page};
use crate::domain::event::Hit;
use crate::domain::{Address, BounceClass, Calendar, CampaignId, DeliveryId, Device, Domain, Fact, Mode, Suppression};
use crate::mail::{nesting, preview};
use crate::store::DeliveryFilter;
use crate::store::view::{DeliveryReport, DeliveryRow, Repeat, State as DeliveryState, TimelineEntry};

/// Mails a page.
const PAGE: u32 = 50;
/// The source of a mail is shown up to here, in octets.
const SOURCE_MAX: usize = 200 << 10;

/// A mail in its own frame: no script, no network, no way to the page around it.
const FRAME_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'";

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Its number or its name.
    campaign: String,
    state: String,
    /// Who it is to, whole.
    to: String,
    domain: String,
    before: String,
    show: String,
}

impl Query {
    /// The address of the same list from a place on, or of its beginning.
    fn place(&self, before: Option<DeliveryId>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let words = [("state", &self.state), ("campaign", &self.campaign), ("to", &self.to), ("domain", &self.domain)];
        query.extend_pairs(words.into_iter().filter(|(_, word)| !word.is_empty()));
        query.extend_pairs(before.map(|before| ("before", before.to_string())));
        format!("/messages?{}", query.finish())
    }

    fn before(&self) -> Result<Option<DeliveryId>, Fault> {
        (!self.before.is_empty()).then(|| delivery_id(&self.before)).transpose()
    }
}

fn state_of(text: &str) -> Option<DeliveryState> {
    DeliveryState::ALL.into_iter().find(|state| state.as_str() == text)
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    shell: Shell,
    rows: Vec<DeliveryRow>,
    states: Vec<&'static str>,
    query: Query,
    /// What the campaign is called, which may be looked for by its number.
    campaign: String,
    is_first: bool,
    is_all: bool,
    first: String,
    next: Option<String>,
}

/// GET /messages
pub async fn messages(user: User, state: State, query: web::Query<Query>) -> Answer {
    let query = query.into_inner();
    let before = query.before()?;
    let campaign = campaign_of(&state, query.campaign.trim()).await?;
    let to = query.to.trim();
    let person = match Address::parse(to) {
        Ok(address) => state.reports.person_id(address).await?,
        Err(_) => None,
    };
    // What is looked for and not known is in no mail.
    let unknown = (!to.is_empty() && person.is_none()) || (!query.campaign.trim().is_empty() && campaign.is_none());
    let wanted = state_of(&query.state);
    // A domain's deliveries are found while they wait.
    let waiting_at = Domain::parse(&query.domain).ok();
    let wanted = if waiting_at.is_some() { Some(DeliveryState::Queued) } else { wanted };
    let (campaign, name) = campaign.unzip();
    let filter = DeliveryFilter { campaign, state: wanted, waiting_at, person, ..DeliveryFilter::default() };
    let is_all = filter == DeliveryFilter::default() && !unknown;
    let (rows, next) = if unknown { (Vec::new(), None) } else { list(&state, filter, before).await? };
    page(&MessagesPage {
        shell: Shell::new(&state, "messages", &user.0),
        rows,
        states: DeliveryState::ALL.map(DeliveryState::as_str).to_vec(),
        campaign: name.unwrap_or_else(|| query.campaign.clone()),
        is_first: before.is_none(),
        is_all,
        first: query.place(None),
        next: next.map(|next| query.place(Some(next))),
        query,
    })
}

/// The campaign of a number or of a name, in this mode rather than in the other, and what it is called.
async fn campaign_of(state: &State, text: &str) -> Result<Option<(CampaignId, String)>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(id) = text.parse()
        && let Some(name) = state.reports.campaign_name(id).await?
    {
        return Ok(Some((id, name)));
    }
    let other = if state.mode == Mode::Live { Mode::Sandbox } else { Mode::Live };
    for mode in [state.mode, other] {
        if let Some(id) = state.reports.campaign_id(text, mode).await? {
            return Ok(Some((id, text.to_owned())));
        }
    }
    Ok(None)
}

async fn list(
    state: &State,
    filter: DeliveryFilter,
    before: Option<DeliveryId>,
) -> Result<(Vec<DeliveryRow>, Option<DeliveryId>), Fault> {
    let mut rows = state.reports.deliveries(filter, before, PAGE + 1).await?;
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let next = rows.last().filter(|_| more).map(|row| row.delivery);
    Ok((rows, next))
}

/// One line of a mail's story.
pub struct Step {
    pub at: crate::domain::Timestamp,
    pub kind: String,
    pub title: String,
    pub detail: String,
    pub reply: String,
    pub transcript: String,
    pub target: String,
    pub other: Option<DeliveryId>,
}

/// That the message was submitted again, or that it is such a one.
fn repeated(repeat: &Repeat, report: &DeliveryReport, calendar: Calendar) -> Step {
    let (first, credential) = (repeat.first, &report.credential);
    let had = usize::try_from(repeat.recipients).unwrap_or(usize::MAX).counted("recipient");
    let (title, detail) = match (repeat.again, repeat.times) {
        (Some(again), _) if first == report.row.message => (
            "Submitted again",
            format!("over credential {credential}, as {again}; {had} had it already: nobody was mailed twice"),
        ),
        (Some(_), _) => ("Submitted before", format!("as {first}, which {had} had already: nobody was mailed twice")),
        (None, 1) => ("Submitted again", format!("over credential {credential}; nobody was mailed twice")),
        (None, n) => {
            let since = calendar.long(repeat.first_at);
            (
                "Submitted again",
                format!("{n} times since {since} over credential {credential}; nobody was mailed twice"),
            )
        }
    };
    Step {
        at: repeat.last_at,
        kind: "repeated".to_owned(),
        title: title.to_owned(),
        detail,
        reply: String::new(),
        transcript: String::new(),
        target: String::new(),
        other: repeat.other,
    }
}

fn step(entry: &TimelineEntry, calendar: Calendar) -> Step {
    let why = |class: BounceClass| class.as_str().replace('_', " ");
    let tried = |attempt: &crate::domain::event::Attempt| {
        if attempt.mx.is_empty() {
            return format!("try {}", attempt.n);
        }
        let tls = match (attempt.tls.as_str(), attempt.certificate.as_str()) {
            ("", _) => "no TLS".to_owned(),
            // Events of earlier versions do not say.
            (tls, "") => tls.to_owned(),
            (tls, certificate) => format!("{tls}, certificate {certificate}"),
        };
        // An address that was written as one, and a socket, are named once.
        let place = if attempt.ip.is_empty() || attempt.ip == attempt.mx {
            attempt.mx.clone()
        } else {
            format!("{} {}", attempt.mx, attempt.ip)
        };
        format!("try {}, {place}, {tls}, {} ms", attempt.n, attempt.ms)
    };
    let (title, detail) = match &entry.event.fact {
        Fact::Accepted(_) => ("Accepted".to_owned(), String::new()),
        Fact::Deferred { attempt, class, next, .. } => {
            let next = calendar.long(*next);
            ("Deferred".to_owned(), format!("{}; {}; next try {next}", tried(attempt), why(*class)))
        }
        Fact::Delivered { attempt, pixel, links, .. } => {
            let pixel = if *pixel { "with a pixel" } else { "without a pixel" };
            ("Delivered".to_owned(), format!("{}; {pixel}, {links} tracked links", tried(attempt)))
        }
        Fact::Bounced { attempt, class, .. } => {
            let after = if class.is_final() { "; the address is suppressed from now on" } else { "" };
            ("Bounced".to_owned(), format!("{}; {}{after}", tried(attempt), why(*class)))
        }
        Fact::Suppressed { by: Some(by), .. } => ("Suppressed, not sent".to_owned(), held_back(by, calendar)),
        Fact::Unsubscribed { client: Some(client), .. } => {
            ("Unsubscribed".to_owned(), format!("{} \u{b7} {}", client.class.as_str(), entry.agent))
        }
        Fact::Complained { .. } => {
            ("Complained".to_owned(), "by a feedback report; the address is suppressed from now on".to_owned())
        }
        Fact::Expired { attempt, class, .. } => ("Expired".to_owned(), format!("{}; {}", tried(attempt), why(*class))),
        Fact::Opened(hit) => ("Pixel fetched".to_owned(), visitor(hit, &entry.agent)),
        Fact::Clicked(hit) => (format!("Link {} followed", hit.position), visitor(hit, &entry.agent)),
        Fact::Reclassified { hit, from, hit_at, .. } => {
            let what = match hit.position {
                0 => "Pixel fetched".to_owned(),
                position => format!("Link {position} followed"),
            };
            let was = format!("{}: {}, before that {from}", calendar.long(*hit_at), judged(hit));
            (format!("{what}: judged anew"), was)
        }
        other => (other.kind().as_str().replace('_', " "), String::new()),
    };
    Step {
        at: entry.event.at,
        kind: entry.event.fact.kind().as_str().to_owned(),
        title,
        detail,
        reply: entry.reply.clone(),
        transcript: entry.transcript.clone(),
        target: entry.target.clone(),
        other: None,
    }
}

/// The class of a hit, and the rule that says so.
fn judged(hit: &Hit) -> String {
    format!("{} by the rule {}", hit.class, hit.rule)
}

/// Who fetched something.
fn visitor(hit: &Hit, agent: &str) -> String {
    let device = if hit.device == Device::Unknown { "" } else { hit.device.as_str() };
    let parts = [judged(hit).as_str(), hit.family.as_str(), device, hit.address.as_str(), agent].map(str::to_owned);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" \u{b7} ")
}

impl Step {
    /// Whether the transcript's lines say when; those of earlier versions begin with their marks.
    fn has_times(&self) -> bool {
        !["C: ", "S: ", "-- "].iter().any(|mark| self.transcript.starts_with(mark))
    }

    /// The transcript's lines, each with its class of style: the server's are told apart, and its refusals more so.
    fn lines(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.transcript.lines().map(|line| match line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()) {
            said if said.starts_with("S: 4") || said.starts_with("S: 5") => ("x", line),
            said if said.starts_with("S: ") => ("s", line),
            _ => ("c", line),
        })
    }
}

fn held_back(by: &Suppression, calendar: Calendar) -> String {
    let what = if by.scope.is_empty() { "all mail" } else { by.scope.as_str() };
    format!("{}; holds back {what}; since {}", by.reason, calendar.long(by.since))
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    shell: Shell,
    report: DeliveryReport,
    steps: Vec<Step>,
}

/// GET /messages/{id}
pub async fn message(user: User, state: State, id: web::Path<String>) -> Answer {
    let report = state.reports.delivery(delivery_id(&id)?).await?.ok_or(Fault::Missing("mail"))?;
    let shell = Shell::new(&state, "messages", &user.0);
    let repeats = report.repeats.iter().map(|repeat| repeated(repeat, &report, shell.calendar));
    let entries = report.timeline.iter().map(|entry| step(entry, shell.calendar));
    let mut steps: Vec<_> = entries.chain(repeats).collect();
    steps.sort_by_key(|step| step.at);
    page(&MessagePage { shell, report, steps })
}

/// The copy as it leaves, or why there is none.
async fn source(state: &State, report: &DeliveryReport) -> String {
    if !report.body_kept {
        return "The mail itself is kept no longer (retention.bodies).".to_owned();
    }
    match (state.render)(report.row.message, report.row.delivery).await {
        Ok(copy) => String::from_utf8_lossy(copy.get(..SOURCE_MAX).unwrap_or(&copy)).into_owned(),
        Err(fault) => format!("The copy cannot be rendered: {fault}"),
    }
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    shell: Shell,
    rows: Vec<DeliveryRow>,
    shown: Option<DeliveryReport>,
    source: String,
    next: Option<DeliveryId>,
}

/// GET /inbox
pub async fn inbox(user: User, state: State, query: web::Query<Query>) -> Answer {
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Delivered),
        mode: Some(Mode::Sandbox),
        ..DeliveryFilter::default()
    };
    let (rows, next) = list(&state, filter, query.before()?).await?;
    let wanted = match query.show.as_str() {
        "" => rows.first().map(|row| row.delivery),
        text => Some(delivery_id(text)?),
    };
    let shown = match wanted {
        Some(id) => state.reports.delivery(id).await?,
        None => None,
    };
    let source = match &shown {
        Some(report) => source(&state, report).await,
        None => String::new(),
    };
    page(&InboxPage { shell: Shell::new(&state, "inbox", &user.0), rows, shown, source, next })
}

/// GET /messages/{id}/preview: the copy's HTML, else its text, in a frame of its own.
pub async fn show_preview(_: User, state: State, id: web::Path<String>) -> Answer {
    let report = state.reports.delivery(delivery_id(&id)?).await?.ok_or(Fault::Missing("mail"))?;
    let copy = (state.render)(report.row.message, report.row.delivery).await;
    let body = match &copy {
        Err(_) => "<p>The mail itself is kept no longer.</p>".to_owned(),
        Ok(copy) => match nesting::parse(copy) {
            None => "<p>The mail cannot be read.</p>".to_owned(),
            Some(mail) => match (mail.html_body.is_empty(), mail.body_html(0)) {
                (false, Some(html)) => {
                    preview::quiet(&html).unwrap_or_else(|| "<p>The mail's HTML cannot be read.</p>".to_owned())
                }
                _ => "<p>The mail has no text.</p>".to_owned(),
            },
        },
    };
    // What the operator follows or loads here must not count as the reader's doing.
    let body = ["/c/", "/o/", "/u/"]
        .iter()
        .fold(body, |body, route| body.replace(&format!("{}{route}", state.base_url), "about:blank#"));
    Ok(framed(FRAME_POLICY, body))
}
