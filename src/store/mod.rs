//! The only room that knows SQL: one SQLite file, one writing thread with group commit, read-only readers.
//!
//! Promises: what is acknowledged is on the disk (WAL, `synchronous=FULL`); events are inserts only; every number comes
//! from one fold over them; a reader never waits for the writer. May import `domain`, `mail` (the receipt) and `clock`.

mod accept;
mod account;
mod backup;
mod body;
#[cfg(test)]
mod body_tests;
mod check;
mod checkpoint;
mod error;
mod export;
pub mod fields;
mod findings;
mod fold;
mod fold_rows;
mod fold_state;
mod full_mailbox;
mod hits;
mod inbox;
mod kinds;
mod ledger;
mod login;
mod mark;
mod names;
mod notice;
#[cfg(test)]
mod notice_tests;
mod notice_unsent;
mod open;
mod order;
#[cfg(test)]
mod order_tests;
mod person;
mod queue;
mod queue_time;
mod reader;
mod recovery;
mod refill;
#[cfg(test)]
mod refill_tests;
mod repeat;
#[cfg(test)]
mod repeat_tests;
mod report;
mod report_campaign;
mod report_delivery;
mod report_people;
#[cfg(test)]
mod report_people_tests;
mod report_person;
mod report_queue;
mod schema;
mod secret;
mod settle;
mod space;
mod spared;
mod suppression;
mod tally;
#[cfg(test)]
mod tests;
pub mod view;
pub mod view_people;
pub mod view_queue;
mod wal;
mod writer;

pub use account::{Accounts, CredentialRow, DomainKey, NewKey};
pub use backup::{Copied, backup};
pub use body::BodyFault;
pub use check::{Rebuild, Verified, verify};
pub use error::StoreError;
pub use export::{Range, export};
pub use hits::{Hits, NewHit, Noted};
pub use login::{DeletedUser, OpenLink};
pub use names::{NameFault, Names};
pub use notice::{OwnMail, Tell, Telling};
pub use open::{OpenError, Settings, Store};
pub use order::{Done, Orders, Pause};
pub use queue::{Admission, Due, Head, Queue, Refill, Settlement, StoredMessage, Taken};
pub use report::{CampaignSort, DeliveryFilter, Reports, Step};
pub use schema::FILE;
pub use space::Space;
pub use spared::SparedTime;
pub use suppression::{Listed, SuppressionRow, Suppressions, suppressions};
pub use tally::{COMMIT_MS, Tally};

/// The version of SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
