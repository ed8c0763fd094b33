//! Keeps deliveries under way: takes the next one of the window, renders its copy, hands it over, writes down what came
//! of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempted::{Answer, Attempted, Parcel, SevenBit};
use super::copy::{Copies, Copy, CopyFault};
use super::courier::Courier;
use super::notices::Notices;
use super::outage::{Leave, Reach};
use super::pauses::Jump;
use super::spared::Spared;
use super::window::{Limits, Step, Window};
use crate::clock::Clock;
use crate::domain::event::Attempt;
use crate::domain::{Act, Domain, Mode, Order, Outcome, RetrySchedule, Suppression, Timestamp};
use crate::store::view::Finding;
use crate::store::{Due, Queue, Settlement, StoreError};

/// Attempts under way at once, over all sites.
const IN_FLIGHT_MAX: usize = 400;
/// When the store cannot be read or written, a delivery is taken up again after this.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// An attempt that says nothing about the receiver is made again after this; the outage decides whether it is begun.
const SPARED_PAUSE: Duration = Duration::from_secs(1);
/// The clocks are compared at least this often, so that one that was set stops nothing for long.
const LOOK_STEP: Duration = Duration::from_secs(10);

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// When to try again, when to give up.
    pub schedule: RetrySchedule,
    /// Attempts under way to one site.
    pub per_site: usize,
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

struct Inner {
    window: Mutex<Window>,
    spared: Spared,
    changed: Notify,
    pausing: tokio::sync::Mutex<()>,
    queue: Queue,
    copies: Copies,
    courier: Courier,
    notices: Notices,
    dispatch: Dispatch,
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
        let limits = Limits { per_site: dispatch.per_site, in_all: IN_FLIGHT_MAX };
        queue.pull_back(dispatch.clock.now(), dispatch.schedule.longest()).await?;
        let mut window = Window::new(limits, queue.heads().await?);
        queue.pauses().await?.into_iter().for_each(|pause| window.withhold(pause.selection));
        let (window, pausing, changed) = (Mutex::new(window), tokio::sync::Mutex::default(), Notify::new());
        let spared = Spared::new(queue.spared_time().await?, dispatch.clock.instant());
        let inner = Inner { window, spared, changed, pausing, queue, copies, courier, notices, dispatch };
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

    /// For the overview, while this machine reaches nobody.
    pub fn finding(&self) -> Option<Finding> {
        self.inner.spared.finding()
    }

    /// Runs until `stop`; then what is under way may end within the grace, and what does not is tried again at the next
    /// start.
    pub async fn run(&self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        while !stop.is_cancelled() {
            let (now, steady) = (self.inner.now(), self.inner.dispatch.clock.instant());
            self.inner.watch_clock(now, steady).await;
            self.inner.keep_spared().await;
            match self.inner.step(now, steady) {
                Step::Deliver(due) => {
                    tasks.spawn(Arc::clone(&self.inner).deliver(*due));
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
    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
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

    async fn watch_clock(&self, now: Timestamp, steady: Instant) {
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

    /// Whether this attempt counts, or only says that this machine reaches nobody.
    fn counts(&self, due: &Due, attempted: &Attempted, now: Timestamp) -> bool {
        match due.mode {
            Mode::Sandbox => true,
            Mode::Live => {
                self.heard(&attempted.reach, now, Duration::from_millis(attempted.ms))
                    || now >= self.spared.end_of_life(due, &attempted.reach, now)
            }
        }
    }

    fn heard(&self, reach: &Reach, now: Timestamp, took: Duration) -> bool {
        self.spared.heard(reach, now, self.dispatch.clock.instant(), took)
    }

    fn now(&self) -> Timestamp {
        self.dispatch.clock.now()
    }

    async fn refill(&self, domain: Domain, limit: usize) {
        let read = self.queue.refill(domain.clone(), self.now(), limit).await;
        let now = self.now();
        match read {
            Ok(read) => self.window().refilled(&domain, read, limit, now),
            Err(error) => {
                tracing::warn!(%error, "the queue could not be read");
                self.window().refill_failed(&domain, now + STORE_PAUSE);
            }
        }
        self.changed.notify_one();
    }

    async fn locate(&self, domain: &Domain) {
        let began = self.dispatch.clock.instant();
        let (found, reach) = self.courier.site_of(domain).await;
        let (now, ended) = (self.now(), self.dispatch.clock.instant());
        self.heard(&reach, now, ended.saturating_duration_since(began));
        // What is not found counts by itself, until an attempt tells more.
        let found = found.or_else(|| (reach != Reach::NoNames).then(|| domain.to_string()));
        self.window().located(domain, found.as_deref());
        self.changed.notify_one();
    }

    async fn deliver(self: Arc<Self>, due: Due) {
        // Asked now and not at acceptance: what holds a mail back may have come while it waited.
        let again = match self.queue.suppression(&due).await {
            Ok(None) => self.send(&due).await,
            Ok(Some(by)) => self.suppress(&due, by).await,
            Err(error) => Some(self.unread(&due, &error)),
        };
        let now = self.now();
        self.window().settled(&due, again, now);
        self.changed.notify_one();
    }

    async fn send(&self, due: &Due) -> Option<Timestamp> {
        match self.copies.render(due.message, due.delivery).await {
            Ok(copy) => self.hand_over(due, copy).await,
            Err(CopyFault::Unusable(why)) => self.hold(due, why).await,
            Err(CopyFault::Store(error)) => Some(self.unread(due, &error)),
        }
    }

    /// When a delivery is taken up again whose message or suppressions could not be read or written.
    fn unread(&self, due: &Due, error: &StoreError) -> Timestamp {
        tracing::warn!(%error, delivery = %due.delivery, "a delivery waits for the store");
        self.now() + STORE_PAUSE
    }

    /// Ends a delivery unsent. What cannot be written down now is asked again later: nothing has left.
    async fn suppress(&self, due: &Due, by: Suppression) -> Option<Timestamp> {
        let (delivery, message, domain, reason) = (due.delivery, due.message, due.address.domain(), by.reason);
        match self.queue.suppress(due.clone(), by, self.now()).await {
            Ok(telling) => {
                tracing::info!(mail = %message, %delivery, %domain, %reason, "suppressed");
                if telling {
                    self.notices.ring();
                }
                None
            }
            Err(error) => Some(self.unread(due, &error)),
        }
    }

    /// Keeps what cannot be sent from being sent, and from being lost.
    async fn hold(&self, due: &Due, why: String) -> Option<Timestamp> {
        tracing::error!(delivery = %due.delivery, why, "a delivery is held: its stored message cannot be used");
        match self.queue.hold(due.delivery, why).await {
            Ok(()) => None,
            Err(_) => Some(self.now() + STORE_PAUSE),
        }
    }

    /// Makes the attempt and writes it down; returns when the delivery is due again.
    async fn hand_over(&self, due: &Due, copy: Copy) -> Option<Timestamp> {
        let attempted = match due.mode {
            Mode::Sandbox => Attempted::kept_in_the_inbox(),
            Mode::Live => {
                let (reverse_path, recipient) = (copy.reverse_path.as_ref(), &due.address);
                let (copies, message, delivery) = (self.copies.clone(), due.message, due.delivery);
                let seven_bit: SevenBit<'_> = &move || {
                    let copies = copies.clone();
                    Box::pin(async move { copies.render_seven_bit(message, delivery).await })
                };
                let (bytes, utf8, wishes) = (&copy.bytes, copy.utf8, &*copy.wishes);
                self.courier.attempt(Parcel { reverse_path, recipient, copy: bytes, utf8, seven_bit, wishes }).await
            }
        };
        if !attempted.site.is_empty() {
            self.window().learn_site(due.address.domain(), &attempted.site);
        }
        let at = self.now();
        self.watch_clock(at, self.dispatch.clock.instant()).await;
        if !self.counts(due, &attempted, at) {
            return Some(at + SPARED_PAUSE);
        }
        let outcome = self.judge(due, &attempted, at);
        let again = match &outcome {
            Outcome::Deferred { next, .. } => Some(*next),
            Outcome::Delivered(_) | Outcome::Bounced { .. } | Outcome::Expired { .. } => None,
        };
        attempted.log(due, &outcome, copy.bytes.len(), at);
        let tell = self.notices.tell(due, &copy, &attempted, &outcome, at);
        let delay_asked = copy.wishes.of(&due.address).and_then(|wish| wish.notify).is_some_and(|notify| notify.delay);
        let reply = outcome.reply();
        let attempt = Attempt {
            n: due.attempts + 1,
            mx: attempted.mx,
            ip: attempted.ip,
            tls: attempted.tls,
            code: reply.code,
            enhanced: reply.enhanced.map(|e| e.to_string()).unwrap_or_default(),
            ms: attempted.ms,
        };
        let (pixel, links) = (copy.pixel, copy.links);
        let (due, transcript) = (due.clone(), attempted.transcript);
        self.settle(Settlement { due, attempt, outcome, transcript, pixel, links, tell, delay_asked, at }).await;
        again
    }

    fn judge(&self, due: &Due, attempted: &Attempted, now: Timestamp) -> Outcome {
        match attempted.result.clone() {
            Answer::Handed(reply) => Outcome::Delivered(reply),
            Answer::Permanent(reply, class) => Outcome::Bounced { reply, class },
            Answer::Temporary(reply, _) => {
                let end = self.spared.end_of_life(due, &attempted.reach, now);
                if now >= end {
                    return Outcome::Expired { reply };
                }
                let next = self.dispatch.schedule.next(due.attempts + 1, now, (self.dispatch.chance)());
                // The last try is made when its life ends, not after it.
                Outcome::Deferred { reply, next: next.min(end) }
            }
        }
    }

    /// What happened is written down before anything else may happen to the delivery, however long that takes.
    async fn settle(&self, settlement: Settlement) {
        loop {
            match self.queue.settle(settlement.clone()).await {
                Ok(true) => return self.notices.ring(),
                Ok(false) => return,
                Err(StoreError::Closed(why)) => {
                    tracing::error!(delivery = %settlement.due.delivery, why, "an outcome could not be written down");
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "an outcome could not be written down yet");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }
}
