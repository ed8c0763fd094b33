//! The handle of tracking: hits on their way into the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rusqlite::OptionalExtension;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::fold_rows::mode;
use super::ledger::TextField;
use super::writer::{Batch, Lane, Writer};
use crate::domain::event::{About, Hit};
use crate::domain::{CampaignId, DeliveryId, Device, Fact, Timestamp, Verdict};

/// Hits that may wait for the writer; what comes beyond is answered, dropped, and counted as dropped.
const WAITING_MAX: usize = 100_000;
/// Octets of a user agent that are kept.
const AGENT_MAX: usize = 512;

/// A fetch of a pixel or a link.
#[derive(Debug, Clone)]
pub struct NewHit {
    /// Whose copy.
    pub delivery: DeliveryId,
    /// 0 for the pixel, else the link's position.
    pub position: u16,
    /// The key of the link's pattern; 0 for the pixel.
    pub pattern: i64,
    /// The target; empty for the pixel.
    pub target: String,
    /// Who fetched it, and why we say so.
    pub verdict: Verdict,
    /// The user agent as sent.
    pub agent: String,
    /// The client's network, truncated as configured; empty for none.
    pub address: String,
    /// When.
    pub at: Timestamp,
}

/// What became of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// In the ledger.
    Counted,
    /// Its delivery is not known here.
    Unknown,
}

/// Writes hits.
#[derive(Clone)]
pub struct Hits {
    pub(super) writer: Writer,
    waiting: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

impl Hits {
    pub(super) fn new(writer: Writer) -> Self {
        Self { writer, waiting: Arc::default(), dropped: Arc::default() }
    }

    /// Sends a hit to the writer; `None` when too many wait (it is counted as dropped). The receiver hears of its commit.
    pub fn note(&self, hit: NewHit) -> Option<oneshot::Receiver<Result<Noted, StoreError>>> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.count_dropped();
            return None;
        }
        let guard = WaitingGuard(Arc::clone(&self.waiting));
        let bytes = 256 + hit.agent.len().min(AGENT_MAX) + hit.target.len();
        let sent = self.writer.send(Lane::Urgent, bytes, move |batch| {
            let _waits = &guard;
            note(batch, &hit)
        });
        if sent.is_err() {
            self.count_dropped();
        }
        sent.ok()
    }

    /// One more was answered but not counted: its receiver heard of a failure.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Hits that were answered but not counted, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Counts a hit as waiting until its job is gone, however it ends.
struct WaitingGuard(Arc<AtomicUsize>);

impl Drop for WaitingGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn note(batch: &mut Batch<'_>, hit: &NewHit) -> Result<Noted, StoreError> {
    let known = batch
        .tx
        .prepare_cached("select campaign, mode from v_delivery where delivery = ?1")?
        .query_row([hit.delivery.raw()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((campaign, mode_code)) = known else { return Ok(Noted::Unknown) };
    let fields = Hit {
        about: About { delivery: hit.delivery, campaign: CampaignId::from_raw(campaign), mode: mode(mode_code) },
        position: hit.position,
        pattern: hit.pattern,
        class: hit.verdict.class,
        rule: hit.verdict.rule.to_owned(),
        family: hit.verdict.family.to_owned(),
        device: Device::Unknown,
        signals: 0,
        address: hit.address.clone(),
        count: 1,
    };
    let fact = if hit.position == 0 { Fact::Opened(fields) } else { Fact::Clicked(fields) };
    let agent = cut(&hit.agent);
    batch.record(hit.at, fact, &[(TextField::Agent, agent), (TextField::Target, &hit.target)])?;
    Ok(Noted::Counted)
}

/// What is kept of a user agent.
pub(super) fn cut(agent: &str) -> &str {
    let end = (0..=AGENT_MAX.min(agent.len())).rev().find(|at| agent.is_char_boundary(*at)).unwrap_or(0);
    &agent[..end]
}
