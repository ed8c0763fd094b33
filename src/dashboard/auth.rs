//! Signing in: sessions in the store, no cookie that another site could use, a brake on wrong passwords.

use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use askama::Template;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::shell::{Answer, Fault, State, html, page, see_other};
use super::{Dashboard, password};
use crate::domain::credential::secret;
use crate::domain::{Address, Credential, Guard};
use crate::store::view::User as Login;

/// Wrong passwords from one address before it has to wait.
const WRONG_MAX: u32 = 10;
/// How long they are remembered.
const WRONG_WINDOW: Duration = Duration::from_mins(5);

/// The brake on wrong passwords.
pub fn guard() -> Guard {
    Guard::new(WRONG_MAX, WRONG_WINDOW)
}

/// Who is signed in; without anybody, a request is sent to the login page.
pub struct User(pub Login);

impl FromRequest for User {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<State>().cloned();
        let hash = state.as_ref().and_then(|state| session_hash(state, request));
        Box::pin(async move {
            let (Some(state), Some(hash)) = (state, hash) else { return Err(Fault::SignedOut) };
            let user = state.accounts.session(hash, state.clock.now()).await?;
            user.map(Self).ok_or(Fault::SignedOut)
        })
    }
}

/// Whether cookies may travel over TLS only.
fn is_secure(state: &Dashboard) -> bool {
    state.dashboard_url.starts_with("https://")
}

/// `__Host-` binds a cookie to this host and to TLS; without TLS browsers refuse it.
fn cookie_name(state: &Dashboard) -> &'static str {
    if is_secure(state) { "__Host-postrider" } else { "postrider" }
}

fn session_token(state: &Dashboard, request: &HttpRequest) -> Option<String> {
    request.cookie(cookie_name(state)).map(|cookie| cookie.value().to_owned())
}

/// Under which a request's session is stored, if it has one.
pub(super) fn session_hash(state: &Dashboard, request: &HttpRequest) -> Option<[u8; 32]> {
    session_token(state, request).map(|token| Credential::hash(token.as_bytes()))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    simulated: bool,
    complaint: &'a str,
    email: &'a str,
}

#[derive(Deserialize)]
pub struct Form {
    #[serde(default)]
    email: String,
    password: String,
}

/// GET /login
pub async fn login_page(state: State) -> Answer {
    page(&LoginPage { simulated: state.simulated, complaint: "", email: "" })
}

/// POST /login
pub async fn login(request: HttpRequest, state: State, form: web::Form<Form>) -> Answer {
    let (now, ip) = (state.clock.instant(), (state.client)(&request));
    if let Some(ip) = ip {
        if state.guard.is_blocked(ip, now) {
            tracing::warn!(%ip, "too many wrong passwords for the dashboard from here");
            let complaint = "Too many wrong passwords came from your address. Wait five minutes.";
            let mut refusal = refused(&state, StatusCode::TOO_MANY_REQUESTS, complaint, &form.email)?;
            refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from(WRONG_WINDOW.as_secs()));
            return Ok(refusal);
        }
        state.guard.wrong(ip, now);
    }
    let found = state.accounts.user_by_email(&form.email).await?;
    let (user, phc) = found.map_or((None, None), |(user, phc)| (Some(user), Some(phc)));
    let right = password::is_right(&form.password, phc).await?;
    let Some(user) = user.filter(|_| right) else {
        // Not the name: some type their password into the wrong field.
        tracing::warn!(ip = ip.map(tracing::field::display), "a wrong password for the dashboard");
        let complaint = "That did not match. Check the address and the password.";
        return refused(&state, StatusCode::UNAUTHORIZED, complaint, &form.email);
    };
    if let Some(ip) = ip {
        state.guard.right(ip);
    }
    tracing::info!(user = user.email, ip = ip.map(tracing::field::display), "signed in");
    signed_in(&request, &state, user.id, "/").await
}

fn refused(state: &Dashboard, status: StatusCode, complaint: &str, email: &str) -> Answer {
    let simulated = state.simulated;
    Ok(html(status, LoginPage { simulated, complaint, email }.render()?))
}

/// POST /logout
pub async fn logout(request: HttpRequest, state: State) -> Answer {
    if let Some(token) = session_token(&state, &request) {
        state.accounts.close_session(Credential::hash(token.as_bytes())).await?;
    }
    let mut answer = see_other("/login");
    let mut gone = Cookie::build(cookie_name(&state), "").path("/").secure(is_secure(&state)).finish();
    gone.make_removal();
    let _ = answer.add_cookie(&gone);
    Ok(answer)
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    simulated: bool,
    complaint: &'a str,
    email: &'a str,
    /// The link is for this address.
    bound: bool,
    open: bool,
}

/// GET /welcome/{token}
pub async fn welcome_page(state: State, token: web::Path<String>) -> Answer {
    let link = state.accounts.link(Credential::hash(token.as_bytes()), state.clock.now()).await?;
    let (open, email) = (link.is_some(), link.and_then(|link| link.email));
    page(&WelcomePage {
        simulated: state.simulated,
        complaint: "",
        email: email.as_deref().unwrap_or_default(),
        bound: email.is_some(),
        open,
    })
}

/// POST /welcome/{token}: makes the login or sets its password, and signs in.
pub async fn welcome(request: HttpRequest, state: State, token: web::Path<String>, form: web::Form<Form>) -> Answer {
    let (hash, now) = (Credential::hash(token.as_bytes()), state.clock.now());
    let link = state.accounts.link(hash, now).await?;
    let bound = link.as_ref().and_then(|link| link.email.clone());
    let email = bound.as_deref().unwrap_or(&form.email);
    let again = |complaint: &str, open| {
        let body =
            WelcomePage { simulated: state.simulated, complaint, email, bound: bound.is_some(), open }.render()?;
        Ok(html(StatusCode::BAD_REQUEST, body))
    };
    if link.is_none() {
        return again("", false);
    }
    if Address::parse(email.trim()).is_err() {
        return again("That is no email address.", true);
    }
    if let Some(complaint) = password::complaint(&form.password) {
        return again(complaint, true);
    }
    let phc = password::hashed(&form.password).await?;
    match state.accounts.redeem_link(hash, email, &phc, now).await? {
        Some(user) => {
            tracing::info!(user = user.email, "chose a password by a one-time link and signed in");
            signed_in(&request, &state, user.id, "/").await
        }
        None => again("", false),
    }
}

/// Always a new session: one that somebody may have planted before is of no use.
pub async fn signed_in(
    request: &HttpRequest,
    state: &Dashboard,
    user: i64,
    place: &str,
) -> Result<HttpResponse, Fault> {
    if let Some(token) = session_token(state, request) {
        state.accounts.close_session(Credential::hash(token.as_bytes())).await?;
    }
    let token = secret(state.random);
    state.accounts.open_session(user, Credential::hash(token.as_bytes()), state.clock.now()).await?;
    let cookie = Cookie::build(cookie_name(state), token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(is_secure(state))
        .finish();
    let mut answer = see_other(place);
    let _ = answer.add_cookie(&cookie);
    Ok(answer)
}
