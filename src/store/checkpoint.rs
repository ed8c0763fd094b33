//! The thread that moves the log into the main file, beside the writer and without blocking it; it also writes the mark
//! and measures the room on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::error::StoreError;
use super::mark::Mark;
use super::space::Space;
use super::writer::Writer;
use super::{ledger, mark, schema, wal};
use crate::domain::Source;

/// How often the log is moved into the main file.
const STEP: Duration = Duration::from_secs(1);
/// Steps without a write before the log is cut to nothing.
const IDLE_STEPS: u32 = 30;

/// The thread's state.
pub(super) struct Checkpoints {
    conn: Connection,
    log: PathBuf,
    mark_file: PathBuf,
    source: i64,
    mark: Mark,
    space: Space,
    writer: Writer,
    idle: u32,
}

impl Checkpoints {
    /// Starts the thread; it ends, with everything in the main file, after `closing`.
    pub(super) fn start(
        data_dir: &Path,
        (number, name): (i64, Source),
        space: Space,
        writer: Writer,
        closing: &Arc<AtomicBool>,
    ) -> Result<JoinHandle<()>, StoreError> {
        let path = data_dir.join(schema::FILE);
        let conn = Connection::open(&path)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let mark = Mark { source: name.as_str().to_owned(), ..Mark::default() };
        let mark_file = data_dir.join(mark::FILE);
        let mut own = Self { conn, log, mark_file, source: number, mark, space, writer, idle: 0 };
        own.note(Mark { seq: ledger::last_seq(&own.conn, number)?, ..own.mark.clone() })?;
        let closing = Arc::clone(closing);
        std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || own.run(&closing))
            .map_err(|e| StoreError::Closed(e.to_string()))
    }

    fn run(mut self, closing: &AtomicBool) {
        while !closing.load(Ordering::Relaxed) {
            std::thread::park_timeout(STEP);
            self.space.look();
            if let Err(error) = self.step() {
                if error.is_fatal() {
                    self.writer.fail(&error);
                    return;
                }
                tracing::debug!(%error, "the database's log could not be moved");
            }
        }
        if self.writer.has_failed() {
            return;
        }
        let closed = self.cut().and_then(|()| {
            let seq = ledger::last_seq(&self.conn, self.source)?;
            self.note(Mark { seq, closed: true, ..self.mark.clone() })
        });
        if let Err(error) = closed {
            tracing::warn!(%error, "the database was not closed in order; it is checked at the next start");
        }
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let seq = ledger::last_seq(&self.conn, self.source)?;
        let run = wal::salts(&self.log);
        let sql = "pragma wal_checkpoint(passive)";
        let (frames, moved) = self.conn.query_row(sql, [], |row| Ok((row.get(1)?, row.get(2)?)))?;
        let still = (seq, frames) == (self.mark.seq, self.mark.frames);
        // Between the two looks the writer may have begun the log anew; then this is known a second later.
        if !still && run == wal::salts(&self.log) {
            self.note(Mark { seq, salts: run, frames, moved, ..self.mark.clone() })?;
        }
        self.idle = if still && frames > 0 { self.idle + 1 } else { 0 };
        if self.idle > IDLE_STEPS {
            self.idle = 0;
            self.cut()?;
        }
        Ok(())
    }

    /// Cuts the log to nothing. The mark says so first: a log that is shorter than its mark is a damaged one.
    fn cut(&mut self) -> Result<(), StoreError> {
        self.note(Mark { salts: 0, frames: 0, moved: 0, ..self.mark.clone() })?;
        Ok(self.conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?)
    }

    fn note(&mut self, mark: Mark) -> Result<(), StoreError> {
        mark.write(&self.mark_file)?;
        self.mark = mark;
        Ok(())
    }
}
