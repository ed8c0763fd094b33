//! Wires the rooms, starts them, and stops them in reverse order.

mod first_run;
mod gate;
pub mod log;
mod metrics;
mod notify;
mod outgoing;
mod reload;
mod settings;
mod signals;
mod tracking_host;
mod web;
mod world;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use metrics::{Answers, Watch};
use outgoing::{deliver, dispatcher, orders, troubles};
use settings::Certificates;
pub use settings::{dashboard_url, random, store_settings};
pub use world::{Place, SIMULATED, Servers, World};

use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, Performer};
use crate::dashboard;
use crate::delivery::{Copies, Dispatcher, Notices, Signers};
use crate::domain::Domain;
use crate::mail::cache::StencilCache;
use crate::mail::dkim::Signer;
use crate::mail::recipe::SignersFor;
use crate::server::Opening;
use crate::store::{Accounts, Orders, Store};
use crate::submission::{self, Intake, Submission};

/// Compiled messages kept in memory, in bytes.
const STENCIL_CACHE_BYTES: usize = 32 << 20;
/// How often the certificates' files are looked at.
const CERTIFICATE_STEP: Duration = Duration::from_secs(5);
/// How long sessions may take to end when the disk has failed.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often released bodies are swept, where they are not kept for less.
const SWEEP_STEP: Duration = Duration::from_mins(1);
const SWEEP_STEP_MIN: Duration = Duration::from_secs(1);

/// Runs the relay until it is told to stop. `file` is where the configuration was read from, if it was named.
pub fn serve(config: Config, file: Option<&Path>) -> Result<(), String> {
    serve_in(config, file, None)
}

/// The same in a world that is not the real one, where there is one.
pub fn serve_in(config: Config, file: Option<&Path>, world: Option<World>) -> Result<(), String> {
    log::start("info,actix_server=warn");
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "TLS could not be set up".to_owned())?;
    let store = Store::open(store_settings(&config)).map_err(|e| e.to_string())?;
    store.judge_by(config.tracking.audience_rules.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let store = Arc::new(store);
    let done = runtime.block_on(async {
        note_settings(&config, &store, Clock).await?;
        run(config, file, Arc::clone(&store), world).await
    });
    // Everything that still writes has ended; what it sent is committed before the folder is let go.
    store.close();
    // After a failure something may still wait for the network; it has nothing left to do.
    runtime.shutdown_background();
    done
}

/// The sockets, all bound before anything is started or said.
struct Listeners {
    submission: Vec<std::net::TcpListener>,
    submission_tls: Vec<std::net::TcpListener>,
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
        let all = |key, addresses: &[SocketAddr]| {
            addresses.iter().map(|address| bind(key, address)).collect::<Result<Vec<_>, String>>()
        };
        Ok(Self {
            submission: all("submission.listen", &config.submission.listen)?,
            submission_tls: all("submission.listen_tls", &config.submission.listen_tls)?,
            web: bind("web.listen", &config.web.listen)?,
            tracking: config.tracking.listen.as_ref().map(|address| bind("tracking.listen", address)).transpose()?,
        })
    }

    /// Writes down where the relay listens, for programs that let the system choose the ports. The rooms have these sockets
    /// too, and end them: were they kept here, clients would wait at a stopping relay for a greeting that never comes.
    fn write(self, data_dir: &Path) {
        let text = |listener: &std::net::TcpListener| listener.local_addr().map(|a| a.to_string()).unwrap_or_default();
        let places = serde_json::json!({
            "submission": self.submission.iter().map(text).collect::<Vec<_>>(),
            "submission_tls": self.submission_tls.iter().map(text).collect::<Vec<_>>(),
            "web": [text(&self.web)],
            "tracking": self.tracking.iter().map(text).collect::<Vec<_>>(),
            "pid": std::process::id(),
        });
        let (fresh, path) = (data_dir.join("listening.new"), data_dir.join("listening.json"));
        let written = std::fs::write(&fresh, format!("{places}\n")).and_then(|()| std::fs::rename(&fresh, &path));
        if let Err(error) = written {
            tracing::warn!(%error, "listening.json could not be written");
        }
    }
}

async fn run(config: Config, file: Option<&Path>, store: Arc<Store>, world: Option<World>) -> Result<(), String> {
    let (clock, mut told) = (Clock, signals::Signals::listen()?);
    let listeners = Listeners::bind(&config)?;
    let certificates = Certificates::load(&config)?;
    let accounts = store.accounts();
    let signers: Arc<Signers> = Arc::new(ArcSwap::from_pointee(load_signers(&accounts).await?));
    let cache = Arc::new(StencilCache::new(STENCIL_CACHE_BYTES));
    let copies = Copies::new(store.queue(), store.token_keys(), Arc::clone(&signers), Arc::clone(&cache));
    let notices = settings::notices(&config, clock, signers_for(&signers));
    let notices = Notices::new(store.queue(), store.token_keys(), notices);
    let servers = world.as_ref().map(|world| world.servers);
    let dispatcher = dispatcher(&config, &store, &copies, &notices, servers).await?;

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let dashboard_url = dashboard_url(&config, listeners.web.local_addr().ok());
    let orders = orders(&dispatcher);
    let performer = performer(&store, &accounts, &signers, &dashboard_url, Arc::clone(&orders));
    control::serve(&config.data_dir, performer.clone(), stop.clone())
        .await
        .map_err(|e| format!("the control socket cannot be opened: {e}"))?;
    let intake = intake(&config, &store, &cache, &signers, &dispatcher);
    let messages = Arc::new(Answers::default());
    let submission = submission(&config, &certificates, &store, intake, &messages)?;
    take_mail(&listeners, &submission, &tasks, &stop)?;
    let (delivering, delivery) = deliver(&dispatcher, notices, &tasks, &stop);
    tasks.spawn(sweep(store.clone(), config.clone(), clock, stop.clone()));
    let troubles = troubles(&store, &dispatcher);
    let ready = Arc::new(AtomicBool::new(false));
    let watch = Watch {
        store: Arc::clone(&store),
        dispatcher,
        submission,
        messages,
        http: Arc::default(),
        ready: Arc::clone(&ready),
        data_dir: config.data_dir.clone(),
        networks: config.web.metrics_networks.clone(),
        trusted_proxies: config.web.trusted_proxies.clone(),
    };
    let rooms = web::Rooms::new(&config, &dashboard_url, watch, copies, (orders, troubles));
    let web = web::start(&listeners, &certificates, rooms)?;
    tasks.spawn(follow(certificates.clone(), stop.clone()));
    let mut ended = Ok(());
    let begun = match world {
        None => {
            first_run::greet(&config, &accounts, &performer, &listeners, &dashboard_url, clock).await.map(|()| None)
        }
        Some(world) => world.begin(&accounts, &listeners, dashboard_url, clock).await.map(Some),
    }?;
    ready.store(true, Ordering::SeqCst);
    listeners.write(&config.data_dir);
    tracing::info!(source = %store.source(), "ready");
    notify::tell("READY=1");
    let failed = tokio::select! {
        () = told.told_to_stop(|| {
            performer.refresh();
            certificates.refresh();
            reload::check_configuration(file, &config);
        }) => None,
        why = store.failed() => Some(why),
        why = world::failed(begun) => {
            ended = Err(why);
            None
        }
    };
    UnderWay { tasks, stop, delivering, delivery, web, ready }.end(failed).await?;
    let _ = std::fs::remove_file(config.data_dir.join("listening.json"));
    ended
}

/// Writes down which settings differ from those of the last start, for the campaigns that run across it.
async fn note_settings(config: &Config, store: &Store, clock: Clock) -> Result<(), String> {
    let watched = store.watched_settings();
    let noted = watched.note(settings::watched(config), "by the configuration at a start", clock.now()).await;
    noted.map(drop).map_err(|e| e.to_string())
}

/// Takes mail on all its sockets.
fn take_mail(
    listeners: &Listeners,
    submission: &Submission,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), String> {
    let plain = listeners.submission.iter().map(|listener| (listener, Opening::Plain));
    for (listener, opening) in plain.chain(listeners.submission_tls.iter().map(|listener| (listener, Opening::Tls))) {
        let listener = listener.try_clone().and_then(TcpListener::from_std).map_err(|e| e.to_string())?;
        tasks.spawn(submission.clone().serve(listener, opening, stop.clone()));
    }
    Ok(())
}

/// All that has to end before the store is closed.
struct UnderWay {
    tasks: TaskTracker,
    stop: CancellationToken,
    delivering: CancellationToken,
    delivery: JoinHandle<()>,
    web: web::Running,
    ready: Arc<AtomicBool>,
}

impl UnderWay {
    /// Ends it in order: no new mail, then no new attempts, then no pages. `failed` says why nothing can be written down
    /// any more, if that is so.
    async fn end(self, failed: Option<String>) -> Result<(), String> {
        notify::tell("STOPPING=1");
        tracing::info!("stopping");
        self.ready.store(false, Ordering::SeqCst);
        self.stop.cancel();
        self.tasks.close();
        if let Some(why) = failed {
            // What is under way can be written down no more; sessions are told to come again, and that is all.
            let _ = tokio::time::timeout(FAREWELL, self.tasks.wait()).await;
            return Err(format!(
                "the database cannot be relied on any more ({why}). What was acknowledged before is on the disk; the \
                 next start checks it. See to the disk, then start again"
            ));
        }
        self.tasks.wait().await;
        self.delivering.cancel();
        self.delivery.await.map_err(|e| e.to_string())?;
        self.web.stop().await;
        tracing::info!("stopped");
        Ok(())
    }
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

/// Orders to the queue while no relay runs.
pub fn orders_alone(store: &Store) -> Orders {
    let queue = store.queue();
    Arc::new(move |order| {
        let queue = queue.clone();
        Box::pin(async move { queue.perform(&order, Clock.now()).await.map(|done| done.changed) })
    })
}

fn performer(
    store: &Arc<Store>,
    accounts: &Accounts,
    signers: &Arc<Signers>,
    dashboard_url: &str,
    orders: Orders,
) -> Performer {
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
    let url = dashboard_url.to_owned();
    Performer::new(Arc::clone(store), Clock, random, url, dashboard::hash_password, Arc::new(refresh), orders)
}

/// A key signs for its own domain and those below it.
fn signers_for(signers: &Arc<Signers>) -> SignersFor {
    let signers = Arc::clone(signers);
    Arc::new(move |from: &Domain| {
        let all = signers.load();
        let own = all.keys().filter(|(domain, _)| Domain::parse(domain).is_ok_and(|d| from.is_within(&d)));
        own.cloned().collect()
    })
}

fn intake(
    config: &Config,
    store: &Arc<Store>,
    cache: &Arc<StencilCache>,
    signers: &Arc<Signers>,
    dispatcher: &Dispatcher,
) -> Intake {
    let dispatcher = dispatcher.clone();
    Intake {
        queue: store.queue(),
        cache: Arc::clone(cache),
        keys: Arc::new(store.token_keys()),
        settings: Arc::new(settings::intake(config)),
        signers_for: signers_for(signers),
        accepted: Arc::new(move |dues| dispatcher.accepted(dues)),
        clock: Clock,
        random,
    }
}

fn submission(
    config: &Config,
    certificates: &Certificates,
    store: &Arc<Store>,
    intake: Intake,
    messages: &Arc<Answers>,
) -> Result<Submission, String> {
    let settings = settings::submission(config);
    let tls = settings::tls(certificates.submission.as_ref())?;
    let (accounts, space, messages) = (store.accounts(), store.space(), Arc::clone(messages));
    let credentials: submission::Credentials = Arc::new(move |name: &str| accounts.credential(name));
    let sink: submission::Sink = Arc::new(move |submitted| {
        let (intake, messages) = (intake.clone(), Arc::clone(&messages));
        Box::pin(async move {
            let reply = intake.accept(submitted).await;
            messages.count(reply.code());
            reply
        })
    });
    let has_room: submission::HasRoom = Arc::new(move || space.has_room());
    Ok(Submission::new(settings, tls, credentials, has_room, sink))
}

/// Follows the certificates' files.
async fn follow(certificates: Certificates, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(CERTIFICATE_STEP) => certificates.refresh(),
            () = stop.cancelled() => return,
        }
    }
}

/// Removes what is kept no longer.
async fn sweep(store: Arc<Store>, config: Config, clock: Clock, stop: CancellationToken) {
    let bytes_max = i64::try_from(config.retention.bodies_max_bytes).unwrap_or(i64::MAX);
    let step = SWEEP_STEP.min(config.retention.bodies).max(SWEEP_STEP_MIN);
    loop {
        tokio::select! {
            () = tokio::time::sleep(step) => {}
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
