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
mod canary;
mod check;
mod checkpoint;
mod complaint;
mod error;
mod export;
pub mod fields;
mod findings;
mod findings_campaign;
mod fold;
mod fold_changes;
mod fold_clients;
mod fold_links;
mod fold_put;
mod fold_rows;
mod fold_state;
mod full_mailbox;
mod history;
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
mod reclassify;
mod recovery;
mod refill;
#[cfg(test)]
mod refill_tests;
mod repeat;
#[cfg(test)]
mod repeat_tests;
mod report;
mod report_campaign;
mod report_clients;
mod report_days;
mod report_delivery;
mod report_links;
mod report_list;
mod report_overview;
mod report_people;
#[cfg(test)]
mod report_people_tests;
mod report_person;
mod report_queue;
mod report_receivers;
mod report_usual;
mod schema;
mod secret;
mod setting_change;
mod settle;
mod site;
mod space;
mod spared;
mod stories;
#[cfg(test)]
mod stories_tests;
mod suppression;
mod tally;
#[cfg(test)]
mod tests;
pub mod view;
pub mod view_campaign;
mod view_links;
pub mod view_people;
pub mod view_queue;
mod views;
mod wal;
mod writer;

pub use account::{Accounts, CredentialRow, DomainKey, NewKey};
pub use backup::{Copied, backup};
pub use body::BodyFault;
pub use canary::{OfTheFirst, Stand};
pub use check::{Rebuild, Verified, rebuilt, verify};
pub use complaint::{Complained, Returned};
pub use error::StoreError;
pub use export::{Range, export};
pub use history::History;
pub use hits::{Hits, NewHit, Noted};
pub use login::{DeletedUser, OpenLink};
pub use names::{NameFault, Names};
pub use notice::{OwnMail, Tell, Telling};
pub use open::{OpenError, Settings, Store};
pub use order::{Done, Orders, Pause};
pub use queue::{Admission, Due, Head, LeftOut, Queue, Refill, Settled, Settlement, StoredMessage, Taken};
pub use reclassify::{Correction, Rejudging, Seen, rejudge};
pub use report::{DeliveryFilter, Reports};
pub use report_list::{CampaignSort, CampaignsOf};
pub use report_overview::OverviewOf;
pub use schema::FILE;
pub use setting_change::WatchedSettings;
pub use space::Space;
pub use spared::SparedTime;
pub use suppression::{Listed, SuppressionRow, Suppressions, suppressions};
pub use tally::{COMMIT_MS, Tally};

/// The version of SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
