//! Pages for people: what was delivered, opened and clicked, and what became of each mail.
//!
//! Promises: every page works without script (the overview has one, which keeps it current) and is read from rollups;
//! every number links to how it is computed; nothing that a mail, a server or a visitor said is ever shown unescaped; a
//! mail's preview cannot reach the page around it, nor the network. May import `store`, `mail`, `work`, `domain` and `clock`.

mod auth;
mod campaign;
mod campaign_curve;
mod campaign_people;
mod campaign_tables;
mod campaign_tiles;
mod campaigns;
mod chart;
mod click_map;
mod columns;
mod curve;
mod format;
mod forms;
mod live;
mod mails;
mod naming;
mod operation;
mod overview;
mod password;
mod people;
mod person;
mod queue;
mod queue_sites;
mod range;
mod receipts;
mod settings;
mod shell;
mod source;
mod suppressions;
mod tables;
mod tiles;

pub use auth::guard;
pub use forms::only_own_forms;
pub use live::Live;
pub use password::hash_password;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::domain::{Calendar, DeliveryId, Guard, MessageId, Mode, SiteState, TokenKeys, Zone};
use crate::store::view::Finding;
use crate::store::{Accounts, Names, Orders, Reports, Suppressions};

const STYLE: &str = include_str!("../../static/app.css");
const SCRIPT: &str = include_str!("../../static/live.js");
const MARK: &str = include_str!("../../static/mark.svg");

/// Renders the copy of a delivery, as it leaves; the error says why there is none.
pub type Render = Arc<dyn Fn(MessageId, DeliveryId) -> BoxFuture<'static, Result<Vec<u8>, String>> + Send + Sync>;

/// Reads a message as it came; the error says why it cannot be had.
pub type Original = Arc<dyn Fn(MessageId) -> BoxFuture<'static, Result<Arc<[u8]>, String>> + Send + Sync>;

/// Where a request comes from, behind trusted proxies.
pub type Client = Arc<dyn Fn(&HttpRequest) -> Option<IpAddr> + Send + Sync>;

/// A key of the configuration as the settings page shows it.
#[derive(Debug, Clone)]
pub struct Configured {
    /// `section.key`.
    pub key: String,
    /// Its value, secrets masked.
    pub value: String,
    /// The line or the variable that gave it; empty for the default.
    pub place: String,
}

impl Configured {
    /// The key without its section.
    fn name(&self) -> &str {
        self.key.split_once('.').map_or(&self.key, |(_, name)| name)
    }
}

/// What is wrong right now with the machine that the relay runs on, and who refuses it; times as the reader's.
pub type Troubles = Arc<dyn Fn(Calendar) -> Vec<Finding> + Send + Sync>;

/// How the receiving sites stand right now.
pub type Sites = Arc<dyn Fn() -> Vec<SiteState> + Send + Sync>;

/// What the pages share.
#[derive(Clone)]
pub struct Dashboard {
    /// Reads.
    pub reports: Reports,
    /// What campaigns are called.
    pub names: Names,
    /// Who is not mailed.
    pub suppressions: Suppressions,
    /// Logins and sessions.
    pub accounts: Accounts,
    /// Reads messages as they came.
    pub original: Original,
    /// Renders copies for the preview.
    pub render: Render,
    /// Reads the tokens in copies.
    pub tokens: Arc<TokenKeys>,
    /// Carries out orders to the queue.
    pub orders: Orders,
    /// Findings that are not in the store.
    pub troubles: Troubles,
    /// What is wrong with the host that links and pixels lead to.
    pub tracking_host: Troubles,
    /// How fast mail goes to whom.
    pub sites: Sites,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: fn() -> u64,
    /// Whether mail leaves the house.
    pub mode: Mode,
    /// In whose times those read who have not chosen.
    pub zone: Zone,
    /// Whether mail and readers are those of `postrider demo`.
    pub simulated: bool,
    /// The tracking host's URL, without a final slash.
    pub base_url: String,
    /// The relay's name.
    pub hostname: String,
    /// Where people reach these pages, without a final slash; with https, cookies travel over TLS only.
    pub dashboard_url: String,
    /// Where requests come from.
    pub client: Client,
    /// The brake on wrong passwords.
    pub guard: Arc<Guard>,
    /// The pages that are kept current.
    pub live: Live,
    /// What the configuration says.
    pub configured: Arc<[Configured]>,
}

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig, dashboard: Dashboard) {
    config
        .app_data(web::Data::new(dashboard))
        .route("/static/app.css", web::get().to(async || fixed("text/css; charset=utf-8", STYLE)))
        .route("/static/mark.svg", web::get().to(async || fixed("image/svg+xml", MARK)))
        .route("/static/live.js", web::get().to(async || fixed("text/javascript; charset=utf-8", SCRIPT)))
        .route("/live", web::get().to(live::live))
        .route("/login", web::get().to(auth::login_page))
        .route("/login", web::post().to(auth::login))
        .route("/logout", web::post().to(auth::logout))
        .route("/welcome/{token}", web::get().to(auth::welcome_page))
        .route("/welcome/{token}", web::post().to(auth::welcome))
        .route("/", web::get().to(overview::overview))
        .route("/campaigns", web::get().to(campaigns::campaigns))
        .route("/campaigns/{id}", web::get().to(campaign::campaign))
        .route("/campaigns/{id}/map", web::get().to(click_map::map))
        .route("/campaigns/{id}/map/mail", web::get().to(click_map::mail))
        .route("/campaigns.csv", web::get().to(tables::campaigns))
        .route("/campaigns/{id}/people", web::get().to(campaign_people::people))
        .route("/campaigns/{id}/people.csv", web::get().to(tables::people))
        .route("/campaigns/{id}/{table:links|sites|hours|refusals}.csv", web::get().to(tables::of_campaign))
        .route("/campaigns/{id}/name", web::post().to(naming::rename))
        .route("/campaigns/{id}/merge", web::post().to(naming::merge))
        .route("/campaigns/{id}/separate", web::post().to(naming::separate))
        .route("/how", web::get().to(operation::how))
        .route("/messages", web::get().to(mails::messages))
        .route("/messages/{id}", web::get().to(mails::message))
        .route("/messages/{id}/preview", web::get().to(mails::show_preview))
        .route("/messages/{id}/source", web::get().to(source::source))
        .route("/messages/{id}/source/came.eml", web::get().to(source::came))
        .route("/messages/{id}/source/leaves.eml", web::get().to(source::leaves))
        .route("/people/{address}", web::get().to(person::person))
        .route("/inbox", web::get().to(mails::inbox))
        .route("/queue", web::get().to(queue::queue))
        .route("/queue/order", web::get().to(queue::ask))
        .route("/queue/order", web::post().to(queue::order))
        .route("/domains", web::get().to(operation::domains))
        .route("/suppressions", web::get().to(suppressions::list))
        .route("/suppressions", web::post().to(suppressions::add))
        .route("/suppressions/remove", web::post().to(suppressions::remove))
        .route("/suppressions/import", web::post().to(suppressions::import))
        .route("/suppressions/export.csv", web::get().to(suppressions::export))
        .route("/settings", web::get().to(settings::settings))
        .route("/settings/credentials", web::post().to(settings::create_credential))
        .route("/settings/credentials/{name}/revoke", web::get().to(settings::revoke_page))
        .route("/settings/credentials/{name}/revoke", web::post().to(settings::revoke))
        .route("/settings/people", web::post().to(people::create))
        .route("/settings/people/reset", web::post().to(people::reset))
        .route("/settings/people/delete", web::get().to(people::delete_page))
        .route("/settings/people/delete", web::post().to(people::delete))
        .route("/settings/zone", web::post().to(settings::set_zone))
        .route("/settings/password", web::post().to(people::change_password));
}

/// A file of the program itself; it changes with the program only.
fn fixed(kind: &'static str, content: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).insert_header(("cache-control", "public, max-age=3600")).body(content)
}
