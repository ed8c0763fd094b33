//! Takes connections, within limits, until it is told to stop.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::Budget;
use super::session::Session;
use super::{NewMachine, Settings};

/// What all sessions of a server share.
pub struct Server {
    /// Its limits.
    pub settings: Settings,
    /// One a session, over all listeners.
    pub permits: Arc<Semaphore>,
    /// Memory for messages.
    pub budget: Budget,
    /// What STARTTLS uses; `None` offers none.
    pub tls: Option<Arc<ServerConfig>>,
    /// Makes a machine for each session.
    pub machine: NewMachine,
}

/// How sessions of a listener begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// In plain, with STARTTLS where there is a certificate.
    Plain,
    /// With a TLS handshake (RFC 8314 section 3).
    Tls,
}

/// Sessions by client address.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One session of an address, until it is dropped.
struct AddressPermit {
    addresses: Arc<Addresses>,
    ip: IpAddr,
}

impl Addresses {
    fn take(self: &Arc<Self>, ip: IpAddr, most: usize) -> Option<AddressPermit> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(AddressPermit { addresses: Arc::clone(self), ip })
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

/// Serves until `stop`; returns when every session has ended.
pub async fn listen(listener: TcpListener, server: Arc<Server>, opening: Opening, stop: CancellationToken) {
    let addresses = Arc::new(Addresses::default());
    let sessions = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly too many open files: taking nothing for a moment lets some end.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let ip = peer.ip().to_canonical();
        let Ok(permit) = Arc::clone(&server.permits).try_acquire_owned() else {
            sessions.spawn(turn_away(stream, opening));
            continue;
        };
        let Some(address) = addresses.take(ip, server.settings.max_connections_per_address) else {
            sessions.spawn(turn_away(stream, opening));
            continue;
        };
        let (server, stop) = (Arc::clone(&server), stop.clone());
        sessions.spawn(serve((stream, ip), server, opening, stop, (permit, address)));
    }
    drop(listener);
    sessions.close();
    sessions.wait().await;
}

async fn serve(
    (stream, ip): (TcpStream, IpAddr),
    server: Arc<Server>,
    opening: Opening,
    stop: CancellationToken,
    _permits: (OwnedSemaphorePermit, AddressPermit),
) {
    let _ = stream.set_nodelay(true);
    let machine = (server.machine)(ip);
    if let Err(error) = Session::new(stream, machine, server, stop).run(opening).await {
        tracing::debug!(%ip, %error, "a session ended early");
    }
}

/// Where TLS is spoken from the start, closing says it.
async fn turn_away(mut stream: TcpStream, opening: Opening) {
    if opening == Opening::Tls {
        return;
    }
    let said = stream.write_all(b"421 4.3.2 too many connections; try again later\r\n");
    let _ = tokio::time::timeout(Duration::from_secs(5), said).await;
}
