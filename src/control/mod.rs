//! The control socket: how the commands reach a running relay.
//!
//! One request and one answer a connection, each a line of JSON, over a Unix socket that only the relay's own user may
//! open. A command that finds no relay opens the store itself and performs the same request. May import `store`,
//! `domain`, `mail` (key generation) and `clock`.

mod complaint;
mod perform;
mod queue;
mod reclassify;
mod request;
mod socket;
mod suppression;

pub use perform::{Performer, Refreshed};
pub use request::{
    CorrectionLine, CredentialLine, DomainLine, QueueLine, Request, Response, ReturnedMail, Selector, SuppressionEntry,
};
pub use socket::{ask, serve};
