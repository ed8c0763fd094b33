//! What shares limits: which site a domain belongs to, how much is under way to each site and how fast it goes, and who
//! waits for it.
//!
//! Pure. An attempt is counted at the site that it began for, also when its domain moves to another meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::attempted::Speed;
use super::pace::{Pace, Permit, Word};
use super::providers::Providers;
use super::turns::Turns;
use crate::domain::{CampaignId, Domain, SiteState, Timestamp};

/// Domains whose site is remembered; when there are more, all are forgotten and found anew.
const KNOWN_MAX: usize = 50_000;
/// Sites whose pace is remembered; when there are more, those that nothing is under way to are forgotten.
const LOADS_MAX: usize = 20_000;

struct Load {
    in_flight: usize,
    /// Domains by what is next there.
    parked: Turns<Domain>,
    /// Whether some of them wait for a word.
    barred: bool,
    pace: Pace,
    /// Why it was slowed down last.
    last: Option<(Timestamp, String)>,
}

impl Load {
    fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.parked.is_empty()
    }
}

/// The sites.
pub(super) struct Sites {
    providers: Arc<Providers>,
    known: HashMap<Domain, Arc<str>>,
    loads: HashMap<Arc<str>, Load>,
    /// Sites whose parked domains wait for a word and not for a permit, in their order.
    barred: Vec<Arc<str>>,
    /// When those are to be looked at again that cool down or keep to a rate, while somebody waits there.
    wakes: BTreeSet<(Timestamp, Arc<str>)>,
}

impl Sites {
    pub(super) fn new(providers: Arc<Providers>) -> Self {
        Self { providers, known: HashMap::new(), loads: HashMap::new(), barred: Vec::new(), wakes: BTreeSet::new() }
    }

    /// The site of a domain, as far as it is known.
    pub(super) fn of(&self, domain: &Domain) -> Option<Arc<str>> {
        self.known.get(domain).cloned()
    }

    /// Remembers the site of a domain; whether it was not known.
    pub(super) fn learn(&mut self, domain: &Domain, site: &Arc<str>) -> bool {
        if self.known.get(domain).is_some_and(|known| known == site) {
            return false;
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(domain.clone(), Arc::clone(site));
        true
    }

    /// Whether something may begin there.
    pub(super) fn permit(&mut self, site: &Arc<str>, now: Timestamp) -> Permit {
        let load = self.load(site, now);
        load.pace.permit(load.in_flight, now)
    }

    pub(super) fn begin(&mut self, site: &Arc<str>, now: Timestamp) {
        let load = self.load(site, now);
        load.in_flight += 1;
        load.pace.begin(now);
    }

    pub(super) fn end(&mut self, site: &str) {
        if let Some(load) = self.loads.get_mut(site) {
            load.in_flight = load.in_flight.saturating_sub(1);
        }
        self.tidy(site);
    }

    /// What an attempt that began at `begun` says of the pace; `told` is the reply or the failure.
    pub(super) fn hear(&mut self, site: &Arc<str>, word: Word, told: &str, begun: Timestamp, now: Timestamp) {
        let load = self.load(site, now);
        load.pace.hear(word, begun, now);
        match word {
            Word::TooFast | Word::Silent => load.last = Some((now, told.to_owned())),
            Word::Answered | Word::Other => {}
        }
        self.tidy(site);
    }

    /// How fast it may be approached; `None` where nothing is under way.
    pub(super) fn speed(&self, site: &str) -> Option<Speed> {
        let pace = &self.loads.get(site)?.pace;
        Some(Speed { connections: pace.connections(), messages_per_connection: pace.messages_per_connection() })
    }

    /// Has a domain whose next one is of this lane and campaign wait until something may begin there.
    pub(super) fn park(
        &mut self,
        site: &Arc<str>,
        domain: Domain,
        (lane, campaign): (u8, CampaignId),
        permit: Permit,
        now: Timestamp,
    ) {
        self.load(site, now).parked.push(lane, campaign, domain);
        if let Permit::At(at) = permit {
            self.wakes.insert((at, Arc::clone(site)));
        }
    }

    /// Those that are parked there wait for [`Sites::unbar`].
    pub(super) fn bar(&mut self, site: &Arc<str>) {
        if let Some(load) = self.loads.get_mut(site)
            && !std::mem::replace(&mut load.barred, true)
        {
            self.barred.push(Arc::clone(site));
        }
    }

    /// The one whose turn it is, where something may begin; else it is asked again in time.
    pub(super) fn unpark(&mut self, site: &Arc<str>, now: Timestamp) -> Option<Domain> {
        if self.loads.get(site).is_none_or(|load| load.parked.is_empty()) {
            self.tidy(site);
            return None;
        }
        let domain = match self.permit(site, now) {
            Permit::Now => self.loads.get_mut(site)?.parked.pop(),
            Permit::Full => None,
            Permit::At(at) => {
                self.wakes.insert((at, Arc::clone(site)));
                None
            }
        };
        self.tidy(site);
        domain
    }

    /// A domain waits there no more.
    pub(super) fn leave(&mut self, site: &str, domain: &Domain) {
        if let Some(load) = self.loads.get_mut(site) {
            load.parked.retain(|parked| parked != domain);
        }
        self.tidy(site);
    }

    /// All that wait at barred sites.
    pub(super) fn unbar(&mut self) -> Vec<Domain> {
        let mut free = Vec::new();
        for site in std::mem::take(&mut self.barred) {
            let Some(load) = self.loads.get_mut(&site) else { continue };
            load.barred = false;
            free.extend(load.parked.drain());
            self.tidy(&site);
        }
        free
    }

    /// A site whose time has come.
    pub(super) fn wake(&mut self, now: Timestamp) -> Option<Arc<str>> {
        self.next_wake().filter(|at| *at <= now)?;
        self.wakes.pop_first().map(|(_, site)| site)
    }

    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Sites that something is under way to, that somebody waits for, or that are not approached as at first.
    pub(super) fn states(&self, now: Timestamp) -> Vec<SiteState> {
        let state = |(site, load): (&Arc<str>, &Load)| SiteState {
            site: site.to_string(),
            in_flight: load.in_flight,
            waiting: load.parked.len(),
            connections: load.pace.connections(),
            connections_at_first: usize::try_from(load.pace.start().connections).unwrap_or(usize::MAX),
            messages_per_connection: load.pace.messages_per_connection(),
            messages_per_second: load.pace.messages_per_second(),
            cooling: load.pace.cooling(now),
            usual: load.pace.is_usual(),
            last: load.last.clone(),
        };
        let told = |(_, load): &(&Arc<str>, &Load)| !load.is_idle() || !load.pace.is_usual() || load.last.is_some();
        self.loads.iter().filter(told).map(state).collect()
    }

    fn load(&mut self, site: &Arc<str>, now: Timestamp) -> &mut Load {
        if self.loads.len() >= LOADS_MAX && !self.loads.contains_key(site) {
            self.loads.retain(|_, load| !load.is_idle());
        }
        self.loads.entry(Arc::clone(site)).or_insert_with(|| Load {
            in_flight: 0,
            parked: Turns::default(),
            barred: false,
            pace: Pace::new(self.providers.start(site), now),
            last: None,
        })
    }

    /// Forgets a site that there is nothing to remember of.
    fn tidy(&mut self, site: &str) {
        let is_plain = |load: &Load| load.is_idle() && load.pace.is_plain() && load.last.is_none();
        if self.loads.get(site).is_some_and(is_plain) {
            self.loads.remove(site);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::providers::Start;
    use super::*;

    fn sites() -> Sites {
        let start = Start { connections: 2, messages_per_connection: 100, messages_per_second: None };
        Sites::new(Arc::new(Providers::none(start)))
    }

    #[test]
    fn no_more_sites_are_remembered_than_set() {
        let mut sites = sites();
        for n in 0..=KNOWN_MAX {
            sites.learn(&Domain::parse(&format!("d{n}.example")).unwrap(), &Arc::from("mx.example"));
            assert!(sites.known.len() <= KNOWN_MAX);
        }
        assert!(sites.of(&Domain::parse(&format!("d{KNOWN_MAX}.example")).unwrap()).is_some());
        let now = Timestamp::from_millis(0);
        for n in 0..=LOADS_MAX {
            sites.hear(&Arc::from(format!("mx{n}.example")), Word::TooFast, "421 slow", now, now);
            assert!(sites.loads.len() <= LOADS_MAX);
        }
    }

    #[test]
    fn a_site_that_goes_as_ever_is_forgotten_and_a_slowed_one_is_not() {
        let (mut sites, now, site) = (sites(), Timestamp::from_millis(0), Arc::from("mx.example"));
        sites.begin(&site, now);
        sites.hear(&site, Word::Answered, "250 ok", now, now);
        sites.end(&site);
        assert!(sites.loads.is_empty());
        sites.begin(&site, now);
        sites.hear(&site, Word::TooFast, "421 slow", now, now);
        sites.end(&site);
        let state = &sites.states(now)[0];
        assert_eq!((state.connections, state.usual, state.in_flight), (1, false, 0));
        assert_eq!(state.last, Some((now, "421 slow".to_owned())));
    }
}
