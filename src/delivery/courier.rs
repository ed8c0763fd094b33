//! One attempt: one copy, for one recipient or several who share it, as many hosts as it takes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{BounceClass, Domain, EnhancedCode, Reply};

use super::attempted::{Attempted, Parcel};
use super::dns::{Dns, LookupError, may_visit};
use super::failure::{Failure, Step};
use super::journey::{Journey, Place, once_more};
use super::opening::{Custom, Security, Target};
use super::outage::Reach;
use super::pool::Pool;
use super::route::{Route, UNANSWERED, source_for, unanswered};
use super::session::Session;
use super::settings::{Mode, Settings};
use super::smarthost::{Login, Smarthost};
use super::tls::Tls;
use super::transaction::Results;

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
    /// `None` where nothing is ever looked up.
    dns: Option<Dns>,
    pool: Pool,
}

impl Courier {
    /// Reads the machine's trusted roots and, where mail goes by MX or to a named host, its resolver configuration.
    pub fn new(settings: Settings) -> Result<Self, CourierError> {
        let dns = match &settings.mode {
            Mode::Sandbox => None,
            Mode::Smarthost(smarthost) if smarthost.address().is_some() => None,
            Mode::Smarthost(_) => Some(Dns::new(&settings.dns, settings.timeouts.lookup, true)),
            Mode::Mx => Some(Dns::new(&settings.dns, settings.timeouts.lookup, false)),
        };
        let dns = dns.transpose().map_err(CourierError::Dns)?;
        let pool = Pool::new(settings.idle_max);
        Ok(Self(Arc::new(Inner { tls: Tls::new()?, dns, pool, settings })))
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
            Ok(route) => (Some(route.site), Reach::Names),
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
        match journey.unanswered() {
            _ if journey.connected => Reach::Server(journey.site.clone()),
            _ if journey.addresses > 0 => Reach::NoServer(journey.site.clone()),
            Some(reply) => self.reach_of_names(reply).await,
            None => Reach::Names,
        }
    }

    async fn reach_of_names(&self, reply: &Reply) -> Reach {
        match &self.dns {
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
        match (&self.settings.mode, &self.dns) {
            (Mode::Smarthost(smarthost), _) => Ok(Route::to_smarthost(smarthost)),
            (Mode::Mx, Some(dns)) => {
                let route = Route::to_exchangers(dns, domain, &self.settings.hostname).await?;
                let provider = self.settings.providers.name_of(&route.site).map(str::to_owned);
                Ok(Route { site: provider.unwrap_or(route.site), ..route })
            }
            (Mode::Mx, None) => Err(unanswered(domain.as_str(), "there is no resolver")),
            (Mode::Sandbox, _) => Err(Failure::protocol(Step::Lookup, "in the sandbox nothing is sent".to_owned())),
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
        let first = route.hosts.first().map_or(domain.as_str(), String::as_str);
        journey.give_up(|| no_address(first), last);
    }

    /// Sends over an idle session. False when there is none, or when it turned out dead before it had taken MAIL.
    async fn reuse(&self, host: &str, journey: &mut Journey<'_>) -> bool {
        let Some(mut session) = self.pool.take(host, journey.parcel.sources).await else { return false };
        journey.connected = true;
        journey.place = Place::of(&session);
        journey.log.note(&format!("over the connection to {} [{}] that stood", journey.place.mx, journey.place.ip));
        let sent = self.send(&mut session, journey).await;
        self.keep(session, journey);
        match sent {
            Err(failure) if failure.ends_session() && failure.step <= Step::Mail && !failure.permanent => {
                journey.log.note("that connection was over");
                return false;
            }
            Err(failure) => self.weigh_all(journey, &failure),
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
        let addresses = match self.addresses(host).await {
            Ok(addresses) => addresses,
            Err(failure) => {
                journey.log.note(&failure.reply.text);
                return journey.note_all(&failure);
            }
        };
        for address in addresses {
            if journey.is_over() || journey.addresses >= ADDRESSES_MAX || journey.sessions >= SESSIONS_MAX {
                return;
            }
            if let Err(failure) = self.visit(host, address, journey).await {
                self.weigh_all(journey, &failure);
            }
        }
    }

    async fn visit(&self, host: &str, address: SocketAddr, journey: &mut Journey<'_>) -> Result<(), Failure> {
        let sources = journey.parcel.sources;
        let own = if sources.is_empty() { &self.settings.source_addresses } else { sources };
        let source = source_for(address.ip(), own).inspect_err(|failure| journey.log.note(&failure.reply.text))?;
        journey.addresses += 1;
        journey.place = Place { mx: host.to_owned(), ip: address.ip().to_string(), ..Place::default() };
        let (security, login) = self.security(address.ip());
        let target = Target { host, address, source, security, login };
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
        session.sources = sources.to_vec();
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
        let mut groups = self.judge(journey, first);
        while session.is_usable()
            && let Some(group) = groups.pop()
        {
            match session.send(journey.parcel, &group, &mut journey.log).await {
                Ok(results) => groups.extend(self.judge(journey, results)),
                Err(failure) => group.iter().for_each(|n| self.weigh(journey, *n, failure.clone())),
            }
        }
        Ok(())
    }

    /// Gives those who are to be tried again at once. Should that come to nothing they wait, whatever was said.
    fn judge(&self, journey: &mut Journey<'_>, results: Results) -> Vec<Vec<usize>> {
        let again = once_more(&results);
        for (n, result) in results {
            match result {
                Ok(reply) => journey.end(n, Ok(reply)),
                Err(failure) if again.iter().any(|group| group.contains(&n)) => journey.note(n, failure.softened()),
                Err(failure) => self.weigh(journey, n, failure),
            }
        }
        again
    }

    fn weigh_all(&self, journey: &mut Journey<'_>, failure: &Failure) {
        journey.open().into_iter().for_each(|n| self.weigh(journey, n, failure.clone()));
    }

    /// Whether a failure is a recipient's end, or the next host may do better.
    fn weigh(&self, journey: &mut Journey<'_>, n: usize, failure: Failure) {
        // A smarthost that wants a login we have not got, or a better one, says nothing about the mail.
        let ours = matches!(self.settings.mode, Mode::Smarthost(_))
            && (failure.reply.code == 530 || failure.step < Step::Mail);
        let failure = if ours { failure.softened() } else { failure };
        if failure.lets_next_host() {
            journey.note(n, failure);
        } else {
            journey.end(n, Err(failure));
        }
    }

    /// A password goes only over TLS with a valid certificate, or within this machine.
    fn security(&self, address: IpAddr) -> (Security, Option<&Login>) {
        let Mode::Smarthost(smarthost) = &self.settings.mode else {
            return (Security::Opportunistic, None);
        };
        let login = smarthost.login.as_ref();
        let exposed = login.is_some() && !address.is_loopback();
        let security = match (smarthost.implicit_tls, exposed) {
            (true, valid) => Security::Implicit { valid },
            (false, true) => Security::Demanded,
            (false, false) => Security::Opportunistic,
        };
        (security, login)
    }

    async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, Failure> {
        match (&self.settings.mode, &self.dns) {
            (Mode::Smarthost(smarthost), _) => self.smarthost_addresses(smarthost).await,
            (_, Some(dns)) => {
                let family = self.settings.address_family;
                let found = dns.addresses(host, family).await.map_err(|e| not_found(host, e))?;
                let allow = self.settings.allow_private_mx;
                let public = found.into_iter().filter(|ip| may_visit(*ip, allow));
                let usable: Vec<SocketAddr> = public.map(|ip| SocketAddr::new(ip, self.settings.port)).collect();
                if usable.is_empty() { Err(inside(host)) } else { Ok(usable) }
            }
            (_, None) => Err(unanswered(host, "there is no resolver")),
        }
    }

    /// The operator named it, so any address will do; and that it is not found is no fault of the mail.
    async fn smarthost_addresses(&self, smarthost: &Smarthost) -> Result<Vec<SocketAddr>, Failure> {
        let found = match (smarthost.address(), &self.dns) {
            (Some(ip), _) => vec![ip],
            (None, Some(dns)) => {
                let asked = dns.configured(&smarthost.host, self.settings.address_family).await;
                asked.map_err(|e| not_found(&smarthost.host, e).softened())?
            }
            (None, None) => return Err(unanswered(&smarthost.host, "there is no resolver")),
        };
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, smarthost.port)).collect())
    }
}

fn not_found(host: &str, error: LookupError) -> Failure {
    match error {
        LookupError::Unanswered(why) => unanswered(host, &why),
        LookupError::NoName => no_route(format!("the mail host {host} does not exist")),
        LookupError::NoRecords => no_address(host),
    }
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
