//! Mailboxes that stay full.
//!
//! A full mailbox says nothing for ever, so the third refusal within seven days suppresses, not the first. A mail that
//! was taken in between shows that somebody makes room: what came before it counts no more. A suppression begins the
//! count anew, so that who is taken off the list gets three refusals again.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::queue::Due;
use super::view::State;
use super::writer::Batch;
use super::{person, suppression};
use crate::domain::suppression::Reason;
use crate::domain::{PersonId, Timestamp};

/// Refusals that suppress.
const TIMES: i64 = 3;
/// From the first of them to the last, at most.
const WITHIN: Duration = Duration::from_hours(7 * 24);

/// A delivery ended, bounced or expired, because the mailbox is full.
pub(super) fn refused(batch: &mut Batch<'_>, due: &Due, now: Timestamp) -> Result<(), StoreError> {
    let Some(person) = person::find(batch.tx, &due.address)? else { return Ok(()) };
    let id = person.raw();
    batch.tx.prepare_cached("delete from full_mailbox where at < ?1")?.execute([(now - WITHIN).millis()])?;
    batch.tx.prepare_cached("insert into full_mailbox values (?1, ?2)")?.execute(params![id, now.millis()])?;
    let Some(first) = first_of_enough(batch, person)? else { return Ok(()) };
    let delivered = "select max(settled_at) from v_delivery where person = ?1 and state = ?2 and settled_at >= ?3";
    let values = params![id, State::Delivered.code(), first];
    let emptied: Option<i64> = batch.tx.prepare_cached(delivered)?.query_row(values, |row| row.get(0))?;
    if let Some(emptied) = emptied {
        let sql = "delete from full_mailbox where person = ?1 and at <= ?2";
        batch.tx.prepare_cached(sql)?.execute(params![id, emptied])?;
        if first_of_enough(batch, person)?.is_none() {
            return Ok(());
        }
    }
    batch.tx.prepare_cached("delete from full_mailbox where person = ?1")?.execute([id])?;
    suppression::refused(batch, due, Reason::MailboxFull, now)
}

/// When the first of a person's refusals was, if there are enough.
fn first_of_enough(batch: &Batch<'_>, person: PersonId) -> Result<Option<i64>, StoreError> {
    let sql = "select min(at) from full_mailbox where person = ?1 having count(*) >= ?2";
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    Ok(batch.tx.prepare_cached(sql)?.query_row(params![person.raw(), TIMES], read).optional()?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admission, ok, open, settlement};
    use super::super::{FILE, Store, verify};
    use super::*;
    use crate::clock::Clock;
    use crate::domain::suppression::{Entry, Origin};
    use crate::domain::{Address, BounceClass, EnhancedCode, Outcome, Reply};

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;

    fn full() -> Outcome {
        let reply = Reply::local(552, EnhancedCode(5, 2, 2), "mailbox full");
        Outcome::Bounced { reply, class: BounceClass::MailboxFull }
    }

    fn expired() -> Outcome {
        let reply = Reply::local(452, EnhancedCode(4, 2, 2), "mailbox full");
        Outcome::Expired { reply, class: BounceClass::MailboxFull }
    }

    /// Ends a mail to an address, so many seconds after `start`.
    async fn end(store: &Store, address: &str, outcome: Outcome, start: Timestamp, after: u64) {
        let (_, dues) = store.queue().accept(admission(&[address], b"hi")).await.unwrap();
        let at = start + Duration::from_secs(after);
        store.queue().settle(super::super::Settlement { at, ..settlement(&dues[0], outcome) }).await.unwrap();
    }

    async fn held(store: &Store, address: &str) -> Option<Reason> {
        let rows = store.suppressions().list(None, address.to_owned(), None, 10).await.unwrap();
        rows.first().map(|row| row.suppression.reason)
    }

    #[tokio::test]
    async fn the_third_within_seven_days_suppresses() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let start = Clock.now();
        let ends = async |address: &str, ends: &[(u64, Outcome)]| {
            for (after, outcome) in ends {
                end(&store, address, outcome.clone(), start, *after).await;
            }
            held(&store, address).await
        };
        let week = 7 * DAY;
        assert_eq!(ends("two@a.example", &[(0, full()), (DAY, full())]).await, None);
        let three = [(0, full()), (DAY, expired()), (week, full())];
        assert_eq!(ends("three@a.example", &three).await, Some(Reason::MailboxFull));
        let spread = [(0, full()), (4 * DAY, full()), (8 * DAY, full())];
        assert_eq!(ends("spread@a.example", &spread).await, None);
        // The two of the last seven days still count.
        assert_eq!(ends("spread@a.example", &[(9 * DAY, full())]).await, Some(Reason::MailboxFull));
        // Who takes a mail in between has made room.
        let taken = [(0, full()), (DAY, full()), (2 * DAY, Outcome::Delivered(ok())), (3 * DAY, full())];
        assert_eq!(ends("taken@a.example", &taken).await, None);
        let again = [(4 * DAY, full()), (5 * DAY, full())];
        assert_eq!(ends("taken@a.example", &again).await, Some(Reason::MailboxFull));
        // Other refusals do not count.
        let policy =
            Outcome::Bounced { reply: Reply::local(552, EnhancedCode(5, 7, 1), "no"), class: BounceClass::Policy };
        let others = [(0, full()), (HOUR, policy.clone()), (2 * HOUR, policy), (3 * HOUR, full())];
        assert_eq!(ends("others@a.example", &others).await, None);
        store.close();
        assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differences, Vec::<String>::new());
    }

    #[tokio::test]
    async fn three_at_once_suppress_and_the_count_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (address, start) = ("ann@a.example", Clock.now());
        let bounce = |after| end(&store, address, full(), start, after);
        tokio::join!(bounce(0), bounce(0), bounce(0));
        let rows = store.suppressions().list(None, address.to_owned(), None, 10).await.unwrap();
        assert_eq!((rows[0].suppression.reason, rows[0].origin), (Reason::MailboxFull, Origin::Delivery));
        assert!(rows[0].delivery.is_some() && rows[0].suppression.scope.is_empty());

        let ann = Address::parse(address).unwrap();
        assert_eq!(store.suppressions().remove(ann.clone(), None, start + Duration::from_secs(1)).await.unwrap(), 1);
        bounce(HOUR).await;
        bounce(2 * HOUR).await;
        assert_eq!(held(&store, address).await, None);
        bounce(3 * HOUR).await;
        assert_eq!(held(&store, address).await, Some(Reason::MailboxFull));
        // What holds as much already stays as it is.
        let entry = Entry { address: ann, reason: Reason::Manual, scope: String::new(), since: None };
        assert_eq!(store.suppressions().add(vec![entry], Origin::Command, start).await.unwrap().present, 1);
        store.close();
        assert_eq!(verify(&folder.path().join(FILE), |_, _| ()).unwrap().differing, 0);
    }
}
