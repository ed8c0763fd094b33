//! The only room that knows SQL: one SQLite file, one writing thread with group commit, read-only readers.
//!
//! Promises: what is acknowledged is on the disk (WAL, `synchronous=FULL`); events are inserts only; every number comes
//! from one fold over them; a reader never waits for the writer. May import `domain`, `mail` (the receipt) and `clock`.

mod account;
mod backup;
mod body;
mod check;
mod checkpoint;
mod error;
mod export;
mod fold;
mod fold_rows;
mod fold_state;
mod hits;
mod ledger;
mod mark;
mod open;
mod queue;
mod queue_time;
mod reader;
mod recovery;
mod report;
mod report_campaign;
mod report_delivery;
mod schema;
mod secret;
mod space;
#[cfg(test)]
mod tests;
pub mod view;
mod wal;
mod writer;

pub use account::{Accounts, CredentialRow, DomainKey};
pub use backup::{Copied, backup};
pub use body::BodyFault;
pub use check::{Rebuild, Verified, verify};
pub use error::StoreError;
pub use export::{Range, export};
pub use hits::{Hits, NewHit, Noted};
pub use open::{OpenError, Settings, Store};
pub use queue::{Admission, Due, Head, Queue, Refill, Settlement, StoredMessage};
pub use report::{CampaignSort, DeliveryFilter, Reports, Step};
pub use schema::FILE;
pub use space::Space;

/// The version of SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
