//! Where the mail of a domain goes (RFC 5321 section 5.1).

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use rand::seq::{IndexedRandom, SliceRandom};

use crate::domain::{BounceClass, Domain, EnhancedCode};

use super::dns::{Dns, Exchange, LookupError};
use super::failure::{Failure, Step};
use super::host::Host;

/// Hosts of one route that are looked up at most; a domain may list more.
const HOSTS_MAX: usize = 20;

/// The hosts to ask, best first, and the key of what shares limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The named host, or the first name in the alphabet of the best exchangers, or that of their provider.
    pub(super) site: String,
    /// At most 20.
    pub(super) hosts: Vec<String>,
    /// So many of them, from the front, have the best preference.
    pub(super) best: usize,
    /// The domain has no MX records: its own address is meant.
    pub(super) implicit: bool,
    /// It has more hosts than are looked up: what becomes of these is not its last word.
    pub(super) left_out: bool,
    /// Equal for domains whose mail goes to the same hosts in the same order of preference.
    pub(super) key: String,
    /// The one that the operator named; `None` where the DNS said whom to ask.
    pub(super) named: Option<Arc<Host>>,
}

impl Route {
    /// To a host that the operator named.
    pub(super) fn to_named(host: &Arc<Host>) -> Self {
        let (name, key, named) = (host.name(), host.key(), Some(Arc::clone(host)));
        Self { site: name.clone(), hosts: vec![name], best: 1, implicit: false, left_out: false, key, named }
    }

    /// To the mail exchangers of a domain. `own_name` is this relay's name.
    pub(super) async fn to_exchangers(dns: &Dns, domain: &Domain, own_name: &str) -> Result<Self, Failure> {
        match dns.exchanges(domain.as_str()).await {
            Ok(exchanges) => Self::from_exchanges(exchanges, domain, own_name),
            Err(LookupError::NoRecords) => {
                // The implicit MX: the domain itself, when it has an address.
                let host = domain.as_str().to_owned();
                let route = Self::from_exchanges(vec![Exchange { preference: 0, host }], domain, own_name)?;
                Ok(Self { implicit: true, key: format!("{domain} itself"), ..route })
            }
            Err(LookupError::NoName) => Err(Failure::found(
                Step::Lookup,
                550,
                EnhancedCode(5, 1, 2),
                BounceClass::BadDomain,
                format!("the domain {domain} does not exist"),
            )),
            Err(LookupError::Unanswered(why)) => Err(unanswered(domain.as_str(), &why)),
        }
    }

    fn from_exchanges(mut all: Vec<Exchange>, domain: &Domain, own_name: &str) -> Result<Self, Failure> {
        if all.iter().all(|e| e.host.is_empty()) {
            let text = format!("the domain {domain} takes no mail (null MX)");
            return Err(Failure::found(Step::Lookup, 556, EnhancedCode(5, 1, 10), BounceClass::BadDomain, text));
        }
        all.retain(|e| !e.host.is_empty());
        if let Some(own) = all.iter().filter(|e| e.host.eq_ignore_ascii_case(own_name)).map(|e| e.preference).min() {
            all.retain(|e| e.preference < own);
        }
        let Some(best) = all.iter().map(|e| e.preference).min() else {
            let text = format!("mail for {domain} loops back: {own_name}, this relay, is its best mail exchanger");
            return Err(Failure::found(Step::Lookup, 554, EnhancedCode(5, 4, 6), BounceClass::Dns, text));
        };
        let site = all.iter().filter(|e| e.preference == best).map(|e| e.host.as_str()).min().unwrap_or_default();
        let (site, key) = (site.to_owned(), key(&all));
        // Shuffled, then sorted by a stable sort: equals stay in an order of chance.
        all.shuffle(&mut rand::rng());
        all.sort_by_key(|e| e.preference);
        let mut hosts: Vec<String> = Vec::new();
        let (mut bests, mut left_out) = (0, false);
        for exchange in all {
            if hosts.contains(&exchange.host) {
                continue;
            }
            if hosts.len() >= HOSTS_MAX {
                left_out = true;
                break;
            }
            hosts.push(exchange.host);
            bests += usize::from(exchange.preference == best);
        }
        Ok(Self { site, hosts, best: bests, implicit: false, left_out, key, named: None })
    }
}

/// Hosts in the order of their names, `,` between equals and `;` before less preferred ones.
fn key(all: &[Exchange]) -> String {
    let ranked: BTreeSet<_> = all.iter().map(|exchange| (exchange.preference, exchange.host.as_str())).collect();
    let mut key = String::new();
    let mut last = None;
    for (preference, host) in ranked {
        match last.replace(preference) {
            None => {}
            Some(before) if before == preference => key.push(','),
            Some(_) => key.push(';'),
        }
        key.push_str(host);
    }
    key
}

/// One of the own addresses of the same kind as `target`, by chance. A failure of ours when there are own addresses, but
/// none of this kind, or when this machine has not got the address: nothing was tried then, and it says nothing about the
/// receiver (RFC 3463 section 3.4: the system is configured wrongly).
pub(super) fn source_for(target: IpAddr, own: &[IpAddr]) -> Result<Option<IpAddr>, Failure> {
    if own.is_empty() {
        return Ok(None);
    }
    let fitting: Vec<&IpAddr> = own.iter().filter(|a| a.is_ipv4() == target.is_ipv4()).collect();
    let Some(source) = fitting.choose(&mut rand::rng()).map(|a| **a) else {
        let text = format!("no source address of the kind of {target}");
        return Err(Failure::found(Step::Connect, 451, EnhancedCode(4, 4, 1), BounceClass::NoAnswer, text));
    };
    match UdpSocket::bind((source, 0)) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
            tracing::warn!(%source, "mail waits: this machine does not have the address that it should leave from");
            let text = format!("this machine does not have the address {source} that the mail should leave from");
            Err(Failure::found(Step::Connect, 451, EnhancedCode(4, 3, 5), BounceClass::Other, text))
        }
        // What else may be wrong is said by the connection that is made from it.
        Ok(_) | Err(_) => Ok(Some(source)),
    }
}

/// What a missing answer of the DNS is reported as.
pub(super) const UNANSWERED: EnhancedCode = EnhancedCode(4, 4, 3);

/// No answer of the DNS: temporary, and never a reason to try something else.
pub(super) fn unanswered(name: &str, why: &str) -> Failure {
    let text = format!("the DNS did not answer for {name}: {why}");
    Failure::found(Step::Lookup, 451, UNANSWERED, BounceClass::Dns, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(records: &[(u16, &str)]) -> Result<Route, Failure> {
        let all =
            records.iter().map(|(preference, host)| Exchange { preference: *preference, host: (*host).to_owned() });
        Route::from_exchanges(all.collect(), &Domain::parse("b.example").unwrap(), "relay.example.com")
    }

    #[test]
    fn sorts_by_preference_and_shuffles_equals() {
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let route = route(&[(20, "c.example"), (10, "b.example"), (10, "a.example"), (30, "a.example")]).unwrap();
            assert_eq!(route.site, "a.example");
            assert_eq!((route.hosts.len(), route.best), (3, 2));
            assert_eq!(route.hosts[2], "c.example");
            firsts.insert(route.hosts[0].clone());
        }
        assert_eq!(firsts.len(), 2);
    }

    #[test]
    fn keys_are_equal_where_hosts_and_their_order_are() {
        let key = |records: &[(u16, &str)]| route(records).unwrap().key;
        let one = key(&[(10, "a.example"), (10, "b.example"), (30, "c.example")]);
        assert_eq!(one, "a.example,b.example;c.example");
        assert_eq!(one, key(&[(5, "c.example"), (0, "b.example"), (0, "a.example"), (0, "a.example")]));
        for other in [
            &[(10, "a.example"), (20, "b.example"), (30, "c.example")][..],
            &[(10, "a.example"), (10, "b.example"), (10, "c.example")],
            &[(10, "a.example"), (10, "b.example")],
            &[(10, "a.example"), (10, "b.example"), (30, "d.example")],
        ] {
            assert_ne!(one, key(other));
        }
    }

    #[test]
    fn null_mx_and_loops_end_the_route() {
        let null = route(&[(0, "")]).unwrap_err();
        assert_eq!((null.reply.code, null.reply.enhanced), (556, Some(EnhancedCode(5, 1, 10))));
        assert!(null.permanent);
        let looped = route(&[(10, "relay.example.com"), (10, "a.example"), (20, "b.example")]).unwrap_err();
        assert_eq!(looped.reply.enhanced, Some(EnhancedCode(5, 4, 6)));
        let backup = route(&[(20, "Relay.example.com"), (10, "a.example"), (30, "b.example")]).unwrap();
        assert_eq!(backup.hosts, ["a.example"]);
    }

    #[test]
    fn sources_are_of_the_same_kind() {
        let own: Vec<IpAddr> = vec!["127.0.0.5".parse().unwrap()];
        let source = |target: &str, own: &[IpAddr]| {
            source_for(target.parse().unwrap(), own).map_err(|failure| failure.reply.enhanced.unwrap())
        };
        assert_eq!(source("127.0.0.1", &own), Ok(Some(own[0])));
        assert_eq!(source("::1", &own), Err(EnhancedCode(4, 4, 1)));
        assert_eq!(source("::1", &[]), Ok(None));
        // For documentation (RFC 5737): no machine has it.
        assert_eq!(source("127.0.0.1", &["192.0.2.77".parse().unwrap()]), Err(EnhancedCode(4, 3, 5)));
    }
}
