//! What every page has around it, and how a page becomes an answer.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpResponse, web};
use askama::Template;

use super::Dashboard;
use crate::domain::{Calendar, CampaignId, DeliveryId, Mode, Zone};
use crate::store::StoreError;
use crate::store::view::User as Login;

/// Rendered on the server without script: nothing else may load.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The same, and one's own script may run and hear from the relay.
const SCRIPT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                             frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; script-src 'self'; \
                             connect-src 'self'";

/// The frame around a page.
pub struct Shell {
    /// Which entry of the navigation is this page's.
    pub section: &'static str,
    /// Who is signed in.
    pub user: String,
    /// How they are told times.
    pub calendar: Calendar,
    /// In which zone that is.
    pub zone: String,
    /// Whether mail stays in the house.
    pub sandbox: bool,
    /// Whether mail and readers are those of `postrider demo`.
    pub simulated: bool,
    /// The relay's name.
    pub hostname: String,
    /// The program's version.
    pub version: &'static str,
}

impl Shell {
    pub fn new(dashboard: &Dashboard, section: &'static str, user: &Login) -> Self {
        let (now, zone) = (dashboard.clock.now(), user.zone.unwrap_or(dashboard.zone));
        Self {
            section,
            user: user.email.clone(),
            calendar: Calendar::new(zone, now),
            zone: if zone == Zone::UTC { zone.to_string() } else { format!("{zone}, {}", zone.offset(now)) },
            sandbox: dashboard.mode == Mode::Sandbox,
            simulated: dashboard.simulated,
            hostname: dashboard.hostname.clone(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Marks the page that is shown.
    pub fn here(&self, section: &str) -> &'static str {
        if self.section == section { " aria-current=\"page\"" } else { "" }
    }
}

/// A page that says what went wrong and what to do.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub enum Fault {
    /// Nobody is signed in.
    SignedOut,
    /// A form of another site.
    Foreign,
    /// Too many passwords are being checked.
    Crowded,
    /// A password could not be hashed.
    Password(String),
    /// Nothing is known of an address.
    Stranger,
    /// There is no such thing.
    Missing(&'static str),
    /// The store did not answer.
    Store(StoreError),
    /// The page could not be rendered.
    Template(askama::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self::Template(error)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SignedOut => f.write_str("nobody is signed in"),
            Self::Foreign => f.write_str("the form came from another site"),
            Self::Crowded => f.write_str("too many passwords are being checked"),
            Self::Password(error) => write!(f, "a password could not be hashed: {error}"),
            Self::Stranger => f.write_str("nothing is known of the address"),
            Self::Missing(what) => write!(f, "there is no such {what}"),
            Self::Store(error) => error.fmt(f),
            Self::Template(error) => error.fmt(f),
        }
    }
}

impl actix_web::ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignedOut => StatusCode::SEE_OTHER,
            Self::Foreign => StatusCode::FORBIDDEN,
            Self::Stranger | Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Crowded | Self::Store(StoreError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Password(_) | Self::Store(_) | Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (title, text) = match self {
            Self::SignedOut => return see_other("/login"),
            Self::Foreign => (
                "Not from here",
                "That form came from another site, so nothing was done. Open the page here and try again.".to_owned(),
            ),
            Self::Crowded => ("Try again", "Too many people sign in at this moment. Try again soon.".to_owned()),
            Self::Stranger => (
                "Never mailed",
                "This relay has never had mail for that address, nor had it on the list of suppressions. \
                 Is it spelt right?"
                    .to_owned(),
            ),
            Self::Missing(what) => ("Not found", format!("There is no such {what}; it may have been removed.")),
            Self::Store(StoreError::Busy) => (
                "Try again",
                "This took longer than two seconds, so it was stopped. Try again, or choose less.".to_owned(),
            ),
            Self::Password(_) | Self::Store(_) | Self::Template(_) => {
                tracing::error!(error = %self, "a page failed");
                ("This page failed", "The relay's log says why. No mail is affected.".to_owned())
            }
        };
        let body = ErrorPage { title, text: &text }.render().unwrap_or_else(|_| title.to_owned());
        html(self.status_code(), body)
    }
}

/// The answer of a page's handler.
pub type Answer = Result<HttpResponse, Fault>;

/// A rendered page.
pub fn page(template: &impl Template) -> Answer {
    Ok(html(StatusCode::OK, template.render()?))
}

/// HTML with the headers that every page has.
pub fn html(status: StatusCode, body: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", POLICY))
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-frame-options", "DENY"))
        .body(body)
}

/// The same for a page that the program's own script keeps current.
pub fn html_with_script(status: StatusCode, body: String) -> HttpResponse {
    let mut answer = html(status, body);
    let policy = HeaderValue::from_static(SCRIPT_POLICY);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

/// A mail for a frame of its own, which may do no more than `policy` lets it.
pub fn framed(policy: &'static str, body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", policy))
        .insert_header(("x-dns-prefetch-control", "off"))
        .insert_header(("cache-control", "no-store"))
        .body(body)
}

/// Elsewhere, by GET.
pub fn see_other(place: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header(("location", place.to_owned()))
        .insert_header(("cache-control", "no-store"))
        .finish()
}

/// A delivery's id in an address.
pub fn delivery_id(text: &str) -> Result<DeliveryId, Fault> {
    text.parse().map_err(|_| Fault::Missing("mail"))
}

/// A campaign's id in an address.
pub fn campaign_id(text: &str) -> Result<CampaignId, Fault> {
    text.parse().map_err(|_| Fault::Missing("campaign"))
}

/// Whether two texts are the same, behind any number of references.
pub fn same(a: &str, b: &str) -> bool {
    a == b
}

/// The shared state of a request.
pub type State = web::Data<Dashboard>;
