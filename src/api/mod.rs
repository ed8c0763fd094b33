//! JSON for programs, behind HTTP Basic with a credential. May import `store`, `domain` and `clock`.

mod message;
mod tables;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{CampaignId, Credential, Mode};
use crate::store::fields::{Fields, Table};
use crate::store::view::CampaignReport;
use crate::store::{Accounts, CampaignsOf, Reports, StoreError};

/// Campaigns a page.
const PAGE: usize = 100;

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    /// Reads.
    pub reports: Reports,
    /// Logins.
    pub accounts: Accounts,
    /// The mode a name is looked up in when the request says none.
    pub mode: Mode,
}

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig, api: Api) {
    config
        .app_data(web::Data::new(api))
        .route("/api/v1/campaigns", web::get().to(campaigns))
        .route("/api/v1/campaigns/{name}", web::get().to(campaign))
        .route("/api/v1/campaigns/{name}/people", web::get().to(tables::people))
        .route("/api/v1/campaigns/{name}/{table:links|sites|hours|refusals}", web::get().to(tables::of_campaign))
        .route("/api/v1/messages/{id}", web::get().to(message::message));
}

#[derive(Debug, Deserialize)]
struct Query {
    mode: Option<String>,
    page: Option<usize>,
}

impl Query {
    fn mode(&self) -> Result<Option<Mode>, HttpResponse> {
        match &self.mode {
            None => Ok(None),
            Some(text) => Mode::parse(text)
                .map(Some)
                .ok_or_else(|| failed(400, &format!("mode is {text:?}; it may be live or sandbox"))),
        }
    }
}

async fn campaigns(request: HttpRequest, api: web::Data<Api>, query: web::Query<Query>) -> HttpResponse {
    let mode = match authorised(&request, &api).and_then(|()| query.mode()) {
        Ok(mode) => mode,
        Err(refusal) => return refusal,
    };
    let page = query.page.unwrap_or(1).clamp(1, 1_000_000);
    let of = CampaignsOf { mode, ..CampaignsOf::default() };
    match api.reports.campaigns(of, (page - 1) * PAGE, PAGE).await {
        Ok((rows, _)) => {
            let rows: Vec<_> = rows.iter().map(|row| row.fields().json()).collect();
            answer(&json!({"campaigns": rows, "page": page}))
        }
        Err(error) => store_failed(&error),
    }
}

async fn campaign(
    request: HttpRequest,
    api: web::Data<Api>,
    name: web::Path<String>,
    query: web::Query<Query>,
) -> HttpResponse {
    match authorised(&request, &api).and_then(|()| query.mode()) {
        Ok(mode) => {
            report(&api, &name, mode).await.map_or_else(|refusal| refusal, |report| answer(&report_json(&report)))
        }
        Err(refusal) => refusal,
    }
}

/// The campaign of a name, whole.
async fn report(api: &Api, name: &str, mode: Option<Mode>) -> Result<CampaignReport, HttpResponse> {
    let id = find(api, name, mode).await?;
    api.reports.campaign(id).await.map_err(|error| store_failed(&error))?.ok_or_else(nothing)
}

/// The number of the campaign of a name: of the mode that is asked for, else of the relay's own or the other.
async fn find(api: &Api, name: &str, mode: Option<Mode>) -> Result<CampaignId, HttpResponse> {
    let other = if api.mode == Mode::Live { Mode::Sandbox } else { Mode::Live };
    let modes = mode.map_or_else(|| vec![api.mode, other], |mode| vec![mode]);
    for mode in modes {
        if let Some(id) = api.reports.campaign_id(name, mode).await.map_err(|error| store_failed(&error))? {
            return Ok(id);
        }
    }
    Err(nothing())
}

fn nothing() -> HttpResponse {
    failed(404, "there is no campaign of this name")
}

/// HTTP Basic (RFC 7617) with a credential's name and password.
fn authorised(request: &HttpRequest, api: &Api) -> Result<(), HttpResponse> {
    let given = || {
        let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
        let text = String::from_utf8(decoded).ok()?;
        text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    };
    let valid = given().is_some_and(|(user, password)| match api.accounts.credential(&user) {
        Some(credential) => credential.verify(password.as_bytes()),
        None => Credential::verify_none(password.as_bytes()),
    });
    if valid {
        return Ok(());
    }
    let mut refusal = HttpResponse::Unauthorized();
    refusal.insert_header((WWW_AUTHENTICATE, "Basic realm=\"postrider\", charset=\"UTF-8\""));
    Err(refusal.json(json!({"error": "give a credential's name and password by HTTP Basic"})))
}

fn answer(value: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(value)
}

fn failed(status: u16, message: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status);
    let mut answer = HttpResponse::build(status.unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR));
    answer.insert_header((CACHE_CONTROL, "no-store")).json(json!({"error": message}))
}

fn store_failed(error: &StoreError) -> HttpResponse {
    match error {
        StoreError::Busy => failed(503, "the store is busy; try again"),
        other => {
            tracing::error!(error = %other, "an API answer failed");
            failed(500, "the store could not be read; the relay's log says why")
        }
    }
}

fn report_json(report: &CampaignReport) -> Value {
    let mut value = report.row.fields().json();
    for table in [Table::Links, Table::Refusals] {
        value[table.as_str()] = rows_json(report, table);
    }
    let rest = |r: &crate::store::view_queue::RestRow| json!({"site": r.site, "waiting": r.waiting, "since": r.since.rfc3339(), "tried": r.tried, "refused": r.refused, "complained": r.complained, "why": r.why()});
    value["held"] = report.rests.iter().map(rest).collect();
    value["receipts"] = report.kinds.iter().map(message::kind_json).collect();
    value
}

fn rows_json(report: &CampaignReport, table: Table) -> Value {
    report.table(table).iter().map(Fields::json).collect()
}
