//! Postrider: an outbound SMTP relay that tells its user what happened.
//!
//! Imports point down only: the rooms of the top floor wire, those of floor 2 each talk to the world on one side and to
//! `store` on the other, `store`, `server` and `clock` carry them, and `domain`, `smtp` and `mail` are pure ground.
//! `docs/ARCHITECTURE.md` draws it; `tests/house.rs` holds it.

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod dashboard;
pub mod delivery;
pub mod demo;
pub mod domain;
pub mod mail;
pub mod server;
pub mod smtp;
pub mod store;
pub mod submission;
pub mod tracking;
pub mod work;
