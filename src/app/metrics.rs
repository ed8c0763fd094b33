//! Numbers for those who watch: `/metrics` as Prometheus text, `/readyz`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix_web::{HttpRequest, HttpResponse, web};
use ipnet::IpNet;

use crate::delivery::Dispatcher;
use crate::domain::Audience;
use crate::store::{COMMIT_MS, FILE, Store, Tally};
use crate::submission::Submission;
use crate::tracking;

/// How often something was answered, by the hundreds of the answer's code.
#[derive(Debug, Default)]
pub(super) struct Answers([AtomicU64; 6]);

impl Answers {
    pub(super) fn count(&self, code: u16) {
        if let Some(count) = self.0.get(usize::from(code / 100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn of(&self, hundreds: usize) -> u64 {
        self.0.get(hundreds).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// What can be watched.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) store: Arc<Store>,
    pub(super) dispatcher: Dispatcher,
    pub(super) submission: Submission,
    /// Replies to the end of a message.
    pub(super) messages: Arc<Answers>,
    /// Answers of the web listeners.
    pub(super) http: Arc<Answers>,
    /// Whether everything is up and nothing is stopping.
    pub(super) ready: Arc<AtomicBool>,
    pub(super) data_dir: PathBuf,
    /// Who may look.
    pub(super) networks: Vec<IpNet>,
    /// Whose `X-Forwarded-For` counts.
    pub(super) trusted_proxies: Vec<IpNet>,
}

/// GET /readyz
pub(super) async fn ready(watch: web::Data<Watch>) -> HttpResponse {
    if !watch.store.is_writable() {
        return unready("the store takes no more writes; the log says why");
    }
    if !watch.ready.load(Ordering::SeqCst) {
        return unready("starting or stopping");
    }
    if !watch.store.space().has_room() {
        return unready("the disk is nearly full: new mail is refused");
    }
    HttpResponse::Ok().content_type("text/plain").body("ready\n")
}

fn unready(why: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("{why}\n"))
}

/// GET /metrics
pub(super) async fn metrics(request: HttpRequest, watch: web::Data<Watch>) -> HttpResponse {
    if !may_look(&request, &watch) {
        return HttpResponse::Forbidden()
            .content_type("text/plain")
            .body("Your address is not in web.metrics_networks.\n");
    }
    let waiting = watch.store.reports().waiting().await.ok();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text(&watch, waiting))
}

/// What came through a proxy that is not trusted may come from anywhere, even where the proxy is this machine.
fn may_look(request: &HttpRequest, watch: &Watch) -> bool {
    let is_in = |networks: &[IpNet], ip| networks.iter().any(|network| network.contains(&ip));
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let forwarded = ["x-forwarded-for", "forwarded"].iter().any(|name| request.headers().contains_key(*name));
    let known = !forwarded || peer.is_some_and(|ip| is_in(&watch.trusted_proxies, ip));
    let client = tracking::client_address(request, &watch.trusted_proxies);
    known && client.is_some_and(|ip| is_in(&watch.networks, ip))
}

fn text(watch: &Watch, waiting: Option<i64>) -> String {
    let (tally, mut out) = (watch.store.tally(), String::new());
    let of = |kind, class| tally.events.get(&(kind, class)).copied().unwrap_or_default();
    family(
        &mut out,
        "build_info",
        "gauge",
        "The program.",
        &[(format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1)],
    );
    let answers = [("accepted", 2), ("deferred", 4), ("refused", 5)];
    let answers = answers.map(|(word, hundreds)| (label("answer", word), watch.messages.of(hundreds)));
    family(&mut out, "messages_total", "counter", "Messages that were sent to this relay.", &answers);
    single(&mut out, "recipients_total", "counter", "Recipients of accepted messages.", of("accepted", ""));
    let outcomes = ["delivered", "deferred", "bounced", "expired", "suppressed", "cancelled"];
    let outcomes = outcomes.map(|outcome| (label("outcome", outcome), of(outcome, "")));
    family(&mut out, "outcomes_total", "counter", "What attempts and deliveries came to.", &outcomes);
    let in_flight = watch.dispatcher.in_flight() as u64;
    single(&mut out, "attempts_in_flight", "gauge", "Attempts under way.", in_flight);
    if let Some(waiting) = waiting {
        single(&mut out, "queue_deliveries", "gauge", "Deliveries that wait.", waiting.unsigned_abs());
    }
    let classes = |kind: &'static str| Audience::ALL.iter().map(move |class| (kind, class.as_str()));
    let hits: Vec<_> = classes("opened")
        .chain(classes("clicked"))
        .map(|(kind, class)| (format!("kind=\"{kind}\",class=\"{class}\""), of(kind, class)))
        .collect();
    family(&mut out, "hits_total", "counter", "Counted fetches of pixels and links.", &hits);
    let dropped = watch.store.hits().dropped();
    single(&mut out, "hits_dropped_total", "counter", "Hits that were answered but not counted.", dropped);
    commits(&mut out, &tally);
    let wal = std::fs::metadata(watch.data_dir.join(format!("{FILE}-wal"))).map_or(0, |file| file.len());
    single(&mut out, "wal_bytes", "gauge", "The size of the database's log.", wal);
    let sessions = watch.submission.sessions() as u64;
    single(&mut out, "smtp_sessions", "gauge", "SMTP sessions open.", sessions);
    let codes: Vec<_> = (2..6).map(|n| (format!("code=\"{n}xx\""), watch.http.of(n))).collect();
    family(&mut out, "http_requests_total", "counter", "HTTP requests answered.", &codes);
    single(&mut out, "resident_memory_bytes", "gauge", "Memory of this process.", resident_bytes());
    out
}

fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{value}\"")
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    family(out, name, kind, help, &[(String::new(), value)]);
}

fn family(out: &mut String, name: &str, kind: &str, help: &str, samples: &[(String, u64)]) {
    head(out, name, kind, help);
    for (labels, value) in samples {
        let _ = match labels.as_str() {
            "" => writeln!(out, "postrider_{name} {value}"),
            labels => writeln!(out, "postrider_{name}{{{labels}}} {value}"),
        };
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP postrider_{name} {help}\n# TYPE postrider_{name} {kind}");
}

fn commits(out: &mut String, tally: &Tally) {
    single(out, "commit_jobs_total", "counter", "Writes that shared commits.", tally.jobs);
    head(out, "commit_seconds", "histogram", "How long commits took, the disk's part included.");
    for (bound_ms, count) in COMMIT_MS.iter().zip(tally.commits_within) {
        let (seconds, thousandths) = (bound_ms / 1_000, bound_ms % 1_000);
        let _ = writeln!(out, "postrider_commit_seconds_bucket{{le=\"{seconds}.{thousandths:03}\"}} {count}");
    }
    let (all, sum) = (tally.commits, tally.commit_time.as_secs_f64());
    let _ = writeln!(out, "postrider_commit_seconds_bucket{{le=\"+Inf\"}} {all}");
    let _ = writeln!(out, "postrider_commit_seconds_sum {sum:.6}\npostrider_commit_seconds_count {all}");
}

/// As the kernel says it, in KiB.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}
