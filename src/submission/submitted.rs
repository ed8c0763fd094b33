//! What a finished dialogue hands on.

use std::net::IpAddr;
use std::sync::Arc;

use crate::domain::{Credential, Envelope};

/// A finished message and all that is known of who sent it.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// Whose login.
    pub credential: Arc<Credential>,
    /// The campaign that the user name carried.
    pub campaign: Option<String>,
    /// The client's address.
    pub client: IpAddr,
    /// What it calls itself.
    pub helo: String,
    /// The TLS version, if any.
    pub tls: Option<String>,
    /// Whether it logged in; else its network is trusted.
    pub authenticated: bool,
    /// From whom, to whom.
    pub envelope: Envelope,
    /// Whether the sender asked for SMTPUTF8.
    pub utf8: bool,
    /// The message, lines ended by CRLF.
    pub body: Vec<u8>,
    /// Whether an octet above 127 is in it.
    pub eight_bit: bool,
}
