//! Which loaded deliveries may share a transaction: those of one message whose copies are all the same bytes, by the site
//! that they go to.
//!
//! Pure. A domain is listed with how many of them it has loaded; one whose site is not known is not listed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::{Domain, MessageId, Mode};
use crate::store::Due;

/// What deliveries of one transaction have in common beside their site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Likeness {
    message: MessageId,
    /// SMTPUTF8 is asked for the whole transaction, and is nothing that the others should need.
    ascii: bool,
}

impl Likeness {
    /// `None` for what leaves alone.
    pub(super) fn of(due: &Due) -> Option<Self> {
        let shares = due.alike && due.mode == Mode::Live;
        shares.then(|| Self { message: due.message, ascii: due.address.is_ascii() })
    }
}

/// The domains by site and likeness.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Alike(HashMap<Arc<str>, HashMap<Likeness, BTreeMap<Domain, usize>>>);

impl Alike {
    /// A delivery of the domain was loaded.
    pub(super) fn add(&mut self, site: Option<&Arc<str>>, due: &Due) {
        let Some((site, likeness)) = site.zip(Likeness::of(due)) else { return };
        let domains = self.0.entry(Arc::clone(site)).or_default().entry(likeness).or_default();
        *domains.entry(due.address.domain().clone()).or_default() += 1;
    }

    /// One is loaded no more.
    pub(super) fn remove(&mut self, site: Option<&Arc<str>>, due: &Due) {
        let Some((site, likeness)) = site.zip(Likeness::of(due)) else { return };
        let Some(of_site) = self.0.get_mut(site) else { return };
        if let Some(domains) = of_site.get_mut(&likeness) {
            if let Some(count) = domains.get_mut(due.address.domain()) {
                *count -= 1;
                if *count == 0 {
                    domains.remove(due.address.domain());
                }
            }
            if domains.is_empty() {
                of_site.remove(&likeness);
            }
        }
        if of_site.is_empty() {
            self.0.remove(site);
        }
    }

    /// Domains with such deliveries.
    pub(super) fn domains(&self, site: &str, likeness: Likeness) -> impl Iterator<Item = &Domain> {
        self.0.get(site).and_then(|of_site| of_site.get(&likeness)).into_iter().flat_map(BTreeMap::keys)
    }
}
