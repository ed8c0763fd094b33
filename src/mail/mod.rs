//! Bytes in, bytes out.

pub mod receipt;
