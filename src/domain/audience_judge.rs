//! Judges the hits of one delivery together.
//!
//! [`judge`] is a function of the rules, of what is known of the delivery, and of the hits, whatever the order they came
//! in: each hit is judged by itself, then bursts are looked for, in the order of their rules. A burst takes clicks that no
//! earlier one took; with it go the clicks and opens of the same client shortly before and after. It changes only hits that
//! seem to be of a person or cannot be told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::audience::{Audience, Verdict};
use super::audience_rules::{AudienceRules, Burst, Context, Pace, SeenHit};
use super::timestamp::Timestamp;

/// A hit, judged by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    at: Timestamp,
    position: u16,
    /// Which network it came from, and which agent it named; `None` where nothing is known.
    network: Option<u64>,
    agent: Option<u64>,
    verdict: Verdict,
    /// The text beside the hit is gone, so its class stays as it was. It still tells of its neighbours.
    fixed: bool,
}

impl Weighed {
    /// A hit whose texts are there.
    pub fn new(rules: &AudienceRules, context: &Context, hit: &SeenHit<'_>) -> Self {
        Self { fixed: false, ..Self::fixed(hit, rules.alone(context, hit)) }
    }

    /// A hit whose agent is kept no longer: it has the class that it had.
    pub fn fixed(hit: &SeenHit<'_>, verdict: Verdict) -> Self {
        let (at, position) = (hit.at, hit.position);
        Self { at, position, network: known(hit.address), agent: known(hit.agent), verdict, fixed: true }
    }

    /// When it was.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// A number for a text. It never leaves the process.
fn known(text: &str) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    (!text.is_empty()).then(|| hasher.finish())
}

/// The verdict on each hit, in the order given.
pub fn judge(rules: &AudienceRules, context: &Context, hits: &[SeenHit<'_>]) -> Vec<Verdict> {
    let weighed: Vec<_> = hits.iter().map(|hit| Weighed::new(rules, context, hit)).collect();
    let verdicts = judge_together(rules, context, &weighed.iter().collect::<Vec<_>>());
    verdicts.into_iter().cloned().collect()
}

/// The same of hits that were judged by themselves already.
pub fn judge_together<'v>(rules: &'v AudienceRules, context: &Context, hits: &[&'v Weighed]) -> Vec<&'v Verdict> {
    let mut verdicts: Vec<&Verdict> = hits.iter().map(|hit| &hit.verdict).collect();
    let mut clicks: Vec<usize> = (0..hits.len()).filter(|at| is_evidence(hits[*at])).collect();
    // One link, however often it was followed, makes no burst: most mails and most floods end here.
    if clicks.windows(2).all(|two| hits[two[0]].position == hits[two[1]].position) {
        return verdicts;
    }
    clicks.sort_by_key(|at| hits[*at].at);
    let mut taken = vec![false; hits.len()];
    for burst in &rules.0.bursts {
        let left: Vec<usize> = clicks.iter().copied().filter(|at| !taken[*at]).collect();
        for found in bursts(burst, context, hits, &left) {
            let others = (0..hits.len()).filter(|at| !taken[*at] && may_change(hits[*at]));
            let near: Vec<usize> = others.filter(|at| found.is_near(burst, hits[*at])).collect();
            for at in found.members.iter().copied().chain(near) {
                taken[at] = true;
                if may_change(hits[at]) {
                    verdicts[at] = &burst.verdict;
                }
            }
        }
    }
    verdicts
}

/// What says of itself that it fetches ahead tells nothing of how fast links are followed.
fn is_evidence(hit: &Weighed) -> bool {
    hit.position > 0 && hit.verdict.class != Audience::Prefetch
}

fn may_change(hit: &Weighed) -> bool {
    let judged = match hit.verdict.class {
        Audience::Human | Audience::Proxy | Audience::Unknown => true,
        Audience::Prefetch | Audience::Scanner => false,
    };
    judged && !hit.fixed
}

/// Links that were followed at once, and by whom.
struct Found {
    /// Ascending by time.
    members: Vec<usize>,
    from: Timestamp,
    to: Timestamp,
    clients: BTreeMap<Option<u64>, Agents>,
}

/// The agents that one network named. A client that changes its agent is known by its network alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agents {
    One(Option<u64>),
    Several,
}

impl Found {
    /// Of at least one member.
    fn new(hits: &[&Weighed], members: &[usize]) -> Self {
        let times = || members.iter().map(|at| hits[*at].at);
        let zero = Timestamp::from_millis(0);
        let (from, to) = (times().min().unwrap_or(zero), times().max().unwrap_or(zero));
        let mut clients: BTreeMap<Option<u64>, Agents> = BTreeMap::new();
        for hit in members.iter().map(|at| hits[*at]) {
            let agents = clients.entry(hit.network).or_insert(Agents::One(hit.agent));
            if *agents != Agents::One(hit.agent) {
                *agents = Agents::Several;
            }
        }
        Self { members: members.to_vec(), from, to, clients }
    }

    /// Whether a hit of the same client is near enough in time.
    fn is_near(&self, burst: &Burst, hit: &Weighed) -> bool {
        let (at, from, to) = (hit.at.millis(), self.from.millis(), self.to.millis());
        let near = at >= from.saturating_sub(burst.before_ms) && at <= to.saturating_add(burst.after_ms);
        // Nothing is known by a network that is not known.
        let is_somebody = hit.network.is_some() || hit.agent.is_some();
        near && is_somebody
            && match self.clients.get(&hit.network) {
                Some(Agents::One(agent)) => hit.agent == *agent,
                Some(Agents::Several) => hit.network.is_some(),
                None => false,
            }
    }
}

/// The bursts of one rule among clicks in order of time.
fn bursts(burst: &Burst, context: &Context, hits: &[&Weighed], clicks: &[usize]) -> Vec<Found> {
    let wanted = match burst.links {
        Some(links) => links,
        None if context.links >= burst.least => usize::from(context.links),
        None => return Vec::new(),
    };
    if !burst.one_client {
        return among(burst, wanted, hits, clicks);
    }
    let mut clients: BTreeMap<(Option<u64>, Option<u64>), Vec<usize>> = BTreeMap::new();
    for at in clicks {
        // Without a network an agent has to do.
        let (network, agent) = (hits[*at].network, hits[*at].agent);
        let client = (network, agent.filter(|_| network.is_none()));
        if client != (None, None) {
            clients.entry(client).or_default().push(*at);
        }
    }
    clients.values().flat_map(|own| among(burst, wanted, hits, own)).collect()
}

/// Runs of clicks, in order of time, that were fast enough.
fn among(burst: &Burst, wanted: usize, hits: &[&Weighed], clicks: &[usize]) -> Vec<Found> {
    match burst.pace {
        Pace::Within(within_ms) => stretches(within_ms, wanted, hits, clicks),
        Pace::Pause(pause_ms) => chains(pause_ms, wanted, hits, clicks),
    }
}

/// Runs of clicks without a longer pause, as long as they can be, in which enough links were followed.
fn chains(pause_ms: i64, wanted: usize, hits: &[&Weighed], clicks: &[usize]) -> Vec<Found> {
    let goes_on = |one: &usize, next: &usize| hits[*next].at.millis() - hits[*one].at.millis() <= pause_ms;
    let links = |run: &[usize]| run.iter().map(|at| hits[*at].position).collect::<HashSet<_>>().len();
    let runs = clicks.chunk_by(goes_on).filter(|run| links(run) >= wanted);
    runs.map(|run| Found::new(hits, run)).collect()
}

/// Runs of clicks of which each belongs to a stretch of time in which enough links were followed.
fn stretches(within_ms: i64, wanted: usize, hits: &[&Weighed], clicks: &[usize]) -> Vec<Found> {
    let at = |n: usize| hits[clicks[n]].at.millis();
    let mut found: Vec<Found> = Vec::new();
    let mut run: Option<(usize, usize)> = None;
    let mut links: HashMap<u16, usize> = HashMap::new();
    let mut end = 0;
    for start in 0..clicks.len() {
        while end < clicks.len() && at(end) - at(start) <= within_ms {
            *links.entry(hits[clicks[end]].position).or_default() += 1;
            end += 1;
        }
        if links.len() >= wanted {
            run = match run {
                Some((from, to)) if start < to => Some((from, end)),
                Some((from, to)) => {
                    found.push(Found::new(hits, &clicks[from..to]));
                    Some((start, end))
                }
                None => Some((start, end)),
            };
        }
        let position = hits[clicks[start]].position;
        if let Some(count) = links.get_mut(&position) {
            *count -= 1;
            if *count == 0 {
                links.remove(&position);
            }
        }
    }
    found.extend(run.map(|(from, to)| Found::new(hits, &clicks[from..to])));
    found
}

#[cfg(test)]
#[path = "audience_judge_tests.rs"]
mod tests;
