//! The web listeners: tracking, API and dashboard on one socket, and tracking alone on a second one when asked.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};

use super::Listeners;
use super::gate::{self, Gate, nothing_here};
use super::metrics::{self, Watch};
use super::settings::{self, Certificates};
use super::tracking_host;
use super::world::SIMULATED;
use crate::api::{self, Api};
use crate::clock::Clock;
use crate::config::Config;
use crate::dashboard::{self, Dashboard, Troubles};
use crate::delivery::Copies;
use crate::store::Orders;
use crate::tracking::{self, Tracking};

/// Threads that answer requests.
const WORKERS: usize = 2;
/// A request's header has this long to arrive, and a connection may stay idle this long.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of a thread; more wait until one ends.
const CONNECTIONS_MAX: usize = 4_000;
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
    gate: Gate,
    watch: Watch,
}

impl Rooms {
    pub(super) fn new(
        config: &Config,
        dashboard_url: &str,
        watch: Watch,
        copies: Copies,
        (orders, troubles): (Orders, Troubles),
    ) -> Self {
        let (mode, store, clock) = (settings::mode(config), &watch.store, Clock);
        let trusted_proxies = config.web.trusted_proxies.clone();
        Self {
            tracking: Tracking {
                keys: Arc::new(store.token_keys()),
                hits: store.hits(),
                heads: Arc::default(),
                suppressions: store.suppressions(),
                settings: Arc::new(settings::tracking(config)),
                clock,
            },
            api: Api { reports: store.reports(), accounts: store.accounts(), mode },
            dashboard: Dashboard {
                reports: store.reports(),
                names: store.names(),
                suppressions: store.suppressions(),
                accounts: store.accounts(),
                original: {
                    let copies = copies.clone();
                    Arc::new(move |message| {
                        let copies = copies.clone();
                        Box::pin(async move { copies.original(message).await.map_err(|fault| fault.to_string()) })
                    })
                },
                render: Arc::new(move |message, delivery| {
                    let copies = copies.clone();
                    Box::pin(async move {
                        copies.render(message, delivery).await.map(|copy| copy.bytes).map_err(|fault| fault.to_string())
                    })
                }),
                tokens: Arc::new(store.token_keys()),
                orders,
                troubles,
                tracking_host: tracking_host::troubles(config, clock),
                sites: {
                    let dispatcher = watch.dispatcher.clone();
                    Arc::new(move || dispatcher.sites())
                },
                clock,
                random: settings::random,
                mode,
                zone: config.web.time_zone,
                simulated: config.data_dir.join(SIMULATED).exists(),
                base_url: config.tracking.base_url.clone(),
                hostname: config.hostname.to_string(),
                dashboard_url: dashboard_url.to_owned(),
                client: Arc::new(move |request| tracking::client_address(request, &trusted_proxies)),
                guard: Arc::new(dashboard::guard()),
                live: dashboard::Live::default(),
                configured: settings::configured(config).into(),
            },
            gate: Gate::new(&config.tracking.base_url, Arc::clone(&watch.http)),
            watch,
        }
    }
}

/// Running listeners.
pub(super) struct Running {
    handles: Vec<ServerHandle>,
    live: dashboard::Live,
}

impl Running {
    /// Answers what is under way, then ends.
    pub(super) async fn stop(self) {
        // These would never end by themselves.
        self.live.end();
        for handle in self.handles {
            handle.stop(true).await;
        }
    }
}

/// Starts the listeners.
pub(super) fn start(listeners: &Listeners, certificates: &Certificates, rooms: Rooms) -> Result<Running, String> {
    let live = rooms.dashboard.live.clone();
    let web = listeners.web.try_clone().map_err(|e| e.to_string())?;
    let tls = settings::tls(certificates.web.as_ref())?;
    let mut servers = vec![everything(web, tls, rooms.clone())?];
    if let Some(listener) = &listeners.tracking {
        let listener = listener.try_clone().map_err(|e| e.to_string())?;
        let tls = settings::tls(certificates.tracking.as_ref())?;
        servers.push(tracking_alone(listener, tls, rooms)?);
    }
    let handles = servers.iter().map(Server::handle).collect();
    for server in servers {
        tokio::spawn(server);
    }
    Ok(Running { handles, live })
}

type Tls = Option<Arc<rustls::ServerConfig>>;

/// The server's type names its closure, so this cannot be a function.
macro_rules! listen {
    ($server:expr, $listener:expr, $tls:expr) => {{
        let server = $server
            .workers(WORKERS)
            .client_request_timeout(CLIENT_TIMEOUT)
            .max_connections(CONNECTIONS_MAX)
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
            .app_data(web::Data::new(rooms.watch.clone()))
            .wrap(from_fn(dashboard::only_own_forms))
            .wrap(from_fn(gate::pass))
            .wrap(Compress::default())
            .configure(|config| common(config, &rooms))
            .route("/readyz", web::get().to(metrics::ready))
            .route("/metrics", web::get().to(metrics::metrics))
            .configure(|config| api::configure(config, rooms.api.clone()))
            .configure(|config| dashboard::configure(config, rooms.dashboard.clone()))
            .default_service(web::to(nothing_here))
    });
    listen!(server, listener, tls)
}

fn tracking_alone(listener: TcpListener, tls: Tls, rooms: Rooms) -> Result<Server, String> {
    let server = HttpServer::new(move || {
        let rooms = rooms.clone();
        App::new()
            .wrap(from_fn(gate::pass))
            .configure(|config| common(config, &rooms))
            .default_service(web::to(nothing_here))
    });
    listen!(server, listener, tls)
}

fn common(config: &mut web::ServiceConfig, rooms: &Rooms) {
    tracking::configure(config, rooms.tracking.clone());
    config
        .app_data(web::Data::new(rooms.gate.clone()))
        .route("/healthz", web::get().to(|| async { HttpResponse::Ok().content_type("text/plain").body("ok\n") }))
        .route("/robots.txt", web::get().to(robots));
}

async fn robots() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("User-agent: *\nDisallow: /\n")
}
