//! Whether the host that pixels and links lead to can be reached, as far as this machine can tell. Campaigns' pages ask;
//! it is tried beside them, so that none waits for the network.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::settings;
use crate::clock::Clock;
use crate::config::Config;
use crate::dashboard::Troubles;
use crate::domain::{Calendar, Mode, Timestamp, is_loopback};
use crate::server::validity;
use crate::store::view::{Finding, Severity};

/// It is not tried more often.
const PAUSE: Duration = Duration::from_mins(10);
/// A try takes no longer.
const TRY_MAX: Duration = Duration::from_secs(5);
/// A certificate that ends sooner is told of.
const CERTIFICATE_DAYS: u64 = 14;
/// Octets of the answer that are read.
const ANSWER_MAX: usize = 512;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// It answered; with TLS, until when its certificate is valid.
    Answers(Option<Timestamp>),
    /// Why it did not.
    Silent(String),
}

#[derive(Debug, Default)]
struct Seen {
    tried: Option<Instant>,
    found: Option<Found>,
    silent_since: Option<Timestamp>,
}

/// What is wrong with it, for the pages of live campaigns; nothing while mail stays in the house.
pub(super) fn troubles(config: &Config, clock: Clock) -> Troubles {
    let url = Url::parse(&config.tracking.base_url).ok().filter(|_| settings::mode(config) == Mode::Live);
    let (Some(url), Ok(runtime)) = (url, tokio::runtime::Handle::try_current()) else {
        return Arc::new(|_| Vec::new());
    };
    let seen = Arc::new(Mutex::new(Seen::default()));
    Arc::new(move |calendar| {
        let mut now = lock(&seen);
        if now.tried.is_none_or(|tried| clock.instant().duration_since(tried) >= PAUSE) {
            now.tried = Some(clock.instant());
            let (url, seen) = (url.clone(), Arc::clone(&seen));
            runtime.spawn(async move { learn(&seen, ask(&url).await, clock.now()) });
        }
        findings(&url, &now, clock.now(), calendar)
    })
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn learn(seen: &Mutex<Seen>, found: Found, now: Timestamp) {
    let mut seen = lock(seen);
    seen.silent_since = match &found {
        Found::Silent(_) => seen.silent_since.or(Some(now)),
        Found::Answers(_) => None,
    };
    seen.found = Some(found);
}

fn findings(url: &Url, seen: &Seen, now: Timestamp, calendar: Calendar) -> Vec<Finding> {
    let host = url.host_str().unwrap_or_default();
    let link = ("/settings".to_owned(), "See the settings".to_owned());
    let finding = |severity, word: &str, title, detail| Finding {
        severity,
        word: word.to_owned(),
        title,
        detail,
        link: link.clone(),
    };
    let mut found = Vec::new();
    if url.scheme() == "http" && !is_loopback(host) {
        found.push(finding(
            Severity::Warn,
            "Not safe",
            "1 of 1 tracking hosts is reached without TLS.".to_owned(),
            format!("All links and pixels made since this start lead to http://{host}; browsers warn, and some programs load nothing. Give it a certificate and an https tracking.base_url."),
        ));
    }
    match &seen.found {
        Some(Found::Silent(why)) => {
            let since = seen.silent_since.map_or_else(String::new, |since| format!(" since {}", calendar.short(since)));
            found.push(finding(
                Severity::Bad,
                "Unreachable",
                format!("{host} does not answer from this machine{since}."),
                format!("{why}. If others cannot reach it either, no open and no click counts and every link is dead: try it from elsewhere, then mend its DNS, certificate or listener."),
            ));
        }
        Some(Found::Answers(Some(until))) if until.since(now) < Duration::from_hours(24 * CERTIFICATE_DAYS) => {
            let days = until.since(now).as_secs() / 86_400;
            found.push(finding(
                Severity::Warn,
                "Certificate",
                format!("The certificate of {host} ends in {days} days."),
                format!(
                    "It is valid until {}. From then on browsers stop at a warning in front of every link: renew it.",
                    calendar.short(*until)
                ),
            ));
        }
        Some(Found::Answers(_)) | None => {}
    }
    found
}

/// Fetches what only a relay answers.
async fn ask(url: &Url) -> Found {
    match tokio::time::timeout(TRY_MAX, converse(url)).await {
        Ok(Ok(until)) => Found::Answers(until),
        Ok(Err(why)) => Found::Silent(why),
        Err(_) => Found::Silent(format!("no answer within {} seconds", TRY_MAX.as_secs())),
    }
}

async fn converse(url: &Url) -> Result<Option<Timestamp>, String> {
    let host = url.host_str().ok_or("the address has no host")?;
    let port = url.port_or_known_default().ok_or("the address has no port")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await.map_err(|e| format!("no connection: {e}"))?;
    if url.scheme() != "https" {
        return healthy(stream, host).await.map(|()| None);
    }
    let config = tokio::task::spawn_blocking(client).await.map_err(|e| e.to_string())??;
    let name = rustls::pki_types::ServerName::try_from(bare.to_owned()).map_err(|e| e.to_string())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|e| format!("TLS: {e}"))?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let until = certificate.and_then(|certificate| validity::until(certificate));
    healthy(stream, host).await.map(|()| until)
}

/// Trusts whom this machine trusts.
fn client() -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

async fn healthy(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> Result<(), String> {
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: Postrider\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|e| format!("the connection broke: {e}"))?;
    let mut answer = Vec::with_capacity(ANSWER_MAX);
    let mut limited = stream.take(ANSWER_MAX as u64);
    while !answer.contains(&b'\n') {
        if limited.read_buf(&mut answer).await.map_err(|e| format!("the connection broke: {e}"))? == 0 {
            break;
        }
    }
    let line: String = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().chars().take(100).collect();
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ if line.is_empty() => Err("the connection was closed without an answer".to_owned()),
        _ => Err(format!("/healthz was answered with \"{line}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Zone;

    async fn answering(answer: &'static str) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 256];
            let _ = stream.read(&mut request).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        url
    }

    #[tokio::test]
    async fn a_host_that_answers_otherwise_or_not_at_all_is_silent() {
        assert_eq!(ask(&answering("HTTP/1.1 200 OK\r\n\r\nok\n").await).await, Found::Answers(None));
        let why = |found| match found {
            Found::Silent(why) => why,
            Found::Answers(_) => panic!("it answered"),
        };
        let other = why(ask(&answering("HTTP/1.1 404 Not Found\r\n\r\n").await).await);
        assert_eq!(other, "/healthz was answered with \"HTTP/1.1 404 Not Found\"");
        assert_eq!(why(ask(&answering("").await).await), "the connection was closed without an answer");
        let closed = Url::parse("https://127.0.0.1:1").unwrap();
        assert!(why(ask(&closed).await).starts_with("no connection: "));
    }

    #[test]
    fn silence_is_told_since_it_began_and_a_certificate_before_it_ends() {
        let url = Url::parse("https://go.shop.example").unwrap();
        let (seen, at) = (Mutex::new(Seen::default()), Timestamp::from_millis(1_795_467_845_678));
        let calendar = Calendar::new(Zone::UTC, at);
        let told = |now| findings(&url, &lock(&seen), now, calendar);
        assert!(told(at).is_empty());
        learn(&seen, Found::Silent("no connection".to_owned()), at);
        learn(&seen, Found::Silent("no connection".to_owned()), at + PAUSE);
        assert_eq!(told(at + PAUSE)[0].title, "go.shop.example does not answer from this machine since 23 Nov 21:04.");
        let day = Duration::from_hours(24);
        learn(&seen, Found::Answers(Some(at + day * 15)), at);
        assert!(told(at).is_empty());
        assert_eq!(told(at + day * 5)[0].title, "The certificate of go.shop.example ends in 10 days.");
        let http = Url::parse("http://go.shop.example").unwrap();
        assert_eq!(findings(&http, &Seen::default(), at, calendar)[0].word, "Not safe");
    }
}
