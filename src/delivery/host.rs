//! A server that the operator names: the smarthost, or where the mail of a domain is sent.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use super::opening::Security;
use crate::domain::Domain;

/// The port of a smarthost's `smtp://` without one (RFC 6409 section 3.1).
const PORT_SUBMISSION: u16 = 587;
/// The port of `smtps://` without one (RFC 8314 section 7.3).
const PORT_SUBMISSIONS: u16 = 465;
/// The port of a route's `smtp://` without one (RFC 5321 section 4.5.4.2); never one of LMTP (RFC 2033 section 5).
const PORT_SMTP: u16 = 25;
/// The port of `lmtp://` without one. None is assigned; this one is for mail systems of one's own.
const PORT_LMTP: u16 = 24;

/// Why a text names no host, or one that cannot be used so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A smarthost's is not `smtp://` or `smtps://`.
    #[error("must begin with smtp:// or smtps://")]
    SmarthostScheme,
    /// A route's is none of the four.
    #[error("must begin with smtp://, smtps://, lmtp:// or lmtp+unix://")]
    RouteScheme,
    /// Nothing between `//` and the port.
    #[error("names no host")]
    NoHost,
    /// Neither an IP address nor a name.
    #[error("names a host that is neither a host name nor an IP address")]
    BadHost,
    /// Not a URL at all.
    #[error("is no URL: {0}")]
    NotUrl(url::ParseError),
    /// `/path`, `?query` or `#fragment`.
    #[error("has something after the host and port; encode / ? # @ and % of a password as %2F %3F %23 %40 and %25")]
    Trailing,
    /// A user name without a password, or the reverse.
    #[error("needs both a user and a password, or neither")]
    HalfLogin,
    /// `%` without two hexadecimal digits, a NUL, or bytes that are not UTF-8.
    #[error("the user or the password is badly percent-encoded")]
    BadEncoding,
    /// LMTP on port 25 (RFC 2033 section 5).
    #[error("names port 25, which is for SMTP and never for LMTP; a server's LMTP listens on another, mostly 24")]
    LmtpPort,
    /// No absolute path, or one that is too long for a socket.
    #[error("must name a socket by its whole path, at most 107 octets, such as lmtp+unix:///run/dovecot/lmtp")]
    BadSocket,
    /// TLS may fail or be left out, and there is a password.
    #[error("would let the password go in plain to another machine; use \"required\" or \"verified\"")]
    PlainPassword,
    /// `smtps://` without TLS.
    #[error("cannot be with smtps://, which is TLS from the first byte on; use \"required\" or \"verified\"")]
    ImplicitTls,
    /// TLS over a socket.
    #[error("cannot be had over a socket of this machine; leave it out")]
    SocketTls,
}

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
    /// Reads `smtp://user:password@host:port` or `smtps://…`; user and password are percent-encoded.
    pub fn smarthost(text: &str) -> Result<Self, HostError> {
        let url = Url::parse(text).map_err(HostError::NotUrl)?;
        match url.scheme() {
            "smtp" => Self::in_network(&url, Protocol::Smtp, false, PORT_SUBMISSION),
            "smtps" => Self::in_network(&url, Protocol::Smtp, true, PORT_SUBMISSIONS),
            _ => Err(HostError::SmarthostScheme),
        }
    }

    /// Reads the same, or `lmtp://…`, or `lmtp+unix:///path`.
    pub fn route(text: &str) -> Result<Self, HostError> {
        let url = Url::parse(text).map_err(HostError::NotUrl)?;
        match url.scheme() {
            "smtp" => Self::in_network(&url, Protocol::Smtp, false, PORT_SMTP),
            "smtps" => Self::in_network(&url, Protocol::Smtp, true, PORT_SUBMISSIONS),
            "lmtp" => match Self::in_network(&url, Protocol::Lmtp, false, PORT_LMTP)? {
                Self { endpoint: Endpoint::Port { port: PORT_SMTP, .. }, .. } => Err(HostError::LmtpPort),
                host => Ok(host),
            },
            "lmtp+unix" => Self::on_socket(&url),
            _ => Err(HostError::RouteScheme),
        }
    }

    fn in_network(url: &Url, protocol: Protocol, implicit_tls: bool, usual: u16) -> Result<Self, HostError> {
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(HostError::Trailing);
        }
        let bare = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let login = match (decode(url.username())?, decode(url.password().unwrap_or_default())?) {
            (user, password) if user.is_empty() && password.is_empty() => None,
            (user, password) if user.is_empty() || password.is_empty() => return Err(HostError::HalfLogin),
            (user, password) => Some(Login { user, password }),
        };
        if bare.is_empty() {
            return Err(HostError::NoHost);
        }
        let host = if let Ok(ip) = bare.parse::<IpAddr>() {
            ip.to_string()
        } else {
            // Names that are not ASCII come percent-encoded.
            let name = decode(bare).map_err(|_| HostError::BadHost)?;
            Domain::parse(&name).map_err(|_| HostError::BadHost)?.to_string()
        };
        let endpoint = Endpoint::Port { host, port: url.port().unwrap_or(usual) };
        Ok(Self { endpoint, protocol, implicit_tls, tls: None, login })
    }

    fn on_socket(url: &Url) -> Result<Self, HostError> {
        let bad = |_| HostError::BadSocket;
        let path = PathBuf::from(decode(url.path()).map_err(bad)?);
        let more = url.has_host() && url.host_str() != Some("") || url.query().is_some() || url.fragment().is_some();
        if more || !path.is_absolute() {
            return Err(HostError::BadSocket);
        }
        std::os::unix::net::SocketAddr::from_pathname(&path).map_err(|_| HostError::BadSocket)?;
        let endpoint = Endpoint::Socket(path);
        Ok(Self { endpoint, protocol: Protocol::Lmtp, implicit_tls: false, tls: None, login: None })
    }

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
            Endpoint::Port { host, .. } => host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
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

fn decode(text: &str) -> Result<String, HostError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2).ok_or(HostError::BadEncoding)?;
        let digits = std::str::from_utf8(digits).map_err(|_| HostError::BadEncoding)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| HostError::BadEncoding)?);
        rest = tail;
    }
    let text = String::from_utf8(bytes).map_err(|_| HostError::BadEncoding)?;
    if text.contains('\0') { Err(HostError::BadEncoding) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(host: &str, port: u16) -> Endpoint {
        Endpoint::Port { host: host.to_owned(), port }
    }

    fn peer(address: &str) -> Peer {
        Peer::Ip(address.parse().unwrap())
    }

    #[test]
    fn reads_what_people_write() {
        let full = Host::smarthost("smtp://news%40shop.example:p%40ss%2Fw%25rd@Relay.example.com:2587").unwrap();
        assert_eq!((full.endpoint.clone(), full.implicit_tls), (port("relay.example.com", 2587), false));
        let login = full.login.clone().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("news@shop.example", "p@ss/w%rd"));
        assert!(!format!("{full:?} {}", full.key()).contains("p@ss"));
        let bare = Host::smarthost("smtps://relay.example.com").unwrap();
        assert_eq!((bare.endpoint, bare.implicit_tls, bare.login), (port("relay.example.com", 465), true, None));
        assert_eq!(Host::smarthost("smtp://[::1]:25").unwrap().address(), Some("::1".parse().unwrap()));
        assert_eq!(Host::smarthost("smtp://127.0.0.1/").unwrap().endpoint, port("127.0.0.1", 587));
    }

    #[test]
    fn routes_have_ports_and_protocols_of_their_own() {
        for (text, endpoint, protocol) in [
            ("smtp://mail.house.example", port("mail.house.example", 25), Protocol::Smtp),
            ("smtps://mail.house.example", port("mail.house.example", 465), Protocol::Smtp),
            ("lmtp://[::1]", port("::1", 24), Protocol::Lmtp),
            ("lmtp://b\u{fc}cher.example:2400", port("xn--bcher-kva.example", 2400), Protocol::Lmtp),
            ("lmtp+unix:///run/dovecot/lmtp", Endpoint::Socket("/run/dovecot/lmtp".into()), Protocol::Lmtp),
        ] {
            let host = Host::route(text).unwrap();
            assert_eq!((host.endpoint, host.protocol, host.login), (endpoint, protocol, None), "{text}");
        }
        assert_eq!(Host::route("lmtp+unix:///run/mail%20box").unwrap().name(), "/run/mail box");
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        for (text, why) in [
            ("http://relay.example.com", HostError::SmarthostScheme),
            ("lmtp://relay.example.com", HostError::SmarthostScheme),
            ("smtp://", HostError::NoHost),
            ("smtp://-relay.example.com", HostError::BadHost),
            ("smtp://relay.example.com/inbox", HostError::Trailing),
            ("smtp://a:b#c@relay.example.com", HostError::Trailing),
            ("smtp://user@relay.example.com", HostError::HalfLogin),
            ("smtp://a:%zz@relay.example.com", HostError::BadEncoding),
            ("smtp://a:%00@relay.example.com", HostError::BadEncoding),
        ] {
            let found = Host::smarthost(text);
            assert!(found == Err(why.clone()) || matches!(found, Err(HostError::NotUrl(_))), "{text}: {found:?}");
        }
        assert_eq!(
            Host::smarthost("relay.example.com"),
            Err(HostError::NotUrl(url::ParseError::RelativeUrlWithoutBase))
        );
        for (text, why) in [
            ("http://mail.house.example", HostError::RouteScheme),
            ("lmtp://mail.house.example:25", HostError::LmtpPort),
            ("lmtp+unix://run/dovecot/lmtp", HostError::BadSocket),
            ("lmtp+unix:run/dovecot/lmtp", HostError::BadSocket),
            ("lmtp+unix:///run/lmtp?a", HostError::BadSocket),
        ] {
            assert_eq!(Host::route(text), Err(why), "{text}");
        }
        assert_eq!(Host::route(&format!("lmtp+unix:///{}", "x".repeat(107))), Err(HostError::BadSocket));
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
