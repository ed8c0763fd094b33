//! What the writer knows of deliveries whose hits came lately, and how it is read from the ledger.
//!
//! A state in memory and nothing else: all of it can be read from the ledger again, and is after a batch that failed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::ledger::{self, TextField};
use super::report;
use crate::domain::audience_judge::Weighed;
use crate::domain::audience_rules::{Context, SeenHit};
use crate::domain::audience_story::{REMEMBERED, Story};
use crate::domain::event::{Hit, Kind};
use crate::domain::{Audience, AudienceRules, DeliveryId, Event, Fact, Verdict};

/// Deliveries that are remembered, those whose hits came last.
const DELIVERIES_MAX: usize = 1_000;
/// A delivery's 250 is looked for among so many of its first events.
const BEFORE_DELIVERY_MAX: i64 = 1_000;
/// Its last hits are looked for among so many of its last events: each may have been judged anew several times.
const LATEST_MAX: i64 = 2_000;

/// The rules in use.
pub(super) type SharedRules = Arc<ArcSwap<AudienceRules>>;

/// The stories of the deliveries whose hits came last.
pub(super) struct Stories {
    rules: SharedRules,
    told: HashMap<DeliveryId, (u64, Story)>,
    by_use: BTreeMap<u64, DeliveryId>,
    uses: u64,
}

impl Stories {
    pub(super) fn new(rules: SharedRules) -> Self {
        Self { rules, told: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    pub(super) fn rules(&self) -> AudienceRules {
        AudienceRules::clone(&self.rules.load())
    }

    /// Takes a story out, to be put back when it is told on.
    pub(super) fn take(&mut self, delivery: DeliveryId) -> Option<Story> {
        let (used, story) = self.told.remove(&delivery)?;
        self.by_use.remove(&used);
        Some(story)
    }

    pub(super) fn put(&mut self, delivery: DeliveryId, story: Story) {
        self.take(delivery);
        self.uses += 1;
        self.told.insert(delivery, (self.uses, story));
        self.by_use.insert(self.uses, delivery);
        if self.told.len() > DELIVERIES_MAX
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.told.remove(&oldest);
        }
    }

    pub(super) fn knows(&self, delivery: DeliveryId) -> bool {
        self.told.contains_key(&delivery)
    }

    /// What was told in a batch that failed is not true.
    pub(super) fn clear(&mut self) {
        self.told.clear();
        self.by_use.clear();
    }
}

/// Reads a delivery's story from the ledger. Only hits of `own` source can be judged anew by its facts.
pub(super) fn read(
    conn: &Connection,
    rules: &AudienceRules,
    own: i64,
    delivery: DeliveryId,
) -> Result<Story, StoreError> {
    let mut story = Story::new(context(conn, delivery)?);
    let sql = format!(
        "select {}, source from event where delivery = ?1 order by source desc, seq desc limit ?2",
        ledger::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![delivery.raw(), LATEST_MAX])?;
    let (mut now, mut hits) = (HashMap::new(), Vec::new());
    while let Some(row) = rows.next()?
        && hits.len() < REMEMBERED
    {
        let (event, source): (Event, i64) = (ledger::read(row)?, row.get(5)?);
        match event.fact {
            // From the last one back, so the first that is seen holds.
            Fact::Reclassified { ref hit, hit_seq, .. } => {
                now.entry((source, hit_seq)).or_insert(hit.class);
            }
            Fact::Opened(ref hit) | Fact::Clicked(ref hit) => {
                let class = now.get(&(source, event.seq)).copied().unwrap_or(hit.class);
                hits.push((
                    event.seq,
                    class,
                    weigh(conn, rules, story.context(), &Stored { source, own, class, hit, event: &event })?,
                ));
            }
            _ => {}
        }
    }
    for (seq, class, weighed) in hits.into_iter().rev() {
        story.push(seq, weighed, Some(class));
    }
    Ok(story)
}

/// A hit as the ledger has it, and its class by the facts so far.
pub(super) struct Stored<'e> {
    pub(super) source: i64,
    pub(super) own: i64,
    pub(super) class: Audience,
    pub(super) hit: &'e Hit,
    pub(super) event: &'e Event,
}

/// Judges a stored hit by itself. One of another source, or whose agent is kept no longer, has the class that it has.
pub(super) fn weigh(
    conn: &Connection,
    rules: &AudienceRules,
    context: &Context,
    stored: &Stored<'_>,
) -> Result<Weighed, StoreError> {
    let Stored { source, own, class, hit, event } = stored;
    let agent = report::text(conn, *source, event.seq, TextField::Agent.code())?;
    let (position, address) = (hit.position, hit.address.as_str());
    let seen = SeenHit { at: event.at, position, address, agent: &agent, signals: signals(hit) };
    let is_gone = agent.is_empty() && seen.signals & Hit::NAMED_NO_AGENT == 0;
    if is_gone || source != own {
        return Ok(Weighed::fixed(&seen, Verdict { class: *class, rule: hit.rule.as_str().into() }));
    }
    Ok(Weighed::new(rules, context, &seen))
}

/// Hits of the first version said by their rules what later ones say by signals.
fn signals(hit: &Hit) -> u8 {
    let told = match hit.rule.as_str() {
        "purpose-header" => Hit::SAID_PREFETCH,
        "no-agent" => Hit::NAMED_NO_AGENT,
        _ => 0,
    };
    hit.signals | told
}

/// What is known of a delivery by the fact that it was delivered.
pub(super) fn context(conn: &Connection, delivery: DeliveryId) -> Result<Context, StoreError> {
    let sql = format!(
        "select {} from (select * from event where delivery = ?1 order by source, seq limit ?2) where kind = ?3 limit 1",
        ledger::COLUMNS
    );
    let values = params![delivery.raw(), BEFORE_DELIVERY_MAX, Kind::Delivered.code()];
    let found = conn.prepare_cached(&sql)?.query_row(values, |row| Ok(ledger::read(row))).optional()?.transpose()?;
    Ok(match found {
        Some(Event { at, fact: Fact::Delivered { attempt, links, .. }, .. }) => Context {
            mx: attempt.mx.trim_end_matches('.').to_ascii_lowercase(),
            delivered_at: Some(at),
            first_try: attempt.n == 1,
            links,
        },
        _ => Context::default(),
    })
}
