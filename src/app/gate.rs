//! What every request passes before its route, and every answer after it.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Uri;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use super::metrics::Answers;
use crate::domain::is_loopback;

/// A request has this long to arrive whole and to be answered.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// The one request that brings a large file, and its time.
const UPLOAD: &str = "/suppressions/import";
const UPLOAD_TIME_MAX: Duration = Duration::from_mins(10);

/// What an answer says of itself unless its route knows better: it loads nothing, is framed by nobody, is kept nowhere.
const HEADERS: [(&str, &str); 4] = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("x-content-type-options", "nosniff"),
    // Not no-referrer: with that browsers send `Origin: null` with our own forms (Fetch, section 3.2).
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// What the gate knows.
#[derive(Clone)]
pub(super) struct Gate {
    /// The tracking host, when it is not this machine: requests to it see tracking alone.
    tracking_host: Option<url::Host>,
    /// What was answered.
    answers: Arc<Answers>,
}

impl Gate {
    pub(super) fn new(base_url: &str, answers: Arc<Answers>) -> Self {
        let host = url::Url::parse(base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.filter(|host| !is_loopback(host)).and_then(|host| spelled_plainly(&host));
        Self { tracking_host: host, answers }
    }

    /// Whether a request may come from the world: it names the tracking host, or no host that can be read, in its target
    /// (RFC 9112 section 3.2.2, and always in HTTP/2) or in a `Host` field.
    fn is_public(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some(tracking) = &self.tracking_host else { return false };
        let target = uri.authority().map(|authority| Some(authority.host()));
        let authorities: Vec<_> = headers.get_all(HOST).map(|host| Authority::try_from(host.as_bytes()).ok()).collect();
        let fields = authorities.iter().map(|host| host.as_ref().map(Authority::host));
        let mut hosts = target.into_iter().chain(fields).peekable();
        hosts.peek().is_none() || hosts.any(|host| host.and_then(spelled_plainly).is_none_or(|host| host == *tracking))
    }
}

/// In lower case, without the root's dot, addresses in their usual form.
fn spelled_plainly(host: &str) -> Option<url::Host> {
    url::Host::parse(host.strip_suffix('.').unwrap_or(host)).ok()
}

pub(super) async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("There is nothing at this address.\n")
}

/// Publishing the tracking host never publishes the login; no answer is read as something that it is not; no request takes
/// for ever.
pub(super) async fn pass(
    gate: web::Data<Gate>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let path = request.path();
    let for_all =
        ["/o/", "/c/", "/u/"].iter().any(|start| path.starts_with(start)) || matches!(path, "/robots.txt" | "/healthz");
    let mut answer = if !for_all && gate.is_public(request.uri(), request.headers()) {
        request.into_response(nothing_here().await).map_into_right_body()
    } else {
        let time = if path == UPLOAD { UPLOAD_TIME_MAX } else { ANSWER_TIME_MAX };
        let Ok(answered) = tokio::time::timeout(time, next.call(request)).await else {
            gate.answers.count(408);
            return Err(late());
        };
        answered?.map_into_left_body()
    };
    gate.answers.count(answer.status().as_u16());
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !answer.headers().contains_key(&name) {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(answer)
}

fn late() -> Error {
    let mut answer = HttpResponse::RequestTimeout();
    HEADERS.iter().for_each(|header| {
        answer.insert_header(*header);
    });
    InternalError::from_response("late", answer.body("This request took too long.\n")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_tracking_host_is_known_in_every_spelling() {
        let gate = |base_url| Gate::new(base_url, Arc::default());
        let asked = |gate: &Gate, target: &str, hosts: &[&str]| {
            let mut request = TestRequest::with_uri(target);
            for host in hosts {
                request = request.append_header((HOST, *host));
            }
            let request = request.append_header(("x-forwarded-host", "dash.example.com")).to_http_request();
            gate.is_public(request.uri(), request.headers())
        };
        let named = gate("https://Track.example.com:8443/");
        for host in
            ["track.example.com", "TRACK.example.COM:443", "track.example.com.", "track.example.com.:8443", "", "a b"]
        {
            assert!(asked(&named, "/login", &[host]), "{host}");
        }
        assert!(asked(&named, "/login", &[]), "no host");
        assert!(asked(&named, "/login", &["dash.example.com", "track.example.com"]));
        assert!(asked(&named, "http://track.example.com/login", &["dash.example.com"]));
        assert!(asked(&named, "http://dash.example.com/login", &["track.example.com"]));
        assert!(!asked(&named, "/login", &["dash.example.com"]) && !asked(&named, "/login", &["127.0.0.1:8080"]));
        assert!(!asked(&named, "/login", &["[::1]:8080"]) && !asked(&named, "/login", &["x.track.example.com"]));
        let six = gate("http://[2001:db8::1]");
        assert!(asked(&six, "/", &["[2001:DB8:0:0:0:0:0:1]:80"]) && !asked(&six, "/", &["[2001:db8::2]"]));
        let four = gate("http://192.0.2.1");
        assert!(asked(&four, "/", &["192.0.2.1:80"]) && asked(&four, "/", &["0xc0.0.2.1"]));
        assert!(!asked(&gate("http://127.0.0.1:8080"), "/login", &["127.0.0.1:8080"]));
    }
}
