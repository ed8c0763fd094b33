//! Which deliveries wait for the first ones of their campaign at their site.
//!
//! Pure. What is counted here is what is under way; what was tried is told by the store, whose rows are the truth: what is
//! forgotten here for want of room is learned again from the next one that is settled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::campaign::NONE;
use crate::domain::canary::CanaryState;
use crate::domain::{Campaign, CampaignId, DeliveryId, Domain, Mode};
use crate::store::Due;

/// Campaigns at sites that are remembered; when there are more, those are forgotten that nothing waits for.
const GATES_MAX: usize = 50_000;

/// One campaign at one site.
struct Gate {
    state: CanaryState,
    /// Of the first ones.
    tried: u32,
    /// First ones under way.
    begun: HashSet<DeliveryId>,
    /// Domains where some wait, as far as that was met.
    missed: HashSet<Domain>,
}

impl Gate {
    fn room(&self, first: u32) -> usize {
        match self.state {
            CanaryState::Passed | CanaryState::Released => usize::MAX,
            CanaryState::Held => 0,
            CanaryState::Trying => (first.saturating_sub(self.tried) as usize).saturating_sub(self.begun.len()),
        }
    }

    fn can_be_forgotten(&self) -> bool {
        self.begun.is_empty() && self.missed.is_empty() && self.state != CanaryState::Held
    }
}

/// The gates.
pub(super) struct Gates {
    /// How many go first; 0 is no gate at all.
    first: u32,
    /// Mail that names no campaign is none.
    unnamed: CampaignId,
    of: HashMap<Arc<str>, HashMap<CampaignId, Gate>>,
    count: usize,
}

impl Gates {
    pub(super) fn new(first: u32) -> Self {
        Self { first, unnamed: Campaign::new(NONE, Mode::Live).id(), of: HashMap::new(), count: 0 }
    }

    /// Whether it is of a campaign and was never tried: what a gate is for.
    pub(super) fn concerns(&self, due: &Due) -> bool {
        self.first > 0
            && due.mode == Mode::Live
            && due.attempts == 0
            && due.is_of_a_campaign()
            && due.campaign != self.unnamed
            && due.campaign != CampaignId::OWN_MAIL
    }

    /// How many more of a campaign that were never tried may begin at a site.
    pub(super) fn room(&self, site: &str, campaign: CampaignId) -> usize {
        let gate = self.of.get(site).and_then(|gates| gates.get(&campaign));
        gate.map_or(self.first as usize, |gate| gate.room(self.first))
    }

    /// Whether it has to wait.
    pub(super) fn shuts(&self, due: &Due, site: Option<&Arc<str>>) -> bool {
        self.concerns(due) && site.is_some_and(|site| self.room(site, due.campaign) == 0)
    }

    /// The campaigns that have to wait at a site.
    pub(super) fn shut_at(&self, site: &str) -> HashSet<CampaignId> {
        let gates = self.of.get(site).into_iter().flatten();
        gates.filter(|(_, gate)| gate.room(self.first) == 0).map(|(campaign, _)| *campaign).collect()
    }

    /// Some of a campaign may wait for this domain.
    pub(super) fn miss(&mut self, site: &Arc<str>, campaign: CampaignId, domain: &Domain) {
        if let Some(gate) = self.gate(site, campaign) {
            gate.missed.insert(domain.clone());
        }
    }

    /// These begin at a site.
    pub(super) fn begin(&mut self, site: &Arc<str>, dues: &[Due]) {
        for due in dues {
            if self.concerns(due)
                && let Some(gate) = self.gate(site, due.campaign)
                && gate.state == CanaryState::Trying
            {
                gate.begun.insert(due.delivery);
            }
        }
    }

    /// One is under way no more; gives domains to look at where that made room.
    pub(super) fn end(&mut self, site: &str, campaign: CampaignId, delivery: DeliveryId) -> Vec<Domain> {
        let Some(gate) = self.of.get_mut(site).and_then(|gates| gates.get_mut(&campaign)) else { return Vec::new() };
        if !gate.begun.remove(&delivery) {
            return Vec::new();
        }
        let room = gate.room(self.first);
        let next: Vec<_> = gate.missed.iter().take(room).cloned().collect();
        next.into_iter().filter_map(|domain| gate.missed.take(&domain)).collect()
    }

    /// Whether a first try counts.
    pub(super) fn counts(&self, site: &str, due: &Due) -> bool {
        let gate = self.of.get(site).and_then(|gates| gates.get(&due.campaign));
        gate.is_some_and(|gate| gate.begun.contains(&due.delivery))
    }

    /// How a campaign stands at a site, as the store says; gives the domains to look at.
    pub(super) fn learn(
        &mut self,
        site: &Arc<str>,
        campaign: CampaignId,
        state: CanaryState,
        tried: u32,
    ) -> HashSet<Domain> {
        let first = self.first;
        let Some(gate) = self.gate(site, campaign) else { return HashSet::new() };
        // The store decides in order, but is heard of as it may be; and what a person let go stays so.
        let news = state != CanaryState::Trying && gate.state != CanaryState::Released;
        gate.state = if news { state } else { gate.state };
        gate.tried = gate.tried.max(tried);
        if gate.room(first) > 0 { std::mem::take(&mut gate.missed) } else { HashSet::new() }
    }

    /// A person lets a campaign go; gives the domains to look at.
    pub(super) fn release(&mut self, campaign: CampaignId) -> HashSet<Domain> {
        let gates = self.of.values_mut().filter_map(|gates| gates.get_mut(&campaign));
        let mut free = HashSet::new();
        for gate in gates {
            gate.state = CanaryState::Released;
            free.extend(std::mem::take(&mut gate.missed));
        }
        free
    }

    /// A campaign begins anew at a site.
    pub(super) fn forget(&mut self, site: &str, campaign: CampaignId) {
        let Some(gates) = self.of.get_mut(site) else { return };
        if gates.get(&campaign).is_some_and(Gate::can_be_forgotten) {
            gates.remove(&campaign);
            self.count -= 1;
        }
    }

    /// The domains where some may wait that need not.
    pub(super) fn stir(&mut self) -> HashSet<Domain> {
        let first = self.first;
        let open = self.of.values_mut().flat_map(HashMap::values_mut).filter(|gate| gate.room(first) > 0);
        open.flat_map(|gate| std::mem::take(&mut gate.missed)).collect()
    }

    fn gate(&mut self, site: &Arc<str>, campaign: CampaignId) -> Option<&mut Gate> {
        if self.first == 0 {
            return None;
        }
        let known = self.of.get(site).is_some_and(|gates| gates.contains_key(&campaign));
        if !known && self.count >= GATES_MAX {
            self.tidy();
        }
        self.count += usize::from(!known);
        let gates = self.of.entry(Arc::clone(site)).or_default();
        Some(gates.entry(campaign).or_insert_with(|| Gate {
            state: CanaryState::Trying,
            tried: 0,
            begun: HashSet::new(),
            missed: HashSet::new(),
        }))
    }

    fn tidy(&mut self) {
        self.of.retain(|_, gates| {
            gates.retain(|_, gate| !gate.can_be_forgotten());
            !gates.is_empty()
        });
        self.count = self.of.values().map(HashMap::len).sum();
    }
}
