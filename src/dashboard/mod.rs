//! Pages for people: what was delivered, opened and clicked, and what became of each mail.
//!
//! Promises: every page works without script and is read from rollups; every number links to how it is computed; nothing
//! that a mail, a server or a visitor said is ever shown unescaped; a mail's preview cannot reach the page around it, nor
//! the network. May import `store`, `domain` and `clock`.

mod auth;
mod chart;
mod format;
mod mails;
mod numbers;
mod operation;
mod shell;

pub use auth::hash_password;

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::domain::{DeliveryId, MessageId, Mode};
use crate::store::view::Finding;
use crate::store::{Accounts, Reports};

const STYLE: &str = include_str!("../../static/app.css");

/// Renders the copy of a delivery, as it leaves; the error says why there is none.
pub type Render = Arc<dyn Fn(MessageId, DeliveryId) -> BoxFuture<'static, Result<Vec<u8>, String>> + Send + Sync>;

/// What is wrong right now with the machine that the relay runs on.
pub type Notices = Arc<dyn Fn() -> Vec<Finding> + Send + Sync>;

/// What the pages share.
#[derive(Clone)]
pub struct Dashboard {
    /// Reads.
    pub reports: Reports,
    /// Logins and sessions.
    pub accounts: Accounts,
    /// Renders copies for the preview.
    pub render: Render,
    /// Findings that are not in the store.
    pub notices: Notices,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: fn() -> u64,
    /// Whether mail leaves the house.
    pub mode: Mode,
    /// The tracking host's URL, without a final slash.
    pub base_url: String,
    /// The relay's name.
    pub hostname: String,
    /// Whether cookies may travel over TLS only.
    pub secure: bool,
}

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig, dashboard: Dashboard) {
    config
        .app_data(web::Data::new(dashboard))
        .route("/static/app.css", web::get().to(style))
        .route("/login", web::get().to(auth::login_page))
        .route("/login", web::post().to(auth::login))
        .route("/logout", web::post().to(auth::logout))
        .route("/welcome/{token}", web::get().to(auth::welcome_page))
        .route("/welcome/{token}", web::post().to(auth::welcome))
        .route("/", web::get().to(numbers::overview))
        .route("/campaigns", web::get().to(numbers::campaigns))
        .route("/campaigns/{id}", web::get().to(numbers::campaign))
        .route("/how", web::get().to(operation::how))
        .route("/messages", web::get().to(mails::messages))
        .route("/messages/{id}", web::get().to(mails::message))
        .route("/messages/{id}/preview", web::get().to(mails::preview))
        .route("/inbox", web::get().to(mails::inbox))
        .route("/queue", web::get().to(operation::queue))
        .route("/domains", web::get().to(operation::domains));
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header(("cache-control", "public, max-age=3600"))
        .body(STYLE)
}
