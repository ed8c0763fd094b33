//! The handle of tracking: hits on their way into the ledger.
//!
//! A hit is judged in the batch that writes it, together with the delivery's hits before it; those whose class changes by it
//! get a fact of their own in the same transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rusqlite::OptionalExtension;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::fold_rows::mode;
use super::ledger::TextField;
use super::stories::{self, SharedRules};
use super::writer::{Batch, Lane, Writer};
use crate::domain::audience_judge::Weighed;
use crate::domain::audience_rules::SeenHit;
use crate::domain::audience_story::{Change, Story};
use crate::domain::event::{About, Hit};
use crate::domain::{AudienceRules, CampaignId, DeliveryId, Fact, Timestamp, Verdict};

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
    /// The user agent as sent.
    pub agent: String,
    /// What else the request told: the sum of [`Hit::SAID_PREFETCH`] and the like.
    pub signals: u8,
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
    rules: SharedRules,
    waiting: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

impl Hits {
    pub(super) fn new(writer: Writer, rules: SharedRules) -> Self {
        Self { writer, rules, waiting: Arc::default(), dropped: Arc::default() }
    }

    pub(super) fn judge_by(&self, rules: AudienceRules) {
        self.rules.store(Arc::new(rules));
    }

    /// The rules by which hits are judged.
    pub fn rules(&self) -> AudienceRules {
        AudienceRules::clone(&self.rules.load())
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
    let about = About { delivery: hit.delivery, campaign: CampaignId::from_raw(campaign), mode: mode(mode_code) };
    let rules = batch.stories.rules();
    let agent = cut(&hit.agent);
    let signals = if agent.is_empty() { hit.signals | Hit::NAMED_NO_AGENT } else { hit.signals };
    let mut story = story(batch, &rules, hit.delivery)?;
    let seen = SeenHit { at: hit.at, position: hit.position, address: &hit.address, agent, signals };
    let seq = batch.next_seq();
    story.push(seq, Weighed::new(&rules, story.context(), &seen), None);
    let mut changes = story.judge(&rules);
    batch.stories.put(hit.delivery, story);
    // The new hit is the last one, and of no class before.
    let Some(own) = changes.pop() else { return Ok(Noted::Unknown) };
    let (family, device) = rules.program(agent);
    let fields = Hit {
        about,
        position: hit.position,
        pattern: hit.pattern,
        class: own.verdict.class,
        rule: own.verdict.rule.to_string(),
        family: family.to_string(),
        device,
        signals,
        address: hit.address.clone(),
        count: 1,
    };
    let fact = if hit.position == 0 { Fact::Opened(fields) } else { Fact::Clicked(fields) };
    batch.record(hit.at, fact, &[(TextField::Agent, agent), (TextField::Target, &hit.target)])?;
    write_changes(batch, &changes, hit.at)?;
    Ok(Noted::Counted)
}

/// What came of a delivery so far, from memory or from the ledger.
fn story(batch: &mut Batch<'_>, rules: &AudienceRules, delivery: DeliveryId) -> Result<Story, StoreError> {
    match batch.stories.take(delivery) {
        Some(story) => Ok(story),
        None => stories::read(batch.tx, rules, batch.source(), delivery),
    }
}

/// The receiving server said 250: hits that came before are judged anew, now that it is known who took the mail and when.
pub(super) fn delivered(batch: &mut Batch<'_>, delivery: DeliveryId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "select 1 from v_delivery where delivery = ?1 and open_events + click_events > 0";
    let has_hits = batch.stories.knows(delivery)
        || batch.tx.prepare_cached(sql)?.query_row([delivery.raw()], |_| Ok(())).optional()?.is_some();
    if !has_hits {
        return Ok(());
    }
    let rules = batch.stories.rules();
    let mut story = stories::read(batch.tx, &rules, batch.source(), delivery)?;
    let changes = story.judge(&rules);
    batch.stories.put(delivery, story);
    write_changes(batch, &changes, at)
}

fn write_changes(batch: &mut Batch<'_>, changes: &[Change], at: Timestamp) -> Result<(), StoreError> {
    for change in changes {
        if let (Some(from), Some(event)) = (change.from, batch.event(change.seq)?)
            && let Fact::Opened(hit) | Fact::Clicked(hit) = event.fact
        {
            batch.record(at, reclassified(hit, (change.seq, event.at), from, &change.verdict), &[])?;
        }
    }
    Ok(())
}

/// That a hit is of another class. All else stays as it was said when it came.
pub(super) fn reclassified(
    hit: Hit,
    (hit_seq, hit_at): (i64, Timestamp),
    from: crate::domain::Audience,
    verdict: &Verdict,
) -> Fact {
    let hit = Hit { class: verdict.class, rule: verdict.rule.to_string(), ..hit };
    Fact::Reclassified { hit, from, hit_at, hit_seq }
}

/// What is kept of a user agent.
pub(super) fn cut(agent: &str) -> &str {
    let end = (0..=AGENT_MAX.min(agent.len())).rev().find(|at| agent.is_char_boundary(*at)).unwrap_or(0);
    &agent[..end]
}
