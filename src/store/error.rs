//! What can go wrong in the store.

use crate::domain::wire::WireError;

/// An error of the store. Its text may name files, never addresses or bodies.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk (or its quota) has no room left.
    #[error("no space left for the database")]
    Full,
    /// A read took longer than its time.
    #[error("the database is busy")]
    Busy,
    /// The store is closed, or an earlier write to the disk failed and nothing more may be promised.
    #[error("the store is closed: {0}")]
    Closed(String),
    /// A stored event that does not read back.
    #[error("event {id} is damaged: {why}")]
    DamagedEvent {
        /// Its name.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// A migration file that was applied differs from the one in this program, or is unknown to it.
    #[error("{0}")]
    Schema(String),
    /// The disk itself failed: no later write may be trusted either.
    #[error("the disk failed: {0}")]
    Disk(String),
    /// The database's file is not what was written.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// Anything SQLite says.
    #[error("database: {0}")]
    Sqlite(String),
    /// A file beside the database.
    #[error("{path}: {why}")]
    File {
        /// Which file.
        path: String,
        /// What the system said.
        why: String,
    },
}

impl StoreError {
    /// A file error with its path.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full;
        }
        Self::File { path: path.display().to_string(), why: error.to_string() }
    }

    /// Whether nothing more may be promised.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self, Self::Disk(_) | Self::Damaged(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            DatabaseBusy, DatabaseCorrupt, DiskFull, NotADatabase, OperationInterrupted, SystemIoFailure,
        };
        let Some(cause) = error.sqlite_error() else { return Self::Sqlite(error.to_string()) };
        match cause.code {
            DiskFull => Self::Full,
            // The index of the log could not grow.
            SystemIoFailure if cause.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Self::Full,
            SystemIoFailure => Self::Disk(format!("{error} (SQLite {})", cause.extended_code)),
            DatabaseCorrupt | NotADatabase => Self::Damaged(error.to_string()),
            OperationInterrupted | DatabaseBusy => Self::Busy,
            _ => Self::Sqlite(error.to_string()),
        }
    }
}

impl From<WireError> for StoreError {
    fn from(error: WireError) -> Self {
        Self::DamagedEvent { id: String::new(), why: error.to_string() }
    }
}
