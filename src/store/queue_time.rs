//! The queue after the wall clock went back.

use std::time::Duration;

use rusqlite::params;

use super::error::StoreError;
use super::notice;
use super::queue::Queue;
use super::writer::{Batch, Lane};
use crate::domain::Timestamp;

impl Queue {
    /// Makes due what lies further ahead than it can: a retry beyond the `longest` delay, and mail that was accepted in
    /// the future. Mail that its sender scheduled keeps its time. Returns how many were moved.
    pub async fn pull_back(&self, now: Timestamp, longest: Duration) -> Result<usize, StoreError> {
        let pull = move |batch: &mut Batch<'_>| {
            let sql = "update queue_delivery \
                       set next_at = iif(attempts > 0, ?1, max(?1, next_at - (accepted_at - ?1))) \
                       where (attempts > 0 and next_at > ?2) or (attempts = 0 and accepted_at > ?1 and next_at > ?1)";
            let moved = batch.tx.execute(sql, params![now.millis(), (now + longest).millis()])?;
            notice::pull_back(batch, now)?;
            Ok(moved)
        };
        self.writer.write(Lane::Urgent, 4096, pull).await
    }
}
