//! The tables of pages as files: CSV that a spreadsheet opens without harm, in stretches, whatever its length.

use actix_web::{HttpResponse, web};
use futures_util::stream;
use serde::Deserialize;

use super::auth::User;
use super::shell::{Answer, Fault, State, campaign_id};
use crate::domain::spreadsheet;
use crate::domain::{DeliveryId, Mode};
use crate::store::fields::{self, Fields, Table};
use crate::store::view::CampaignRow;
use crate::store::view_people::{PeopleWords, PersonRow};
use crate::store::{CampaignsOf, StoreError};

/// Rows of a stretch: each is a read transaction of its own, and no more is ever in memory.
const STRETCH: usize = 5_000;
/// Campaigns of a stretch.
const CAMPAIGNS: usize = 500;

/// GET /campaigns/{id}/people.csv
pub async fn people(_: User, state: State, id: web::Path<String>, query: web::Query<PeopleWords>) -> Answer {
    let id = campaign_id(&id)?;
    let filter = match query.filter() {
        Ok(filter) => filter,
        Err(why) => return Ok(refused(&why)),
    };
    let first = state.reports.people(id, filter.clone(), None, 1).await?.ok_or(Fault::Missing("campaign"))?;
    let head = spreadsheet::lines([fields::person_columns()]).map(web::Bytes::from);
    let rest = stream::try_unfold(Some(None), move |place: Option<Option<DeliveryId>>| {
        let (reports, filter) = (state.reports.clone(), filter.clone());
        async move {
            let Some(after) = place else { return Ok(None) };
            let people = reports.people(id, filter, after, STRETCH).await.map_err(broken_off)?;
            let Some(people) = people else { return Err(std::io::Error::other("the campaign is gone")) };
            let lines = lines(people.rows.iter().map(PersonRow::fields))?;
            Ok(Some((lines, people.next.map(Some))))
        }
    });
    Ok(file(&first.name, "people", futures_util::StreamExt::chain(stream::iter([head]), rest)))
}

/// GET /campaigns/{id}/{links|sites|hours|refusals}.csv
pub async fn of_campaign(_: User, state: State, path: web::Path<(String, String)>) -> Answer {
    let (id, table) = path.into_inner();
    let table = Table::parse(&table).ok_or(Fault::Missing("table"))?;
    let report = state.reports.campaign(campaign_id(&id)?).await?.ok_or(Fault::Missing("campaign"))?;
    let head = spreadsheet::lines([table.names()]).map(web::Bytes::from);
    Ok(file(&report.row.name, table.as_str(), stream::iter([head, lines(report.table(table))])))
}

#[derive(Deserialize)]
pub struct Query {
    mode: Option<String>,
}

/// GET /campaigns.csv: as many as can be listed, latest first; of one mode, or of both.
pub async fn campaigns(_: User, state: State, query: web::Query<Query>) -> Answer {
    let mode = query.mode.as_deref().and_then(Mode::parse);
    let head = spreadsheet::lines([fields::campaign_columns()]).map(web::Bytes::from);
    let rest = stream::try_unfold(0, move |skip| {
        let reports = state.reports.clone();
        async move {
            let of = CampaignsOf { mode, ..CampaignsOf::default() };
            let rows = reports.campaigns(of, skip, CAMPAIGNS).await.map(|(rows, _)| rows);
            let rows = rows.map_err(broken_off)?;
            if rows.is_empty() {
                return Ok(None);
            }
            Ok(Some((lines(rows.iter().map(CampaignRow::fields))?, skip + rows.len())))
        }
    });
    Ok(file("", "campaigns", futures_util::StreamExt::chain(stream::iter([head]), rest)))
}

fn lines(rows: impl IntoIterator<Item = Fields>) -> std::io::Result<web::Bytes> {
    let cells = rows.into_iter().map(|row| row.cells().collect::<Vec<_>>());
    spreadsheet::lines(cells).map(web::Bytes::from)
}

/// Why a file ends before its end: its reader sees that it is not whole.
fn broken_off(error: StoreError) -> std::io::Error {
    tracing::error!(error = %error, "a file broke off");
    std::io::Error::other(error)
}

fn refused(why: &str) -> HttpResponse {
    HttpResponse::BadRequest()
        .content_type("text/plain; charset=utf-8")
        .insert_header(("cache-control", "no-store"))
        .body(format!("{why}\n"))
}

/// A file whose name says what it is of, in letters that every system takes.
fn file<S>(of: &str, what: &str, body: S) -> HttpResponse
where
    S: futures_util::Stream<Item = std::io::Result<web::Bytes>> + 'static,
{
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let of: String = of.chars().take(60).map(plain).collect();
    let name = [of.trim_matches('-'), what].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header(("content-disposition", format!("attachment; filename=\"{name}.csv\"")))
        .insert_header(("cache-control", "no-store"))
        .streaming(Box::pin(body))
}
