//! The list of addresses that are not mailed.

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use futures_util::TryStreamExt as _;
use serde::Deserialize;

use super::auth::User;
use super::format::WrittenTime as _;
use super::person;
use super::shell::{Answer, Shell, State, html, see_other};
use crate::domain::Address;
use crate::domain::suppression::{Entry, Origin, Reason, stream};
use crate::domain::suppression_csv::{BrokenRow, Out, Rows};
use crate::store::{Listed, StoreError, SuppressionRow, Suppressions};

/// Addresses a page.
const PAGE: u32 = 50;
/// A file that is sent in a form is no larger, in octets; the command takes any.
const FILE_MAX: usize = 16 << 20;
/// Addresses of one transaction: mail goes on between two.
const BATCH: usize = 1_000;
/// Broken rows that the page names.
const BROKEN_SHOWN: usize = 50;

/// What the page says on top.
#[derive(Debug, Default)]
pub struct Flash {
    pub bad: bool,
    pub text: String,
    broken: Vec<BrokenRow>,
}

impl Flash {
    fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self { bad: true, text: text.into(), ..Self::default() }
    }

    /// What has been done, in words of ours only: nothing of the address is shown again.
    pub fn of(done: Option<&str>) -> Self {
        match done {
            Some("added") => {
                Self::good("The address is on the list. Mail to it is held back, also what waits already.")
            }
            Some("present") => Self::good("The address was on the list already."),
            Some("removed") => Self::good("The address is off the list. What was held back is not sent any more."),
            _ => Self::default(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct Query {
    reason: Option<String>,
    start: Option<String>,
    before: Option<i64>,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "suppressions.html")]
struct SuppressionsPage {
    shell: Shell,
    flash: Flash,
    rows: Vec<SuppressionRow>,
    reasons: &'static [Reason],
    reason: String,
    start: String,
    next: Option<i64>,
    address: String,
    scope: String,
}

/// What was typed into the form to add an address, to be typed better.
#[derive(Debug, Default, Deserialize)]
pub struct Form {
    address: String,
    #[serde(default)]
    scope: String,
    /// `person` on that address's own page.
    #[serde(default)]
    from: String,
}

impl Form {
    /// The page the form stands on, to say there what was done.
    fn done(&self, address: &str, what: &str) -> String {
        let page = if self.from == "person" { person::place(address) } else { "/suppressions".to_owned() };
        format!("{page}?done={what}")
    }
}

/// GET /suppressions
pub async fn list(user: User, state: State, query: web::Query<Query>) -> Answer {
    let flash = Flash::of(query.done.as_deref());
    show(&user, &state, StatusCode::OK, &query, flash, Form::default()).await
}

async fn show(user: &User, state: &State, status: StatusCode, query: &Query, flash: Flash, form: Form) -> Answer {
    let reason = query.reason.as_deref().and_then(Reason::parse);
    let start = query.start.as_deref().unwrap_or_default().trim().to_owned();
    let mut rows = state.suppressions.list(reason, start.clone(), query.before, PAGE + 1).await?;
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let next = rows.last().filter(|_| more).map(|row| row.place);
    let page = SuppressionsPage {
        shell: Shell::new(state, "suppressions", &user.0),
        flash,
        rows,
        reasons: Reason::ALL,
        reason: reason.map_or_else(String::new, |reason| reason.to_string()),
        start,
        next,
        address: form.address,
        scope: form.scope,
    };
    Ok(html(status, page.render()?))
}

async fn complain(user: &User, state: &State, status: StatusCode, what: &str, form: Form) -> Answer {
    show(user, state, status, &Query::default(), Flash::bad(what), form).await
}

/// POST /suppressions
pub async fn add(user: User, state: State, form: web::Form<Form>) -> Answer {
    let form = form.into_inner();
    let (address, scope) = match read(&form) {
        Ok(read) => read,
        Err(why) => return complain(&user, &state, StatusCode::BAD_REQUEST, &why, form).await,
    };
    let place = |what: &str| form.done(address.as_str(), what);
    let places = (place("added"), place("present"));
    let entry = Entry { address, reason: Reason::Manual, scope, since: None };
    let listed = state.suppressions.add(vec![entry], Origin::Dashboard, state.clock.now()).await?;
    Ok(see_other(if listed.added > 0 { &places.0 } else { &places.1 }))
}

/// POST /suppressions/remove: for exactly the scope of the row.
pub async fn remove(user: User, state: State, form: web::Form<Form>) -> Answer {
    let (address, scope) = match read(&form) {
        Ok(read) => read,
        Err(why) => return complain(&user, &state, StatusCode::BAD_REQUEST, &why, Form::default()).await,
    };
    let place = form.done(address.as_str(), "removed");
    state.suppressions.remove(address, Some(scope), state.clock.now()).await?;
    Ok(see_other(&place))
}

fn read(form: &Form) -> Result<(Address, String), String> {
    let address = form.address.trim();
    let address = Address::parse(address).map_err(|why| format!("\u{201c}{address}\u{201d} {why}."))?;
    match form.scope.trim() {
        "" => Ok((address, String::new())),
        named => stream(named).map(|scope| (address, scope)).ok_or_else(|| "That is no name of a stream.".to_owned()),
    }
}

/// POST /suppressions/import
pub async fn import(user: User, state: State, form: Multipart) -> Answer {
    let file = match file_of(form).await {
        Ok(file) => file,
        Err(why) => return complain(&user, &state, StatusCode::BAD_REQUEST, why, Form::default()).await,
    };
    let read = web::block(move || Rows::new(file.as_slice()).map(read_all)).await;
    let (entries, broken) = match read.map_err(|e| e.to_string()).flatten() {
        Ok(read) => read,
        Err(why) => {
            let why = format!("The file cannot be imported: {why}.");
            return complain(&user, &state, StatusCode::BAD_REQUEST, &why, Form::default()).await;
        }
    };
    // A task of its own: it comes to its end whoever waits for it.
    let adding = tokio::spawn(add_all(state.suppressions.clone(), entries, state.clock.now()));
    let Listed { added, present } = adding.await.map_err(|e| StoreError::Closed(e.to_string()))??;
    let refused = broken.len();
    let mut flash = Flash::good(format!("{added} added, {present} on the list already, {refused} refused."));
    flash.bad = refused > 0;
    flash.broken = broken.into_iter().take(BROKEN_SHOWN).collect();
    show(&user, &state, StatusCode::OK, &Query::default(), flash, Form::default()).await
}

/// The first file of the form, whole.
async fn file_of(mut form: Multipart) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "The file did not arrive whole. Send it again.";
    while let Some(mut field) = form.try_next().await.map_err(|_| CUT)? {
        if field.name() != Some("file") {
            continue;
        }
        let mut file = Vec::new();
        while let Some(chunk) = field.try_next().await.map_err(|_| CUT)? {
            if file.len() + chunk.len() > FILE_MAX {
                return Err("The file is larger than 16 MiB. On the server: postrider suppression import FILE.csv");
            }
            file.extend_from_slice(&chunk);
        }
        return if file.is_empty() { Err("Choose a file first.") } else { Ok(file) };
    }
    Err("Choose a file first.")
}

fn read_all<R: std::io::Read>(rows: Rows<R>) -> (Vec<Entry>, Vec<BrokenRow>) {
    let (mut entries, mut broken) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            Ok(entry) => entries.push(entry),
            Err(row) => broken.push(row),
        }
    }
    (entries, broken)
}

async fn add_all(
    suppressions: Suppressions,
    entries: Vec<Entry>,
    now: crate::domain::Timestamp,
) -> Result<Listed, StoreError> {
    let mut all = Listed::default();
    let mut entries = entries.into_iter();
    loop {
        let batch: Vec<_> = entries.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(all);
        }
        let listed = suppressions.add(batch, Origin::Import, now).await?;
        all.added += listed.added;
        all.present += listed.present;
    }
}

/// GET /suppressions/export.csv: in stretches, whatever its length.
pub async fn export(_: User, state: State) -> Answer {
    let suppressions = state.suppressions.clone();
    let head = Out::new(Vec::new()).and_then(Out::finish).map(web::Bytes::from);
    let rest = futures_util::stream::try_unfold(0, move |after| {
        let suppressions = suppressions.clone();
        async move {
            let rows = suppressions.slice(after).await.map_err(std::io::Error::other)?;
            let Some(last) = rows.last().map(|row| row.place) else { return Ok(None) };
            let mut out = Out::bare(Vec::new());
            // A row whose person was erased has nothing to be imported by.
            rows.iter().filter(|row| !row.address.is_empty()).try_for_each(|row| out.row(&row.cells()))?;
            Ok(Some((web::Bytes::from(out.finish()?), last)))
        }
    });
    let body = futures_util::StreamExt::chain(futures_util::stream::iter([head]), rest);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", "attachment; filename=\"suppressions.csv\""))
        .insert_header(("cache-control", "no-store"))
        .streaming(Box::pin(body)))
}
