//! What senders are told: written down with the outcome it is about, taken off in the transaction that takes the notice
//! into the queue. A crash between the two loses none and sends none twice.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::accept::{insert_due, insert_message, json};
use super::body::{self, NewBody};
use super::error::StoreError;
use super::fold::mode_code;
use super::queue::{Admission, Due, Queue, Settlement};
use super::view::State;
use super::writer::{Batch, Lane};
use crate::domain::{
    Action, Address, Campaign, CampaignId, DeliveryId, MessageId, Mode, Outcome, Priority, Timestamp, Wishes, campaign,
    priority,
};
use crate::mail::notice::{Digest, Notice, Told};
use crate::mail::receipt::Receipt;

/// Failures of one message are gathered this long, unless its last delivery ends sooner.
const GATHER: Duration = Duration::from_mins(1);
/// A sender's failures are told one message at a time up to this many messages in [`HOUR`]; those beyond in a digest.
const SINGLES_MAX: u32 = 20;
/// How long a sender's singles are counted, and how long a digest waits.
const HOUR: Duration = Duration::from_hours(1);
/// Recipients in one notice, and rows moved at once.
const SLICE: usize = 1_000;
/// The kinds of notices are told apart: failures, delays, and (these and above) successes.
const SUCCESS: u8 = Action::Delivered.code();

/// What is to be told of an outcome, to be written down with it.
#[derive(Debug, Clone)]
pub struct Tell {
    /// The reverse path.
    pub sender: Address,
    /// What became of the recipient.
    pub told: Told,
}

/// What is to be told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// Nothing before then.
    Nothing(Option<Timestamp>),
    /// What became of recipients of one message.
    Message {
        /// Which.
        message: MessageId,
        /// Whom to tell.
        sender: Address,
        /// Rows and their contents.
        told: Vec<(DeliveryId, Told)>,
    },
    /// The sender was told enough for now: [`Queue::put_into_digest`].
    TooMany(Address),
    /// The sender's hour is over, and there is more to tell.
    Digest(Address, Box<Digest>),
    /// An hour is over with nothing more to tell: [`Queue::forget_hours`].
    HourOver,
}

/// A notice, ready to be taken into the queue.
#[derive(Debug, Clone)]
pub struct OwnMail {
    /// Its contents.
    pub notice: Notice,
    /// By which it is rendered.
    pub recipe: String,
    /// Live or sandbox.
    pub mode: Mode,
    /// When.
    pub accepted_at: Timestamp,
    /// Given up then.
    pub expires_at: Timestamp,
}

impl Queue {
    /// What is to be told next.
    pub async fn next_telling(&self, now: Timestamp) -> Result<Telling, StoreError> {
        self.readers.read_long(move |conn| next(conn, now)).await
    }

    /// Forgets the hours that ended with nothing more to tell.
    pub async fn forget_hours(&self, now: Timestamp) -> Result<(), StoreError> {
        let forget = move |batch: &mut Batch<'_>| {
            let sql = "delete from notice_sender where began_at <= ?1 and digest is null";
            batch.tx.prepare_cached(sql)?.execute([(now - HOUR).millis()])?;
            Ok(())
        };
        self.writer.write(Lane::Urgent, 128, forget).await
    }

    /// Takes the notice that `telling` led to into the queue. `None` when what it tells was settled otherwise meanwhile.
    pub async fn tell(&self, telling: Telling, mail: OwnMail) -> Result<Option<Due>, StoreError> {
        let bytes: Arc<[u8]> = Arc::from(mail.notice.bytes.as_slice());
        let size = bytes.len() + 512;
        let placed = self.place(&bytes).await?;
        let file = placed.path.clone();
        let data_dir = Arc::clone(&self.data_dir);
        let done = self.writer.write(Lane::Urgent, size, move |batch| take(batch, &telling, &mail, &placed)).await;
        if let (Err(_) | Ok(None), Some(name)) = (&done, file) {
            body::unplace(&data_dir, &name);
        }
        done
    }

    /// Moves what is to be told to a sender into its digest, due or not, [`SLICE`] rows at a time.
    pub async fn put_into_digest(&self, sender: Address, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Lane::Urgent, 64 << 10, move |batch| into_digest(batch, &sender, now)).await
    }
}

fn next(conn: &Connection, now: Timestamp) -> Result<Telling, StoreError> {
    let sql = "select sender, digest, began_at from notice_sender order by began_at limit 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let oldest: Option<(String, Option<String>, i64)> = conn.prepare_cached(sql)?.query_row([], read).optional()?;
    let mut later = None;
    if let Some((sender, digest, began_at)) = oldest {
        let over_at = Timestamp::from_millis(began_at) + HOUR;
        match (over_at <= now, digest, Address::parse(&sender)) {
            (true, None, _) => return Ok(Telling::HourOver),
            (true, Some(digest), Ok(sender)) => {
                return Ok(Telling::Digest(sender, Box::new(read_digest(Some(&digest)))));
            }
            (true, Some(_), Err(_)) => {}
            (false, ..) => later = Some(over_at),
        }
    }
    let sql = "select sender, message, min(action, ?1), due_at from notice_due where due_at is not null \
               order by due_at limit 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let first: Option<(String, i64, u8, i64)> = conn.prepare_cached(sql)?.query_row([SUCCESS], read).optional()?;
    let Some((sender, message, kind, due_at)) = first else { return Ok(Telling::Nothing(later)) };
    let due_at = Timestamp::from_millis(due_at);
    let Some(sender) = Address::parse(&sender).ok().filter(|_| due_at <= now) else {
        return Ok(Telling::Nothing(later.into_iter().chain([due_at]).min()));
    };
    let sql = "select singles from notice_sender where sender = ?1";
    let singles: Option<u32> = conn.prepare_cached(sql)?.query_row([sender.as_str()], |row| row.get(0)).optional()?;
    if kind < SUCCESS && singles.is_some_and(|singles| singles >= SINGLES_MAX) {
        return Ok(Telling::TooMany(sender));
    }
    let sql = "select delivery, told from notice_due where message = ?1 and min(action, ?2) = ?3 \
               and due_at is not null limit ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![message, SUCCESS, kind, SLICE])?;
    let mut told = Vec::new();
    while let Some(row) = rows.next()? {
        told.push((DeliveryId::from_raw(row.get(0)?), read_told(&row.get::<_, String>(1)?)?));
    }
    Ok(Telling::Message { message: MessageId::from_raw(message), sender, told })
}

/// Only our own text was ever written there.
fn read_told(text: &str) -> Result<Told, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Schema(format!("a stored notice cannot be read: {e}")))
}

fn read_digest(text: Option<&str>) -> Digest {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn take(batch: &mut Batch<'_>, telling: &Telling, mail: &OwnMail, placed: &NewBody) -> Result<Option<Due>, StoreError> {
    let to = match telling {
        Telling::Nothing(_) | Telling::TooMany(_) | Telling::HourOver => return Ok(None),
        Telling::Message { sender, told, .. } => {
            let mut taken = 0;
            for (delivery, told) in told {
                taken += take_off(batch, *delivery, told.action)?;
            }
            if taken == 0 {
                return Ok(None);
            }
            if told.iter().any(|(_, told)| told.action.code() < SUCCESS) {
                let sql = "insert into notice_sender values (?1, ?2, 1, null) \
                           on conflict (sender) do update set singles = singles + 1";
                batch.tx.prepare_cached(sql)?.execute(params![sender.as_str(), mail.accepted_at.millis()])?;
            }
            sender
        }
        Telling::Digest(sender, _) => {
            let sql = "delete from notice_sender where sender = ?1 and digest is not null";
            if batch.tx.prepare_cached(sql)?.execute([sender.as_str()])? == 0 {
                return Ok(None);
            }
            sender
        }
    };
    accept(batch, to, mail, placed).map(Some)
}

/// A delay that was told is kept without a time.
fn take_off(batch: &Batch<'_>, delivery: DeliveryId, action: Action) -> Result<usize, StoreError> {
    let sql = match action {
        Action::Delayed => {
            "update notice_due set due_at = null where delivery = ?1 and action = ?2 and due_at is not null"
        }
        Action::Failed | Action::Delivered | Action::Relayed => {
            "delete from notice_due where delivery = ?1 and action = ?2"
        }
    };
    Ok(batch.tx.prepare_cached(sql)?.execute(params![delivery.raw(), action.code()])?)
}

fn accept(batch: &mut Batch<'_>, to: &Address, mail: &OwnMail, placed: &NewBody) -> Result<Due, StoreError> {
    let size = placed.bytes.len() as u64;
    let admission = Admission {
        campaign: Campaign::new(campaign::NONE, mail.mode),
        list: None,
        stream: String::new(),
        transactional: true,
        credential: String::new(),
        // RFC 3461 section 6.1: nobody is told of what becomes of a notice.
        reverse_path: None,
        recipients: vec![to.clone()],
        wishes: Wishes::default(),
        from_text: mail.notice.from.clone(),
        subject: mail.notice.subject.clone(),
        message_id: mail.notice.message_id.clone(),
        tags: Vec::new(),
        metadata: Vec::new(),
        receipt: Receipt { size_in: size, size_out: size, ..Receipt::default() },
        recipe: mail.recipe.clone(),
        body: Arc::clone(&placed.bytes),
        pixel: false,
        links: Vec::new(),
        alike: true,
        lane: priority::fresh_lane(false, Priority::Normal),
        accepted_at: mail.accepted_at,
        due_at: mail.accepted_at,
        expires_at: mail.expires_at,
    };
    let message = MessageId::from_raw(batch.next_id(mail.accepted_at));
    insert_message(batch, &admission, placed, message, CampaignId::OWN_MAIL)?;
    let due = Due {
        delivery: DeliveryId::from_raw(batch.next_id(mail.accepted_at)),
        message,
        campaign: CampaignId::OWN_MAIL,
        mode: mail.mode,
        address: to.clone(),
        lane: admission.lane,
        next_at: mail.accepted_at,
        attempts: 0,
        accepted_at: mail.accepted_at,
        expires_at: mail.expires_at,
        alike: admission.alike,
        commit: batch.number,
    };
    insert_due(batch, &due)?;
    let sql = "insert into notice_delivery values (?1, ?2, ?3, ?4, ?5, ?6, 0, ?5, '')";
    let (mode, state, at) = (mode_code(mail.mode), State::Queued.code(), mail.accepted_at.millis());
    let values = params![due.delivery.raw(), message.raw(), mode, to.as_str(), at, state];
    batch.tx.prepare_cached(sql)?.execute(values)?;
    Ok(due)
}

fn into_digest(batch: &Batch<'_>, sender: &Address, now: Timestamp) -> Result<(), StoreError> {
    let sql = "select digest from notice_sender where sender = ?1";
    let digest: Option<Option<String>> =
        batch.tx.prepare_cached(sql)?.query_row([sender.as_str()], |row| row.get(0)).optional()?;
    let mut digest = read_digest(digest.flatten().as_deref());
    let sql = "select delivery, told from notice_due where sender = ?1 and due_at is not null and action < ?2 limit ?3";
    let mut statement = batch.tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![sender.as_str(), SUCCESS, SLICE])?;
    let mut moved = Vec::new();
    while let Some(row) = rows.next()? {
        moved.push((DeliveryId::from_raw(row.get(0)?), read_told(&row.get::<_, String>(1)?)?));
    }
    for (delivery, told) in moved {
        take_off(batch, delivery, told.action)?;
        digest.add(told);
    }
    let sql =
        "insert into notice_sender values (?1, ?2, 0, ?3) on conflict (sender) do update set digest = excluded.digest";
    batch.tx.prepare_cached(sql)?.execute(params![sender.as_str(), now.millis(), json(&digest)])?;
    Ok(())
}

/// Keeps what a sender asked of its message, if it asked for anything.
pub(super) fn keep_wishes(batch: &Batch<'_>, message: MessageId, wishes: &Wishes) -> Result<(), StoreError> {
    if wishes.is_empty() {
        return Ok(());
    }
    let sql = "insert into notice_wish values (?1, ?2)";
    batch.tx.prepare_cached(sql)?.execute(params![message.raw(), json(wishes)])?;
    Ok(())
}

/// What the sender asked of a message.
pub(super) fn wishes(conn: &Connection, message: MessageId) -> Result<Wishes, StoreError> {
    let sql = "select wishes from notice_wish where message = ?1";
    let text: Option<String> = conn.prepare_cached(sql)?.query_row([message.raw()], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Writes down what is to be told of an outcome, and forgets a delay that is over.
pub(super) fn note(batch: &Batch<'_>, settlement: &Settlement) -> Result<(), StoreError> {
    let delivery = settlement.due.delivery.raw();
    let ended = !matches!(settlement.outcome, Outcome::Deferred { .. });
    if ended && settlement.delay_asked {
        let sql = "delete from notice_due where delivery = ?1 and action = ?2";
        batch.tx.prepare_cached(sql)?.execute(params![delivery, Action::Delayed.code()])?;
    }
    let Some(Tell { sender, told }) = &settlement.tell else { return Ok(()) };
    put(batch, settlement.due.delivery, settlement.due.message, sender, told, settlement.at)
}

/// Notes one thing to be told, gathered with what follows of the same message.
pub(super) fn put(
    batch: &Batch<'_>,
    delivery: DeliveryId,
    message: MessageId,
    sender: &Address,
    told: &Told,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "insert or ignore into notice_due values (?1, ?2, ?3, ?4, ?5, ?6)";
    let (action, due_at) = (told.action.code(), (at + GATHER).millis());
    let values = params![delivery.raw(), action, message.raw(), sender.as_str(), due_at, json(told)];
    batch.tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The last delivery of a message has ended: nothing more is to be gathered. Whether something was. What goes into a
/// digest is not hastened, so that it goes there many at once.
pub(super) fn hasten(batch: &Batch<'_>, message: MessageId, at: Timestamp) -> Result<bool, StoreError> {
    let sql = "update notice_due set due_at = ?2 where message = ?1 and due_at > ?2 and (action >= ?3 or not exists \
               (select 1 from notice_sender s where s.sender = notice_due.sender and s.singles >= ?4))";
    let values = params![message.raw(), at.millis(), SUCCESS, SINGLES_MAX];
    Ok(batch.tx.prepare_cached(sql)?.execute(values)? > 0)
}

/// After the wall clock went back: what was to be told by the old time is told now, and no hour begins in the future.
pub(super) fn pull_back(batch: &Batch<'_>, now: Timestamp) -> Result<(), StoreError> {
    let sql = "update notice_due set due_at = ?1 where due_at > ?2";
    batch.tx.prepare_cached(sql)?.execute(params![now.millis(), (now + GATHER).millis()])?;
    let sql = "update notice_sender set began_at = ?1 where began_at > ?1";
    batch.tx.prepare_cached(sql)?.execute([now.millis()])?;
    Ok(())
}

/// What became of a notice is kept beside the ledger.
pub(super) fn settled(batch: &Batch<'_>, settlement: &Settlement) -> Result<(), StoreError> {
    let state = match settlement.outcome {
        Outcome::Deferred { .. } => State::Queued,
        Outcome::Delivered(_) => State::Delivered,
        Outcome::Bounced { .. } => State::Bounced,
        Outcome::Expired { .. } => State::Expired,
    };
    let sql = "update notice_delivery set state = ?2, tries = ?3, last_at = ?4, reply = ?5 where delivery = ?1";
    let (delivery, at, reply) =
        (settlement.due.delivery.raw(), settlement.at.millis(), settlement.outcome.reply().to_string());
    batch.tx.prepare_cached(sql)?.execute(params![delivery, state.code(), settlement.attempt.n, at, reply])?;
    Ok(())
}

/// Notes that a notice was taken out of the queue.
pub(super) fn cancelled(batch: &Batch<'_>, delivery: DeliveryId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "update notice_delivery set state = ?2, last_at = ?3 where delivery = ?1";
    batch.tx.prepare_cached(sql)?.execute(params![delivery.raw(), State::Cancelled.code(), at.millis()])?;
    Ok(())
}

/// Forgets what stands beside a message whose body goes.
pub(super) fn forget(conn: &Connection, message: i64) -> Result<(), StoreError> {
    conn.prepare_cached("delete from notice_wish where message = ?1")?.execute([message])?;
    // A delay that was told, of a delivery that was taken out of the queue without an attempt.
    conn.prepare_cached("delete from notice_due where message = ?1 and due_at is null")?.execute([message])?;
    let own = conn.prepare_cached("delete from notice_delivery where message = ?1")?.execute([message])?;
    if own > 0 {
        conn.prepare_cached("delete from message where id = ?1")?.execute([message])?;
    }
    Ok(())
}
