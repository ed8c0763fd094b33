//! Wires the rooms, starts them, and stops them in reverse order.

mod first_run;
mod notify;
mod reload;
mod settings;
mod web;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use settings::{random, store_settings};

use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, Performer};
use crate::dashboard;
use crate::delivery::{Copies, Courier, Dispatcher, Signers};
use crate::domain::Domain;
use crate::mail::cache::StencilCache;
use crate::mail::dkim::Signer;
use crate::store::{Accounts, Store};
use crate::submission::{self, Intake, Submission};

/// Compiled messages kept in memory, in bytes.
const STENCIL_CACHE_BYTES: usize = 32 << 20;
/// How long sessions may take to end when the disk has failed.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often released bodies are swept.
const SWEEP_STEP: Duration = Duration::from_mins(1);

/// Runs the relay until it is told to stop. `file` is where the configuration was read from, if it was named.
pub fn serve(config: Config, file: Option<&Path>) -> Result<(), String> {
    log("info,actix_server=warn");
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "TLS could not be set up".to_owned())?;
    let store = Store::open(store_settings(&config)).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let store = Arc::new(store);
    let done = runtime.block_on(run(config, file, Arc::clone(&store)));
    // Everything that still writes has ended; what it sent is committed before the folder is let go.
    store.close();
    // After a failure something may still wait for the network; it has nothing left to do.
    runtime.shutdown_background();
    done
}

/// Logs to standard error, as `POSTRIDER_LOG` says, else as `otherwise` says.
pub fn log(otherwise: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("POSTRIDER_LOG").unwrap_or_else(|_| EnvFilter::new(otherwise));
    let json = std::env::var("POSTRIDER_LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (a test) keeps the first one's log.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

/// The sockets, all bound before anything is started or said.
struct Listeners {
    submission: Vec<std::net::TcpListener>,
    web: std::net::TcpListener,
    tracking: Option<std::net::TcpListener>,
}

impl Listeners {
    fn bind(config: &Config) -> Result<Self, String> {
        let bind = |key: &str, address: &SocketAddr| {
            let listener = std::net::TcpListener::bind(address);
            let listener = listener.map_err(|e| format!("{key}: cannot listen on {address}: {e}"))?;
            listener.set_nonblocking(true).map_err(|e| format!("{key}: {e}"))?;
            Ok::<_, String>(listener)
        };
        let plain = config.submission.listen.iter().map(|address| bind("submission.listen", address));
        Ok(Self {
            submission: plain.collect::<Result<_, _>>()?,
            web: bind("web.listen", &config.web.listen)?,
            tracking: config.tracking.listen.as_ref().map(|address| bind("tracking.listen", address)).transpose()?,
        })
    }

    /// Writes down where the relay listens, for programs that let the system choose the ports.
    fn write(&self, data_dir: &Path) -> Result<(), String> {
        let text = |listener: &std::net::TcpListener| listener.local_addr().map(|a| a.to_string()).unwrap_or_default();
        let places = serde_json::json!({
            "submission": self.submission.iter().map(text).collect::<Vec<_>>(),
            "web": [text(&self.web)],
            "tracking": self.tracking.iter().map(text).collect::<Vec<_>>(),
            "pid": std::process::id(),
        });
        let (fresh, path) = (data_dir.join("listening.new"), data_dir.join("listening.json"));
        std::fs::write(&fresh, format!("{places}\n"))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|e| e.to_string())
    }
}

async fn run(config: Config, file: Option<&Path>, store: Arc<Store>) -> Result<(), String> {
    let clock = Clock;
    let listeners = Listeners::bind(&config)?;
    let accounts = store.accounts();
    let signers: Arc<Signers> = Arc::new(ArcSwap::from_pointee(load_signers(&accounts).await?));
    let cache = Arc::new(StencilCache::new(STENCIL_CACHE_BYTES));
    let copies = Copies::new(store.queue(), store.token_keys(), Arc::clone(&signers), Arc::clone(&cache));
    let courier = Courier::new(settings::courier(&config)?).map_err(|e| e.to_string())?;
    let dispatch = settings::dispatch(&config, clock);
    let dispatcher =
        Dispatcher::new(store.queue(), copies.clone(), courier, dispatch).await.map_err(|e| e.to_string())?;

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let performer = performer(&store, &accounts, &signers);
    control::serve(&config.data_dir, performer.clone(), stop.clone())
        .await
        .map_err(|e| format!("the control socket cannot be opened: {e}"))?;
    let intake = intake(&config, &store, &cache, &signers, &dispatcher);
    start_submission(&config, &listeners, &store, intake, &stop, &tasks)?;
    let delivering = CancellationToken::new();
    let delivery = tokio::spawn({
        let (dispatcher, delivering) = (dispatcher.clone(), delivering.clone());
        async move { dispatcher.run(delivering).await }
    });
    tasks.spawn(sweep(store.clone(), config.clone(), clock, stop.clone()));
    let (space, delivering_now) = (store.space(), dispatcher.clone());
    let notices: dashboard::Notices =
        Arc::new(move || space.finding().into_iter().chain(delivering_now.finding()).collect());
    let rooms = web::Rooms::new(&config, &store, copies, notices, clock);
    let web = web::start(&config, &listeners, rooms)?;
    first_run::greet(&config, &accounts, &performer, &listeners, clock).await?;
    if let Err(error) = listeners.write(&config.data_dir) {
        tracing::warn!(error, "listening.json could not be written");
    }
    tracing::info!(source = %store.source(), "ready");
    notify::tell("READY=1");

    let failed = tokio::select! {
        told = told_to_stop(|| {
            performer.refresh();
            reload::check_configuration(file, &config);
        }) => { told?; None }
        why = store.failed() => Some(why),
    };
    notify::tell("STOPPING=1");
    tracing::info!("stopping");
    stop.cancel();
    tasks.close();
    if let Some(why) = failed {
        // What is under way can be written down no more; sessions are told to come again, and that is all.
        let _ = tokio::time::timeout(FAREWELL, tasks.wait()).await;
        return Err(format!(
            "the database cannot be relied on any more ({why}). What was acknowledged before is on the disk; the next \
             start checks it. See to the disk, then start again"
        ));
    }
    tasks.wait().await;
    delivering.cancel();
    delivery.await.map_err(|e| e.to_string())?;
    web.stop().await;
    let _ = std::fs::remove_file(config.data_dir.join("listening.json"));
    tracing::info!("stopped");
    Ok(())
}

async fn load_signers(accounts: &Accounts) -> Result<HashMap<(String, String), Arc<Signer>>, String> {
    let mut signers = HashMap::new();
    for key in accounts.domain_keys().await.map_err(|e| e.to_string())? {
        let signer = Signer::from_pkcs8(&key.domain, &key.selector, &key.private_key);
        let signer = signer.map_err(|e| format!("the key of {} cannot be used: {e}", key.domain))?;
        signers.insert((key.domain.to_string(), key.selector), Arc::new(signer));
    }
    Ok(signers)
}

fn performer(store: &Arc<Store>, accounts: &Accounts, signers: &Arc<Signers>) -> Performer {
    let (accounts, signers) = (accounts.clone(), Arc::clone(signers));
    let refresh = move || {
        let (accounts, signers) = (accounts.clone(), Arc::clone(&signers));
        tokio::spawn(async move {
            match load_signers(&accounts).await {
                Ok(fresh) => signers.store(Arc::new(fresh)),
                Err(error) => tracing::error!(error, "the signing keys could not be read anew"),
            }
        });
    };
    Performer::new(Arc::clone(store), Clock, random, dashboard::hash_password, Arc::new(refresh))
}

fn intake(
    config: &Config,
    store: &Arc<Store>,
    cache: &Arc<StencilCache>,
    signers: &Arc<Signers>,
    dispatcher: &Dispatcher,
) -> Intake {
    let signers = Arc::clone(signers);
    // A key signs for its own domain and those below it.
    let signers_for = move |from: &Domain| {
        let all = signers.load();
        let own = all.keys().filter(|(domain, _)| Domain::parse(domain).is_ok_and(|d| from.is_within(&d)));
        own.cloned().collect()
    };
    let dispatcher = dispatcher.clone();
    Intake {
        queue: store.queue(),
        cache: Arc::clone(cache),
        keys: Arc::new(store.token_keys()),
        settings: Arc::new(settings::intake(config)),
        signers_for: Arc::new(signers_for),
        accepted: Arc::new(move |dues| dispatcher.accepted(dues)),
        clock: Clock,
        random,
    }
}

fn start_submission(
    config: &Config,
    listeners: &Listeners,
    store: &Arc<Store>,
    intake: Intake,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<(), String> {
    let settings = settings::submission(config);
    let tls = settings::submission_tls(config)?;
    let (accounts, space) = (store.accounts(), store.space());
    let credentials: submission::Credentials = Arc::new(move |name: &str| accounts.credential(name));
    let sink: submission::Sink = Arc::new(move |submitted| {
        let intake = intake.clone();
        Box::pin(async move { intake.accept(submitted).await })
    });
    let has_room: submission::HasRoom = Arc::new(move || space.has_room());
    let submission = Submission::new(settings, tls, credentials, has_room, sink);
    for listener in &listeners.submission {
        let listener = listener.try_clone().and_then(TcpListener::from_std).map_err(|e| e.to_string())?;
        tasks.spawn(submission.clone().serve(listener, stop.clone()));
    }
    Ok(())
}

/// Removes what is kept no longer.
async fn sweep(store: Arc<Store>, config: Config, clock: Clock, stop: CancellationToken) {
    let bytes_max = i64::try_from(config.retention.bodies_max_bytes).unwrap_or(i64::MAX);
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP_STEP) => {}
            () = stop.cancelled() => return,
        }
        let before = clock.now() - config.retention.bodies;
        while let Ok(count) = store.queue().sweep_bodies(before, bytes_max).await {
            if count < 400 {
                break;
            }
        }
    }
}

/// Ends at TERM and INT; a HUP only means to read things anew.
async fn told_to_stop(reload: impl Fn()) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => reload(),
        }
    }
}
