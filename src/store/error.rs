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

    /// Whether the disk itself failed, so that no later write may be trusted either.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self, Self::Sqlite(text) if text.contains("disk I/O error"))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::OperationInterrupted | rusqlite::ErrorCode::DatabaseBusy) => Self::Busy,
            _ => Self::Sqlite(error.to_string()),
        }
    }
}

impl From<WireError> for StoreError {
    fn from(error: WireError) -> Self {
        Self::DamagedEvent { id: String::new(), why: error.to_string() }
    }
}
