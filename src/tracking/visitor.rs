//! Who asks: the client's address behind trusted proxies, and what is kept of it.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header;
use ipnet::IpNet;

use crate::domain::event::Hit;

/// How much of a client's address is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKept {
    /// All of it.
    Full,
    /// IPv4 /24, IPv6 /48.
    Network,
    /// Nothing.
    Nothing,
}

/// How visitors are seen.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// How much of an address is kept.
    pub address_kept: AddressKept,
}

/// The client's address: the peer's, or, where the peer is a trusted proxy, the last address in `X-Forwarded-For` that
/// is not one.
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let fields = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        fields.flat_map(|field| field.split(',')).filter_map(|hop| hop.trim().parse::<IpAddr>().ok()).collect();
    Some(hops.into_iter().rev().map(|ip| ip.to_canonical()).find(|ip| !is_trusted(ip)).unwrap_or(peer))
}

/// What is kept of an address, as text; empty for nothing.
pub fn kept(address: Option<IpAddr>, how: AddressKept) -> String {
    let Some(address) = address else { return String::new() };
    let prefix = match (how, address) {
        (AddressKept::Nothing, _) => return String::new(),
        (AddressKept::Full, _) => return address.to_string(),
        (AddressKept::Network, IpAddr::V4(_)) => 24,
        (AddressKept::Network, IpAddr::V6(_)) => 48,
    };
    IpNet::new(address, prefix).map(|net| net.trunc().to_string()).unwrap_or_default()
}

/// The user agent as sent, lossily read; empty when missing.
pub fn agent(request: &HttpRequest) -> String {
    let value = request.headers().get(header::USER_AGENT);
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// What a request's fields tell, given each by its name in lower case: programs that fetch ahead of time say so.
pub fn signals<'v>(field: impl Fn(&str) -> Option<&'v str>) -> u8 {
    let says = |name: &str| {
        let value = field(name).unwrap_or_default().to_ascii_lowercase();
        value.contains("prefetch") || value.contains("preview")
    };
    let ahead = ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().any(says);
    if ahead { Hit::SAID_PREFETCH } else { 0 }
}

/// The same of a request.
pub(super) fn told(request: &HttpRequest) -> u8 {
    signals(|name| request.headers().get(name).and_then(|value| value.to_str().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let asked = |peer: &str, forwarded: &str| {
            let peer = format!("{peer}:5000").parse().unwrap();
            let request = TestRequest::get().peer_addr(peer).insert_header(("x-forwarded-for", forwarded));
            client_address(&request.to_http_request(), &trusted).unwrap().to_string()
        };
        assert_eq!(asked("192.0.2.9", "198.51.100.7"), "192.0.2.9");
        assert_eq!(asked("10.1.1.1", "203.0.113.1, 198.51.100.7, 10.2.2.2"), "198.51.100.7");
        assert_eq!(asked("10.1.1.1", "nonsense"), "10.1.1.1");
    }

    #[test]
    fn programs_that_fetch_ahead_say_so() {
        let asked = |name: &'static str, value: &'static str| {
            told(&TestRequest::get().insert_header((name, value)).to_http_request())
        };
        for (name, value) in [("Sec-Purpose", "prefetch;prerender"), ("X-Purpose", "Preview"), ("X-Moz", "prefetch")] {
            assert_eq!(asked(name, value), Hit::SAID_PREFETCH, "{name}");
        }
        assert_eq!(asked("Purpose", "navigate") | asked("Sec-Fetch-Mode", "prefetch"), 0);
    }

    #[test]
    fn addresses_are_kept_as_told() {
        let of = |text: &str, how| kept(text.parse().ok(), how);
        assert_eq!(of("192.0.2.77", AddressKept::Network), "192.0.2.0/24");
        assert_eq!(of("2001:db8:1:2::3", AddressKept::Network), "2001:db8:1::/48");
        assert_eq!(of("192.0.2.77", AddressKept::Full), "192.0.2.77");
        assert_eq!(of("192.0.2.77", AddressKept::Nothing), "");
    }
}
