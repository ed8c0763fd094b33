//! The queue: what was accepted and still has to be delivered.
//!
//! Two writes per delivered recipient: acceptance and settlement. What is in flight is known in memory only: a crash
//! forgets it and the delivery is tried again.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, params};

use super::accept::accept;
use super::body::{self, BodyFault, NewBody};
use super::canary::{OfTheFirst, Stand};
use super::error::StoreError;
use super::fold_rows::mode;
use super::notice::{self, Tell};
use super::reader::Readers;
use super::repeat::Fingerprint;
use super::settle::settle;
use super::writer::{Batch, Lane, Writer};
use crate::domain::event::Attempt;
use crate::domain::priority;
use crate::domain::{Address, Campaign, CampaignId, DeliveryId, Domain, MessageId, Mode, Outcome, Timestamp, Wishes};
use crate::mail::receipt::Receipt;

/// A message with its recipients, ready to be taken.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The campaign that it names.
    pub campaign: Campaign,
    /// The list that decides on its campaign, when it names none (RFC 2919).
    pub list: Option<String>,
    /// Who submitted it.
    pub credential: String,
    /// `None` is the null reverse path.
    pub reverse_path: Option<Address>,
    /// At least one, no mailbox twice.
    pub recipients: Vec<Address>,
    /// What the sender asked to be told.
    pub wishes: Wishes,
    /// The `From` field as text.
    pub from_text: String,
    /// The subject as text.
    pub subject: String,
    /// The `Message-ID` field.
    pub message_id: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Metadata.
    pub metadata: Vec<(String, String)>,
    /// What was changed.
    pub receipt: Receipt,
    /// All that rendering needs beside the body, as text that only the renderer reads.
    pub recipe: String,
    /// The message as it came.
    pub body: Arc<[u8]>,
    /// Whether copies carry a pixel.
    pub pixel: bool,
    /// The tracked links: position, URL, label.
    pub links: Vec<(u16, String, String)>,
    /// Whether all copies are the same bytes.
    pub alike: bool,
    /// What goes before what: [`crate::domain::priority`].
    pub lane: u8,
    /// What an unsubscribe is from: the `List-Id`, else the domain in `From`.
    pub stream: String,
    /// Whether it passes by unsubscribes.
    pub transactional: bool,
    /// When.
    pub accepted_at: Timestamp,
    /// The first attempt is made then.
    pub due_at: Timestamp,
    /// Given up then.
    pub expires_at: Timestamp,
}

/// One delivery that waits.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which.
    pub delivery: DeliveryId,
    /// Of which message.
    pub message: MessageId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// Live or sandbox.
    pub mode: Mode,
    /// To whom.
    pub address: Address,
    /// What goes before what: [`crate::domain::priority`].
    pub lane: u8,
    /// When it is due.
    pub next_at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// Whether all copies of its message are the same bytes.
    pub alike: bool,
    /// The commit that accepted it, when it was heard of at its acceptance; 0 when it was read.
    pub commit: u64,
}

impl Due {
    /// Whether it is no mail between two, which passes all others.
    pub const fn is_of_a_campaign(&self) -> bool {
        priority::is_campaign_lane(self.lane)
    }
}

/// What a read leaves out.
#[derive(Debug, Clone, Default)]
pub struct LeftOut {
    /// Deliveries.
    pub under_way: HashSet<DeliveryId>,
    /// Campaigns of which nothing that was never tried may go now.
    pub shut: HashSet<CampaignId>,
}

/// What was made of a submitted message.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The new message; where every recipient had it already, the first message that one of them has it from.
    pub message: MessageId,
    /// The new deliveries; none where every recipient had it already.
    pub dues: Vec<Due>,
    /// The messages that it repeats, each for how many recipients; oldest first.
    pub repeats: Vec<(MessageId, u32)>,
}

/// What a read of a domain's due deliveries found.
#[derive(Debug, Clone)]
pub struct Refill {
    /// Due, fresh mail first, earliest first.
    pub due: Vec<Due>,
    /// Whether there are more that are due.
    pub more: bool,
    /// When the next one becomes due.
    pub later: Option<Timestamp>,
    /// The last commit that the read may have seen.
    pub through: u64,
}

/// What an attempt came to, to be written down.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery as it was due.
    pub due: Due,
    /// The try.
    pub attempt: Attempt,
    /// What came of it.
    pub outcome: Outcome,
    /// The SMTP lines.
    pub transcript: String,
    /// Whether the copy that left carried a pixel.
    pub pixel: bool,
    /// How many tracked links it carried.
    pub links: u16,
    /// What the sender is to be told of it.
    pub tell: Option<Tell>,
    /// Whether the sender asked to be told of a delay.
    pub delay_asked: bool,
    /// What it is one of the first of, where the rest of its campaign waits for them.
    pub first: Option<OfTheFirst>,
    /// When.
    pub at: Timestamp,
}

/// What came of writing an attempt down.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// Something is to be told to its sender now.
    pub telling: bool,
    /// How its campaign stands, where it was one of the first.
    pub stand: Option<Stand>,
}

/// What waits for one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The domain.
    pub domain: Domain,
    /// How many wait.
    pub waiting: u64,
    /// When the earliest is due.
    pub next_at: Timestamp,
}

/// What rendering needs.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// As it came.
    pub body: Vec<u8>,
    /// The recipe.
    pub recipe: String,
    /// `None` is the null reverse path.
    pub reverse_path: Option<Address>,
    /// What the sender asked to be told.
    pub wishes: Wishes,
}

/// The handle of submission and delivery.
#[derive(Clone)]
pub struct Queue {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    pub(super) data_dir: Arc<PathBuf>,
    pub(super) random: fn() -> u64,
}

impl Queue {
    /// Takes responsibility for a message: when this returns `Ok`, body, deliveries and facts are on the disk.
    pub async fn accept(&self, admission: Admission) -> Result<(MessageId, Vec<Due>), StoreError> {
        self.submit(admission, false).await.map(|taken| (taken.message, taken.dues))
    }

    /// The same for mail that may have been submitted before, where it has a `Message-ID` of its own (`named`): a recipient
    /// who has it already gets no second delivery.
    pub async fn submit(&self, admission: Admission, named: bool) -> Result<Taken, StoreError> {
        let placed = self.place(&admission.body).await?;
        let file = placed.path.clone();
        let fingerprint = named.then(|| Fingerprint::of(&admission.credential, &admission.campaign, &placed.digest));
        let bytes = admission.body.len() + 512 * admission.recipients.len();
        let random = self.random;
        let accept = move |batch: &mut Batch<'_>| accept(batch, &admission, fingerprint.as_ref(), &placed, random);
        let done = self.writer.write(Lane::Accept, bytes, accept).await;
        if let (false, Some(name)) = (done.as_ref().is_ok_and(|taken| !taken.dues.is_empty()), file) {
            body::unplace(&self.data_dir, &name);
        }
        done
    }

    /// Puts a body where it belongs, before the transaction that names it.
    pub(super) async fn place(&self, bytes: &Arc<[u8]>) -> Result<NewBody, StoreError> {
        let (data_dir, bytes, random) = (Arc::clone(&self.data_dir), Arc::clone(bytes), (self.random)());
        if bytes.len() <= body::INLINE_MAX {
            return Ok(NewBody { digest: body::digest(&bytes), bytes, path: None });
        }
        let place = move || body::place(&data_dir, bytes, random);
        tokio::task::spawn_blocking(place).await.map_err(|e| StoreError::Closed(e.to_string()))?
    }

    /// Writes down what an attempt came to. `Ok` means it is on the disk.
    pub async fn settle(&self, settlement: Settlement) -> Result<Settled, StoreError> {
        let bytes = 512 + settlement.transcript.len();
        self.writer.write(Lane::Urgent, bytes, move |batch| settle(batch, &settlement)).await
    }

    /// Holds a delivery that cannot be rendered: it stays in the queue, is tried no more, and is a finding.
    pub async fn hold(&self, delivery: DeliveryId, why: String) -> Result<(), StoreError> {
        let hold = move |batch: &mut Batch<'_>| {
            let sql = "update queue_delivery set held = ?2 where delivery = ?1";
            Ok(batch.tx.prepare_cached(sql)?.execute(params![delivery.raw(), why]).map(|_| ())?)
        };
        self.writer.write(Lane::Urgent, 128, hold).await
    }

    /// What waits and is of no paused campaign, by domain: read once, when the relay starts.
    pub async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        self.readers
            .read_long(|conn| {
                let sql = "select domain, count(*), min(next_at) from queue_delivery where held is null \
                           and campaign not in (select campaign from queue_pause where campaign <> 0) group by domain";
                let mut statement = conn.prepare_cached(sql)?;
                let mut rows = statement.query([])?;
                let mut heads = Vec::new();
                while let Some(row) = rows.next()? {
                    let (domain, waiting, next_at): (String, u64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    if let Ok(domain) = Domain::parse(&domain) {
                        heads.push(Head { domain, waiting, next_at: Timestamp::from_millis(next_at) });
                    }
                }
                Ok(heads)
            })
            .await
    }

    /// Body and recipe of a message, checked.
    pub async fn message(&self, message: MessageId) -> Result<Result<StoredMessage, BodyFault>, StoreError> {
        let data_dir = Arc::clone(&self.data_dir);
        self.readers
            .read_long(move |conn| {
                let sql = "select recipe, reverse_path from queue_message where message = ?1";
                let row = conn
                    .prepare_cached(sql)?
                    .query_row([message.raw()], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
                    .optional()?;
                let Some((recipe, reverse_path)) = row else { return Ok(Err(BodyFault::Gone)) };
                let reverse_path = reverse_path.and_then(|text| Address::parse(&text).ok());
                let body = body::read(conn, &data_dir, message.raw())?;
                let wishes = notice::wishes(conn, message)?;
                Ok(body.map(|body| StoredMessage { body, recipe, reverse_path, wishes }))
            })
            .await
    }

    /// Removes bodies that were released before `before`, and the oldest released ones past `bytes_max`; the last
    /// message of each campaign stays, for its preview. At most 500 a call; returns how many went.
    pub async fn sweep_bodies(&self, before: Timestamp, bytes_max: i64) -> Result<usize, StoreError> {
        let data_dir = Arc::clone(&self.data_dir);
        // Beside the writer: over a large queue this takes its time.
        let sum = "select coalesce(sum(length), 0) from queue_message";
        let total: i64 =
            self.readers.read_long(move |conn| Ok(conn.prepare_cached(sum)?.query_row([], |row| row.get(0))?)).await?;
        let sweep = move |batch: &mut Batch<'_>| {
            let sql = "select message, length, released_at from queue_message where released_at is not null \
                       and message not in (select last_message from v_campaign) order by released_at limit 500";
            let mut over = total - bytes_max;
            let mut gone = Vec::new();
            let mut statement = batch.tx.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (message, length, released): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if released < before.millis() || over > 0 {
                    over -= length;
                    gone.push(message);
                }
            }
            let mut files = Vec::new();
            for message in &gone {
                files.extend(body::forget(batch.tx, &data_dir, *message)?);
            }
            Ok((gone.len(), files))
        };
        let (count, files) = self.writer.write(Lane::Urgent, 4096, sweep).await?;
        for file in files {
            let _ = std::fs::remove_file(file);
        }
        Ok(count)
    }
}

pub(super) fn read_due(row: &Row<'_>) -> Result<Option<Due>, StoreError> {
    // Only addresses that parsed were ever written; one that does not is left for `verify` to name.
    let Ok(address) = Address::parse(&row.get::<_, String>(4)?) else { return Ok(None) };
    Ok(Some(Due {
        delivery: DeliveryId::from_raw(row.get(0)?),
        message: MessageId::from_raw(row.get(1)?),
        campaign: CampaignId::from_raw(row.get(2)?),
        mode: mode(row.get(3)?),
        address,
        lane: row.get(5)?,
        next_at: Timestamp::from_millis(row.get(6)?),
        attempts: row.get(7)?,
        accepted_at: Timestamp::from_millis(row.get(8)?),
        expires_at: Timestamp::from_millis(row.get(9)?),
        alike: row.get(10)?,
        commit: 0,
    }))
}
