//! What leaves: the dispatcher with its courier, its orders, and what is wrong on the way.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::settings;
use super::world::Servers;
use crate::clock::Clock;
use crate::config::Config;
use crate::dashboard;
use crate::delivery::{Copies, Courier, Dispatcher, Notices};
use crate::store::{Orders, Store, StoreError};

/// What keeps deliveries under way; `servers` are those of the sandbox, where it has any.
pub(super) async fn dispatcher(
    config: &Config,
    store: &Store,
    copies: &Copies,
    notices: &Notices,
    servers: Option<Servers>,
) -> Result<Dispatcher, String> {
    let courier = Courier::new(settings::courier(config, servers)?).map_err(|e| e.to_string())?;
    let dispatch = settings::dispatch(config, Clock, servers);
    let dispatcher = Dispatcher::new(store.queue(), copies.clone(), courier, notices.clone(), dispatch);
    dispatcher.await.map_err(|e| e.to_string())
}

/// Delivers, and writes notices, until told otherwise.
pub(super) fn deliver(
    dispatcher: &Dispatcher,
    notices: Notices,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> (CancellationToken, JoinHandle<()>) {
    let delivering = CancellationToken::new();
    let delivery = tokio::spawn({
        let (dispatcher, delivering) = (dispatcher.clone(), delivering.clone());
        async move { dispatcher.run(delivering).await }
    });
    tasks.spawn({
        let (dispatcher, stop) = (dispatcher.clone(), stop.clone());
        async move { notices.run(|due| dispatcher.accepted(vec![due]), stop).await }
    });
    (delivering, delivery)
}

/// What the host and the receivers do to the relay, for the overview and the queue's page.
pub(super) fn troubles(store: &Store, dispatcher: &Dispatcher) -> dashboard::Troubles {
    let (space, dispatcher) = (store.space(), dispatcher.clone());
    Arc::new(move |calendar| space.finding().into_iter().chain(dispatcher.findings(calendar)).collect())
}

/// Orders to the queue while the relay runs: each is a task of its own, so that it comes to its end whoever asked for it
/// and went away.
pub(super) fn orders(dispatcher: &Dispatcher) -> Orders {
    let (dispatcher, runtime) = (dispatcher.clone(), tokio::runtime::Handle::current());
    Arc::new(move |order| {
        let dispatcher = dispatcher.clone();
        let task = runtime.spawn(async move { dispatcher.perform(order).await });
        Box::pin(async move { task.await.unwrap_or_else(|e| Err(StoreError::Closed(e.to_string()))) })
    })
}
