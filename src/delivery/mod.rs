//! Hands copies of messages to the servers of their recipients.
//!
//! The network half: a [`Courier`] makes one attempt to hand one copy to one recipient's server and always comes back
//! with an [`Attempted`]. `route` says where to go (the MX hosts of a domain, or a smarthost), `dns` asks for names,
//! `tls` makes and judges encrypted connections, `wire` is one connection's bytes with every limit on what a hostile
//! server may send, `session` is one SMTP conversation over it, `pool` keeps idle sessions for the next copy.
//!
//! It promises bounded memory and time whatever a server says, no password without TLS, and never a fall-back to
//! address records when the DNS did not answer. It may import `domain` and rooms of lower floors only.

mod courier;
mod dns;
mod failure;
mod offers;
mod pool;
mod route;
mod session;
mod settings;
mod smarthost;
#[cfg(test)]
mod tests;
mod tls;
mod transcript;
mod window;
mod wire;

pub use courier::{Answer, Attempted, Courier, CourierError, Parcel};
pub use settings::{AddressFamily, Mode, Settings, Timeouts};
pub use smarthost::{Smarthost, SmarthostError};
