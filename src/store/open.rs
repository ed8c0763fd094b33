//! Opening and closing the store.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use rusqlite::Connection;

use super::account::Accounts;
use super::checkpoint::Checkpoints;
use super::error::StoreError;
use super::hits::Hits;
use super::names::Names;
use super::queue::Queue;
use super::reader::Readers;
use super::recovery::Recovery;
use super::report::Reports;
use super::setting_change::WatchedSettings;
use super::space::Space;
use super::stories::Stories;
use super::suppression::Suppressions;
use super::tally::Tally;
use super::writer::{Writer, WriterState};
use super::{body, check, ledger, schema, secret};
use crate::clock::Clock;
use crate::domain::{AudienceRules, IdMaker, Source, TokenKeys};

/// How to open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder; made when missing.
    pub data_dir: PathBuf,
    /// 0 to 1023.
    pub node: u16,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: fn() -> u64,
}

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another postrider")]
    Locked(PathBuf),
    /// Anything else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The open store. Only one process has it at a time.
pub struct Store {
    writer: Writer,
    readers: Readers,
    accounts: Accounts,
    hits: Hits,
    settings: Settings,
    source: Source,
    keys: TokenKeys,
    space: Space,
    threads: Mutex<Vec<JoinHandle<()>>>,
    closing: Arc<AtomicBool>,
    _lock: File,
}

impl Store {
    /// Locks the data folder, opens (or makes) the database, migrates it, and starts the writer.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let data_dir = &settings.data_dir;
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
        made.map_err(|e| StoreError::file(data_dir, &e))?;
        let lock = lock(data_dir)?;
        let space = Space::new(data_dir);
        let path = data_dir.join(schema::FILE);
        let (mut conn, recovery) = open_checked(data_dir, &path, settings.clock)?;
        schema::migrate(&mut conn, settings.clock.now()).map_err(|e| recovery.explain(e))?;
        let renew = recovery.lost(&conn)? || schema::is_copy(&conn)?;
        let (number, source) = schema::own_source(&mut conn, settings.node, (settings.random)(), renew)?;
        let keys = secret::load(&conn, data_dir, settings.random)?;
        check::catch_up(&mut conn)?;
        body::prepare(data_dir)?;
        body::sweep_orphans(&conn, data_dir)?;
        let readers = Readers::new(&path, settings.clock);
        let ids = IdMaker::new(settings.node, highest_id(&conn)?);
        let next_seq = ledger::last_seq(&conn, number)? + 1;
        let credentials = schema::open_reader(&path)?;
        let (commits, tally, clock, space_now) = (Arc::default(), Arc::default(), settings.clock, space.clone());
        let rules = Arc::new(ArcSwap::from_pointee(AudienceRules::built_in()));
        let stories = Stories::new(Arc::clone(&rules));
        let state =
            WriterState { conn, source: number, next_seq, ids, commits, tally, clock, space: space_now, stories };
        let (writer, thread) = Writer::start(state)?;
        let closing = Arc::new(AtomicBool::new(false));
        let checkpoints =
            Checkpoints::start(data_dir, (number, source.clone()), space.clone(), writer.clone(), &closing)?;
        let accounts = Accounts::new(writer.clone(), readers.clone(), &credentials)?;
        let threads = Mutex::new(vec![thread, checkpoints]);
        let hits = Hits::new(writer.clone(), rules);
        Ok(Self { writer, readers, accounts, hits, settings, source, keys, space, threads, closing, _lock: lock })
    }

    /// The handle of submission and delivery.
    pub fn queue(&self) -> Queue {
        Queue {
            writer: self.writer.clone(),
            readers: self.readers.clone(),
            data_dir: Arc::new(self.settings.data_dir.clone()),
            random: self.settings.random,
        }
    }

    /// The handle of who starts the relay.
    pub fn watched_settings(&self) -> WatchedSettings {
        WatchedSettings { writer: self.writer.clone() }
    }

    /// The handle of tracking.
    pub fn hits(&self) -> Hits {
        self.hits.clone()
    }

    /// Has hits judged by these rules from now on, instead of the built-in ones.
    pub fn judge_by(&self, rules: AudienceRules) {
        self.hits.judge_by(rules);
    }

    /// The handle of who is not mailed.
    pub fn suppressions(&self) -> Suppressions {
        let (writer, readers) = (self.writer.clone(), self.readers.clone());
        Suppressions { writer, readers, random: self.settings.random }
    }

    /// The handle of pages.
    pub fn reports(&self) -> Reports {
        Reports { readers: self.readers.clone(), hits: self.hits.clone() }
    }

    /// The handle of those who rename and merge campaigns.
    pub fn names(&self) -> Names {
        Names { writer: self.writer.clone() }
    }

    /// The handle of logins and keys.
    pub fn accounts(&self) -> Accounts {
        self.accounts.clone()
    }

    /// The keys that sign tokens.
    pub fn token_keys(&self) -> TokenKeys {
        self.keys.clone()
    }

    /// This folder's name in the ledger.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What was committed since the store was opened.
    pub fn tally(&self) -> Tally {
        self.writer.tally()
    }

    /// Whether anything can still be written: the store was not closed, and no write to the disk has failed.
    pub fn is_writable(&self) -> bool {
        self.writer.is_open()
    }

    /// Whether there is room on the disk.
    pub fn space(&self) -> Space {
        self.space.clone()
    }

    /// Ends when a write to the disk failed and nothing more is promised: why.
    pub async fn failed(&self) -> String {
        self.writer.failed().await
    }

    /// The way to fill the views anew; see [`check::Rebuild`].
    pub fn rebuild(&self) -> check::Rebuild {
        check::Rebuild { writer: self.writer.clone() }
    }

    /// Commits what was sent, checkpoints, and lets the data folder go. Blocks for as long as that takes.
    pub fn close(&self) {
        self.writer.close("the relay is stopping");
        let mut threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner)).into_iter();
        if let Some(writer) = threads.next() {
            let _ = writer.join();
        }
        self.closing.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn lock(data_dir: &Path) -> Result<File, OpenError> {
    let path = data_dir.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = open.map_err(|e| StoreError::file(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(data_dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::file(&path, &error).into()),
    }
}

/// Opens the database once it is known that it may be.
fn open_checked(data_dir: &Path, path: &Path, clock: Clock) -> Result<(Connection, Recovery), StoreError> {
    let recovery = Recovery::before_opening(data_dir)?;
    make_private(path)?;
    let mut conn = schema::open_writer(path).map_err(|e| recovery.explain(e))?;
    recovery.check(&mut conn, clock)?;
    Ok((conn, recovery))
}

/// SQLite gives its log and index files the mode of the database.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    open.map(|_| ()).map_err(|e| StoreError::file(path, &e))
}

fn highest_id(conn: &Connection) -> Result<i64, StoreError> {
    let sql = "select max((select coalesce(max(id), 0) from message), \
               (select coalesce(max(delivery), 0) from v_delivery), \
               (select coalesce(max(delivery), 0) from queue_delivery), \
               (select coalesce(max(delivery), 0) from notice_delivery))";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}
