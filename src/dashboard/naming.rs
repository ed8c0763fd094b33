//! Renaming campaigns, merging them, and taking a merger back.

use actix_web::http::StatusCode;
use actix_web::web;
use serde::Deserialize;

use super::auth::User;
use super::campaign::campaign_page;
use super::shell::{Answer, Fault, State, campaign_id, see_other};
use crate::domain::CampaignId;
use crate::store::NameFault;

/// A form with a campaign's name.
#[derive(Debug, Deserialize)]
pub struct Form {
    name: String,
}

/// POST /campaigns/{id}/name
pub async fn rename(user: User, state: State, id: web::Path<String>, form: web::Form<Form>) -> Answer {
    let id = campaign_id(&id)?;
    let name = form.name.trim();
    if name.is_empty() {
        return campaign_page(&state, &user, id, (StatusCode::BAD_REQUEST, "Give the campaign a name.")).await;
    }
    let done = state.names.rename(id, name).await?;
    tracing::info!(campaign = %id, name, by = user.0.email, done = done.is_ok(), "a campaign was renamed");
    conclude(&state, &user, id, done).await
}

/// POST /campaigns/{id}/merge
pub async fn merge(user: User, state: State, id: web::Path<String>, form: web::Form<Form>) -> Answer {
    let id = campaign_id(&id)?;
    let own = state.reports.campaign(id).await?.ok_or(Fault::Missing("campaign"))?;
    let Some(into) = state.reports.campaign_named(form.name.trim(), own.row.mode).await? else {
        let complaint = (StatusCode::BAD_REQUEST, "There is no campaign of that name.");
        return campaign_page(&state, &user, id, complaint).await;
    };
    let done = state.names.merge(id, into.row.id).await?;
    tracing::info!(campaign = %id, into = %into.row.id, by = user.0.email, done = done.is_ok(), "a campaign was merged");
    conclude(&state, &user, id, done).await
}

/// POST /campaigns/{id}/separate
pub async fn separate(user: User, state: State, id: web::Path<String>) -> Answer {
    let id = campaign_id(&id)?;
    let done = state.names.separate(id).await?;
    tracing::info!(campaign = %id, by = user.0.email, done = done.is_ok(), "a campaign is shown by itself again");
    conclude(&state, &user, id, done).await
}

async fn conclude(state: &State, user: &User, id: CampaignId, done: Result<(), NameFault>) -> Answer {
    let complaint = match done {
        Ok(()) => return Ok(see_other(&format!("/campaigns/{id}"))),
        Err(NameFault::Missing) => return Err(Fault::Missing("campaign")),
        Err(NameFault::Taken) => "Another campaign has that name. Merge the two instead.",
        Err(NameFault::Unlike) => "A campaign cannot be merged with itself, nor live mail with sandbox mail.",
    };
    campaign_page(state, user, id, (StatusCode::CONFLICT, complaint)).await
}
