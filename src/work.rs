//! Where computing is done: a little at once, on the thread that serves the socket; much on a thread of its own.
//!
//! Handing a little over costs more than it frees: two wake-ups, cold caches, and a crowd of threads for two cores. A
//! panic ends the piece of work, never the session or the delivery that asked for it. Imports nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Work on up to so many octets of a message is a little: about a millisecond at most.
const LITTLE_MAX: usize = 32 << 10;

/// Does work on a message of `octets`. The error says that it panicked.
pub async fn on<T: Send + 'static>(octets: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    if octets <= LITTLE_MAX {
        return catch_unwind(AssertUnwindSafe(work)).map_err(|_| "it panicked".to_owned());
    }
    tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_work_alone() {
        for octets in [LITTLE_MAX, LITTLE_MAX + 1] {
            assert_eq!(on(octets, || 1).await, Ok(1));
            assert!(on::<()>(octets, || panic!("as told")).await.is_err());
        }
    }
}
