//! Signing in: sessions in the store, passwords by argon2, no cookie that another site could use.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use askama::Template;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::Dashboard;
use super::shell::{Answer, Fault, State, html, page, see_other};
use crate::domain::credential::{PASSWORD_MIN, secret};
use crate::domain::{Address, Credential, Timestamp};

/// The longest, in octets.
const PASSWORD_MAX: usize = 1_000;
/// Wrong passwords from one address or for one login before both wait.
const STRIKES_MAX: usize = 10;
/// How long strikes count.
const STRIKES_LIFE: Duration = Duration::from_mins(1);
/// Strikes kept in memory.
const STRIKES_KEPT: usize = 10_000;

/// Who is signed in; without anybody, a request is sent to the login page.
pub struct User(pub String);

impl FromRequest for User {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<State>().cloned();
        let token = session_tokens(request).next();
        Box::pin(async move {
            let (Some(state), Some(token)) = (state, token) else { return Err(Fault::SignedOut) };
            let hash = Credential::hash(token.as_bytes());
            let user = state.accounts.session(hash, state.clock.now()).await?;
            user.map(|user| Self(user.email)).ok_or(Fault::SignedOut)
        })
    }
}

/// `__Host-` binds a cookie to this host and to TLS; without TLS browsers refuse it.
const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-postrider" } else { "postrider" }
}

/// What the cookies say, the safer one first.
fn session_tokens(request: &HttpRequest) -> impl Iterator<Item = String> {
    let cookies = [true, false].into_iter().filter_map(|secure| request.cookie(cookie_name(secure)));
    cookies.map(|cookie| cookie.value().to_owned())
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    complaint: &'a str,
    email: &'a str,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    complaint: &'a str,
    email: &'a str,
    open: bool,
}

#[derive(Deserialize)]
pub struct Form {
    email: String,
    password: String,
}

/// GET /login
pub async fn login_page() -> Answer {
    page(&LoginPage { complaint: "", email: "" })
}

/// POST /login
pub async fn login(request: HttpRequest, state: State, form: web::Form<Form>) -> Answer {
    if !is_own_form(&request) {
        return refused(StatusCode::FORBIDDEN, "That form came from another site. Sign in here.", &form.email);
    }
    let (now, ip) = (state.clock.now(), request.peer_addr().map(|address| address.ip()));
    if is_struck(&form.email, ip, now) {
        return refused(StatusCode::TOO_MANY_REQUESTS, "Too many tries. Wait a minute.", &form.email);
    }
    let found = state.accounts.user_by_email(&form.email).await?;
    let (user, phc) = found.map_or((None, None), |(user, phc)| (Some(user), Some(phc)));
    let password = form.password.clone();
    let right = tokio::task::spawn_blocking(move || verify(&password, phc.as_deref())).await.unwrap_or(false);
    if let Some(user) = user.filter(|_| right) {
        Ok(signed_in(&state, user.id).await?)
    } else {
        strike(&form.email, ip, now);
        refused(StatusCode::UNAUTHORIZED, "That did not match. Check the address and the password.", &form.email)
    }
}

fn refused(status: StatusCode, complaint: &str, email: &str) -> Answer {
    Ok(html(status, LoginPage { complaint, email }.render()?))
}

/// POST /logout
pub async fn logout(request: HttpRequest, state: State) -> Answer {
    if is_own_form(&request) {
        for token in session_tokens(&request) {
            state.accounts.close_session(Credential::hash(token.as_bytes())).await?;
        }
    }
    let mut answer = see_other("/login");
    let mut gone = Cookie::build(cookie_name(state.secure), "").path("/").secure(state.secure).finish();
    gone.make_removal();
    let _ = answer.add_cookie(&gone);
    Ok(answer)
}

/// GET /welcome/{token}
pub async fn welcome_page(state: State, token: web::Path<String>) -> Answer {
    let open = state.accounts.welcome_is_open(Credential::hash(token.as_bytes()), state.clock.now()).await?;
    page(&WelcomePage { complaint: "", email: "", open })
}

/// POST /welcome/{token}: makes the first login and signs in.
pub async fn welcome(request: HttpRequest, state: State, token: web::Path<String>, form: web::Form<Form>) -> Answer {
    let (hash, now) = (Credential::hash(token.as_bytes()), state.clock.now());
    let open = state.accounts.welcome_is_open(hash, now).await?;
    let again = |complaint: &str| {
        let body = WelcomePage { complaint, email: &form.email, open }.render()?;
        Ok(html(StatusCode::BAD_REQUEST, body))
    };
    if !open || !is_own_form(&request) {
        return again("This link was used or has ended.");
    }
    if Address::parse(form.email.trim()).is_err() {
        return again("That is no email address.");
    }
    if form.password.chars().count() < PASSWORD_MIN || form.password.len() > PASSWORD_MAX {
        return again("Choose a password of 10 characters or more.");
    }
    let password = form.password.clone();
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password)).await;
    let Ok(Ok(phc)) = hashed else { return again("The password could not be kept. Try again.") };
    if !state.accounts.redeem_welcome(hash, now).await? {
        return again("This link was used or has ended.");
    }
    match state.accounts.create_user(&form.email, &phc, now).await? {
        Some(user) => Ok(signed_in(&state, user.id).await?),
        None => Ok(see_other("/login")),
    }
}

async fn signed_in(state: &Dashboard, user: i64) -> Result<HttpResponse, Fault> {
    let token = secret(state.random);
    state.accounts.open_session(user, Credential::hash(token.as_bytes()), state.clock.now()).await?;
    let cookie = Cookie::build(cookie_name(state.secure), token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(state.secure)
        .finish();
    let mut answer = see_other("/");
    let _ = answer.add_cookie(&cookie);
    Ok(answer)
}

/// Whether a form came from our own pages. Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; a program that
/// sends neither has no cookie that somebody could borrow.
pub fn is_own_form(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").is_some_and(|(_, host)| Some(host) == header("host")),
        (None, None) => true,
    }
}

/// Hashes a password with argon2id and a fresh salt; takes tens of milliseconds on purpose.
pub fn hash_password(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|e| e.to_string())
}

/// Takes as long for a login that there is not.
fn verify(password: &str, phc: Option<&str>) -> bool {
    if password.len() > PASSWORD_MAX {
        return false;
    }
    match phc.map(PasswordHash::new) {
        Some(Ok(hash)) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok(),
        Some(Err(_)) | None => hash_password(password).is_err(),
    }
}

type Strike = (String, Option<IpAddr>, Timestamp);

static STRIKES: Mutex<Vec<Strike>> = Mutex::new(Vec::new());

fn is_struck(email: &str, ip: Option<IpAddr>, now: Timestamp) -> bool {
    let mut strikes = STRIKES.lock().unwrap_or_else(PoisonError::into_inner);
    strikes.retain(|(_, _, at)| now.since(*at) < STRIKES_LIFE);
    let email = email.trim().to_lowercase();
    let by_login = strikes.iter().filter(|(struck, ..)| *struck == email).count();
    let by_address = strikes.iter().filter(|(_, from, _)| from.is_some() && *from == ip).count();
    by_login.max(by_address) >= STRIKES_MAX || strikes.len() >= STRIKES_KEPT
}

fn strike(email: &str, ip: Option<IpAddr>, now: Timestamp) {
    let mut strikes = STRIKES.lock().unwrap_or_else(PoisonError::into_inner);
    strikes.push((email.trim().to_lowercase(), ip, now));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_checked_against_their_hash_only() {
        let phc = hash_password("correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify("correct horse", Some(&phc)) && !verify("wrong horse", Some(&phc)));
        assert!(!verify("correct horse", None) && !verify("correct horse", Some("damaged")));
    }

    #[test]
    fn ten_wrong_passwords_make_both_wait() {
        let (ip, at) = (Some(IpAddr::from([192, 0, 2, 7])), Timestamp::from_millis(1_000));
        for _ in 0..STRIKES_MAX {
            strike("ann@a.example", ip, at);
        }
        assert!(is_struck("Ann@a.example", None, at) && is_struck("b@b.example", ip, at));
        assert!(!is_struck("b@b.example", None, at));
        assert!(!is_struck("ann@a.example", ip, at + STRIKES_LIFE));
    }

    #[test]
    fn forms_of_other_sites_are_known() {
        let with = |headers: &[(&'static str, &'static str)]| {
            let mut request = actix_web::test::TestRequest::post();
            for header in headers {
                request = request.insert_header(*header);
            }
            is_own_form(&request.to_http_request())
        };
        assert!(with(&[("sec-fetch-site", "same-origin")]) && with(&[]));
        assert!(!with(&[("sec-fetch-site", "cross-site")]) && !with(&[("sec-fetch-site", "same-site")]));
        assert!(with(&[("origin", "http://a.example:1"), ("host", "a.example:1")]));
        assert!(!with(&[("origin", "http://b.example"), ("host", "a.example")]));
    }
}
