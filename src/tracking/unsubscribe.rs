//! `/u/{token}`: a person leaves the stream of a mail.
//!
//! GET shows a button and changes nothing: scanners and previews follow every link of a mail. POST acts, without cookie,
//! redirect or any other proof than the signed token (RFC 8058 section 3.1), as often as it comes.

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Tracking;
use super::hits::{private, token, unknown_link};
use super::visitor::{agent, client_address, kept, told};
use crate::domain::audience_rules::{Context, SeenHit};
use crate::domain::token::Purpose;
use crate::domain::{Client, DeliveryId, Verdict};

/// An answer waits this long for the commit: whoever left must be told so only when it is true.
const COMMIT_WAIT: Duration = Duration::from_secs(10);

const STYLE: &str = include_str!("../../static/unsubscribe.css");

/// No script, no network, and this one style.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// What the page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    /// Asks.
    Ask,
    /// It is done.
    Done,
    /// It could not be written down.
    Later,
}

impl Say {
    /// Whether there is something to press.
    fn asks(self) -> bool {
        self != Self::Done
    }
}

#[derive(Template)]
#[template(path = "unsubscribe.html")]
struct Page<'a> {
    style: &'static str,
    stream: &'a str,
    say: Say,
}

/// Every method of `/u/{token}`.
pub(super) async fn unsubscribe(request: HttpRequest, tracking: web::Data<Tracking>, body: web::Bytes) -> HttpResponse {
    let token = tracking.keys.open(token(&request, "/u/"));
    let Some(delivery) = token.filter(|token| token.purpose == Purpose::Unsubscribe).map(|token| token.delivery) else {
        return unknown_link();
    };
    let (status, say) = match *request.method() {
        Method::GET | Method::HEAD => (StatusCode::OK, Say::Ask),
        Method::POST if is_one_click(&body) => leave(&request, &tracking, delivery).await,
        // A form that does not say what it wants is asked.
        Method::POST => (StatusCode::BAD_REQUEST, Say::Ask),
        _ => {
            return private(StatusCode::METHOD_NOT_ALLOWED).insert_header(("Allow", "GET, HEAD, POST")).finish();
        }
    };
    // The page is of use without the stream's name too.
    let stream = tracking.suppressions.stream(delivery).await.ok().flatten().unwrap_or_default();
    let page = Page { style: STYLE, stream: &stream, say }.render().unwrap_or_else(|_| "Unsubscribe".to_owned());
    let mut answer = private(status);
    answer.insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str())).insert_header((REFERRER_POLICY, "no-referrer"));
    answer.insert_header(("X-Robots-Tag", "noindex")).content_type("text/html; charset=utf-8").body(page)
}

/// What was signed for a delivery that is known no more is no fault of the reader's: there is nothing left to leave.
async fn leave(request: &HttpRequest, tracking: &Tracking, delivery: DeliveryId) -> (StatusCode, Say) {
    let agent = agent(request);
    let (now, rules) = (tracking.clock.now(), tracking.hits.rules());
    let address = kept(client_address(request, &tracking.settings.trusted_proxies), tracking.settings.address_kept);
    // Whoever posts is judged by that alone, like one who follows a link.
    let seen = SeenHit { at: now, position: 1, address: &address, agent: &agent, signals: told(request) };
    let Verdict { class, rule } = rules.alone(&Context::default(), &seen);
    let client = Client { class, rule: rule.to_string(), family: rules.program(&agent).0.to_string(), address };
    let leaving = tracking.suppressions.unsubscribe(delivery, client, agent, now);
    match tokio::time::timeout(COMMIT_WAIT, leaving).await {
        Ok(Ok(_)) => (StatusCode::OK, Say::Done),
        Ok(Err(error)) => {
            tracing::error!(%error, %delivery, "an unsubscribe could not be written down");
            (StatusCode::SERVICE_UNAVAILABLE, Say::Later)
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, Say::Later),
    }
}

/// `List-Unsubscribe=One-Click` (RFC 8058 section 3.1), as a plain form or as multipart.
fn is_one_click(body: &[u8]) -> bool {
    let plain = url::form_urlencoded::parse(body)
        .any(|(name, value)| name.eq_ignore_ascii_case("list-unsubscribe") && value.trim() == "One-Click");
    let has = |part: &[u8]| memchr::memmem::find(body, part).is_some();
    plain || (has(b"name=\"List-Unsubscribe\"") && has(b"One-Click"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_click_is_known_in_both_forms() {
        let multipart =
            b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        for good in [&b"List-Unsubscribe=One-Click"[..], b"a=b&List-Unsubscribe=One%2DClick\r\n", multipart] {
            assert!(is_one_click(good));
        }
        for bad in [&b""[..], b"List-Unsubscribe=", b"One-Click", b"x=List-Unsubscribe=One-Click"] {
            assert!(!is_one_click(bad));
        }
    }

    #[test]
    fn the_policy_knows_the_style_as_the_page_has_it() {
        let page = Page { style: STYLE, stream: "<i>", say: Say::Ask }.render().unwrap();
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        assert!(POLICY.contains(&STANDARD.encode(Sha256::digest(style))));
        assert!(!page.contains("<i>"));
    }
}
