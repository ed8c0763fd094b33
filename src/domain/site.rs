//! How a site stands: what shares limits because it has the same mail exchangers, or belongs to one provider.

use super::Timestamp;

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
