//! A mail's source: what came beside what leaves, line by line, and both as files.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::auth::User;
use super::format::{WrittenCount as _, WrittenSize as _};
use super::receipts::escaped_len;
use super::shell::{Answer, Fault, Shell, State, delivery_id, page};
use crate::mail::compare::{Fate, Listing, Row, compare};
use crate::store::view::DeliveryReport;
use crate::work;

/// Octets of lines that the page lists, as HTML.
const LISTED_BYTES_MAX: usize = 64 << 10;
/// Octets of markup around one line, about.
const AROUND_BYTES: usize = 80;

#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    shell: Shell,
    report: DeliveryReport,
    listing: Listing,
    /// Why there is nothing to list; empty when there is.
    missing: String,
}

/// GET /messages/{id}/source
pub async fn source(user: User, state: State, id: web::Path<String>) -> Answer {
    let report = state.reports.delivery(delivery_id(&id)?).await?.ok_or(Fault::Missing("mail"))?;
    let listed = list(&state, &report).await;
    let (listing, missing) = match listed {
        Ok(listing) => (listing, String::new()),
        Err(why) => (Listing::default(), why),
    };
    page(&SourcePage { shell: Shell::new(&state, "messages", &user.0), report, listing, missing })
}

async fn list(state: &State, report: &DeliveryReport) -> Result<Listing, String> {
    if !report.body_kept {
        return Err("The mail itself is kept no longer (retention.bodies).".to_owned());
    }
    let fault = |why| format!("The copy cannot be rendered: {why}");
    let came = (state.original)(report.row.message).await.map_err(fault)?;
    let leaves = (state.render)(report.row.message, report.row.delivery).await.map_err(fault)?;
    let size = |text: &str| AROUND_BYTES + escaped_len(text);
    work::on(came.len(), move || compare(&came, &leaves, LISTED_BYTES_MAX, size)).await
}

/// GET /messages/{id}/source/came.eml
pub async fn came(_: User, state: State, id: web::Path<String>) -> Answer {
    let report = kept(&state, &id).await?;
    let came = (state.original)(report.row.message).await.map_err(|_| Fault::Missing("source"))?;
    Ok(file(&format!("{}-came.eml", report.row.delivery), came.to_vec()))
}

/// GET /messages/{id}/source/leaves.eml
pub async fn leaves(_: User, state: State, id: web::Path<String>) -> Answer {
    let report = kept(&state, &id).await?;
    let copy = (state.render)(report.row.message, report.row.delivery).await.map_err(|_| Fault::Missing("source"))?;
    Ok(file(&format!("{}-leaves.eml", report.row.delivery), copy))
}

/// A mail whose body is kept: what is only remembered by the renderer is kept no longer.
async fn kept(state: &State, id: &str) -> Result<DeliveryReport, Fault> {
    let report = state.reports.delivery(delivery_id(id)?).await?.ok_or(Fault::Missing("mail"))?;
    if report.body_kept { Ok(report) } else { Err(Fault::Missing("source")) }
}

/// A file to keep, never to be shown by the browser; what else its answer needs, the gate sets.
fn file(name: &str, bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::build(StatusCode::OK)
        .content_type("message/rfc822")
        .insert_header(("content-disposition", format!("attachment; filename=\"{name}\"")))
        .body(bytes)
}
