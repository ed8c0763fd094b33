//! The overview's changes while it is looked at, as server-sent events (HTML standard, section 9.2).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::auth::{User, session_hash};
use super::overview::{OverviewPage, Query, changes};
use super::shell::{Answer, Fault, State};

/// Pages that are kept current at once.
const SEATS: usize = 32;
/// Changes are told at most so often.
const STEP: Duration = Duration::from_secs(1);
/// A sign of life, so that proxies keep the connection and the dead are found out; then who signed out is too.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A connection ends after this; the browser opens another.
const LIFE: Duration = Duration::from_mins(30);
/// A browser whom nobody answers asks again after so many milliseconds.
const RETRY: &str = "retry: 5000\n\n";

/// The pages that are kept current.
#[derive(Clone)]
pub struct Live {
    seats: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(SEATS)), stop: CancellationToken::new() }
    }
}

impl Live {
    /// Ends all connections.
    pub fn end(&self) {
        self.stop.cancel();
    }
}

/// The change that the page has seen last.
#[derive(Debug, Deserialize)]
pub struct Since {
    since: Option<i64>,
}

/// GET /live: what changes on the overview of the same address, until it is closed.
pub async fn live(
    request: HttpRequest,
    user: User,
    state: State,
    query: web::Query<Query>,
    since: web::Query<Since>,
) -> Answer {
    let Ok(seat) = Arc::clone(&state.live.seats).try_acquire_owned() else {
        let full = "Too many pages are kept current already; this one is as of when it was opened.\n";
        return Ok(HttpResponse::ServiceUnavailable().insert_header((RETRY_AFTER, "60")).body(full));
    };
    let session = session_hash(&state, &request).ok_or(Fault::SignedOut)?;
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut moved = state.reports.moved();
    let is_current = last.or(since.since) == Some(*moved.borrow_and_update());
    let mut shown = OverviewPage::read(&state, &user.0, &query).await?.parts()?;
    // Where the page shows something older, or something moved just now, all of it is told.
    if !is_current || moved.has_changed().unwrap_or(true) {
        shown.clear();
        moved.mark_changed();
    }
    let watching = Watching { state, session, query: query.into_inner(), moved, shown, told: None, _seat: seat };
    let events = futures_util::stream::unfold(watching, Watching::next);
    let events = events.take_until(tokio::time::sleep(LIFE));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // Never gathered into larger pieces: neither here nor by a proxy.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header(("cache-control", "no-store"))
        .streaming(events))
}

/// What a connection knows.
struct Watching {
    state: State,
    session: [u8; 32],
    query: Query,
    moved: watch::Receiver<i64>,
    shown: Vec<(&'static str, String)>,
    /// Whether anything was sent yet, and whether it was a change.
    told: Option<bool>,
    _seat: OwnedSemaphorePermit,
}

impl Watching {
    /// The next piece; `None` at the end.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let stop = self.state.live.stop.clone();
        let text = tokio::select! {
            () = stop.cancelled() => None,
            text = self.text() => text,
        }?;
        Some((Ok(Bytes::from(text)), self))
    }

    async fn text(&mut self) -> Option<String> {
        match self.told {
            None => {
                self.told = Some(false);
                return Some(RETRY.to_owned());
            }
            Some(true) => tokio::time::sleep(STEP).await,
            Some(false) => {}
        }
        self.told = Some(false);
        loop {
            let moved = tokio::time::timeout(HEARTBEAT, self.moved.changed()).await;
            let user = self.state.accounts.session(self.session, self.state.clock.now()).await;
            let user = match user {
                Ok(Some(user)) => user,
                Ok(None) => return None,
                // The next try is as good.
                Err(_) => return Some(":\n\n".to_owned()),
            };
            match moved {
                Err(_) => return Some(":\n\n".to_owned()),
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
            }
            let seen = *self.moved.borrow_and_update();
            let parts = match OverviewPage::read(&self.state, &user, &self.query).await.and_then(|page| page.parts()) {
                Ok(parts) => parts,
                Err(fault) => {
                    tracing::debug!(error = %fault, "the overview could not be read for who looks at it");
                    self.moved.mark_changed();
                    tokio::time::sleep(STEP).await;
                    continue;
                }
            };
            let changed = changes(&self.shown, &parts);
            self.shown = parts;
            if !changed.is_empty() {
                // Who signed out while it was read is not told.
                let session = self.state.accounts.session(self.session, self.state.clock.now()).await;
                if !matches!(session, Ok(Some(_))) {
                    return None;
                }
                self.told = Some(true);
                return Some(format!("id: {seen}\nevent: parts\ndata: {changed}\n\n"));
            }
            tokio::time::sleep(STEP).await;
        }
    }
}
