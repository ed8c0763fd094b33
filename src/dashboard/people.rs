//! Who may sign in: making, deleting and resetting logins.

use actix_web::{HttpRequest, web};
use serde::Deserialize;

use super::auth::{User, signed_in};
use super::settings::{Complaint, OncePage, Part, SurePage, again};
use super::shell::{Answer, Fault, Shell, State, page, see_other};
use super::{Dashboard, password};
use crate::domain::credential::secret;
use crate::domain::{Address, Credential};
use crate::store::DeletedUser;

#[derive(Deserialize)]
pub struct PersonForm {
    email: String,
    /// Empty for a link with which the person chooses one.
    #[serde(default)]
    password: String,
}

/// POST /settings/people: makes a login, or a link with which its owner does.
pub async fn create(user: User, state: State, form: web::Form<PersonForm>) -> Answer {
    let email = form.email.trim().to_lowercase();
    let wrong = |text: String| Complaint::new(Part::Person, text, &form.email);
    if let Err(why) = Address::parse(&email) {
        return again(&user, &state, wrong(format!("The address {why}."))).await;
    }
    let taken = || wrong(format!("{email} has a login already."));
    if form.password.is_empty() {
        if state.accounts.user_by_email(&email).await?.is_some() {
            return again(&user, &state, taken()).await;
        }
        return link(&user, &state, &email, "invited a person").await;
    }
    if let Some(complaint) = password::complaint(&form.password) {
        return again(&user, &state, wrong(complaint.to_owned())).await;
    }
    let phc = password::hashed(&form.password).await?;
    if state.accounts.create_user(&email, &phc, state.clock.now()).await?.is_none() {
        return again(&user, &state, taken()).await;
    }
    tracing::info!(by = user.0.email, user = email, "made a login");
    Ok(see_other("/settings?done=created"))
}

#[derive(Deserialize)]
pub struct Whom {
    email: String,
}

/// POST /settings/people/reset: makes a link with which a login's owner chooses a new password.
pub async fn reset(user: User, state: State, form: web::Form<Whom>) -> Answer {
    let (person, _) = state.accounts.user_by_email(&form.email).await?.ok_or(Fault::Missing("login"))?;
    link(&user, &state, &person.email, "made a link to choose a new password").await
}

async fn link(user: &User, state: &Dashboard, email: &str, what: &str) -> Answer {
    let token = secret(state.random);
    state.accounts.create_link(Credential::hash(token.as_bytes()), Some(email), state.clock.now()).await?;
    tracing::info!(by = user.0.email, user = email, "{what}");
    page(&OncePage {
        shell: Shell::new(state, "settings", &user.0),
        title: format!("A link for {email}"),
        text: format!(
            "Give this link to {email}, and to nobody else: whoever opens it first chooses the password. It works once, \
             within an hour, and is not shown again."
        ),
        facts: vec![("Link", format!("{}/welcome/{token}", state.dashboard_url))],
    })
}

/// GET /settings/people/delete
pub async fn delete_page(user: User, state: State, query: web::Query<Whom>) -> Answer {
    page(&SurePage {
        shell: Shell::new(&state, "settings", &user.0),
        title: format!("Delete {}?", query.email),
        text: "This login is signed out everywhere at once, and an open link for it ends. What it did stays.",
        action: "/settings/people/delete".to_owned(),
        email: query.email.clone(),
        button: "Delete it",
    })
}

/// POST /settings/people/delete
pub async fn delete(user: User, state: State, form: web::Form<Whom>) -> Answer {
    match state.accounts.delete_user(&form.email).await? {
        DeletedUser::Gone => {
            tracing::info!(by = user.0.email, user = form.email, "deleted a login");
            Ok(see_other("/settings?done=deleted"))
        }
        DeletedUser::Last => {
            let text = "This is the last login: without it nobody could sign in. Make another one first.";
            again(&user, &state, Complaint::new(Part::Person, text, "")).await
        }
        DeletedUser::Missing => Err(Fault::Missing("login")),
    }
}

#[derive(Deserialize)]
pub struct PasswordForm {
    old: String,
    new: String,
}

/// POST /settings/password: one's own, by the old one.
pub async fn change_password(request: HttpRequest, user: User, state: State, form: web::Form<PasswordForm>) -> Answer {
    let wrong = |text: &str| Complaint::new(Part::Password, text, "");
    let (now, ip) = (state.clock.instant(), (state.client)(&request));
    if ip.is_some_and(|ip| state.guard.is_blocked(ip, now)) {
        return again(&user, &state, wrong("Too many wrong passwords came from your address. Wait five minutes."))
            .await;
    }
    if let Some(complaint) = password::complaint(&form.new) {
        return again(&user, &state, wrong(complaint)).await;
    }
    let (person, phc) = state.accounts.user_by_email(&user.0.email).await?.ok_or(Fault::SignedOut)?;
    if !password::is_right(&form.old, Some(phc)).await? {
        ip.inspect(|ip| state.guard.wrong(*ip, now));
        return again(&user, &state, wrong("The old password did not match.")).await;
    }
    let phc = password::hashed(&form.new).await?;
    state.accounts.set_password(&person.email, &phc).await?;
    tracing::info!(by = user.0.email, "changed the own password");
    signed_in(&request, &state, person.id, "/settings?done=password").await
}
