//! Bytes in, bytes out: what a message is made of, where its links and its pixel go, and the signature over what leaves.
//!
//! Pure: no socket, no file, no clock, no chance. A message is compiled once into a `Stencil` and stamped per recipient;
//! every byte that the closed list in `docs/REWRITING.md` does not name stays as it came, and `proof` reads each compiled
//! message again with other code before it is trusted. May import `domain`.

pub mod cache;
pub mod compare;
pub mod control;
pub mod dkim;
pub mod header;
pub mod html;
pub mod link;
pub mod notice;
mod notice_status;
mod notice_text;
pub mod outline;
pub mod preview;
pub mod proof;
mod quoted;
pub mod receipt;
pub mod recipe;
pub mod sevenbit;
pub mod stencil;
pub mod transfer;
