//! A server that the operator names: the smarthost, or where the mail of a domain is sent.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::host_url::HostError;
use super::opening::Security;
use crate::domain::is_loopback;

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password; not shown by `Debug`.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({:?}, …)", self.user)
    }
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: each recipient has a reply of its own to the message.
    Lmtp,
}

/// How much TLS is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsPolicy {
    /// When it is offered and works; any certificate will do.
    Opportunistic,
    /// Always; any certificate will do.
    Required,
    /// Always, with a certificate that is valid for the host's name.
    Verified,
    /// Not even when it is offered.
    Never,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// In the network.
    Port {
        /// A name in lower case, or an IP address without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// On this machine.
    Socket(PathBuf),
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    Ip(SocketAddr),
    Socket(PathBuf),
}

impl Peer {
    /// Whether what goes to it stays within this machine.
    fn is_local(&self) -> bool {
        match self {
            Self::Ip(address) => address.ip().is_loopback(),
            Self::Socket(_) => true,
        }
    }

    /// Its address; empty for a socket.
    pub(super) fn ip(&self) -> String {
        match self {
            Self::Ip(address) => address.ip().to_string(),
            Self::Socket(_) => String::new(),
        }
    }
}

/// Place, protocol, encryption and login of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// What it speaks.
    pub protocol: Protocol,
    /// TLS from the first byte on (RFC 8314), as `smtps://` says.
    pub implicit_tls: bool,
    /// `None`: verified where a password goes to another machine, else opportunistic.
    pub tls: Option<TlsPolicy>,
    /// What to log in with.
    pub login: Option<Login>,
}

impl Host {
    /// The same with so much TLS, where that is possible and safe.
    pub fn with_tls(self, policy: TlsPolicy) -> Result<Self, HostError> {
        let optional = matches!(policy, TlsPolicy::Opportunistic | TlsPolicy::Never);
        if matches!(self.endpoint, Endpoint::Socket(_)) && !optional {
            return Err(HostError::SocketTls);
        }
        if self.implicit_tls && optional {
            return Err(HostError::ImplicitTls);
        }
        if self.login.is_some() && optional && !self.is_local() {
            return Err(HostError::PlainPassword);
        }
        Ok(Self { tls: Some(policy), ..self })
    }

    /// Whether mail for it stays within this machine, as far as its name says.
    pub fn is_local(&self) -> bool {
        match &self.endpoint {
            Endpoint::Port { host, .. } => is_loopback(host),
            Endpoint::Socket(_) => true,
        }
    }

    /// Whether it has a name that the DNS has to be asked for.
    pub(super) fn is_looked_up(&self) -> bool {
        matches!(self.endpoint, Endpoint::Port { .. }) && self.address().is_none()
    }

    /// The address, when the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.endpoint {
            Endpoint::Port { host, .. } => host.parse().ok(),
            Endpoint::Socket(_) => None,
        }
    }

    /// Its name, address or path, for people.
    pub fn name(&self) -> String {
        match &self.endpoint {
            Endpoint::Port { host, .. } => host.clone(),
            Endpoint::Socket(path) => path.display().to_string(),
        }
    }

    /// Equal for hosts that one session can serve alike; no secret is in it.
    pub(super) fn key(&self) -> String {
        let protocol = match (self.protocol, self.implicit_tls) {
            (Protocol::Smtp, false) => "smtp",
            (Protocol::Smtp, true) => "smtps",
            (Protocol::Lmtp, _) => "lmtp",
        };
        let user = self.login.as_ref().map_or("", |login| login.user.as_str());
        let port = match &self.endpoint {
            Endpoint::Port { port, .. } => format!(" port {port}"),
            Endpoint::Socket(_) => String::new(),
        };
        format!("{protocol} {}{port} {user:?} {:?}", self.name(), self.tls)
    }

    /// A password goes only over TLS, with a valid certificate unless the operator says that any will do, or within this
    /// machine.
    pub(super) fn security(&self, peer: &Peer) -> Security {
        if matches!(peer, Peer::Socket(_)) {
            return Security::Plain;
        }
        let exposed = self.login.is_some() && !peer.is_local();
        let policy = match self.tls {
            Some(policy @ (TlsPolicy::Required | TlsPolicy::Verified)) => policy,
            Some(_) | None if exposed => TlsPolicy::Verified,
            Some(policy) => policy,
            None => TlsPolicy::Opportunistic,
        };
        let valid = policy == TlsPolicy::Verified;
        match policy {
            _ if self.implicit_tls => Security::Implicit { valid },
            TlsPolicy::Opportunistic => Security::Opportunistic,
            TlsPolicy::Required | TlsPolicy::Verified => Security::Demanded { valid },
            TlsPolicy::Never => Security::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Ip(address.parse().unwrap())
    }

    #[test]
    fn a_password_goes_to_another_machine_over_tls_only() {
        let (near, far) = (peer("127.0.0.1:25"), peer("192.0.2.1:25"));
        let host = |text: &str| Host::route(text).unwrap();
        let (open, login) = (host("smtp://mail.example"), host("smtp://a:b@mail.example"));
        assert_eq!(open.security(&far), Security::Opportunistic);
        assert_eq!(login.security(&far), Security::Demanded { valid: true });
        assert_eq!(login.security(&near), Security::Opportunistic);
        assert_eq!(host("smtps://mail.example").security(&far), Security::Implicit { valid: false });
        assert_eq!(host("smtps://a:b@mail.example").security(&far), Security::Implicit { valid: true });
        let with = |host: &Host, policy| host.clone().with_tls(policy);
        let required = with(&login, TlsPolicy::Required).unwrap();
        assert_eq!(required.security(&far), Security::Demanded { valid: false });
        assert_eq!(with(&open, TlsPolicy::Never).unwrap().security(&far), Security::Plain);
        assert_eq!(with(&open, TlsPolicy::Verified).unwrap().security(&near), Security::Demanded { valid: true });
        for policy in [TlsPolicy::Opportunistic, TlsPolicy::Never] {
            assert_eq!(with(&login, policy), Err(HostError::PlainPassword));
            assert_eq!(with(&host("smtps://mail.example"), policy), Err(HostError::ImplicitTls));
            // Should the name lead elsewhere after all.
            let local = with(&host("smtp://a:b@localhost"), policy).unwrap();
            assert_eq!(local.security(&far), Security::Demanded { valid: true });
        }
        let socket = host("lmtp+unix:///run/dovecot/lmtp");
        assert_eq!(with(&socket, TlsPolicy::Required), Err(HostError::SocketTls));
        assert_eq!(socket.security(&Peer::Socket("/run/dovecot/lmtp".into())), Security::Plain);
    }

    #[test]
    fn a_session_serves_only_what_is_alike() {
        let keys: Vec<_> = [
            "smtp://mail.example",
            "smtp://mail.example:26",
            "smtps://mail.example:26",
            "lmtp://mail.example:26",
            "smtp://a:b@mail.example",
        ]
        .map(|text| Host::route(text).unwrap())
        .into_iter()
        .flat_map(|host| [host.key(), host.with_tls(TlsPolicy::Verified).unwrap().key()])
        .collect();
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len(), "{keys:?}");
    }
}
