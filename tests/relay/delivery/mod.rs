//! Routes, replies, retries and bounces, as receivers see them.
