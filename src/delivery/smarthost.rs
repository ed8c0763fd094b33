//! The one server that takes everything, as it is written in the configuration.

use std::fmt;
use std::net::IpAddr;

use url::Url;

/// The port of `smtp://` without one (RFC 6409 section 3.1).
const PORT_SUBMISSION: u16 = 587;
/// The port of `smtps://` without one (RFC 8314 section 7.3).
const PORT_SUBMISSIONS: u16 = 465;

/// Why a text names no smarthost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmarthostError {
    /// Not `smtp://` or `smtps://`.
    #[error("must begin with smtp:// or smtps://")]
    Scheme,
    /// Nothing between `//` and the port.
    #[error("names no host")]
    NoHost,
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

/// Host, port, encryption and login of the server that takes all mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    /// A name or an IP address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS from the first byte on (RFC 8314), as `smtps://` says.
    pub implicit_tls: bool,
    /// What to log in with.
    pub login: Option<Login>,
}

impl Smarthost {
    /// Reads `smtp://user:password@host:port` or `smtps://…`; user and password are percent-encoded.
    pub fn parse(text: &str) -> Result<Self, SmarthostError> {
        let url = Url::parse(text).map_err(SmarthostError::NotUrl)?;
        let implicit_tls = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(SmarthostError::Scheme),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(SmarthostError::Trailing);
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let login = match (decode(url.username())?, decode(url.password().unwrap_or_default())?) {
            (user, password) if user.is_empty() && password.is_empty() => None,
            (user, password) if user.is_empty() || password.is_empty() => return Err(SmarthostError::HalfLogin),
            (user, password) => Some(Login { user, password }),
        };
        if host.is_empty() {
            return Err(SmarthostError::NoHost);
        }
        let port = url.port().unwrap_or(if implicit_tls { PORT_SUBMISSIONS } else { PORT_SUBMISSION });
        Ok(Self { host: host.to_ascii_lowercase(), port, implicit_tls, login })
    }

    /// The address, when the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

fn decode(text: &str) -> Result<String, SmarthostError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2).ok_or(SmarthostError::BadEncoding)?;
        let digits = std::str::from_utf8(digits).map_err(|_| SmarthostError::BadEncoding)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| SmarthostError::BadEncoding)?);
        rest = tail;
    }
    let text = String::from_utf8(bytes).map_err(|_| SmarthostError::BadEncoding)?;
    if text.contains('\0') { Err(SmarthostError::BadEncoding) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let full = Smarthost::parse("smtp://news%40shop.example:p%40ss%2Fw%25rd@Relay.example.com:2587").unwrap();
        assert_eq!((full.host.as_str(), full.port, full.implicit_tls), ("relay.example.com", 2587, false));
        let login = full.login.clone().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("news@shop.example", "p@ss/w%rd"));
        assert!(!format!("{full:?}").contains("p@ss"));
        let bare = Smarthost::parse("smtps://relay.example.com").unwrap();
        assert_eq!((bare.port, bare.implicit_tls, bare.login), (465, true, None));
        assert_eq!(Smarthost::parse("smtp://[::1]:25").unwrap().address(), Some("::1".parse().unwrap()));
        assert_eq!(Smarthost::parse("smtp://127.0.0.1/").unwrap().port, 587);
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        for (text, why) in [
            ("http://relay.example.com", SmarthostError::Scheme),
            ("smtp://", SmarthostError::NoHost),
            ("smtp://relay.example.com/inbox", SmarthostError::Trailing),
            ("smtp://a:b#c@relay.example.com", SmarthostError::Trailing),
            ("smtp://user@relay.example.com", SmarthostError::HalfLogin),
            ("smtp://a:%zz@relay.example.com", SmarthostError::BadEncoding),
            ("smtp://a:%00@relay.example.com", SmarthostError::BadEncoding),
        ] {
            let found = Smarthost::parse(text);
            assert!(found == Err(why.clone()) || matches!(found, Err(SmarthostError::NotUrl(_))), "{text}: {found:?}");
        }
        assert_eq!(
            Smarthost::parse("relay.example.com"),
            Err(SmarthostError::NotUrl(url::ParseError::RelativeUrlWithoutBase))
        );
    }
}
