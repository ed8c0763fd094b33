//! The answer to EHLO.

use super::reply::Reply;

/// What is offered at this point of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 1870: the largest message, in octets.
    pub size: u64,
    /// RFC 3207: whether STARTTLS can be used now.
    pub starttls: bool,
    /// RFC 4954: whether AUTH can be used now.
    pub auth: bool,
}

impl Capabilities {
    /// Everything in one reply, the host's name first.
    pub fn reply(self, hostname: &str) -> Reply {
        let mut lines = vec![
            hostname.to_owned(),
            format!("SIZE {}", self.size),
            "PIPELINING".to_owned(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "CHUNKING".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
            "DSN".to_owned(),
        ];
        if self.starttls {
            lines.push("STARTTLS".to_owned());
        }
        if self.auth {
            lines.push("AUTH PLAIN LOGIN".to_owned());
        }
        Reply::plain(250, lines)
    }
}
