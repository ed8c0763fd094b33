//! Keeps deliveries under way: takes what is next of the window, and carries out orders, reads and look-ups beside it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::copy::Copies;
use super::courier::Courier;
use super::notices::Notices;
use super::outage::{Leave, Reach};
use super::pauses::Jump;
use super::providers::Providers;
use super::refusals::Refusals;
use super::spared::Spared;
use super::window::{Limits, Step, Window};
use crate::clock::Clock;
use crate::domain::{Act, Calendar, Canary, Domain, Order, RetrySchedule, Selection, SiteState, Timestamp};
use crate::store::view::Finding;
use crate::store::{Due, LeftOut, Queue, Stand, StoreError};

/// Transactions under way at once, over all sites.
const IN_FLIGHT_MAX: usize = 400;
/// When the store cannot be read or written, a delivery is taken up again after this.
pub(super) const STORE_PAUSE: Duration = Duration::from_secs(5);
/// The clocks are compared at least this often, so that one that was set stops nothing for long.
const LOOK_STEP: Duration = Duration::from_secs(10);

/// Every so many looks at complaints old campaigns are forgotten.
const FORGET_LOOKS: u64 = 360;

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// When to try again, when to give up.
    pub schedule: RetrySchedule,
    /// How each site is approached.
    pub sites: Arc<Providers>,
    /// What of a campaign goes ahead of the rest.
    pub canary: Canary,
    /// Whether sandbox mail goes to servers too, which are part of the sandbox then; else it stays in the inbox.
    pub sandbox_has_servers: bool,
    /// How long deliveries under way may take to end at a stop.
    pub grace: Duration,
    /// Time.
    pub clock: Clock,
    /// Chance, uniform in 0 to 1.
    pub chance: fn() -> f64,
}

/// The handle; clones share the window.
#[derive(Clone)]
pub struct Dispatcher {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    window: Mutex<Window>,
    pub(super) spared: Spared,
    pub(super) refusals: Refusals,
    pub(super) changed: Notify,
    pausing: tokio::sync::Mutex<()>,
    pub(super) queue: Queue,
    pub(super) copies: Copies,
    pub(super) courier: Courier,
    pub(super) notices: Notices,
    pub(super) dispatch: Dispatch,
}

impl Dispatcher {
    /// Reads what waits and what is paused.
    pub async fn new(
        queue: Queue,
        copies: Copies,
        courier: Courier,
        notices: Notices,
        dispatch: Dispatch,
    ) -> Result<Self, StoreError> {
        let limits = Limits { sites: Arc::clone(&dispatch.sites), in_all: IN_FLIGHT_MAX, first: dispatch.canary.first };
        queue.pull_back(dispatch.clock.now(), dispatch.schedule.longest()).await?;
        let mut window = Window::new(limits, queue.heads().await?);
        queue.pauses().await?.into_iter().for_each(|pause| window.withhold(pause.selection));
        for stand in queue.canaries(dispatch.canary, dispatch.clock.now()).await? {
            window.learn_stand(stand.campaign, &stand.site, stand.state, stand.tried, dispatch.clock.now());
        }
        let (window, pausing, changed) = (Mutex::new(window), tokio::sync::Mutex::default(), Notify::new());
        let spared = Spared::new(queue.spared_time().await?, dispatch.clock.instant());
        let refusals = Refusals::default();
        let inner = Inner { window, spared, refusals, changed, pausing, queue, copies, courier, notices, dispatch };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Carries out an order to the queue, in the store and in the window; gives how much it changed. It must be run to its
    /// end. What is under way is not interrupted: it ends as it ends, also when it was cancelled meanwhile.
    pub async fn perform(&self, order: Order) -> Result<u64, StoreError> {
        let (inner, selection) = (&self.inner, order.selection());
        let done = match order.act() {
            Act::Cancel => {
                // First nothing of it starts any more; then it is taken out.
                inner.window().withhold(selection.clone());
                let done = inner.queue.perform(&order, inner.now()).await;
                inner.window().cancelled(selection, inner.queue.commits_met(), inner.now());
                // Who asked to hear of failures hears of this one.
                inner.notices.ring();
                done?
            }
            Act::Retry => inner.queue.perform(&order, inner.now()).await?,
            Act::Release => {
                let done = inner.queue.perform(&order, inner.now()).await?;
                if let Selection::Campaign(campaign) = selection {
                    inner.window().release_rest(*campaign, inner.now());
                }
                done
            }
            // Store and window change in one order, whoever else pauses and resumes.
            Act::Pause => {
                let _turn = inner.pausing.lock().await;
                let done = inner.queue.perform(&order, inner.now()).await?;
                if done.changed > 0 {
                    inner.window().withhold(selection.clone());
                }
                done
            }
            Act::Resume => {
                let _turn = inner.pausing.lock().await;
                let done = inner.queue.perform(&order, inner.now()).await?;
                if done.changed > 0 {
                    inner.window().release(selection, inner.now());
                }
                done
            }
        };
        inner.window().wake(done.awake, inner.now());
        inner.changed.notify_one();
        Ok(done.changed)
    }

    /// Takes what was just accepted, without reading it back.
    pub fn accepted(&self, dues: Vec<Due>) {
        let now = self.inner.dispatch.clock.now();
        let mut window = self.inner.window();
        dues.into_iter().for_each(|due| window.accepted(due, now));
        drop(window);
        self.inner.changed.notify_one();
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> usize {
        self.inner.window().in_flight()
    }

    /// How the sites stand that something is under way to, that somebody waits for, or that were slowed down.
    pub fn sites(&self) -> Vec<SiteState> {
        self.inner.window().sites(self.inner.now())
    }

    /// For the overview: that this machine reaches nobody, and which sites refuse it.
    pub fn findings(&self, calendar: Calendar) -> Vec<Finding> {
        let refusals = self.inner.refusals.findings(self.inner.now(), calendar);
        self.inner.spared.finding(calendar).into_iter().chain(refusals).collect()
    }

    /// Runs until `stop`; then what is under way may end within the grace, and what does not is tried again at the next
    /// start.
    pub async fn run(&self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&self.inner).watch_canaries(stop.clone()));
        while !stop.is_cancelled() {
            let (now, steady) = (self.inner.now(), self.inner.dispatch.clock.instant());
            self.inner.watch_clock(now, steady).await;
            self.inner.keep_spared().await;
            match self.inner.step(now, steady) {
                Step::Deliver(dues) => {
                    tasks.spawn(Arc::clone(&self.inner).deliver(dues));
                }
                Step::Refill(domain, limit) => {
                    let inner = Arc::clone(&self.inner);
                    tasks.spawn(async move { inner.refill(domain, limit).await });
                }
                Step::Locate(domain) => {
                    let inner = Arc::clone(&self.inner);
                    tasks.spawn(async move { inner.locate(&domain).await });
                }
                Step::Wait(until) => self.wait(until, now, &stop).await,
            }
        }
        tasks.close();
        if tokio::time::timeout(self.inner.dispatch.grace, tasks.wait()).await.is_err() {
            tracing::warn!(unfinished = tasks.len(), "stopping with deliveries under way; they are tried again");
        }
        self.inner.keep_spared().await;
        self.inner.courier.close().await;
    }

    async fn wait(&self, until: Option<Timestamp>, now: Timestamp, stop: &CancellationToken) {
        let pause = until.map_or(LOOK_STEP, |at| at.since(now)).min(LOOK_STEP);
        tokio::select! {
            () = self.inner.changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

impl Inner {
    pub(super) fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do next.
    fn step(&self, now: Timestamp, steady: Instant) -> Step {
        let mut window = self.window();
        match self.spared.leave(window.under_way(), steady) {
            Leave::Anyone => window.next(now),
            Leave::Nobody(pause) => Step::Wait(Some(now + pause)),
            Leave::Others(pause) => match window.next_but(now, |site| self.spared.is_silent(site)) {
                Step::Wait(until) => Step::Wait(Some(until.map_or(now + pause, |at| at.min(now + pause)))),
                step @ (Step::Deliver(_) | Step::Refill(..) | Step::Locate(_)) => step,
            },
        }
    }

    async fn keep_spared(&self) {
        let Some(spared) = self.spared.take_changed() else { return };
        if let Err(error) = self.queue.keep_spared_time(spared).await {
            tracing::warn!(%error, "what counts against no mail's life could not be kept");
            self.spared.keep_later();
        }
    }

    pub(super) async fn watch_clock(&self, now: Timestamp, steady: Instant) {
        match self.spared.look(now, steady) {
            Jump::None => {}
            Jump::Ahead => {
                tracing::warn!("the clock jumped ahead; what it jumped over counts against no delivery's life");
            }
            Jump::Back => match self.queue.pull_back(now, self.dispatch.schedule.longest()).await {
                Ok(moved) => {
                    tracing::warn!(moved, "the clock went back; retries that would lie too far ahead are due now");
                    self.window().reread(now);
                }
                Err(error) => tracing::error!(%error, "the clock went back, and the queue could not be moved with it"),
            },
        }
    }

    pub(super) fn heard(&self, reach: &Reach, now: Timestamp, took: Duration) -> bool {
        self.spared.heard(reach, now, self.dispatch.clock.instant(), took)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.dispatch.clock.now()
    }

    async fn refill(&self, domain: Domain, limit: usize) {
        let left_out = {
            let mut window = self.window();
            LeftOut { under_way: window.under_way_to(&domain), shut: window.shut_to(&domain) }
        };
        let read = self.queue.refill(domain.clone(), left_out, self.now(), limit).await;
        let now = self.now();
        match read {
            Ok(read) => self.window().refilled(&domain, read, now),
            Err(error) => {
                tracing::warn!(%error, "the queue could not be read");
                self.window().refill_failed(&domain, now + STORE_PAUSE);
            }
        }
        self.changed.notify_one();
    }

    /// Holds the rest of campaigns that are complained of, and has the window look again at what may wait for nothing.
    async fn watch_canaries(self: Arc<Self>, stop: CancellationToken) {
        let canary = self.dispatch.canary;
        for look in 1_u64.. {
            if !canary.is_on() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_STEP) => {}
                () = stop.cancelled() => return,
            }
            match self.queue.hold_complained(canary, self.now()).await {
                Ok(held) => held.iter().for_each(|stand| self.learn_stand(stand)),
                Err(error) => tracing::warn!(%error, "complaints about campaigns could not be looked at"),
            }
            if look.is_multiple_of(FORGET_LOOKS) {
                match self.queue.forget_canaries(self.now()).await {
                    Ok(gone) => gone.iter().for_each(|(campaign, site)| self.window().forget_stand(*campaign, site)),
                    Err(error) => tracing::warn!(%error, "old campaigns could not be forgotten"),
                }
            }
            let now = self.now();
            self.window().stir(now);
            self.changed.notify_one();
        }
    }

    pub(super) fn learn_stand(&self, stand: &Stand) {
        let now = self.now();
        self.window().learn_stand(stand.campaign, &stand.site, stand.state, stand.tried, now);
    }

    async fn locate(&self, domain: &Domain) {
        let began = self.dispatch.clock.instant();
        let (found, reach) = self.courier.site_of(domain).await;
        let (now, ended) = (self.now(), self.dispatch.clock.instant());
        self.heard(&reach, now, ended.saturating_duration_since(began));
        // What is not found counts by itself, until an attempt tells more.
        let found = found.or_else(|| (reach != Reach::NoNames).then(|| domain.to_string()));
        self.window().located(domain, found.as_deref(), now);
        self.changed.notify_one();
        if let Some(site) = found {
            self.note_site(domain, &site).await;
        }
    }

    /// Keeps for lists and orders where a domain's mail goes.
    pub(super) async fn note_site(&self, domain: &Domain, site: &str) {
        if let Err(error) = self.queue.note_site(domain.clone(), site.to_owned()).await {
            tracing::warn!(%error, %domain, "the site of a domain could not be kept; lists show the one before");
        }
    }
}
