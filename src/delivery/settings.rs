//! What the operator decides about the network.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::providers::{Providers, Start};
use super::routes::Routes;
use crate::domain::BounceRules;

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nowhere: copies stay in the built-in inbox. A courier refuses to carry.
    #[default]
    Sandbox,
    /// All of it to one server.
    Smarthost(Arc<Host>),
    /// To the mail exchangers of each domain.
    Mx,
}

/// Which kind of addresses of a host are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressFamily {
    /// Both, in turn, IPv4 first.
    #[default]
    Auto,
    /// A records only.
    Ipv4,
    /// AAAA records only.
    Ipv6,
}

/// How long each step may take; the defaults are those of RFC 5321 section 4.5.3.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// All look-ups of one name.
    pub lookup: Duration,
    /// Until a connection stands.
    pub connect: Duration,
    /// A TLS handshake.
    pub handshake: Duration,
    /// Until the greeting has come.
    pub greeting: Duration,
    /// The reply to EHLO, HELO, STARTTLS or AUTH.
    pub ehlo: Duration,
    /// The reply to MAIL or RSET.
    pub mail: Duration,
    /// The reply to RCPT.
    pub rcpt: Duration,
    /// The reply to DATA.
    pub data: Duration,
    /// Until a part of the message (at most 64 KiB) is taken by the network.
    pub chunk: Duration,
    /// The reply to the final dot.
    pub final_dot: Duration,
    /// The reply to QUIT, which nobody waits for.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            lookup: Duration::from_secs(30),
            connect: Duration::from_secs(30),
            handshake: minutes(1),
            greeting: minutes(5),
            ehlo: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            chunk: minutes(3),
            final_dot: minutes(10),
            quit: Duration::from_secs(2),
        }
    }
}

/// What a courier needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The name given in EHLO; an MX with this name is this relay itself.
    pub hostname: String,
    /// Where mail goes.
    pub mode: Mode,
    /// Domains whose mail goes elsewhere before anything is looked up; unused in the sandbox.
    pub routes: Routes,
    /// The port of MX hosts.
    pub port: u16,
    /// Resolvers; empty for those of the system.
    pub dns: Vec<SocketAddr>,
    /// Whether a look-up may lead to loopback, private or link-local space.
    pub allow_private_mx: bool,
    /// Which kind of addresses of a host are used.
    pub address_family: AddressFamily,
    /// Own addresses to connect from, one by chance; empty lets the system choose. A kind of address (IPv4, IPv6) that
    /// none of them has is not used at all.
    pub source_addresses: Vec<IpAddr>,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Mails over one connection where a parcel does not say; 1 switches reuse off.
    pub messages_per_connection: u32,
    /// Which exchangers belong to one provider.
    pub providers: Arc<Providers>,
    /// How long a connection is kept after a mail for the next one.
    pub idle_max: Duration,
    /// What refusals mean.
    pub bounce_rules: BounceRules,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            mode: Mode::default(),
            routes: Routes::default(),
            port: 25,
            dns: Vec::new(),
            allow_private_mx: false,
            address_family: AddressFamily::default(),
            source_addresses: Vec::new(),
            timeouts: Timeouts::default(),
            messages_per_connection: 100,
            providers: Arc::new(Providers::none(Start::default())),
            idle_max: Duration::from_secs(5),
            bounce_rules: BounceRules::built_in(),
        }
    }
}
