//! A consistent copy of everything in one file, while the relay runs.
//!
//! One read snapshot is copied page by page, so the writer never waits: only its log grows meanwhile, since what the
//! snapshot needs cannot be written over. Bodies that are files are taken in afterwards.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::error::StoreError;
use super::{body, schema, space};

/// Pages copied between two words of progress.
const PAGES_PER_STEP: i32 = 1_024;
/// Room that must be left over where the copy is made.
const SPARE_BYTES: u64 = 16 << 20;
/// A pause when the source is locked, which a snapshot never is for long.
const PAUSE: Duration = Duration::from_millis(20);

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The size of the copy.
    pub bytes: u64,
    /// Events in it.
    pub events: i64,
}

/// Copies the store of a data folder into a new file. `progress` hears how many of how many bytes are done.
pub fn backup(data_dir: &Path, target: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Copied, StoreError> {
    let fault = |e: std::io::Error| StoreError::file(target, &e);
    let refuse = |why: &str| StoreError::File { path: target.display().to_string(), why: why.to_owned() };
    if target.try_exists().map_err(fault)? {
        return Err(refuse("there is a file already; a backup never overwrites one"));
    }
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let source = schema::open_reader(&data_dir.join(schema::FILE))?;
    source.execute_batch("begin")?;
    let total = size(&source)?;
    let free = space::free_bytes(folder).map_err(|e| StoreError::file(folder, &e))?;
    if free < total + SPARE_BYTES {
        return Err(refuse(&format!("the copy needs {} MiB, and {} MiB are free there", total >> 20, free >> 20)));
    }
    let part = Part::begin(target)?;
    let events = fill(&source, data_dir, &part.path, |done| progress(done.min(total), total))?;
    let bytes = part.publish(target, folder)?;
    progress(total, total);
    Ok(Copied { bytes, events })
}

/// The pages and the bodies that are files.
fn size(conn: &Connection) -> Result<u64, StoreError> {
    let sql = "select (select page_count from pragma_page_count) * (select page_size from pragma_page_size) \
               + (select coalesce(sum(length), 0) from queue_message where path is not null)";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

fn fill(source: &Connection, data_dir: &Path, path: &Path, mut progress: impl FnMut(u64)) -> Result<i64, StoreError> {
    let page_bytes: u64 = source.query_row("pragma page_size", [], |row| row.get(0))?;
    let mut copy = Connection::open(path)?;
    let mut done = {
        let pages = Backup::new(source, &mut copy)?;
        loop {
            let step = pages.step(PAGES_PER_STEP)?;
            let count = pages.progress();
            let done = u64::try_from(count.pagecount - count.remaining).unwrap_or(0) * page_bytes;
            progress(done);
            match step {
                StepResult::Done => break done,
                StepResult::More => {}
                StepResult::Busy | StepResult::Locked | _ => std::thread::sleep(PAUSE),
            }
        }
    };
    // One file, with no log beside it; it is synced as a whole at its end, and thrown away when that does not come.
    copy.execute_batch("pragma journal_mode = delete; pragma journal_mode = off; pragma synchronous = off;")?;
    body::take_in(&mut copy, data_dir, |length| {
        done += length;
        progress(done);
    })?;
    schema::mark_as_copy(&copy)?;
    Ok(copy.query_row("select count(*) from event", [], |row| row.get(0))?)
}

/// A copy that is not whole yet; it is gone when it is dropped.
struct Part {
    path: PathBuf,
}

impl Part {
    fn begin(target: &Path) -> Result<Self, StoreError> {
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::File {
                path: path.display().to_string(),
                why: "another backup is under way, or one was broken off; remove this file if none is".to_owned(),
            },
            _ => StoreError::file(&path, &e),
        })?;
        Ok(Self { path })
    }

    /// Makes it durable, gives it its name, and makes that durable too.
    fn publish(self, target: &Path, folder: &Path) -> Result<u64, StoreError> {
        let publish = || {
            let file = File::open(&self.path)?;
            file.sync_all()?;
            let length = file.metadata()?.len();
            // Not every file system (NFS) can refuse to replace by itself.
            if target.try_exists()? {
                return Err(std::io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(&self.path, target)?;
            File::open(folder)?.sync_all()?;
            Ok(length)
        };
        publish().map_err(|e: std::io::Error| StoreError::file(target, &e))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After its publication there is none of this name.
        let _ = fs::remove_file(&self.path);
    }
}
