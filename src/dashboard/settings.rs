//! Who may send, who may look, and what the configuration says.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::format::{WrittenSpan as _, WrittenTime as _};
use super::shell::{Answer, Fault, Shell, State, html, page, see_other};
use super::{Configured, Dashboard};
use crate::domain::credential::{self, NAME_RULE};
use crate::domain::{Credential, Domain, Priority, Profile, Zone};
use crate::store::view;
use crate::store::{CredentialRow, OpenLink};

/// What was just done, as the word in the address and as the sentence on the page.
const DONE: &[(&str, &str)] = &[
    ("revoked", "The credential is revoked. No new session may use it."),
    ("created", "The login is made."),
    ("deleted", "The login is deleted and signed out everywhere."),
    ("zone", "Times are shown in the zone that you chose."),
    ("password", "Your password is changed. You are signed out everywhere else."),
];

/// Which form a complaint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Credential,
    Person,
    Password,
    Zone,
}

/// What was wrong with a form, and what had been written in it.
#[derive(Default)]
pub(super) struct Complaint {
    part: Option<Part>,
    text: String,
    credential: CredentialForm,
    email: String,
    zone: String,
}

impl Complaint {
    pub(super) fn new(part: Part, text: impl Into<String>, email: &str) -> Self {
        Self { part: Some(part), text: text.into(), email: email.to_owned(), ..Self::default() }
    }

    fn about(&self, part: Part) -> &str {
        if self.part == Some(part) { &self.text } else { "" }
    }
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    shell: Shell,
    done: &'static str,
    complaint: Complaint,
    credentials: Vec<CredentialRow>,
    people: Vec<view::User>,
    invitations: Vec<OpenLink>,
    sections: Vec<(String, Vec<Configured>)>,
    /// What the login chose; empty for the configuration's.
    zone: String,
    configured_zone: Zone,
}

#[derive(Deserialize)]
pub struct Query {
    done: Option<String>,
}

/// GET /settings
pub async fn settings(user: User, state: State, query: web::Query<Query>) -> Answer {
    let done = query.done.as_deref().and_then(|word| DONE.iter().find(|(known, _)| *known == word));
    let done = done.map_or("", |(_, sentence)| sentence);
    page(&whole(&user, &state, done, Complaint::default()).await?)
}

/// The page again, with what was wrong.
pub(super) async fn again(user: &User, state: &Dashboard, complaint: Complaint) -> Answer {
    Ok(html(StatusCode::BAD_REQUEST, whole(user, state, "", complaint).await?.render()?))
}

async fn whole(
    user: &User,
    state: &Dashboard,
    done: &'static str,
    complaint: Complaint,
) -> Result<SettingsPage, Fault> {
    Ok(SettingsPage {
        shell: Shell::new(state, "settings", &user.0),
        done,
        zone: if complaint.part == Some(Part::Zone) {
            complaint.zone.clone()
        } else {
            user.0.zone.map(Zone::name).unwrap_or_default().to_owned()
        },
        configured_zone: state.zone,
        complaint,
        credentials: state.accounts.credentials().await?,
        people: state.accounts.users().await?,
        invitations: state.accounts.invitations(state.clock.now()).await?,
        sections: sections(&state.configured),
    })
}

fn sections(configured: &[Configured]) -> Vec<(String, Vec<Configured>)> {
    let section = |row: &Configured| row.key.split_once('.').map_or(String::new(), |(name, _)| name.to_owned());
    let mut rows = configured.to_vec();
    rows.sort_by_key(section);
    rows.chunk_by(|a, b| section(a) == section(b)).map(|rows| (section(&rows[0]), rows.to_vec())).collect()
}

/// A page with a secret on it, which is shown this once.
#[derive(Template)]
#[template(path = "once.html")]
pub(super) struct OncePage {
    pub(super) shell: Shell,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) facts: Vec<(&'static str, String)>,
}

/// A page that asks once more before something is gone.
#[derive(Template)]
#[template(path = "sure.html")]
pub(super) struct SurePage {
    pub(super) shell: Shell,
    pub(super) title: String,
    pub(super) text: &'static str,
    pub(super) action: String,
    /// Whom the form is about, where it is about a person.
    pub(super) email: String,
    pub(super) button: &'static str,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct CredentialForm {
    name: String,
    #[serde(default)]
    domains: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    priority: String,
}

#[derive(Deserialize)]
pub struct ZoneForm {
    /// Empty for the configuration's.
    zone: String,
}

/// POST /settings/zone: in whose times the one who is signed in reads.
pub async fn set_zone(user: User, state: State, form: web::Form<ZoneForm>) -> Answer {
    let name = form.zone.trim();
    let zone = if name.is_empty() { None } else { Zone::parse(name) };
    if zone.is_none() && !name.is_empty() {
        let text =
            format!("There is no time zone \u{201c}{name}\u{201d}; choose one of the list, such as Europe/Amsterdam.");
        let complaint = Complaint { zone: form.zone.clone(), ..Complaint::new(Part::Zone, text, "") };
        return again(&user, &state, complaint).await;
    }
    state.accounts.set_zone(user.0.id, zone).await?;
    Ok(see_other("/settings?done=zone"))
}

/// POST /settings/credentials: makes one and shows its password.
pub async fn create_credential(user: User, state: State, form: web::Form<CredentialForm>) -> Answer {
    let wrong = |text: String| Complaint { credential: form.clone(), ..Complaint::new(Part::Credential, text, "") };
    let name = form.name.trim().to_owned();
    if !Credential::is_name(&name) {
        return again(&user, &state, wrong(format!("That name cannot be used: {NAME_RULE}."))).await;
    }
    let mut domains = Vec::new();
    for text in form.domains.split([' ', ',', ';', '\n', '\r', '\t']).filter(|text| !text.is_empty()) {
        match Domain::parse(text) {
            Ok(domain) => domains.push(domain),
            Err(why) => return again(&user, &state, wrong(format!("The domain \u{201c}{text}\u{201d} {why}."))).await,
        }
    }
    let profile = Profile::parse(&form.profile).unwrap_or(Profile::Campaign);
    let password = credential::password(state.random);
    let secret_sha256 = Credential::hash(password.as_bytes());
    let source_addresses = Vec::new();
    let (expire, priority) = (None, Priority::parse(&form.priority).unwrap_or_default());
    let credential =
        Credential { name: name.clone(), domains, profile, source_addresses, expire, priority, secret_sha256 };
    if !state.accounts.create_credential(credential, state.clock.now()).await? {
        let text = format!("There is or was a credential \u{201c}{name}\u{201d} already; choose another name.");
        return again(&user, &state, wrong(text)).await;
    }
    tracing::info!(
        by = user.0.email,
        credential = name,
        domains = form.domains.trim(),
        profile = profile.as_str(),
        priority = priority.as_str(),
        "made a credential"
    );
    page(&OncePage {
        shell: Shell::new(&state, "settings", &user.0),
        title: format!("Credential {name}"),
        text: format!(
            "Give these to the program that sends. The password is not shown again. With the user name {name}+spring its \
             mail belongs to the campaign spring."
        ),
        facts: vec![("User name", name), ("Password", password)],
    })
}

/// GET /settings/credentials/{name}/revoke
pub async fn revoke_page(user: User, state: State, name: web::Path<String>) -> Answer {
    if state.accounts.credential(&name).is_none() {
        return Err(Fault::Missing("credential"));
    }
    page(&SurePage {
        shell: Shell::new(&state, "settings", &user.0),
        title: format!("Revoke {name}?"),
        text: "Programs that log in with it are refused from then on, by SMTP and by the API. Mail that was accepted is \
               still delivered. A revoked name is never used again.",
        action: format!("/settings/credentials/{name}/revoke"),
        email: String::new(),
        button: "Revoke it",
    })
}

/// POST /settings/credentials/{name}/revoke
pub async fn revoke(user: User, state: State, name: web::Path<String>) -> Result<HttpResponse, Fault> {
    let name = name.into_inner();
    if !state.accounts.revoke_credential(name.clone(), state.clock.now()).await? {
        return Err(Fault::Missing("credential"));
    }
    tracing::info!(by = user.0.email, credential = name, "revoked a credential");
    Ok(see_other("/settings?done=revoked"))
}
