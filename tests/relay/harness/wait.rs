//! Waiting for something to come true, instead of for time to pass.

use std::time::Duration;

use tokio::time::Instant;

/// How long a scenario waits for what should come soon.
pub const PATIENCE: Duration = Duration::from_secs(20);

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Looks again and again until `condition` holds; panics with `what` when it does not within `limit`.
pub async fn wait_until(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < limit, "waited {limit:?} in vain: {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
