//! The room's settings.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::server;

/// Where AUTH is allowed without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsecureAuth {
    /// Nowhere.
    Never,
    /// From this machine.
    Loopback,
    /// From everywhere.
    Always,
}

impl InsecureAuth {
    /// Whether a client at this address may log in without TLS.
    pub fn allows(self, client: IpAddr) -> bool {
        match self {
            Self::Never => false,
            Self::Loopback => client.is_loopback(),
            Self::Always => true,
        }
    }
}

/// Limits and permissions of submission.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The relay's name.
    pub hostname: String,
    /// Where AUTH is allowed without TLS.
    pub insecure_auth: InsecureAuth,
    /// Clients that need no login.
    pub trusted_networks: Vec<IpNet>,
    /// The largest message, in octets.
    pub max_message_bytes: u64,
    /// The most recipients a message.
    pub max_recipients: usize,
    /// Sessions at once.
    pub max_connections: usize,
    /// Sessions at once from one address.
    pub max_connections_per_address: usize,
    /// A session that says nothing for this long is closed.
    pub idle_timeout: Duration,
    /// Memory for messages on their way in, over all sessions, in bytes.
    pub data_memory_bytes: usize,
    /// Where messages go that find no room in memory.
    pub spool_dir: PathBuf,
}

impl Settings {
    /// The loop's part.
    pub(super) fn server(&self) -> server::Settings {
        server::Settings {
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            idle_timeout: self.idle_timeout,
            min_rate: 500,
            grace: Duration::from_secs(20),
            spool_dir: self.spool_dir.clone(),
        }
    }
}
