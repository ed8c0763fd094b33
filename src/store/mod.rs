//! The only room that knows SQL: one SQLite file, one writing thread with group commit, read-only readers.
//!
//! Promises: what is acknowledged is on the disk (WAL, `synchronous=FULL`); events are inserts only; every number comes
//! from one fold over them. May import `domain` and `clock`.

pub mod view;
