//! Answers the pixel, the links and the unsubscribe address that stand in delivered mail.
//!
//! Promises: a click goes only where its signed token says; a pixel is always an image; an answer never waits longer than
//! 50 ms for the store; only GET counts; only POST unsubscribes. May import `store`, `domain` and `clock`.

mod heads;
mod hits;
mod unsubscribe;
mod visitor;

pub use heads::Heads;
pub use hits::configure;
pub use visitor::{AddressKept, Settings, client_address, kept, signals};

use crate::clock::Clock;
use crate::domain::TokenKeys;
use crate::store::{Hits, Suppressions};

/// What the handlers share.
#[derive(Clone)]
pub struct Tracking {
    /// Opens tokens.
    pub keys: std::sync::Arc<TokenKeys>,
    /// Writes hits.
    pub hits: Hits,
    /// Who asked with HEAD lately.
    pub heads: std::sync::Arc<Heads>,
    /// Writes down who leaves.
    pub suppressions: Suppressions,
    /// How visitors are told apart and kept.
    pub settings: std::sync::Arc<Settings>,
    /// Time.
    pub clock: Clock,
}
