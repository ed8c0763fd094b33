//! Read-only connections: a small pool for pages, whose queries are interrupted after two seconds, and the same
//! connections without that limit for the queue's own short reads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::StoreError;
use super::schema;
use crate::clock::Clock;

/// Connections that pages use at once, and as many that the relay's own work uses: each has memory of its own.
const POOL_SIZE: usize = 4;
/// A page's query is interrupted after this.
const PAGE_TIME_MAX: Duration = Duration::from_secs(2);
/// How many steps of the query engine lie between two looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;

/// The pool.
#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    pages: Arc<Semaphore>,
    own: Arc<Semaphore>,
    clock: Clock,
}

impl Readers {
    pub(super) fn new(path: &Path, clock: Clock) -> Self {
        let permits = || Arc::new(Semaphore::new(POOL_SIZE));
        Self { path: Arc::new(path.to_owned()), idle: Arc::default(), pages: permits(), own: permits(), clock }
    }

    /// A page's read: waits for a free connection, ends with [`StoreError::Busy`] after two seconds.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let waited = tokio::time::timeout(PAGE_TIME_MAX, Arc::clone(&self.pages).acquire_owned()).await;
        let permit = waited.map_err(|_| StoreError::Busy)?.map_err(|e| StoreError::Closed(e.to_string()))?;
        let deadline = self.clock.instant() + PAGE_TIME_MAX;
        let done = self.run(Some(deadline), read).await;
        drop(permit);
        done
    }

    /// Whether so much time has passed since now.
    pub(super) fn alarm(&self, time: Duration) -> impl Fn() -> bool + Send + use<> {
        let clock = self.clock;
        let deadline = clock.instant() + time;
        move || clock.instant() > deadline
    }

    /// A read of the relay's own work: no deadline, no waiting behind pages.
    pub(super) async fn read_long<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.own).acquire_owned().await.map_err(|e| StoreError::Closed(e.to_string()))?;
        let done = self.run(None, read).await;
        drop(permit);
        done
    }

    async fn run<T, F>(&self, deadline: Option<Instant>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let own = self.clone();
        let task = move || {
            let mut conn = own.take()?;
            let clock = own.clock;
            let stop = deadline.map(|deadline| move || clock.instant() > deadline);
            conn.progress_handler(STEPS_PER_LOOK, stop)?;
            let done = read(&conn);
            own.give_back(conn);
            done
        };
        tokio::task::spawn_blocking(task).await.map_err(|e| StoreError::Closed(e.to_string()))?
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| schema::open_reader(&self.path), Ok)
    }

    fn give_back(&self, conn: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < 2 * POOL_SIZE {
            idle.push(conn);
        }
    }
}
