//! The hits of one delivery as they come, judged together with those before.
//!
//! At most [`REMEMBERED`] hits are looked at: in a flood, older ones keep the class that they had when they were last
//! looked at. History is judged anew by the same steps, so it comes to the same classes.

use std::collections::VecDeque;

use super::audience::{Audience, Verdict};
use super::audience_judge::{Weighed, judge_together};
use super::audience_rules::{AudienceRules, Context};
use super::timestamp::Timestamp;

/// So many of a delivery's latest hits are judged together.
pub const REMEMBERED: usize = 200;

/// What is remembered of one delivery.
#[derive(Debug, Clone)]
pub struct Story {
    context: Context,
    recent: VecDeque<Told>,
}

/// One hit of a story.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its place in the ledger.
    pub seq: i64,
    /// Its class as it was last judged; `None` before the first time.
    pub class: Option<Audience>,
    weighed: Weighed,
}

/// That a hit is of another class than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The hit's place in the ledger.
    pub seq: i64,
    /// When it was.
    pub at: Timestamp,
    /// What it was; `None` for a hit that is judged for the first time.
    pub from: Option<Audience>,
    /// What it is.
    pub verdict: Verdict,
}

impl Story {
    /// Without hits.
    pub fn new(context: Context) -> Self {
        Self { context, recent: VecDeque::new() }
    }

    /// What is known of the delivery.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether the next hit makes it forget one.
    pub fn is_full(&self) -> bool {
        self.recent.len() >= REMEMBERED
    }

    /// Takes a hit in. `class` is what it is already; gives the oldest one when there are too many.
    pub fn push(&mut self, seq: i64, weighed: Weighed, class: Option<Audience>) -> Option<Told> {
        self.recent.push_back(Told { seq, class, weighed });
        if self.recent.len() > REMEMBERED { self.recent.pop_front() } else { None }
    }

    /// Judges all that is remembered; gives what changed, in order.
    pub fn judge(&mut self, rules: &AudienceRules) -> Vec<Change> {
        let hits: Vec<&Weighed> = self.recent.iter().map(|told| &told.weighed).collect();
        let verdicts = judge_together(rules, &self.context, &hits);
        let judged = self.recent.iter().zip(verdicts).map(|(told, verdict)| {
            let is_new = told.class != Some(verdict.class);
            let (seq, at, from) = (told.seq, told.weighed.at(), told.class);
            is_new.then(|| Change { seq, at, from, verdict: verdict.clone() })
        });
        let judged: Vec<Option<Change>> = judged.collect();
        for (told, change) in self.recent.iter_mut().zip(&judged) {
            told.class = change.as_ref().map_or(told.class, |change| Some(change.verdict.class));
        }
        judged.into_iter().flatten().collect()
    }
}
