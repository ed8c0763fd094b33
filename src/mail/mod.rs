//! Bytes in, bytes out: what a message is made of, where its links and its pixel go, and the signature over what leaves.
//!
//! Pure: no socket, no file, no clock, no chance. A message is compiled once into a `Stencil` and stamped per recipient;
//! every byte that the closed list in `docs/REWRITING.md` does not name stays as it came, and `proof` reads each compiled
//! message again with other code before it is trusted. May import `domain`.

mod base64_lines;
pub mod cache;
pub mod click_map;
pub mod compare;
mod conditional;
pub mod control;
pub mod dkim;
pub mod feedback;
pub mod header;
pub mod html;
pub mod link;
pub mod mailbox;
pub mod nesting;
pub mod notice;
mod notice_status;
mod notice_text;
pub mod outline;
pub mod plan;
pub mod preview;
pub mod proof;
mod proof_rules;
mod proof_text;
mod quoted;
pub mod receipt;
pub mod recipe;
mod removed;
pub mod sevenbit;
pub mod stencil;
mod tags;
pub mod text;
pub mod transfer;
pub mod vendor;
pub mod vendor_names;

#[cfg(test)]
#[path = "tests/pairs.rs"]
mod pairs;
