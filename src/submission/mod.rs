//! What an authenticated sender may do: log in, hand over mail, and be told at once what is wrong with it.
//!
//! Promises: no mail without a login (or a trusted network); a 250 only after the commit; a login sends only as its own
//! domains; wrong passwords are slow and few. May import `server`, `smtp`, `mail`, `store`, `domain` and `clock`.

mod auth;
mod exchange;
mod intake;
mod settings;
mod state;
mod submitted;
mod unsubscribe;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use intake::{Accepted, Intake, IntakeSettings};
pub use settings::{InsecureAuth, Settings};
pub use submitted::Submitted;

use crate::domain::{Credential, Guard};
use crate::server::{self, Budget, Opening, Server};
use crate::smtp::reply::Reply;

/// The credential of a name.
pub type Credentials = Arc<dyn Fn(&str) -> Option<Arc<Credential>> + Send + Sync>;
/// Takes a finished message; its reply is what the sender hears.
pub type Sink = Arc<dyn Fn(Submitted) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// Whether there is room for new mail.
pub type HasRoom = Arc<dyn Fn() -> bool + Send + Sync>;

/// What all listeners of a relay share.
#[derive(Clone)]
pub struct Submission {
    server: Arc<Server>,
}

impl Submission {
    /// With its limits, its logins and where mail goes. `tls` is what STARTTLS uses; `None` offers none.
    pub fn new(
        settings: Settings,
        tls: Option<Arc<ServerConfig>>,
        credentials: Credentials,
        has_room: HasRoom,
        sink: Sink,
    ) -> Self {
        let loop_settings = settings.server();
        let budget = Budget::new(settings.data_memory_bytes);
        let shared = Arc::new(state::Shared {
            guard: Guard::new(auth::WRONG_MAX, auth::WRONG_WINDOW),
            tls_offered: tls.is_some(),
            settings,
            credentials,
            has_room,
            sink,
        });
        let machine: server::NewMachine = Arc::new(move |ip| Box::new(state::State::new(Arc::clone(&shared), ip)));
        let permits = Arc::new(Semaphore::new(loop_settings.max_connections));
        Self { server: Arc::new(Server { settings: loop_settings, permits, budget, tls, machine }) }
    }

    /// Sessions open.
    pub fn sessions(&self) -> usize {
        self.server.settings.max_connections.saturating_sub(self.server.permits.available_permits())
    }

    /// Serves one listener until `stop`, and until its sessions have ended.
    pub async fn serve(self, listener: TcpListener, opening: Opening, stop: CancellationToken) {
        server::listen(listener, self.server, opening, stop).await;
    }
}
