//! Names to mail exchangers, and names to addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::settings::AddressFamily;

/// Answers kept in memory.
const CACHE_MAX: u64 = 10_000;
/// How long a "no such name" is believed at most, so that a mended zone is seen soon.
const NEGATIVE_TTL_MAX: Duration = Duration::from_mins(5);
/// Questions under way to one resolver.
const REQUESTS_MAX: usize = 1_024;
/// Aliases that are followed before they count as a circle.
const ALIASES_MAX: usize = 8;
/// One try at one resolver.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// The try that tells whether any resolver answers.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exchange {
    /// Lower is better.
    pub(super) preference: u16,
    /// The host, lower case, without a final dot; empty for the null MX (RFC 7505).
    pub(super) host: String,
}

/// Why a look-up gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LookupError {
    /// NXDOMAIN.
    NoName,
    /// The name exists, but has no such record.
    NoRecords,
    /// SERVFAIL, REFUSED, a time-out: nothing is known.
    Unanswered(String),
}

/// A resolver with a cache.
#[derive(Debug)]
pub(super) struct Dns {
    resolver: TokioResolver,
    /// Without a memory: it says whether anybody answers now.
    probe: TokioResolver,
    timeout: Duration,
}

impl Dns {
    /// Over the given resolvers, or those of the system. `hosts_file`: whether the hosts file is asked first, as it is
    /// for names that the operator wrote, but not for those of strangers. An error is a clause for people.
    pub(super) fn new(servers: &[SocketAddr], timeout: Duration, hosts_file: bool) -> Result<Self, String> {
        let mut builder = builder(servers)?;
        let options = builder.options_mut();
        options.cache_size = CACHE_MAX;
        options.negative_max_ttl = Some(NEGATIVE_TTL_MAX);
        options.max_active_requests = REQUESTS_MAX;
        options.timeout = TRY_TIMEOUT.min(timeout);
        options.use_hosts_file = if hosts_file { ResolveHosts::Always } else { ResolveHosts::Never };
        let resolver = builder.build().map_err(|e| e.to_string())?;
        let probe = probe(servers, timeout)?;
        Ok(Self { resolver, probe, timeout })
    }

    /// The MX records of a domain, in no order.
    pub(super) async fn exchanges(&self, domain: &str) -> Result<Vec<Exchange>, LookupError> {
        let mut found = Vec::new();
        let answer = match self.ask(domain, RecordType::MX).await {
            Err(LookupError::NoRecords) => return Err(self.without_circle(domain, LookupError::NoRecords).await),
            answer => answer?,
        };
        for data in answer {
            if let RData::MX(mx) = data {
                let host = mx.exchange.to_ascii().trim_end_matches('.').to_ascii_lowercase();
                found.push(Exchange { preference: mx.preference, host });
            }
        }
        if found.is_empty() { Err(LookupError::NoRecords) } else { Ok(found) }
    }

    /// The same where there are none: resolvers answer so, too, when aliases lead in a circle, and that says nothing.
    async fn without_circle(&self, name: &str, found: LookupError) -> LookupError {
        let mut at = name.to_owned();
        for _ in 0..ALIASES_MAX {
            match self.ask(&at, RecordType::CNAME).await.unwrap_or_default().into_iter().next() {
                Some(RData::CNAME(to)) => at = to.0.to_ascii().trim_end_matches('.').to_owned(),
                _ => return found,
            }
        }
        LookupError::Unanswered("its aliases lead in a circle".to_owned())
    }

    /// The addresses of a host, kinds in turn. When one kind did not come and the other has none,
    /// nothing is known.
    pub(super) async fn addresses(&self, host: &str, family: AddressFamily) -> Result<Vec<IpAddr>, LookupError> {
        let v4 = async {
            match family {
                AddressFamily::Auto | AddressFamily::Ipv4 => self.ask(host, RecordType::A).await,
                AddressFamily::Ipv6 => Err(LookupError::NoRecords),
            }
        };
        let v6 = async {
            match family {
                AddressFamily::Auto | AddressFamily::Ipv6 => self.ask(host, RecordType::AAAA).await,
                AddressFamily::Ipv4 => Err(LookupError::NoRecords),
            }
        };
        let (v4, v6) = tokio::join!(v4, v6);
        let mixed = in_turn(&addresses_in(&v4), &addresses_in(&v6));
        if !mixed.is_empty() {
            return Ok(mixed);
        }
        match (v4.err(), v6.err()) {
            (Some(LookupError::Unanswered(why)), _) | (_, Some(LookupError::Unanswered(why))) => {
                Err(LookupError::Unanswered(why))
            }
            (Some(LookupError::NoName), _) | (_, Some(LookupError::NoName)) => Err(LookupError::NoName),
            _ => Err(self.without_circle(host, LookupError::NoRecords).await),
        }
    }

    /// The addresses of a configured host; search domains count.
    pub(super) async fn configured(&self, host: &str, family: AddressFamily) -> Result<Vec<IpAddr>, LookupError> {
        let asked = tokio::time::timeout(self.timeout, self.resolver.lookup_ip(host.to_owned())).await;
        let found = asked.map_err(|_| unanswered_in_time())?.map_err(|e| read_error(&e))?;
        let (v4, v6): (Vec<_>, Vec<_>) = found.iter().partition(IpAddr::is_ipv4);
        let mixed = match family {
            AddressFamily::Auto => in_turn(&v4, &v6),
            AddressFamily::Ipv4 => v4,
            AddressFamily::Ipv6 => v6,
        };
        if mixed.is_empty() { Err(LookupError::NoRecords) } else { Ok(mixed) }
    }

    /// Whether the resolver knows anything: it is asked for the servers of the root, and any answer but SERVFAIL will do.
    pub(super) async fn answers_at_all(&self) -> bool {
        let asked = tokio::time::timeout(2 * PROBE_TIMEOUT, self.probe.lookup(".", RecordType::NS)).await;
        match asked {
            Ok(Ok(_)) => true,
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })))) => {
                response_code != ResponseCode::ServFail
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, LookupError> {
        // The final dot keeps search domains out.
        let asked = tokio::time::timeout(self.timeout, self.resolver.lookup(format!("{name}."), kind)).await;
        let found = asked.map_err(|_| unanswered_in_time())?.map_err(|e| read_error(&e))?;
        Ok(found.answers().iter().filter(|r| r.record_type() == kind).map(|r| r.data.clone()).collect())
    }
}

fn builder(servers: &[SocketAddr]) -> Result<ResolverBuilder<TokioRuntimeProvider>, String> {
    if servers.is_empty() {
        return TokioResolver::builder_tokio().map_err(|e| format!("the system's resolver configuration: {e}"));
    }
    let servers = servers.iter().map(|server| {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = server.port();
        }
        NameServerConfig::new(server.ip(), true, connections)
    });
    let config = ResolverConfig::from_name_servers(servers.collect());
    Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
}

fn probe(servers: &[SocketAddr], timeout: Duration) -> Result<TokioResolver, String> {
    let mut builder = builder(servers)?;
    let options = builder.options_mut();
    (options.cache_size, options.attempts, options.timeout) = (0, 1, PROBE_TIMEOUT.min(timeout));
    builder.build().map_err(|e| e.to_string())
}

fn unanswered_in_time() -> LookupError {
    LookupError::Unanswered("no answer in time".to_owned())
}

fn read_error(error: &NetError) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => match response_code {
            &ResponseCode::NXDomain => LookupError::NoName,
            &ResponseCode::NoError => LookupError::NoRecords,
            other => LookupError::Unanswered(other.to_string()),
        },
        other => LookupError::Unanswered(other.to_string()),
    }
}

fn addresses_in(found: &Result<Vec<RData>, LookupError>) -> Vec<IpAddr> {
    let all = found.as_deref().unwrap_or_default().iter();
    all.filter_map(|data| match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    })
    .collect()
}

/// One of each in turn, so that a host without one kind of network still gets somewhere within the limit on addresses.
fn in_turn(v4: &[IpAddr], v6: &[IpAddr]) -> Vec<IpAddr> {
    let longest = v4.len().max(v6.len());
    (0..longest).flat_map(|at| [v4.get(at), v6.get(at)]).flatten().copied().collect()
}

/// Whether mail may be sent to an address that a look-up gave. What no server can have is refused always; loopback,
/// private and link-local space unless `allow_private`.
pub(super) fn may_visit(address: IpAddr, allow_private: bool) -> bool {
    match address {
        IpAddr::V4(v4) => may_visit_v4(v4, allow_private),
        IpAddr::V6(v6) => may_visit_v6(v6, allow_private),
    }
}

fn may_visit_v4(v4: Ipv4Addr, allow_private: bool) -> bool {
    let [a, b, ..] = v4.octets();
    if a == 0 || v4.is_multicast() || a >= 240 {
        return false;
    }
    // 100.64.0.0/10 is shared space behind carriers (RFC 6598); 192.0.0.0/24 is the protocol's own (RFC 6890).
    let private = v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || (a == 100 && b & 0xc0 == 64)
        || v4.octets().starts_with(&[192, 0, 0]);
    allow_private || !private
}

fn may_visit_v6(v6: Ipv6Addr, allow_private: bool) -> bool {
    let s = v6.segments();
    if v6.is_unspecified() || v6.is_multicast() || v6.to_ipv4_mapped().is_some() {
        return false;
    }
    if v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || s[0] & 0xffc0 == 0xfec0 {
        return allow_private;
    }
    // Addresses that hold an IPv4 one: compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
    let inner = match s {
        [0, 0, 0, 0, 0, 0, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => Some(join_v4(a, b)),
        _ => None,
    };
    inner.is_none_or(|v4| may_visit_v4(v4, allow_private))
}

fn join_v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_lead_inside_are_refused() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "::1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "::7f00:1",
        ] {
            let address: IpAddr = inside.parse().unwrap();
            assert!(!may_visit(address, false), "{inside}");
            assert!(may_visit(address, true), "{inside}");
        }
        for never in
            ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "ff02::1", "::ffff:8.8.8.8"]
        {
            let address: IpAddr = never.parse().unwrap();
            assert!(!may_visit(address, false) && !may_visit(address, true), "{never}");
        }
        for fine in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:4860::1", "64:ff9b::808:808"] {
            assert!(may_visit(fine.parse().unwrap(), false), "{fine}");
        }
    }

    #[test]
    fn kinds_take_turns() {
        let v4 = ["192.0.2.1", "192.0.2.2"].map(|a| a.parse().unwrap());
        let v6 = ["2001:db8::1".parse().unwrap()];
        assert_eq!(in_turn(&v4, &v6), [v4[0], v6[0], v4[1]]);
    }
}
