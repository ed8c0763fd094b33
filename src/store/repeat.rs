//! The same mail submitted again.
//!
//! A client whose connection dies before it reads our 250 must send again (RFC 5321 section 4.5.3.2.6, RFC 1047). What came
//! within the last ten minutes is known by a digest, one for each recipient: who has a delivery of the same mail gets no
//! second one. The rows stand beside the ledger and are read and written in the transaction that accepts, so two
//! submissions at once are caught as well, and a crash between commit and 250 too.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::kinds;
use super::queue::{Admission, Due};
use super::view::Repeat;
use super::writer::Batch;
use crate::domain::event::Kind;
use crate::domain::{Address, Campaign, MessageId, Timestamp};

/// From the first acceptance; after it the same bytes are a new mail.
const WITHIN: Duration = Duration::from_mins(10);
/// Rows of older ones that an acceptance deletes beyond two for each that it may add.
const OLD_ROWS: usize = 16;

/// By what a submitted mail is known when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// `content` is the digest of the whole message as the client sent it, header included: a byte that differs makes
    /// another mail. So do another credential, and another campaign or mode, which may be decided outside the message.
    pub(super) fn of(credential: &str, campaign: &Campaign, content: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        // What ends in a zero octet cannot run over into what comes next.
        for part in [credential, campaign.name(), campaign.mode().as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(content);
        Self(hash.finalize().into())
    }

    /// Half of SHA-256: that two mails of ten minutes meet by chance is out of the question.
    fn digest(&self, recipient: &Address) -> [u8; 16] {
        let whole: [u8; 32] = Sha256::new().chain_update(self.0).chain_update(recipient.canonical()).finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&whole[..16]);
        half
    }
}

/// Which recipients of an admission have the mail already.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Those who do not.
    pub(super) others: Vec<Address>,
    /// For how many of those who do, by the message that they have.
    pub(super) had: BTreeMap<MessageId, u32>,
}

/// Looks for deliveries of the same mail.
pub(super) fn earlier(
    batch: &Batch<'_>,
    admission: &Admission,
    fingerprint: &Fingerprint,
) -> Result<Earlier, StoreError> {
    let mut found = Earlier::default();
    for recipient in &admission.recipients {
        match delivery_of(batch, &fingerprint.digest(recipient), admission.accepted_at)? {
            Some(message) => *found.had.entry(message).or_default() += 1,
            None => found.others.push(recipient.clone()),
        }
    }
    Ok(found)
}

/// The message of a delivery that was accepted within ten minutes and not cancelled. Two that came at once may reach the
/// writer in the other order, and a clock may be set back a little: so the time counts both ways.
fn delivery_of(batch: &Batch<'_>, digest: &[u8; 16], now: Timestamp) -> Result<Option<MessageId>, StoreError> {
    let slot = slot(now);
    let sql = "select message from queue_recent r where slot in (?1 - 1, ?1, ?1 + 1) and digest = ?2 \
               and abs(at - ?3) <= ?4 \
               and not exists (select 1 from event where delivery = r.delivery and kind = ?5) order by delivery limit 1";
    let within = i64::try_from(WITHIN.as_millis()).unwrap_or(i64::MAX);
    let values = params![slot, &digest[..], now.millis(), within, Kind::Cancelled.code()];
    let found = batch.tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.map(MessageId::from_raw))
}

/// Keeps what was accepted in mind, and forgets a bounded number of what is too old to matter.
pub(super) fn remember(
    batch: &Batch<'_>,
    dues: &[Due],
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Result<(), StoreError> {
    let slot = slot(now);
    // In place of one that was cancelled.
    let sql = "insert or replace into queue_recent values (?1, ?2, ?3, ?4, ?5)";
    let mut insert = batch.tx.prepare_cached(sql)?;
    for due in dues {
        let digest = fingerprint.digest(&due.address);
        insert.execute(params![slot, &digest[..], due.delivery.raw(), due.message.raw(), now.millis()])?;
    }
    let sql = "select 1 from queue_recent where slot < ?1 - 1 limit 1";
    if batch.tx.prepare_cached(sql)?.query_row([slot], |_| Ok(())).optional()?.is_none() {
        return Ok(());
    }
    let sql = "delete from queue_recent where (slot, digest) in \
               (select slot, digest from queue_recent where slot < ?1 - 1 order by slot, digest limit ?2)";
    batch.tx.prepare_cached(sql)?.execute(params![slot, OLD_ROWS + 2 * dues.len()])?;
    Ok(())
}

fn slot(at: Timestamp) -> i64 {
    at.millis().div_euclid(i64::try_from(WITHIN.as_millis()).unwrap_or(i64::MAX))
}

/// Writes down that messages came again, for the pages.
pub(super) fn note(
    batch: &Batch<'_>,
    had: &BTreeMap<MessageId, u32>,
    again: Option<MessageId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "insert into message_repeat values (?1, ?2, 1, ?3, ?4, ?4) on conflict (message, again) do update set \
               times = times + 1, recipients = max(recipients, excluded.recipients), last_at = excluded.last_at";
    let mut insert = batch.tx.prepare_cached(sql)?;
    for (message, recipients) in had {
        insert.execute(params![message.raw(), again.map_or(0, MessageId::raw), recipients, now.millis()])?;
    }
    Ok(())
}

/// How a message came again, and which it repeats; oldest first.
pub(super) fn of(conn: &Connection, message: MessageId) -> Result<Vec<Repeat>, StoreError> {
    let sql = "select message, again, times, recipients, first_at, last_at from message_repeat where message = ?1 \
               union all select message, again, times, recipients, first_at, last_at from message_repeat \
               where again = ?1 and again <> 0 order by first_at, again limit 100";
    let read = |row: &Row<'_>| {
        Ok(Repeat {
            first: MessageId::from_raw(row.get(0)?),
            again: Some(row.get(1)?).filter(|id| *id != 0).map(MessageId::from_raw),
            times: row.get(2)?,
            recipients: row.get(3)?,
            first_at: Timestamp::from_millis(row.get(4)?),
            last_at: Timestamp::from_millis(row.get(5)?),
            other: None,
        })
    };
    let mut statement = conn.prepare_cached(sql)?;
    let mut repeats = statement.query_map([message.raw()], read)?.collect::<Result<Vec<_>, _>>()?;
    for repeat in &mut repeats {
        let other = if repeat.first == message { repeat.again } else { Some(repeat.first) };
        repeat.other = other.map_or(Ok(None), |other| kinds::delivery(conn, other.raw()))?;
    }
    Ok(repeats)
}
