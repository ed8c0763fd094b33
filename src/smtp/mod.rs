//! The grammar of SMTP as a server reads and speaks it (RFC 5321). Pure; may import `domain`.

pub mod capability;
pub mod command;
pub mod receiver;
pub mod reply;
mod wish;
pub mod xtext;
