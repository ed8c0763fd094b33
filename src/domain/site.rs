//! A site: what shares limits because it has the same mail exchangers, or belongs to one provider; its name, and how it
//! stands.

use std::fmt;
use std::sync::Arc;

use super::Timestamp;

/// Octets of a site's name.
const NAME_MAX: usize = 300;

/// What a site is called: a provider's name, that of the best mail exchanger, or that of a host of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site(Arc<str>);

impl Site {
    /// A name as it was found when the site was looked for; it is kept as it is.
    pub fn named(name: &Arc<str>) -> Self {
        Self(Arc::clone(name))
    }

    /// From a person; `None` for what is no name.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.trim();
        let fits = !name.is_empty() && name.len() <= NAME_MAX && !name.contains(char::is_control);
        fits.then(|| Self(Arc::from(name)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a site stands, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteState {
    /// A provider's name, or that of the best mail exchanger.
    pub site: String,
    /// Transactions under way.
    pub in_flight: usize,
    /// Domains that wait for a permit.
    pub waiting: usize,
    /// Transactions that may be under way now.
    pub connections: usize,
    /// Transactions that might be under way at first.
    pub connections_at_first: usize,
    /// Messages over one connection now.
    pub messages_per_connection: u32,
    /// Messages a second now; `None` is no limit.
    pub messages_per_second: Option<f64>,
    /// Nothing begins until then.
    pub cooling: Option<Timestamp>,
    /// Whether it is approached as fast as at first.
    pub usual: bool,
    /// When and why it was slowed down last.
    pub last: Option<(Timestamp, String)>,
}
