//! One attempt: one copy, for one recipient or several who share it, as many hosts as it takes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{BounceClass, Domain, EnhancedCode, Reply};

use super::attempted::{Attempted, Parcel};
use super::dns::{Dns, LookupError, may_visit};
use super::failure::{Failure, Step};
use super::host::{Endpoint, Host, Peer, Protocol};
use super::journey::{Journey, Place};
use super::opening::{Custom, Security, Target};
use super::outage::Reach;
use super::pool::Pool;
use super::route::{Route, UNANSWERED, source_for, unanswered};
use super::session::Session;
use super::settings::{Mode, Settings};
use super::tls::Tls;

/// Addresses tried in one attempt.
const ADDRESSES_MAX: usize = 5;
/// Sessions opened in one attempt: a copy that failed over two is not offered over a third.
const SESSIONS_MAX: usize = 2;

/// Why no courier could be made.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// No resolver.
    #[error("no DNS resolver: {0}")]
    Dns(String),
    /// No TLS.
    #[error("no TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Makes attempts. Cheap to clone; clones share resolver, TLS configuration and idle sessions.
#[derive(Clone)]
pub struct Courier(Arc<Inner>);

struct Inner {
    settings: Settings,
    tls: Tls,
    /// For exchangers; `None` where mail goes by none.
    dns: Option<Dns>,
    /// For hosts that the operator named; `None` where none has to be looked up.
    named: Option<Dns>,
    pool: Pool,
}

impl Courier {
    /// Reads the machine's trusted roots and, where mail goes by MX or to a named host, its resolver configuration.
    pub fn new(settings: Settings) -> Result<Self, CourierError> {
        let resolver = |wanted: bool, hosts_file| {
            let made = wanted.then(|| Dns::new(&settings.dns, settings.timeouts.lookup, hosts_file));
            made.transpose().map_err(CourierError::Dns)
        };
        let routed = settings.routes.hosts().any(|host| host.is_looked_up());
        let (exchangers, named) = match &settings.mode {
            Mode::Sandbox => (false, false),
            Mode::Smarthost(smarthost) => (false, routed || smarthost.is_looked_up()),
            Mode::Mx => (true, routed),
        };
        // The hosts file is for names that the operator wrote, and not for those of strangers.
        let (dns, named) = (resolver(exchangers, false)?, resolver(named, true)?);
        let pool = Pool::new(settings.idle_max);
        Ok(Self(Arc::new(Inner { tls: Tls::new()?, dns, named, pool, settings })))
    }

    /// Tries once to hand over a copy: an answer for each recipient, in their order. Never fails but in the answers.
    pub async fn attempt(&self, parcel: Parcel<'_>) -> Vec<Attempted> {
        let began = Instant::now();
        let mut journey = Journey::new(&parcel);
        self.0.travel(&mut journey).await;
        let reach = self.0.reach(&journey).await;
        journey.arrive(&reach, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The site of a domain: one look-up, answered from memory when it is known. `None` when there is none to find. And
    /// how far the look-up got.
    pub async fn site_of(&self, domain: &Domain) -> (Option<String>, Reach) {
        match self.0.route(domain).await {
            Ok(route) => (Some(route.site), if route.named.is_some() { Reach::Unasked } else { Reach::Names }),
            Err(failure) => (None, self.0.reach_of_names(&failure.reply).await),
        }
    }

    /// Equal for domains whose mail goes to the same servers now; `None` when that is not known.
    pub async fn route_key(&self, domain: &Domain) -> Option<String> {
        self.0.route(domain).await.ok().map(|route| route.key)
    }

    /// Says goodbye to the servers whose sessions wait for another copy.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }
}

impl Inner {
    /// How far the journey got. That one name was not answered may be its own servers' doing; that the root is not is ours.
    async fn reach(&self, journey: &Journey<'_>) -> Reach {
        let beside = self.settings.routes.of(journey.parcel.domain).is_some();
        match journey.unanswered() {
            _ if journey.connected && beside => Reach::Beside(journey.site.clone()),
            _ if journey.connected => Reach::Server(journey.site.clone()),
            _ if journey.addresses > 0 => Reach::NoServer(journey.site.clone()),
            Some(reply) => self.reach_of_names(reply).await,
            None => Reach::Names,
        }
    }

    async fn reach_of_names(&self, reply: &Reply) -> Reach {
        match self.dns.as_ref().or(self.named.as_ref()) {
            Some(dns) if reply.enhanced == Some(UNANSWERED) => {
                if dns.answers_at_all().await {
                    Reach::NoName
                } else {
                    Reach::NoNames
                }
            }
            Some(_) | None => Reach::Names,
        }
    }

    async fn route(&self, domain: &Domain) -> Result<Route, Failure> {
        match (&self.settings.mode, self.settings.routes.of(domain), &self.dns) {
            (Mode::Sandbox, ..) => Err(Failure::protocol(Step::Lookup, "in the sandbox nothing is sent".to_owned())),
            (_, Some(host), _) | (Mode::Smarthost(host), None, _) => Ok(Route::to_named(host)),
            (Mode::Mx, None, Some(dns)) => {
                let route = Route::to_exchangers(dns, domain, &self.settings.hostname).await?;
                let provider = self.settings.providers.name_of(&route.site).map(str::to_owned);
                Ok(Route { site: provider.unwrap_or(route.site), ..route })
            }
            (Mode::Mx, None, None) => Err(unanswered(domain.as_str(), "there is no resolver")),
        }
    }

    async fn travel(&self, journey: &mut Journey<'_>) {
        let domain = journey.parcel.domain;
        let route = match self.route(domain).await {
            Ok(route) => route,
            Err(failure) => {
                journey.log.note(&failure.reply.text);
                return journey.give_up(|| failure.clone(), |none| none);
            }
        };
        journey.site.clone_from(&route.site);
        journey.named.clone_from(&route.named);
        // A connection that stands to any of the best hosts is better than a new one to the first of them.
        let mut refused = None;
        for host in route.hosts.iter().take(route.best) {
            if self.reuse(host, journey).await {
                refused = Some(host);
                break;
            }
        }
        for host in route.hosts.iter().filter(|host| Some(*host) != refused) {
            if journey.is_over() || journey.addresses >= ADDRESSES_MAX || journey.sessions >= SESSIONS_MAX {
                break;
            }
            self.visit_host(host, journey).await;
        }
        let no_host = route.implicit && journey.addresses == 0;
        let nowhere = |failure: &Failure| no_host && failure.permanent && failure.step == Step::Lookup;
        let last = |failure| if nowhere(&failure) { takes_no_mail(domain, &failure) } else { failure };
        let last = |failure: Failure| if route.left_out { failure.softened() } else { last(failure) };
        let first = route.hosts.first().map_or(domain.as_str(), String::as_str);
        journey.give_up(|| no_address(first), last);
    }

    /// Sends over an idle session. False when there is none, or when it turned out dead before it had taken MAIL.
    async fn reuse(&self, host: &str, journey: &mut Journey<'_>) -> bool {
        let key = journey.named.as_ref().map_or_else(|| host.to_owned(), |named| named.key());
        let Some(mut session) = self.pool.take(&key, journey.parcel.sources).await else { return false };
        journey.connected = true;
        journey.place = Place::of(&session);
        journey.log.note(&format!("over the connection to {} that stood: {}", session.who(), session.agreed));
        let sent = self.send(&mut session, journey).await;
        self.keep(session, journey);
        match sent {
            Err(failure) if failure.ends_session() && failure.step <= Step::Mail && !failure.permanent => {
                journey.log.note("that connection was over");
                return false;
            }
            Err(failure) => journey.weigh_all(&failure),
            Ok(()) => {}
        }
        journey.sessions += 1;
        true
    }

    /// For the next mail.
    fn keep(&self, session: Session, journey: &Journey<'_>) {
        let asked = journey.parcel.speed.map(|speed| speed.messages_per_connection);
        self.pool.put(session, asked.unwrap_or(self.settings.messages_per_connection));
    }

    /// Tries the addresses of a host.
    async fn visit_host(&self, host: &str, journey: &mut Journey<'_>) {
        journey.place = Place { mx: host.to_owned(), ..Place::default() };
        let found = match journey.named.clone() {
            Some(named) => self.peers_of_named(&named).await,
            None => self.peers(host).await,
        };
        let peers = match found {
            Ok(peers) => peers,
            Err(failure) => {
                journey.log.note(&failure.reply.text);
                return journey.note_all(&failure);
            }
        };
        for peer in peers {
            if journey.is_over() || journey.addresses >= ADDRESSES_MAX || journey.sessions >= SESSIONS_MAX {
                return;
            }
            if let Err(failure) = self.visit(host, &peer, journey).await {
                journey.weigh_all(&failure);
            }
        }
    }

    async fn visit(&self, host: &str, peer: &Peer, journey: &mut Journey<'_>) -> Result<(), Failure> {
        let named = journey.named.clone();
        let source = self.source(peer, named.is_some(), journey.parcel.sources);
        let source = source.inspect_err(|failure| journey.log.note(&failure.reply.text))?;
        journey.addresses += 1;
        journey.place = Place { mx: host.to_owned(), ip: peer.ip(), ..Place::default() };
        let stranger = Target {
            host,
            key: host,
            peer,
            source,
            protocol: Protocol::Smtp,
            security: Security::Opportunistic,
            login: None,
        };
        let key = named.as_ref().map(|named| named.key()).unwrap_or_default();
        let target = named.as_ref().map_or(stranger, |named| Target {
            key: &key,
            protocol: named.protocol,
            security: named.security(peer),
            login: named.login.as_ref(),
            ..stranger
        });
        let settings = &self.settings;
        let custom = Custom {
            hostname: &settings.hostname,
            timeouts: &settings.timeouts,
            tls: &self.tls,
            rules: &settings.bounce_rules,
        };
        let seat = self.pool.seat(&journey.site, journey.parcel.speed.map(|speed| speed.connections)).await;
        let opened = Session::open(target, custom, &mut journey.log).await;
        journey.connected |= opened.as_ref().map_or_else(|failure| failure.step > Step::Connect, |_| true);
        let mut session = opened?;
        session.seat = Some(seat);
        session.sources = journey.parcel.sources.to_vec();
        journey.sessions += 1;
        journey.place = Place::of(&session);
        let sent = self.send(&mut session, journey).await;
        self.keep(session, journey);
        sent
    }

    /// Sends to all who are still open, in as many transactions as the server wants. It is one mail to the limit of a
    /// connection. The error is about none of them in particular.
    async fn send(&self, session: &mut Session, journey: &mut Journey<'_>) -> Result<(), Failure> {
        let first = session.send(journey.parcel, &journey.open(), &mut journey.log).await?;
        let mut groups = journey.judge(first);
        while session.is_usable()
            && let Some(group) = groups.pop()
        {
            match session.send(journey.parcel, &group, &mut journey.log).await {
                Ok(results) => groups.extend(journey.judge(results)),
                Err(failure) => group.iter().for_each(|n| journey.weigh(*n, failure.clone())),
            }
        }
        Ok(())
    }

    /// The address to connect from; `sources` are those of the mail's credential, if it has its own.
    fn source(&self, peer: &Peer, named: bool, sources: &[IpAddr]) -> Result<Option<IpAddr>, Failure> {
        let own = if sources.is_empty() { &self.settings.source_addresses } else { sources };
        match peer {
            // Own addresses are for strangers to see.
            Peer::Ip(address) if named && address.ip().is_loopback() => Ok(None),
            Peer::Ip(address) => source_for(address.ip(), own),
            Peer::Socket(_) => Ok(None),
        }
    }

    async fn peers(&self, host: &str) -> Result<Vec<Peer>, Failure> {
        let Some(dns) = &self.dns else { return Err(unanswered(host, "there is no resolver")) };
        let found = dns.addresses(host, self.settings.address_family).await.map_err(|e| not_found(host, e))?;
        let public = found.into_iter().filter(|ip| may_visit(*ip, self.settings.allow_private_mx));
        let usable: Vec<_> = public.map(|ip| Peer::Ip(SocketAddr::new(ip, self.settings.port))).collect();
        if usable.is_empty() { Err(inside(host)) } else { Ok(usable) }
    }

    /// The operator named it, so any address will do; and that it is not found is no fault of the mail.
    async fn peers_of_named(&self, named: &Host) -> Result<Vec<Peer>, Failure> {
        let (host, port) = match &named.endpoint {
            Endpoint::Socket(path) => return Ok(vec![Peer::Socket(path.clone())]),
            Endpoint::Port { host, port } => (host, *port),
        };
        let found = match (named.address(), &self.named) {
            (Some(ip), _) => vec![ip],
            (None, Some(dns)) => {
                let asked = dns.configured(host, self.settings.address_family).await;
                asked.map_err(|e| named_not_found(host, e))?
            }
            (None, None) => return Err(unanswered(host, "there is no resolver")),
        };
        Ok(found.into_iter().map(|ip| Peer::Ip(SocketAddr::new(ip, port))).collect())
    }
}

fn not_found(host: &str, error: LookupError) -> Failure {
    match error {
        LookupError::Unanswered(why) => unanswered(host, &why),
        LookupError::NoName => no_route(format!("the mail host {host} does not exist")),
        LookupError::NoRecords => no_address(host),
    }
}

/// The operator may mend its name.
fn named_not_found(host: &str, error: LookupError) -> Failure {
    let failure = not_found(host, error);
    if !failure.permanent {
        return failure;
    }
    Failure::found(Step::Lookup, 451, EnhancedCode(4, 4, 4), BounceClass::Dns, failure.reply.text)
}

fn no_address(host: &str) -> Failure {
    no_route(format!("the mail host {host} has no address"))
}

/// Neither MX records nor an address that can be used.
fn takes_no_mail(domain: &Domain, cause: &Failure) -> Failure {
    let text = format!("the domain {domain} has no mail exchanger; {}", cause.reply.text);
    Failure::found(Step::Lookup, 550, EnhancedCode(5, 1, 2), BounceClass::BadDomain, text)
}

fn inside(host: &str) -> Failure {
    no_route(format!("the mail host {host} has only addresses in private or reserved space, where no mail is sent"))
}

fn no_route(text: String) -> Failure {
    Failure::found(Step::Lookup, 550, EnhancedCode(5, 4, 4), BounceClass::Dns, text)
}
