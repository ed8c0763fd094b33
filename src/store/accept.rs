//! What is written when a message is accepted, all in one transaction.

use rusqlite::{OptionalExtension, params};

use super::body::{self, NewBody};
use super::error::StoreError;
use super::fold::mode_code;
use super::queue::{Admission, Due, Taken};
use super::repeat::{self, Fingerprint};
use super::writer::Batch;
use super::{kinds, names, notice, person};
use crate::domain::event::{About, Accepted};
use crate::domain::{Address, CampaignId, DeliveryId, Fact, MessageId};
use crate::mail::receipt::Receipt;

/// Takes a message in, for those who do not have it already.
pub(super) fn accept(
    batch: &mut Batch<'_>,
    admission: &Admission,
    fingerprint: Option<&Fingerprint>,
    body: &NewBody,
    random: fn() -> u64,
) -> Result<Taken, StoreError> {
    let Some(fingerprint) = fingerprint else {
        let (message, dues) = take_in(batch, admission, body, random)?;
        return Ok(Taken { message, dues, repeats: Vec::new() });
    };
    let now = admission.accepted_at;
    let earlier = repeat::earlier(batch, admission, fingerprint)?;
    let repeats = earlier.had.iter().map(|(message, recipients)| (*message, *recipients)).collect();
    if let (true, Some(first)) = (earlier.others.is_empty(), earlier.had.keys().next()) {
        repeat::note(batch, &earlier.had, None, now)?;
        return Ok(Taken { message: *first, dues: Vec::new(), repeats });
    }
    let (message, dues) = if earlier.had.is_empty() {
        take_in(batch, admission, body, random)?
    } else {
        let others = Admission { recipients: earlier.others, ..admission.clone() };
        let (message, dues) = take_in(batch, &others, body, random)?;
        repeat::note(batch, &earlier.had, Some(message), now)?;
        (message, dues)
    };
    repeat::remember(batch, &dues, fingerprint, now)?;
    Ok(Taken { message, dues, repeats })
}

/// Its row and body, a delivery and a fact for each recipient.
fn take_in(
    batch: &mut Batch<'_>,
    admission: &Admission,
    body: &NewBody,
    random: fn() -> u64,
) -> Result<(MessageId, Vec<Due>), StoreError> {
    let now = admission.accepted_at;
    let message = MessageId::from_raw(batch.next_id(now));
    let joined = names::joined(batch.tx, &admission.campaign, admission.list.as_deref(), now)?;
    let (campaign, mode) = (joined.id(), joined.mode());
    insert_message(batch, admission, body, message, campaign)?;
    notice::keep_wishes(batch, message, &admission.wishes)?;
    names::name_links(batch.tx, campaign, &admission.links)?;
    kinds::count(batch.tx, campaign, message, &admission.receipt)?;
    let mut waiting = Vec::with_capacity(admission.recipients.len());
    for (index, address) in admission.recipients.iter().enumerate() {
        let person = person::find_or_make(batch.tx, address, random)?;
        let due = Due {
            delivery: DeliveryId::from_raw(batch.next_id(now)),
            message,
            campaign,
            mode,
            address: address.clone(),
            lane: admission.lane,
            next_at: admission.due_at,
            attempts: 0,
            accepted_at: now,
            expires_at: admission.expires_at,
            alike: admission.alike,
            commit: batch.number,
        };
        insert_due(batch, &due)?;
        let accepted = Accepted {
            about: About { delivery: due.delivery, campaign, mode },
            message,
            person,
            campaign_name: joined.name().to_owned(),
            first_of_message: index == 0,
            domain: address.domain().as_str().to_owned(),
            tags: admission.tags.clone(),
            size: admission.body.len() as u64,
            pixel: admission.pixel,
            links: u16::try_from(admission.links.len()).unwrap_or(u16::MAX),
        };
        batch.record(now, Fact::Accepted(accepted), &[])?;
        waiting.push(due);
    }
    Ok((message, waiting))
}

pub(super) fn insert_message(
    batch: &Batch<'_>,
    admission: &Admission,
    body: &NewBody,
    message: MessageId,
    campaign: CampaignId,
) -> Result<(), StoreError> {
    let metadata = json(&admission.metadata);
    let receipt = receipt_row(batch, &admission.receipt)?;
    let reverse_path = admission.reverse_path.as_ref().map(Address::as_str);
    let size = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    batch
        .tx
        .prepare_cached("insert into message values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")?
        .execute(params![
            message.raw(),
            campaign.raw(),
            admission.credential,
            admission.accepted_at.millis(),
            size(admission.receipt.size_in),
            size(admission.receipt.size_out),
            reverse_path.unwrap_or_default(),
            admission.from_text,
            admission.subject,
            admission.message_id,
            metadata,
            receipt,
            admission.stream,
            admission.transactional
        ])?;
    batch.tx.prepare_cached("insert into queue_message values (?1, ?2, ?3, ?4, ?5, ?6, ?7, null)")?.execute(
        params![
            message.raw(),
            reverse_path,
            admission.recipe,
            body.bytes.len(),
            body.digest,
            body.path,
            admission.recipients.len()
        ],
    )?;
    if body.path.is_none() {
        batch
            .tx
            .prepare_cached("insert into body values (?1, ?2)")?
            .execute(params![message.raw(), &body.bytes[..]])?;
    }
    Ok(())
}

pub(super) fn insert_due(batch: &Batch<'_>, due: &Due) -> Result<(), StoreError> {
    batch
        .tx
        .prepare_cached("insert into queue_delivery values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, null, ?12)")?
        .execute(params![
            due.delivery.raw(),
            due.message.raw(),
            due.campaign.raw(),
            mode_code(due.mode),
            due.address.as_str(),
            due.address.domain().as_str(),
            due.lane,
            due.next_at.millis(),
            due.attempts,
            due.accepted_at.millis(),
            due.expires_at.millis(),
            due.alike
        ])?;
    Ok(())
}

/// Receipts are kept once each: a template relayed a thousand times has one. Sizes differ, so they stand with the message.
pub(super) fn receipt_row(batch: &Batch<'_>, receipt: &Receipt) -> Result<i64, StoreError> {
    let plain = Receipt { size_in: 0, size_out: 0, ..receipt.clone() };
    let json = json(&plain);
    let digest = body::digest(json.as_bytes());
    let stored = batch
        .tx
        .prepare_cached("select id from receipt where digest = ?1")?
        .query_row([&digest[..]], |row| row.get(0))
        .optional()?;
    if let Some(id) = stored {
        return Ok(id);
    }
    batch.tx.prepare_cached("insert into receipt (digest, json) values (?1, ?2)")?.execute(params![digest, json])?;
    Ok(batch.tx.last_insert_rowid())
}

/// Our own plain types always serialise.
pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
