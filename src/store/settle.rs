//! What is written when an attempt has ended, and how deliveries leave the queue.

use rusqlite::{OptionalExtension, params};

use super::error::StoreError;
use super::ledger::TextField;
use super::queue::{Settled, Settlement};
use super::writer::Batch;
use super::{canary, full_mailbox, hits, notice, suppression};
use crate::domain::event::About;
use crate::domain::priority;
use crate::domain::suppression::Reason;
use crate::domain::{BounceClass, CampaignId, DeliveryId, Fact, MessageId, Outcome, Timestamp};

/// What came of taking a delivery out of the queue.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leaving {
    /// It was still there.
    pub(super) was_there: bool,
    /// Something was to be told that need not wait any longer.
    pub(super) telling: bool,
}

/// Writes down what an attempt came to. A delivery that was cancelled while it was under way has left the queue: that it
/// was taken or refused for good is the stronger truth and is recorded; a try that only failed changes nothing any more.
pub(super) fn settle(batch: &mut Batch<'_>, settlement: &Settlement) -> Result<Settled, StoreError> {
    let Settlement { due, attempt, outcome, at, .. } = settlement;
    let about = About { delivery: due.delivery, campaign: due.campaign, mode: due.mode };
    let attempt = attempt.clone();
    let ends_it_anyway = matches!(outcome, Outcome::Delivered(_) | Outcome::Bounced { .. });
    if !ends_it_anyway && !is_there(batch, due.delivery)? {
        return Ok(Settled::default());
    }
    // Before it leaves, so that what is told is hastened with the rest of its message.
    notice::note(batch, settlement)?;
    let mut telling = settlement.tell.is_some();
    if let Outcome::Deferred { next, .. } = outcome {
        let lane = priority::tried_lane(due.lane);
        let sql = "update queue_delivery set attempts = ?2, next_at = ?3, lane = ?4 where delivery = ?1";
        batch.tx.prepare_cached(sql)?.execute(params![due.delivery.raw(), attempt.n, next.millis(), lane])?;
    } else {
        telling |= leave_queue(batch, due.delivery, due.message, *at)?.telling;
    }
    let fact = match outcome {
        Outcome::Deferred { class, next, .. } => Fact::Deferred { about, attempt, class: *class, next: *next },
        Outcome::Delivered(_) => Fact::Delivered { about, attempt, pixel: settlement.pixel, links: settlement.links },
        Outcome::Bounced { class, .. } => Fact::Bounced { about, attempt, class: *class },
        Outcome::Expired { class, .. } => Fact::Expired { about, attempt, class: *class },
    };
    if due.campaign == CampaignId::OWN_MAIL {
        notice::settled(batch, settlement)?;
        return Ok(Settled { telling, stand: None });
    }
    let reply = outcome.reply().to_string();
    let texts = [(TextField::Reply, reply.as_str()), (TextField::Transcript, settlement.transcript.as_str())];
    batch.record(*at, fact, &texts)?;
    match outcome {
        Outcome::Bounced { class, .. } if class.is_final() => suppression::refused(batch, due, Reason::Bounce, *at)?,
        Outcome::Bounced { class: BounceClass::MailboxFull, .. }
        | Outcome::Expired { class: BounceClass::MailboxFull, .. } => full_mailbox::refused(batch, due, *at)?,
        Outcome::Delivered(_) => hits::delivered(batch, due.delivery, *at)?,
        Outcome::Bounced { .. } | Outcome::Expired { .. } | Outcome::Deferred { .. } => {}
    }
    let first = settlement.first.as_ref();
    let stand = first.map(|first| canary::count(batch, due.campaign, first, outcome, *at)).transpose()?;
    Ok(Settled { telling, stand })
}

fn is_there(batch: &Batch<'_>, delivery: DeliveryId) -> Result<bool, StoreError> {
    let sql = "select 1 from queue_delivery where delivery = ?1";
    Ok(batch.tx.prepare_cached(sql)?.query_row([delivery.raw()], |_| Ok(())).optional()?.is_some())
}

/// Takes a delivery out of the queue. The last one of a message releases its body.
pub(super) fn leave_queue(
    batch: &Batch<'_>,
    delivery: DeliveryId,
    message: MessageId,
    at: Timestamp,
) -> Result<Leaving, StoreError> {
    let sql = "delete from queue_delivery where delivery = ?1";
    if batch.tx.prepare_cached(sql)?.execute([delivery.raw()])? == 0 {
        return Ok(Leaving::default());
    }
    let sql = "update queue_message set waiting = waiting - 1, \
               released_at = iif(waiting <= 1, ?2, null) where message = ?1 returning waiting";
    let values = params![message.raw(), at.millis()];
    let waiting: Option<i64> = batch.tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    let telling = waiting == Some(0) && notice::hasten(batch, message, at)?;
    Ok(Leaving { was_there: true, telling })
}
