//! A campaign's tables and its people, as its pages and their CSV have them.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Query, answer, authorised, failed, find, nothing, report, rows_json, store_failed};
use crate::domain::Mode;
use crate::store::fields::Table;
use crate::store::view_people::{People, PeopleWords};

/// People of an answer, when it is not said how many.
const LIMIT: usize = 100;
/// People of an answer at most.
const LIMIT_MAX: usize = 1_000;

/// GET /api/v1/campaigns/{name}/{links|sites|hours|refusals}
pub(super) async fn of_campaign(
    request: HttpRequest,
    api: web::Data<Api>,
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
) -> HttpResponse {
    let mode = match authorised(&request, &api).and_then(|()| query.mode()) {
        Ok(mode) => mode,
        Err(refusal) => return refusal,
    };
    let (name, table) = path.into_inner();
    let Some(table) = Table::parse(&table) else { return failed(404, "there is no such table") };
    match report(&api, &name, mode).await {
        Ok(report) => {
            let mut value = head(&report.row.name, report.row.mode);
            value[table.as_str()] = rows_json(&report, table);
            answer(&value)
        }
        Err(refusal) => refusal,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(flatten)]
    words: PeopleWords,
    mode: Option<String>,
    limit: Option<String>,
}

impl Asked {
    fn limit(&self) -> Result<usize, HttpResponse> {
        let Some(text) = &self.limit else { return Ok(LIMIT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| failed(400, &format!("limit is {text:?}; it may be 1 to {LIMIT_MAX}")))
    }
}

/// GET /api/v1/campaigns/{name}/people
pub(super) async fn people(
    request: HttpRequest,
    api: web::Data<Api>,
    name: web::Path<String>,
    asked: web::Query<Asked>,
) -> HttpResponse {
    match some_people(&request, &api, &name, &asked).await {
        Ok(people) => answer(&people_json(&people)),
        Err(refusal) => refusal,
    }
}

async fn some_people(request: &HttpRequest, api: &Api, name: &str, asked: &Asked) -> Result<People, HttpResponse> {
    authorised(request, api)?;
    let mode = Query { mode: asked.mode.clone(), page: None }.mode()?;
    let limit = asked.limit()?;
    let (filter, after) =
        asked.words.filter().and_then(|filter| Ok((filter, asked.words.place()?))).map_err(|why| failed(400, &why))?;
    let id = find(api, name, mode).await?;
    let people = api.reports.people(id, filter, after, limit).await.map_err(|error| store_failed(&error))?;
    people.ok_or_else(nothing)
}

fn people_json(people: &People) -> Value {
    let mut value = head(&people.name, people.mode);
    value["total"] = json!(people.total);
    value["next"] = json!(people.next.map(|next| next.to_string()));
    value["people"] = people.rows.iter().map(|row| row.fields().json()).collect();
    value
}

fn head(name: &str, mode: Mode) -> Value {
    json!({"campaign": name, "mode": mode.as_str()})
}
