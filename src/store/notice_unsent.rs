//! What is told of deliveries that leave the queue without an attempt that ended them.

use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::notice;
use super::writer::Batch;
use crate::domain::{Action, Address, BounceClass, DeliveryId, MessageId, Timestamp};
use crate::mail::notice::Told;

/// Why a delivery is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    /// Its recipient is on the list.
    Suppressed,
    /// Somebody took it out of the queue.
    Cancelled,
}

impl Unsent {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Suppressed => ("5.7.1", "the address is on this relay's list of those that are not mailed"),
            Self::Cancelled => ("5.3.0", "it was cancelled at this relay before it was sent"),
        }
    }
}

/// Notes it for a sender that asked to hear of failures (RFC 3461 section 4.1): one that asked for nothing put the
/// address on the list, or cancelled the mail, itself. The delivery is still in the queue.
pub(super) fn note(
    batch: &Batch<'_>,
    delivery: DeliveryId,
    message: MessageId,
    unsent: Unsent,
    at: Timestamp,
) -> Result<(), StoreError> {
    let wishes = notice::wishes(batch.tx, message)?;
    if wishes.is_empty() {
        return Ok(());
    }
    let sql = "select q.address, q.accepted_at, q.attempts, m.reverse_path from queue_delivery q \
               join queue_message m on m.message = q.message where q.delivery = ?1";
    let row: Option<(String, i64, u32, Option<String>)> = batch
        .tx
        .prepare_cached(sql)?
        .query_row(params![delivery.raw()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((address, accepted_at, attempts, reverse_path)) = row else { return Ok(()) };
    let (recipient, sender) = (Address::parse(&address).ok(), reverse_path.and_then(|path| Address::parse(&path).ok()));
    let (Some(recipient), Some(sender)) = (recipient, sender) else { return Ok(()) };
    let Some(wish) = wishes.of(&recipient).filter(|wish| wish.notify.is_some_and(|notify| notify.failure)) else {
        return Ok(());
    };
    let (status, reply) = unsent.words();
    let told = Told {
        action: Action::Failed,
        class: BounceClass::Other,
        recipient: recipient.to_string(),
        original: wish.original.as_ref().map(ToString::to_string),
        status: status.to_owned(),
        remote: String::new(),
        reply: reply.to_owned(),
        spoken: false,
        accepted_at,
        attempted_at: at.millis(),
        attempts,
        retry_until: None,
        expired: false,
    };
    notice::put(batch, delivery, message, &sender, &told, at)
}
