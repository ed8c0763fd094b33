//! Telling the supervisor (systemd's `Type=notify`) how far we are: one datagram to the socket that it named.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says it, when there is somebody to hear it.
pub(super) fn tell(what: &str) {
    let Ok(name) = std::env::var("NOTIFY_SOCKET") else { return };
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let said = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &address));
    if let Err(error) = said {
        tracing::warn!(%error, "the supervisor could not be told");
    }
}
