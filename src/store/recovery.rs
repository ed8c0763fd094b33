//! Before the database is opened and right after: is it what was written? A damaged one is never opened as though it
//! were whole, and a missing one never begun anew in silence.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::error::StoreError;
use super::mark::Mark;
use super::{check, ledger, mark, schema, wal};
use crate::clock::Clock;

/// The structure is checked for this long after an unclean stop, and for this long after a clean one.
const CHECK_TIME_MAX: Duration = Duration::from_mins(1);
const GLANCE_TIME_MAX: Duration = Duration::from_secs(2);
/// Steps of the query engine between two looks at the clock.
const STEPS_PER_LOOK: i32 = 10_000;

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// In order.
    Clean,
    /// By a crash, a kill or a power cut: what the log holds is whole as far as it was promised.
    Unclean,
    /// The log is shorter than what was committed into it.
    Damaged,
}

/// What was found before opening.
#[derive(Debug)]
pub(super) struct Recovery {
    path: PathBuf,
    mark: Option<Mark>,
    stop: Stop,
}

impl Recovery {
    /// Looks at the files of a data folder that nobody has open.
    pub(super) fn before_opening(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(schema::FILE);
        let mark = Mark::read(&data_dir.join(mark::FILE));
        let length = fs::metadata(&path).map_or(0, |meta| meta.len());
        if length == 0 {
            if let Some(mark) = mark.filter(|mark| mark.seq > 0) {
                let why = format!("its file is missing or empty, but {} events were written to it", mark.seq);
                return Err(damaged(&path, &why));
            }
            return Ok(Self { path, mark: None, stop: Stop::Clean });
        }
        let stop = inspect(&path, mark.as_ref()).map_err(|e| StoreError::file(&path, &e))?;
        Ok(Self { path, mark, stop })
    }

    /// Says the way back where opening failed for damage.
    pub(super) fn explain(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Damaged(why) => damaged(&self.path, &why),
            other => other,
        }
    }

    /// Checks the structure of the opened database; after damage to its log also every view.
    pub(super) fn check(&self, conn: &mut Connection, clock: Clock) -> Result<(), StoreError> {
        let most = match self.stop {
            Stop::Clean => Some(GLANCE_TIME_MAX),
            Stop::Unclean => Some(CHECK_TIME_MAX),
            Stop::Damaged => None,
        };
        let began = clock.instant();
        match structure(conn, most.map(|most| began + most), clock) {
            Ok(None) => {}
            Ok(Some(fault)) => return Err(damaged(&self.path, &fault)),
            Err(StoreError::Busy) => {
                if self.stop == Stop::Unclean {
                    tracing::warn!("the database is too large to be checked at the start; run: postrider verify");
                }
            }
            Err(error) => return Err(self.explain(error)),
        }
        if self.stop == Stop::Clean {
            return Ok(());
        }
        let ms = u64::try_from((clock.instant() - began).as_millis()).unwrap_or(u64::MAX);
        tracing::info!(checked_ms = ms, "the last run did not end in order; the database was checked");
        if self.stop == Stop::Damaged {
            let verified = check::verify(&self.path, |_, _| ()).map_err(|e| self.explain(e))?;
            if let Some(difference) = verified.differences.first() {
                return Err(damaged(&self.path, &format!("its log is damaged, and without it {difference}")));
            }
        }
        Ok(())
    }

    /// Whether events that were promised are not there. The ledger's name must then be renewed: numbers given once are
    /// never given again.
    pub(super) fn lost(&self, conn: &Connection) -> Result<bool, StoreError> {
        let Some(mark) = self.mark.as_ref().filter(|mark| mark.seq > 0) else { return Ok(false) };
        let sources = ledger::sources(conn)?;
        if sources.is_empty() {
            return Err(damaged(&self.path, &format!("it is empty, but {} events were written to it", mark.seq)));
        }
        let own = sources.iter().find(|(_, name)| *name == mark.source);
        let last = own.map_or(Ok(0), |(number, _)| ledger::last_seq(conn, *number))?;
        if last >= mark.seq {
            return Ok(false);
        }
        let (first, through) = (last + 1, mark.seq);
        tracing::error!(
            first,
            through,
            "events that were on the disk are gone, with the mail they accepted: the database's log is damaged, or an \
             older copy was put in its place"
        );
        Ok(true)
    }
}

/// Judges the log by the mark; puts aside one that must not be used.
fn inspect(path: &Path, mark: Option<&Mark>) -> std::io::Result<Stop> {
    let beside = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let log_path = beside("-wal");
    if schema::is_copy_file(path)? {
        // What lies beside it belongs to the database that stood here before.
        put_aside(&log_path)?;
        let _ = fs::remove_file(beside("-shm"));
        return Ok(Stop::Unclean);
    }
    let empty = fs::metadata(&log_path).map_or(0, |meta| meta.len()) == 0;
    if empty && mark.is_some_and(|mark| mark.closed) {
        return Ok(Stop::Clean);
    }
    forget_cached(path);
    forget_cached(&log_path);
    let log = wal::read(&log_path)?;
    // Without a mark it is a copy that was put in place, or a first start that did not get far.
    let Some(mark) = mark else { return Ok(Stop::Unclean) };
    let same_run = log.salts == mark.salts;
    if mark.frames == 0 || (!same_run && log.salts != 0) || (same_run && log.whole >= mark.frames) {
        return Ok(Stop::Unclean);
    }
    tracing::error!(frames = mark.frames, whole = log.whole, "the database's log is damaged");
    // Where the main file is ahead of what is left of the log, the two would make a mixture of old and new pages.
    if log.whole < mark.moved && !empty {
        put_aside(&log_path)?;
    }
    let _ = fs::remove_file(beside("-shm"));
    Ok(Stop::Damaged)
}

fn put_aside(log: &Path) -> std::io::Result<()> {
    let aside = PathBuf::from(format!("{}.aside", log.display()));
    match fs::rename(log, &aside) {
        Ok(()) => tracing::warn!(path = %aside.display(), "a log that does not belong to the database was put aside"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// After a failed write the system's memory may hold what the disk does not: what counts is the disk.
fn forget_cached(path: &Path) {
    if let Ok(file) = File::open(path) {
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    }
}

/// The structure's first fault, if any is found before the deadline.
fn structure(conn: &mut Connection, deadline: Option<Instant>, clock: Clock) -> Result<Option<String>, StoreError> {
    let late = deadline.map(|deadline| move || clock.instant() > deadline);
    conn.progress_handler(STEPS_PER_LOOK, late)?;
    let found = check::structure(conn);
    conn.progress_handler(0, None::<fn() -> bool>)?;
    found
}

/// The refusal, and the way back.
fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Damaged(format!(
        "{why}. Nothing was changed. To restore the latest backup (made by: postrider backup FILE), move {0} and the files \
         beside it whose names begin with it and with postrider.mark away, put the backup in its place as {0}, and start \
         again",
        path.display()
    ))
}
