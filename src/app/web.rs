//! The web listeners: tracking, API and dashboard on one socket, and tracking alone on a second one when asked.

use std::net::TcpListener;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderName, HeaderValue};
use actix_web::middleware::{Compress, Next, from_fn};
use actix_web::{App, Error, HttpResponse, HttpServer, web};
use std::sync::Arc;
use std::time::Duration;

use super::{Listeners, settings};
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::{Config, is_loopback};
use crate::dashboard::{self, Dashboard, Notices};
use crate::delivery::Copies;
use crate::store::{Space, Store};
use crate::tracking::{self, Tracking};

/// Threads that answer requests.
const WORKERS: usize = 2;
/// A request's header has this long to arrive, and a connection may stay idle this long.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(20);
/// Seconds that requests under way may take to end at a stop.
const SHUTDOWN_S: u64 = 5;
/// Form bodies, in octets.
const FORM_MAX: usize = 16 << 10;

/// What the handlers of all listeners need.
#[derive(Clone)]
pub(super) struct Rooms {
    tracking: Tracking,
    api: Api,
    dashboard: Dashboard,
    space: Space,
    /// The tracking host, when it is not a loopback name: requests to it see tracking alone.
    tracking_host: Option<String>,
}

impl Rooms {
    pub(super) fn new(config: &Config, store: &Arc<Store>, copies: Copies, notices: Notices, clock: Clock) -> Self {
        let mode = settings::mode(config);
        let host = url::Url::parse(&config.tracking.base_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        Self {
            tracking: Tracking {
                keys: Arc::new(store.token_keys()),
                hits: store.hits(),
                settings: Arc::new(settings::tracking(config)),
                clock,
            },
            api: Api { reports: store.reports(), accounts: store.accounts(), mode },
            dashboard: Dashboard {
                reports: store.reports(),
                accounts: store.accounts(),
                render: Arc::new(move |message, delivery| {
                    let copies = copies.clone();
                    Box::pin(async move {
                        copies.render(message, delivery).await.map(|copy| copy.bytes).map_err(|fault| fault.to_string())
                    })
                }),
                notices,
                clock,
                random: settings::random,
                mode,
                base_url: config.tracking.base_url.clone(),
                hostname: config.hostname.to_string(),
                secure: config.web.public_url.starts_with("https://") || !config.web.tls_cert.is_empty(),
            },
            space: store.space(),
            tracking_host: host.filter(|host| !is_loopback(host)),
        }
    }
}

/// Running listeners.
pub(super) struct Running {
    handles: Vec<ServerHandle>,
}

impl Running {
    /// Answers what is under way, then ends.
    pub(super) async fn stop(self) {
        for handle in self.handles {
            handle.stop(true).await;
        }
    }
}

/// Starts the listeners.
pub(super) fn start(config: &Config, listeners: &Listeners, rooms: Rooms) -> Result<Running, String> {
    let web = listeners.web.try_clone().map_err(|e| e.to_string())?;
    let tls = settings::tls(&config.web.tls_cert, &config.web.tls_key)?;
    let mut servers = vec![everything(web, tls, rooms.clone())?];
    if let Some(listener) = &listeners.tracking {
        let listener = listener.try_clone().map_err(|e| e.to_string())?;
        let tls = settings::tls(&config.tracking.tls_cert, &config.tracking.tls_key)?;
        servers.push(tracking_alone(listener, tls, rooms)?);
    }
    let handles = servers.iter().map(Server::handle).collect();
    for server in servers {
        tokio::spawn(server);
    }
    Ok(Running { handles })
}

type Tls = Option<Arc<rustls::ServerConfig>>;

/// The server's type names its closure, so this cannot be a function.
macro_rules! listen {
    ($server:expr, $listener:expr, $tls:expr) => {{
        let server = $server
            .workers(WORKERS)
            .client_request_timeout(CLIENT_TIMEOUT)
            .shutdown_timeout(SHUTDOWN_S)
            .disable_signals();
        match $tls {
            None => server.listen($listener),
            Some(tls) => server.listen_rustls_0_23($listener, rustls::ServerConfig::clone(&tls)),
        }
        .map(HttpServer::run)
        .map_err(|e| format!("the web listener cannot be started: {e}"))
    }};
}

fn everything(listener: TcpListener, tls: Tls, rooms: Rooms) -> Result<Server, String> {
    let server = HttpServer::new(move || {
        let rooms = rooms.clone();
        App::new()
            .app_data(web::FormConfig::default().limit(FORM_MAX))
            .app_data(web::Data::new(rooms.clone()))
            .wrap(from_fn(keep_hosts_apart))
            .wrap(Compress::default())
            .configure(|config| common(config, &rooms))
            .route("/readyz", web::get().to(ready))
            .configure(|config| api::configure(config, rooms.api.clone()))
            .configure(|config| dashboard::configure(config, rooms.dashboard.clone()))
            .default_service(web::to(nothing_here))
    });
    listen!(server, listener, tls)
}

fn tracking_alone(listener: TcpListener, tls: Tls, rooms: Rooms) -> Result<Server, String> {
    let server = HttpServer::new(move || {
        let rooms = rooms.clone();
        App::new().configure(|config| common(config, &rooms)).default_service(web::to(nothing_here))
    });
    listen!(server, listener, tls)
}

fn common(config: &mut web::ServiceConfig, rooms: &Rooms) {
    tracking::configure(config, rooms.tracking.clone());
    config
        .route("/healthz", web::get().to(|| async { HttpResponse::Ok().content_type("text/plain").body("ok\n") }))
        .route("/robots.txt", web::get().to(robots));
}

/// Whether new mail is taken; redirects and pixels are answered in any case.
async fn ready(rooms: web::Data<Rooms>) -> HttpResponse {
    if rooms.space.has_room() {
        return HttpResponse::Ok().content_type("text/plain").body("ready\n");
    }
    HttpResponse::ServiceUnavailable().content_type("text/plain").body("the disk is nearly full: new mail is refused\n")
}

async fn robots() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("User-agent: *\nDisallow: /\n")
}

async fn nothing_here() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("There is nothing at this address.\n")
}

/// Publishing the tracking host never publishes the login; and no answer is read as something that it is not.
async fn keep_hosts_apart(
    rooms: web::Data<Rooms>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    let public = rooms.tracking_host.as_deref().is_some_and(|tracking| tracking.eq_ignore_ascii_case(host));
    let path = request.path();
    let allowed =
        ["/o/", "/c/", "/u/"].iter().any(|start| path.starts_with(start)) || matches!(path, "/robots.txt" | "/healthz");
    if public && !allowed {
        return Ok(request.into_response(nothing_here().await).map_into_right_body());
    }
    let mut answer = next.call(request).await?.map_into_left_body();
    let own = [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")];
    for (name, value) in own {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(answer)
}
