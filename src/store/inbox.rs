//! What waits for the writing thread, and which of it the next batch takes.
//!
//! Hits and settlements go before new mail, but where both wait a quarter of each batch is new mail's: no storm of hits
//! keeps a sender waiting.

use std::collections::VecDeque;

use super::error::StoreError;
use super::writer::Batch;

/// A batch takes no more bytes than this, and one job more.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// A batch takes no more jobs than this.
const BATCH_JOBS_MAX: usize = 1_000;
/// One part in so many of a batch is kept for new mail.
const ACCEPT_SHARE: usize = 4;

/// Which jobs go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Hits, settlements, and what a user waits for.
    Urgent,
    /// New mail.
    Accept,
}

/// A unit of work. It may run twice: a failed batch is rolled back and its jobs are run alone.
pub(super) trait Job: Send {
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
    fn bytes(&self) -> usize;
}

/// A batch, or part of one.
type Jobs = Vec<Box<dyn Job>>;

#[derive(Default)]
pub(super) struct Inbox {
    urgent: VecDeque<Box<dyn Job>>,
    accepts: VecDeque<Box<dyn Job>>,
    /// Why nothing more is taken.
    pub(super) closed: Option<String>,
}

impl Inbox {
    pub(super) fn put(&mut self, lane: Lane, job: Box<dyn Job>) {
        match lane {
            Lane::Urgent => self.urgent.push_back(job),
            Lane::Accept => self.accepts.push_back(job),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.accepts.is_empty()
    }

    /// The next batch; empty when nothing waits.
    pub(super) fn take_batch(&mut self) -> Jobs {
        let mut batch = Vec::new();
        let kept_jobs = self.accepts.len().min(BATCH_JOBS_MAX / ACCEPT_SHARE);
        let kept_bytes = if kept_jobs == 0 { 0 } else { BATCH_BYTES_MAX / ACCEPT_SHARE };
        let bytes = take(&mut self.urgent, &mut batch, BATCH_JOBS_MAX - kept_jobs, BATCH_BYTES_MAX - kept_bytes);
        let room = BATCH_BYTES_MAX.saturating_sub(bytes).max(kept_bytes);
        take(&mut self.accepts, &mut batch, BATCH_JOBS_MAX, room);
        batch
    }

    /// Everything that waits.
    pub(super) fn take_all(&mut self) -> Jobs {
        self.urgent.drain(..).chain(self.accepts.drain(..)).collect()
    }
}

/// Fills a batch from a lane up to so many jobs in all, and as long as what it takes has fewer bytes: how many it has.
fn take(lane: &mut VecDeque<Box<dyn Job>>, batch: &mut Jobs, jobs_max: usize, bytes_max: usize) -> usize {
    let mut bytes = 0;
    while batch.len() < jobs_max && bytes < bytes_max {
        let Some(job) = lane.pop_front() else { break };
        bytes += job.bytes();
        batch.push(job);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job that only has a size: hits are small, mails are odd.
    struct Weight(usize);

    impl Job for Weight {
        fn run(&mut self, _: &mut Batch<'_>) -> Result<(), StoreError> {
            Ok(())
        }

        fn finish(self: Box<Self>, _: Result<(), StoreError>) {}

        fn bytes(&self) -> usize {
            self.0
        }
    }

    fn waiting(hits: usize, hit_bytes: usize, mails: usize, mail_bytes: usize) -> Inbox {
        let mut inbox = Inbox::default();
        (0..hits).for_each(|_| inbox.put(Lane::Urgent, Box::new(Weight(hit_bytes * 2))));
        (0..mails).for_each(|_| inbox.put(Lane::Accept, Box::new(Weight(mail_bytes * 2 + 1))));
        inbox
    }

    /// Hits and mails of the next batch.
    fn next(inbox: &mut Inbox) -> (usize, usize) {
        let batch = inbox.take_batch();
        let first_mail = batch.iter().position(|job| job.bytes() % 2 == 1).unwrap_or(batch.len());
        assert!(batch[first_mail..].iter().all(|job| job.bytes() % 2 == 1), "hits go first");
        (first_mail, batch.len() - first_mail)
    }

    #[test]
    fn a_quarter_of_each_batch_is_new_mails_where_both_wait() {
        let mut storm = waiting(5_000, 100, 600, 1_000);
        assert_eq!([next(&mut storm), next(&mut storm), next(&mut storm)], [(750, 250), (750, 250), (900, 100)]);
        assert_eq!(next(&mut storm), (1_000, 0));
        assert_eq!(next(&mut waiting(10, 100, 2_000, 1)), (10, 990));
        assert_eq!(next(&mut waiting(0, 0, 0, 0)), (0, 0));
    }

    #[test]
    fn a_batch_ends_with_its_bytes_and_still_has_both() {
        // One of them is as large as a batch, and more: each comes alone, and with the other.
        assert_eq!(next(&mut waiting(3, 3 << 20, 3, 3 << 20)), (1, 1));
        assert_eq!(next(&mut waiting(3, 3 << 20, 0, 0)), (1, 0));
        assert_eq!(next(&mut waiting(0, 0, 3, 3 << 20)), (0, 1));
        // 3 MiB of the one, 1 MiB of the other.
        assert_eq!(next(&mut waiting(100, 32 << 10, 100, 32 << 10)), (48, 16));
        assert_eq!(next(&mut waiting(16, 32 << 10, 100, 32 << 10)), (16, 48));
    }
}
