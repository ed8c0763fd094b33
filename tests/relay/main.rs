//! The relay from the outside: the built binary between real clients, real DNS and real receivers, all on loopback.
//!
//! One scenario is one file, named as a sentence, in the folder of the part it is about. Each ends with
//! `Relay::finish`, which lets the ledger be replayed and compared.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod harness;

mod dashboard;
mod delivery;
mod demo;
mod durability;
mod exposure;
mod ledger;
mod notices;
mod queue;
mod submission;
mod suppression;
mod tracking;
