//! A relay between servers and readers that are made up: what `postrider demo` puts around it.

use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use super::{Listeners, first_run};
use crate::clock::Clock;
use crate::store::Accounts;

/// The file in a data folder whose mail and readers are made up: all that was done to the relay, a JSON object a line.
/// Where it lies, each page says so.
pub const SIMULATED: &str = "demo-audience.jsonl";

/// Receiving servers that are part of the sandbox.
#[derive(Debug, Clone, Copy)]
pub struct Servers {
    /// The only resolver that is asked.
    pub dns: SocketAddr,
    /// The port of all mail exchangers.
    pub port: u16,
}

/// What happens once the relay is ready; an error ends it.
pub type Begin = Box<dyn FnOnce(Place) -> BoxFuture<'static, Result<(), String>> + Send>;

/// A world around the relay.
pub struct World {
    /// Who receives its mail.
    pub servers: Servers,
    /// Who sends and reads.
    pub begin: Begin,
}

impl World {
    pub(super) async fn begin(
        self,
        accounts: &Accounts,
        listeners: &Listeners,
        dashboard_url: String,
        clock: Clock,
    ) -> Result<JoinHandle<Result<(), String>>, String> {
        let welcome = first_run::link(accounts, &dashboard_url, clock).await?;
        Ok(tokio::spawn((self.begin)(Place::new(listeners, dashboard_url, welcome))))
    }
}

/// Where the relay is found.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where mail is submitted.
    pub submission: SocketAddr,
    /// The web listener.
    pub web: SocketAddr,
    /// Where people reach the dashboard, without a final slash.
    pub dashboard_url: String,
    /// The link with which the first login is made, once, within an hour.
    pub welcome: String,
}

impl Place {
    fn new(listeners: &Listeners, dashboard_url: String, welcome: String) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let at = |listener: &std::net::TcpListener| listener.local_addr().ok();
        let submission = listeners.submission.first().and_then(at).unwrap_or(nowhere);
        Self { submission, web: at(&listeners.web).unwrap_or(nowhere), dashboard_url, welcome }
    }
}

/// Waits until the world has failed, and says why; for ever where it does not.
pub(super) async fn failed(begun: Option<JoinHandle<Result<(), String>>>) -> String {
    if let Some(begun) = begun {
        match begun.await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return why,
            Err(fault) => return fault.to_string(),
        }
    }
    std::future::pending().await
}
