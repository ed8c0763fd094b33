//! The list of campaigns.

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::format::{Written as _, WrittenBand as _, WrittenRate as _, WrittenTime as _};
use super::shell::{Answer, Shell, State, page};
use crate::domain::{Metric, Mode};
use crate::store::CampaignSort;
use crate::store::view::CampaignRow;

/// Campaigns a page.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub struct Query {
    mode: Option<String>,
    sort: Option<String>,
    page: Option<usize>,
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    shell: Shell,
    mode: Mode,
    sort: &'static str,
    rows: Vec<CampaignRow>,
    total: i64,
    number: usize,
    more: bool,
}

/// GET /campaigns
pub async fn campaigns(user: User, state: State, query: web::Query<Query>) -> Answer {
    let mode = query.mode.as_deref().and_then(Mode::parse).unwrap_or(state.mode);
    let (sort, by) = match query.sort.as_deref() {
        Some("recipients") => ("recipients", CampaignSort::Recipients),
        Some("delivered") => ("delivered", CampaignSort::Delivered),
        Some("opened") => ("opened", CampaignSort::Opened),
        Some("clicked") => ("clicked", CampaignSort::Clicked),
        _ => ("started", CampaignSort::Started),
    };
    let number = query.page.unwrap_or(1).clamp(1, 1_000_000);
    let mut rows = state.reports.campaigns(Some(mode), by, (number - 1) * PAGE, PAGE + 1).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let total = state.reports.campaigns_total(Some(mode)).await?;
    page(&CampaignsPage { shell: Shell::new(&state, "campaigns", &user.0), mode, sort, rows, total, number, more })
}
