//! The nouns of the product, as types that cannot be wrong.
//!
//! Everything here is pure: no clock, no random numbers, no sockets, no SQL, no configuration. What needs the time
//! or chance gets it as an argument. Every other room may import this one; it imports none.

pub mod address;
pub mod asked_pause;
pub mod attempt;
pub mod audience;
pub mod bounce;
pub mod bounce_rules;
mod bounce_text;
pub mod campaign;
pub mod client;
pub mod counts;
pub mod credential;
pub mod event;
pub mod guard;
pub mod id;
pub mod link;
pub mod notice;
pub mod order;
pub mod reply;
pub mod retry;
pub mod site;
pub mod spreadsheet;
pub mod suppression;
pub mod suppression_csv;
pub mod timestamp;
pub mod token;
pub mod wire;

pub use address::{Address, AddressError, Domain, Envelope, is_loopback};
pub use asked_pause::asked_pause;
pub use audience::{Audience, Verdict};
pub use bounce::BounceClass;
pub use bounce_rules::{BounceRules, BrokenRule};
pub use campaign::{Campaign, CampaignId, Mode};
pub use client::Client;
pub use counts::{Counts, Metric, Rates};
pub use credential::{Credential, Profile};
pub use event::{Event, Fact};
pub use guard::Guard;
pub use id::{DeliveryId, EventId, IdMaker, MessageId, PersonId, Source};
pub use notice::{Action, Notify, OriginalRecipient, RecipientWish, Return, Wishes};
pub use order::{Act, Order, Selection};
pub use reply::{EnhancedCode, Outcome, Reply};
pub use retry::RetrySchedule;
pub use site::SiteState;
pub use suppression::Suppression;
pub use timestamp::Timestamp;
pub use token::{Token, TokenKey, TokenKeys};
