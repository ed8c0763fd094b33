//! What is written beside a message when it is accepted: its receipt.

use rusqlite::{OptionalExtension, params};

use super::body;
use super::error::StoreError;
use super::writer::Batch;
use crate::mail::receipt::Receipt;

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
