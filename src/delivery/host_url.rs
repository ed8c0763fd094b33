//! How the operator writes a server down: `smtp://`, `smtps://`, `lmtp://` and `lmtp+unix://`.

use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

use super::host::{Endpoint, Host, Login, Protocol};
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
}
