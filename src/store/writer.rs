//! The one writing thread: jobs gather while a commit runs, and the next commit takes them all.
//!
//! A batch is one transaction. It closes at 4 MiB or 1,000 jobs (see `inbox`); there is no timer. A job is answered after
//! its commit. A batch that fails is rolled back and its jobs run one by one, so one bad job harms no other. After a failed
//! write to the disk nothing more is promised: every later job is refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::canary;
use super::error::StoreError;
use super::fold::Fold;
pub(super) use super::inbox::Lane;
use super::inbox::{Inbox, Job};
use super::ledger::{self, TextField};
use super::space::Space;
use super::stories::Stories;
use super::tally::Tally;
use crate::clock::Clock;
use crate::domain::{Event, Fact, IdMaker, Timestamp};

/// What a job writes through.
pub(super) struct Batch<'t> {
    /// The transaction's connection.
    pub(super) tx: &'t Connection,
    /// Its commit's number, from 1, in this process.
    pub(super) number: u64,
    source: i64,
    next_seq: i64,
    ids: &'t mut IdMaker,
    /// The hits that came lately.
    pub(super) stories: &'t mut Stories,
    events: Vec<Event>,
}

impl Batch<'_> {
    /// Writes a fact and the text beside it into the ledger; it is folded when the batch closes.
    pub(super) fn record(&mut self, at: Timestamp, fact: Fact, texts: &[(TextField, &str)]) -> Result<i64, StoreError> {
        if let Fact::Complained { about } = &fact {
            canary::complained(self.tx, about.delivery, about.campaign)?;
        }
        let event = Event { seq: self.next_seq, at, fact };
        ledger::insert(self.tx, self.source, &event, texts)?;
        self.next_seq += 1;
        self.events.push(event);
        Ok(self.next_seq - 1)
    }

    /// Whether such a fact was written since the last commit: the views do not show it yet.
    pub(super) fn has_written(&self, is: impl Fn(&Fact) -> bool) -> bool {
        self.events.iter().any(|event| is(&event.fact))
    }

    /// The seq that the next fact gets.
    pub(super) fn next_seq(&self) -> i64 {
        self.next_seq
    }

    /// This folder's number in the ledger.
    pub(super) fn source(&self) -> i64 {
        self.source
    }

    /// An event of this folder's own.
    pub(super) fn event(&self, seq: i64) -> Result<Option<Event>, StoreError> {
        ledger::event(self.tx, self.source, seq)
    }

    /// A new id, above every stored one.
    pub(super) fn next_id(&mut self, now: Timestamp) -> i64 {
        self.ids.next_raw(now)
    }
}

/// The erased closure and the place its result waits in until the commit.
struct Work<T, F> {
    run: F,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
    bytes: usize,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnMut(&mut Batch<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        self.result = Some((self.run)(batch)?);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(StoreError::Closed("the job gave no result".to_owned())),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone; what was committed stays.
        let _ = self.answer.send(result);
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The way to the writing thread.
#[derive(Clone)]
pub(super) struct Writer {
    shared: Arc<(Mutex<Inbox>, Condvar)>,
    commits: Arc<AtomicU64>,
    tally: Arc<Mutex<Tally>>,
    space: Space,
    failure: watch::Sender<Option<String>>,
    moved: watch::Sender<i64>,
}

impl Writer {
    /// Starts the thread; it ends after [`Writer::close`], when everything sent before is committed.
    pub(super) fn start(state: WriterState) -> Result<(Self, std::thread::JoinHandle<()>), StoreError> {
        let shared = Arc::new((Mutex::new(Inbox::default()), Condvar::new()));
        let (commits, tally, space) = (Arc::clone(&state.commits), Arc::clone(&state.tally), state.space.clone());
        let moved = watch::Sender::new(state.next_seq);
        let writer = Self { shared, commits, tally, space, failure: watch::Sender::new(None), moved };
        let own = writer.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || state.run(&own))
            .map_err(|e| StoreError::Closed(e.to_string()))?;
        Ok((writer, thread))
    }

    /// How many commits were made. A read that ended may have seen one more.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// The number of the next event, heard of when it changes.
    pub(super) fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }

    /// What was committed so far.
    pub(super) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it still takes jobs: it was not closed, and no write to the disk has failed.
    pub(super) fn is_open(&self) -> bool {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).closed.is_none()
    }

    /// Sends a job and waits for its commit. `bytes` is about what it will write.
    pub(super) async fn write<T, F>(&self, lane: Lane, bytes: usize, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let closed = || StoreError::Closed("it was closed before the commit".to_owned());
        self.send(lane, bytes, run)?.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Sends a job; the receiver hears of its commit.
    pub(super) fn send<T, F>(
        &self,
        lane: Lane,
        bytes: usize,
        run: F,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        if lane == Lane::Accept && !self.space.has_room() {
            return Err(StoreError::Full);
        }
        let (answer, receiver) = oneshot::channel();
        let job = Box::new(Work { run, result: None, answer, bytes });
        let (inbox, wake) = &*self.shared;
        let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = &inbox.closed {
            return Err(StoreError::Closed(why.clone()));
        }
        inbox.put(lane, job);
        wake.notify_one();
        Ok(receiver)
    }

    /// Refuses new jobs; the thread drains what it has and ends.
    pub(super) fn close(&self, why: &str) {
        let mut inbox = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.closed.get_or_insert_with(|| why.to_owned());
        self.shared.1.notify_one();
    }

    /// The disk failed: nothing more is promised.
    pub(super) fn fail(&self, error: &StoreError) {
        tracing::error!(%error, "the database cannot be relied on; nothing more is accepted");
        self.close(&error.to_string());
        self.failure.send_replace(Some(error.to_string()));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Ends when the disk failed: why.
    pub(super) async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}

/// What the thread owns.
pub(super) struct WriterState {
    pub(super) conn: Connection,
    pub(super) source: i64,
    pub(super) next_seq: i64,
    pub(super) ids: IdMaker,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) clock: Clock,
    pub(super) space: Space,
    pub(super) stories: Stories,
}

impl WriterState {
    fn run(mut self, writer: &Writer) {
        let shared = &*writer.shared;
        loop {
            let batch = {
                let guard = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                let mut inbox = shared
                    .1
                    .wait_while(guard, |inbox| inbox.is_empty() && inbox.closed.is_none())
                    .unwrap_or_else(PoisonError::into_inner);
                inbox.take_batch()
            };
            if batch.is_empty() {
                break;
            }
            let ran = self.run_batch(batch);
            writer.moved.send_if_modified(|next| std::mem::replace(next, self.next_seq) != self.next_seq);
            if let Err(fatal) = ran {
                writer.fail(&fatal);
                let rest = shared.0.lock().unwrap_or_else(PoisonError::into_inner).take_all();
                rest.into_iter().for_each(|job| job.finish(Err(fatal.clone())));
                break;
            }
        }
    }

    /// Runs all jobs in one transaction; when that fails, each in its own. `Err` only when the disk failed.
    fn run_batch(&mut self, mut jobs: Vec<Box<dyn Job>>) -> Result<(), StoreError> {
        match self.transact(&mut jobs) {
            Ok(()) => {
                jobs.into_iter().for_each(|job| job.finish(Ok(())));
                return Ok(());
            }
            // With the ballast gone there is room for this batch; what comes after is told that there is none.
            Err(StoreError::Full) if self.space.ran_out() => {}
            // Where somebody else holds the database, each job alone would wait as long again.
            Err(error) if error.is_fatal() || matches!(error, StoreError::Busy) || jobs.len() == 1 => {
                let fatal = error.is_fatal().then(|| error.clone());
                jobs.into_iter().for_each(|job| job.finish(Err(error.clone())));
                return fatal.map_or(Ok(()), Err);
            }
            Err(error) => tracing::warn!(%error, jobs = jobs.len(), "a batch failed; its jobs are run one by one"),
        }
        let mut fatal = None;
        for job in jobs {
            let mut one = vec![job];
            let done = match &fatal {
                None => self.transact(&mut one),
                Some(error) => Err(StoreError::clone(error)),
            };
            if let Err(error) = &done
                && error.is_fatal()
            {
                fatal = Some(error.clone());
            }
            one.into_iter().for_each(|job| job.finish(done.clone()));
        }
        fatal.map_or(Ok(()), Err)
    }

    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        self.write(jobs).inspect_err(|_| self.stories.clear())
    }

    fn write(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let (began, count) = (self.clock.instant(), jobs.len());
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = self.commits.load(Ordering::SeqCst) + 1;
        let (source, next_seq, ids, stories) = (self.source, self.next_seq, &mut self.ids, &mut self.stories);
        let mut batch = Batch { tx: &tx, number, source, next_seq, ids, stories, events: Vec::new() };
        for job in jobs {
            job.run(&mut batch)?;
        }
        let (events, next_seq) = (batch.events, batch.next_seq);
        Fold::main(&tx).apply(self.source, &events)?;
        tx.commit()?;
        self.commits.store(number, Ordering::SeqCst);
        self.next_seq = next_seq;
        let took = self.clock.instant().duration_since(began);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).commit(count, took, &events);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::tests::open;
    use super::*;

    /// Three jobs in one batch, the second of which fails: what each heard, and how often the first was run.
    async fn second_fails(why: StoreError) -> ([Result<(), StoreError>; 3], u64) {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let writer = store.hits().writer;
        let (go, wait) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let (mut started, mut wait) = (Some(started), Some(wait));
        // While it runs the three gather.
        let first = writer.send(Lane::Urgent, 1, move |_| {
            started.take().map(|started| started.send(()));
            wait.take().map(|wait| wait.recv());
            Ok(())
        });
        has_started.await.unwrap();
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);
        let ok = move |_: &mut Batch<'_>| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let jobs = [
            writer.send(Lane::Urgent, 1, ok),
            writer.send(Lane::Urgent, 1, move |_| Err(why.clone())),
            writer.send(Lane::Urgent, 1, |_| Ok(())),
        ];
        go.send(()).unwrap();
        first.unwrap().await.unwrap().unwrap();
        let [a, b, c] = jobs.map(|job| job.unwrap());
        let heard = [a.await.unwrap(), b.await.unwrap(), c.await.unwrap()];
        store.close();
        (heard, runs.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn a_bad_job_harms_no_other_and_a_held_database_is_told_to_all_at_once() {
        let (heard, runs) = second_fails(StoreError::Sqlite("no".to_owned())).await;
        assert!(matches!(heard, [Ok(()), Err(StoreError::Sqlite(_)), Ok(())]) && runs == 2, "{heard:?} {runs}");
        let (heard, runs) = second_fails(StoreError::Busy).await;
        assert!(heard.iter().all(|one| matches!(one, Err(StoreError::Busy))) && runs == 1, "{heard:?} {runs}");
    }
}
