//! Which domains' mail goes to a named host, before any look-up.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::host::Host;
use crate::domain::{AddressError, Domain};

/// Which domains a route is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// `house.example`.
    Exact(Domain),
    /// `*.house.example`: every domain below it.
    Below(Domain),
}

impl FromStr for Pattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix("*.") {
            Some(name) => Domain::parse(name).map(Self::Below),
            None => Domain::parse(text).map(Self::Exact),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(domain) => write!(f, "{domain}"),
            Self::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// Hosts by the domains that go to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    exact: BTreeMap<String, Arc<Host>>,
    /// By the domain that they lie below.
    below: BTreeMap<String, Arc<Host>>,
}

impl Routes {
    /// Sends these domains to a host, and no longer to the one before.
    pub fn set(&mut self, pattern: &Pattern, host: &Arc<Host>) {
        match pattern {
            Pattern::Exact(domain) => self.exact.insert(domain.to_string(), Arc::clone(host)),
            Pattern::Below(domain) => self.below.insert(domain.to_string(), Arc::clone(host)),
        };
    }

    /// Where a domain's mail goes. The domain itself is better than what it lies below, and of that the nearest is best.
    pub fn of(&self, domain: &Domain) -> Option<&Arc<Host>> {
        let mut name = domain.as_str();
        if let Some(host) = self.exact.get(name) {
            return Some(host);
        }
        while let Some((_, above)) = name.split_once('.') {
            if let Some(host) = self.below.get(above) {
                return Some(host);
            }
            name = above;
        }
        None
    }

    /// Every host, as often as it is named.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.exact.values().chain(self.below.values())
    }

    /// How many domains, `*.` and a domain counted as one.
    pub fn len(&self) -> usize {
        self.exact.len() + self.below.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_best() {
        let mut routes = Routes::default();
        let host = |n: u8| Arc::new(Host::route(&format!("smtp://192.0.2.{n}")).unwrap());
        for (pattern, n) in [
            ("House.example", 1),
            ("*.house.example", 2),
            ("*.lab.house.example", 3),
            ("www.lab.house.example", 4),
            ("*.b\u{fc}cher.example", 5),
        ] {
            routes.set(&pattern.parse().unwrap(), &host(n));
        }
        let to = |domain: &str| routes.of(&Domain::parse(domain).unwrap()).map(|host| host.name());
        for (domain, n) in [
            ("house.example", Some(1)),
            ("HOUSE.example", Some(1)),
            ("a.house.example", Some(2)),
            ("lab.house.example", Some(2)),
            ("a.b.house.example", Some(2)),
            ("a.lab.house.example", Some(3)),
            ("www.lab.house.example", Some(4)),
            ("a.www.lab.house.example", Some(3)),
            ("a.xn--bcher-kva.example", Some(5)),
            ("b\u{fc}cher.example", None),
            ("warehouse.example", None),
            ("example", None),
        ] {
            assert_eq!(to(domain), n.map(|n| format!("192.0.2.{n}")), "{domain}");
        }
        assert_eq!((routes.len(), routes.hosts().count()), (5, 5));
    }

    #[test]
    fn patterns_are_domains_and_what_lies_below_them() {
        for (text, same) in [("House.Example.", "house.example"), ("*.B\u{fc}cher.example", "*.xn--bcher-kva.example")]
        {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), same);
        }
        for bad in ["*", "*house.example", "a.*.example", "", "*.", "*.*.example", "ann@house.example", "[192.0.2.1]"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
