//! `/o/{token}.gif` and `/c/{token}`, and the routes of the room.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_LENGTH, LOCATION, REFERRER_POLICY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::Tracking;
use super::unsubscribe::unsubscribe;
use super::visitor::{agent, client_address, kept, told};
use crate::domain::DeliveryId;
use crate::domain::event::Hit;
use crate::domain::link;
use crate::domain::token::Purpose;
use crate::store::NewHit;

/// An answer waits this long for its hit's commit.
const COMMIT_WAIT: Duration = Duration::from_millis(50);

/// A transparent GIF of one pixel, 43 octets.
const PIXEL: &[u8; 43] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

const UNKNOWN_LINK: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
content=\"width=device-width\"><title>Link not known</title><body><h1>This link is not known</h1><p>It may have been cut \
when it was copied. Go back to the message and follow it from there.</p></body></html>";

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig, tracking: Tracking) {
    config
        .app_data(web::Data::new(tracking))
        .route("/o/{token:.*}", web::route().to(pixel))
        .route("/c/{token:.*}", web::route().to(click))
        .route("/u/{token:.*}", web::route().to(unsubscribe));
}

/// Whether a request counts, is answered without counting, or is of no use here.
fn counts(request: &HttpRequest) -> Option<bool> {
    match *request.method() {
        Method::GET => Some(true),
        Method::HEAD => Some(false),
        _ => None,
    }
}

/// The token as it stands in the path, before any decoding: its alphabet needs none.
pub(super) fn token<'r>(request: &'r HttpRequest, route: &str) -> &'r str {
    request.uri().path().strip_prefix(route).unwrap_or_default()
}

/// Always an image, whatever the token and whatever the store.
async fn pixel(request: HttpRequest, tracking: web::Data<Tracking>) -> HttpResponse {
    let Some(counted) = counts(&request) else { return not_allowed() };
    let text = token(&request, "/o/");
    let text = text.strip_suffix(".gif").unwrap_or(text);
    let token = tracking.keys.open(text).filter(|token| token.purpose == Purpose::Open);
    match token {
        Some(token) if counted => note(&request, &tracking, token.delivery, None).await,
        Some(token) => remember_head(&request, &tracking, token.delivery, 0),
        None => {}
    }
    let mut answer = private(StatusCode::OK);
    answer.content_type("image/gif");
    if counted { answer.body(&PIXEL[..]) } else { answer.insert_header((CONTENT_LENGTH, PIXEL.len())).finish() }
}

/// Goes where the signed token says, and nowhere else.
async fn click(request: HttpRequest, tracking: web::Data<Tracking>) -> HttpResponse {
    let Some(counted) = counts(&request) else { return not_allowed() };
    let token = tracking.keys.open(token(&request, "/c/"));
    let Some((delivery, position, target)) = token.and_then(|token| match token.purpose {
        Purpose::Click { position, target } if may_redirect(&target) => Some((token.delivery, position, target)),
        Purpose::Click { .. } | Purpose::Open | Purpose::Unsubscribe => None,
    }) else {
        return unknown_link();
    };
    if counted {
        note(&request, &tracking, delivery, Some((position, &target))).await;
    } else {
        remember_head(&request, &tracking, delivery, position);
    }
    let mut answer = private(StatusCode::FOUND);
    answer.insert_header((LOCATION, target)).insert_header((REFERRER_POLICY, "no-referrer"));
    answer.insert_header(("X-Robots-Tag", "noindex"));
    answer.finish()
}

/// Only what was signed comes here; still, nothing that could split a header or run in a page may leave.
fn may_redirect(target: &str) -> bool {
    let lower = target.get(..8).unwrap_or(target).to_ascii_lowercase();
    (lower.starts_with("http://") || lower.starts_with("https://")) && target.bytes().all(|b| (0x21..0x7f).contains(&b))
}

/// A HEAD counts nowhere, but it tells of a GET that follows.
fn remember_head(request: &HttpRequest, tracking: &Tracking, delivery: DeliveryId, position: u16) {
    if let Some(client) = client_address(request, &tracking.settings.trusted_proxies) {
        tracking.heads.remember(delivery, position, client, tracking.clock.now());
    }
}

async fn note(request: &HttpRequest, tracking: &Tracking, delivery: DeliveryId, link: Option<(u16, &str)>) {
    let (agent, at) = (agent(request), tracking.clock.now());
    let address = client_address(request, &tracking.settings.trusted_proxies);
    let position = link.map_or(0, |(position, _)| position);
    let has_head = address.is_some_and(|client| tracking.heads.came_first(delivery, position, client, at));
    let hit = NewHit {
        delivery,
        position,
        pattern: link.map_or(0, |(_, target)| link::pattern_key(target)),
        target: link.map_or_else(String::new, |(_, target)| target.to_owned()),
        agent,
        signals: told(request) | if has_head { Hit::HEAD_CAME_FIRST } else { 0 },
        address: kept(address, tracking.settings.address_kept),
        at,
    };
    let Some(noted) = tracking.hits.note(hit) else { return };
    let hits = tracking.hits.clone();
    let mut ended = Box::pin(async move {
        if !matches!(noted.await, Ok(Ok(_))) {
            hits.count_dropped();
        }
    });
    // Counted or not, the visitor gets the answer.
    if tokio::time::timeout(COMMIT_WAIT, &mut ended).await.is_err() {
        tokio::spawn(ended);
    }
}

/// For whatever we did not sign.
pub(super) fn unknown_link() -> HttpResponse {
    private(StatusCode::NOT_FOUND).content_type("text/html; charset=utf-8").body(UNKNOWN_LINK)
}

pub(super) fn private(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CACHE_CONTROL, "no-store, private, max-age=0"));
    answer.insert_header(("X-Content-Type-Options", "nosniff"));
    answer
}

fn not_allowed() -> HttpResponse {
    private(StatusCode::METHOD_NOT_ALLOWED).insert_header(("Allow", "GET, HEAD")).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pixel_is_a_gif_of_one_transparent_pixel() {
        assert_eq!(&PIXEL[..6], b"GIF89a");
        assert_eq!((PIXEL[6], PIXEL[8], PIXEL.len(), PIXEL[42]), (1, 1, 43, b';'));
    }

    #[test]
    fn only_plain_web_targets_are_redirected_to() {
        assert!(may_redirect("https://a.example/?x=%2F&y#z") && may_redirect("HTTP://a.example"));
        for bad in
            ["javascript:alert(1)", "//a.example", "https://a.example/\r\nX: y", "https://a.example/a b", "ftp://a", ""]
        {
            assert!(!may_redirect(bad), "{bad}");
        }
    }
}
