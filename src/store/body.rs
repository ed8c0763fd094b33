//! Bodies: small ones in the database, large ones as files beside it, all with a checksum that is checked when read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::notice;

/// A larger body is a file.
pub(super) const INLINE_MAX: usize = 256 << 10;
/// The folder of files, below the data folder.
const FOLDER: &str = "bodies";

/// A body on its way in.
#[derive(Debug, Clone)]
pub(super) struct NewBody {
    pub(super) bytes: std::sync::Arc<[u8]>,
    /// Its checksum, made before the writer has it.
    pub(super) digest: [u8; 32],
    /// Where it was written, when it is a file.
    pub(super) path: Option<String>,
}

/// Makes the folder of files where there is none; its name is durable before anything is written into it.
pub(super) fn prepare(data_dir: &Path) -> Result<(), StoreError> {
    let folder = data_dir.join(FOLDER);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.and_then(|()| File::open(data_dir)?.sync_all()).map_err(|e| StoreError::file(&folder, &e))
}

/// Writes a large body and makes it and its name durable.
pub(super) fn place(data_dir: &Path, bytes: std::sync::Arc<[u8]>, random: u64) -> Result<NewBody, StoreError> {
    let folder = data_dir.join(FOLDER);
    let name = format!("{random:016x}.eml");
    let path = folder.join(&name);
    let written = write_durably(&path, &folder, &bytes);
    if let Err(error) = written {
        // What is half written is of no use; an orphan that cannot be removed now is swept at the next start.
        let _ = fs::remove_file(&path);
        return Err(StoreError::file(&path, &error));
    }
    Ok(NewBody { digest: digest(&bytes), bytes, path: Some(name) })
}

fn write_durably(path: &Path, folder: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Why a body cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFault {
    /// It was released after its last delivery.
    Gone,
    /// It does not match its checksum, or its file is missing: it is held and never sent.
    Damaged(String),
}

/// Reads a body and checks it.
pub(super) fn read(conn: &Connection, data_dir: &Path, message: i64) -> Result<Result<Vec<u8>, BodyFault>, StoreError> {
    let row = conn
        .prepare_cached("select length, digest, path from queue_message where message = ?1")?
        .query_row([message], |row| {
            Ok((row.get::<_, usize>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let Some((length, expected, path)) = row else { return Ok(Err(BodyFault::Gone)) };
    let bytes = if let Some(name) = path {
        match fs::read(data_dir.join(FOLDER).join(&name)) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(BodyFault::Damaged(format!("its file {name} cannot be read: {error}")))),
        }
    } else {
        let query = "select bytes from body where message = ?1";
        match conn.prepare_cached(query)?.query_row([message], |row| row.get(0)).optional()? {
            Some(bytes) => bytes,
            None => return Ok(Err(BodyFault::Damaged("its row is missing".to_owned()))),
        }
    };
    if bytes.len() != length || digest(&bytes).as_slice() != expected {
        return Ok(Err(BodyFault::Damaged("its bytes do not match their checksum".to_owned())));
    }
    Ok(Ok(bytes))
}

/// Removes the file of a body that was placed for nothing; one that stays is swept at the next start.
pub(super) fn unplace(data_dir: &Path, name: &str) {
    let _ = fs::remove_file(data_dir.join(FOLDER).join(name));
}

/// Takes the bodies that are files into a copy of the database, one at a time, so that the copy is whole by itself.
/// `taken` hears the length of each. One that was released and removed meanwhile is left out: nobody needs it.
pub(super) fn take_in(copy: &mut Connection, data_dir: &Path, mut taken: impl FnMut(u64)) -> Result<(), StoreError> {
    let tx = copy.transaction()?;
    let mut after = i64::MIN;
    loop {
        let sql = "select message, path, length from queue_message where path is not null and message > ?1 \
                   order by message limit 1";
        let next = tx
            .prepare_cached(sql)?
            .query_row([after], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u64>(2)?)))
            .optional()?;
        let Some((message, name, length)) = next else { break };
        after = message;
        let path = data_dir.join(FOLDER).join(name);
        match fs::read(&path) {
            Ok(bytes) => {
                tx.prepare_cached("insert into body values (?1, ?2)")?.execute(params![message, bytes])?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(&path, &error)),
        }
        tx.prepare_cached("update queue_message set path = null where message = ?1")?.execute([message])?;
        taken(length);
    }
    Ok(tx.commit()?)
}

/// Removes the files of bodies that no message names: written, but never committed.
pub(super) fn sweep_orphans(conn: &Connection, data_dir: &Path) -> Result<usize, StoreError> {
    let folder = data_dir.join(FOLDER);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(0) };
    let mut removed = 0;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = conn
            .prepare_cached("select 1 from queue_message where path = ?1")?
            .query_row([&name], |_| Ok(()))
            .optional()?;
        if known.is_none() && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Forgets a message's body and recipe; returns the file to remove once the transaction is committed.
pub(super) fn forget(conn: &Connection, data_dir: &Path, message: i64) -> Result<Option<PathBuf>, StoreError> {
    let path: Option<String> = conn
        .prepare_cached("delete from queue_message where message = ?1 returning path")?
        .query_row([message], |row| row.get(0))
        .optional()?
        .flatten();
    conn.prepare_cached("delete from body where message = ?1")?.execute(params![message])?;
    notice::forget(conn, message)?;
    Ok(path.map(|name| data_dir.join(FOLDER).join(name)))
}
