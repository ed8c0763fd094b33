//! Hands copies of messages to the servers of their recipients.
//!
//! The network half: a [`Courier`] makes one attempt to hand one copy to the server of its recipients and always comes
//! back with an [`Attempted`] for each. `routes` says which domains have a host of their own, `route`
//! where to go (the MX hosts of a domain, or a `host` that the operator named), `providers` knows the large ones, `dns` asks
//! for names,
//! `tls` makes and judges encrypted connections, `wire` is one connection's bytes with every limit on what a hostile
//! server may send, `session` is one SMTP or LMTP conversation over it, `transaction` hands one copy
//! to all who share it, `journey` keeps what becomes of each, `pool` keeps idle sessions for the next copy.
//!
//! The other half: `window` holds what is due without ever starving a domain, `sites` and `pace` say how much may be under way
//! to whom, `gates` has the rest of a
//! campaign wait for its first deliveries, the [`Dispatcher`] takes from it, `copy`
//! renders what is sent, and the outcome goes to the queue. `notices` tells senders what became of their mail.
//!
//! It promises bounded memory and time whatever a server says, no password without TLS, and never a fall-back to
//! address records when the DNS did not answer. It may import `domain` and rooms of lower floors only.

mod alike;
mod attempted;
mod copy;
mod courier;
mod deliver;
mod dispatcher;
mod dns;
mod entries;
mod entry;
mod envelope;
mod failure;
mod flights;
mod gates;
mod host;
mod host_url;
mod journey;
mod notices;
mod offers;
mod opening;
mod outage;
mod pace;
mod pauses;
mod pool;
mod providers;
mod refusals;
mod replies;
mod route;
mod routes;
mod seats;
mod session;
mod settings;
mod sites;
mod spared;
#[cfg(test)]
mod tests;
mod timers;
mod tls;
mod transaction;
mod transcript;
mod turns;
mod window;
mod wire;
mod withheld;

pub use attempted::{Answer, Attempted, Parcel, SevenBit};
pub use copy::{Copies, Copy, CopyFault, Signers};
pub use courier::{Courier, CourierError};
pub use dispatcher::{Dispatch, Dispatcher};
pub use host::{Endpoint, Host, Login, Protocol, TlsPolicy};
pub use host_url::HostError;
pub use notices::{NoticeSettings, Notices};
pub use outage::Reach;
pub use providers::{Providers, Start};
pub use routes::{Pattern, Routes};
pub use settings::{AddressFamily, Mode, Settings, Timeouts};
pub use window::{Limits, Step, Window};
