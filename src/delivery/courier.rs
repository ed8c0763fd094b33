//! One attempt: one copy, one recipient, as many hosts as it takes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{BounceClass, Domain, EnhancedCode, Reply};

use super::attempted::{Answer, Attempted, Parcel};
use super::dns::{Dns, LookupError, may_visit};
use super::failure::{Failure, Step};
use super::opening::{Custom, Security, Target};
use super::outage::Reach;
use super::pool::Pool;
use super::route::{Route, UNANSWERED, source_for, unanswered};
use super::session::Session;
use super::settings::{Mode, Settings};
use super::smarthost::{Login, Smarthost};
use super::tls::Tls;
use super::transcript::Transcript;

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

/// An attempt as it goes on.
#[derive(Default)]
struct Journey {
    log: Transcript,
    site: String,
    place: Place,
    addresses: usize,
    sessions: usize,
    /// Whether any connection stood.
    connected: bool,
    /// The most telling one yet, and where it happened.
    failure: Option<(Failure, Place)>,
}

/// The server an attempt is at.
#[derive(Clone, Default)]
struct Place {
    mx: String,
    ip: String,
    tls: String,
    certificate: String,
    reports: bool,
}

impl Journey {
    fn meet(&mut self, session: &Session) {
        self.place = Place {
            mx: session.host.clone(),
            ip: session.address.ip().to_string(),
            tls: session.agreed.version.clone(),
            certificate: session.agreed.certificate.clone(),
            reports: session.offers.dsn,
        };
    }

    fn approach(&mut self, host: &str, address: SocketAddr) {
        self.place = Place { mx: host.to_owned(), ip: address.ip().to_string(), ..Place::default() };
    }

    fn note(&mut self, failure: Failure) {
        if self.failure.as_ref().is_none_or(|(worse, _)| !worse.tells_more_than(&failure)) {
            self.failure = Some((failure, self.place.clone()));
        }
    }

    fn end(&mut self) -> Option<Failure> {
        let (failure, place) = self.failure.take()?;
        self.place = place;
        Some(failure)
    }
}

/// Whether the journey is over.
enum Next {
    Done(Reply),
    Stop(Failure),
    GoOn(Failure),
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
        let pool = Pool::new(settings.idle_max, settings.messages_per_connection);
        Ok(Self(Arc::new(Inner { tls: Tls::new()?, dns, pool, settings })))
    }

    /// Tries once to hand over a copy. Never fails but in the answer.
    pub async fn attempt(&self, parcel: Parcel<'_>) -> Attempted {
        let began = Instant::now();
        let mut journey = Journey::default();
        let (result, spoken) = match self.0.travel(&parcel, &mut journey).await {
            Ok(reply) => (Answer::Handed(reply), true),
            Err(failure) if failure.permanent => (Answer::Permanent(failure.reply, failure.class), failure.spoken),
            Err(failure) => (Answer::Temporary(failure.reply, failure.class), failure.spoken),
        };
        let reach = self.0.reach(&result, &journey).await;
        Attempted {
            result,
            spoken,
            reports: journey.place.reports,
            mx: journey.place.mx,
            ip: journey.place.ip,
            tls: journey.place.tls,
            certificate: journey.place.certificate,
            transcript: journey.log.into_text(),
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            site: journey.site,
            reach,
        }
    }

    /// The site of a domain: one look-up, answered from memory when it is known. `None` when there is none to find. And
    /// how far the look-up got.
    pub async fn site_of(&self, domain: &Domain) -> (Option<String>, Reach) {
        match self.0.route(domain).await {
            Ok(route) => (Some(route.site), Reach::Names),
            Err(failure) => (None, self.0.reach_of_names(&failure.reply).await),
        }
    }

    /// Says goodbye to the servers whose sessions wait for another copy.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }
}

impl Inner {
    /// How far the journey got. That one name was not answered may be its own servers' doing; that the root is not is ours.
    async fn reach(&self, result: &Answer, journey: &Journey) -> Reach {
        match result {
            _ if journey.connected => Reach::Server(journey.site.clone()),
            _ if journey.addresses > 0 => Reach::NoServer(journey.site.clone()),
            Answer::Temporary(reply, _) => self.reach_of_names(reply).await,
            Answer::Handed(_) | Answer::Permanent(..) => Reach::Names,
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
            (Mode::Mx, Some(dns)) => Route::to_exchangers(dns, domain, &self.settings.hostname).await,
            (Mode::Mx, None) => Err(unanswered(domain.as_str(), "there is no resolver")),
            (Mode::Sandbox, _) => Err(Failure::protocol(Step::Lookup, "in the sandbox nothing is sent".to_owned())),
        }
    }

    async fn travel(&self, parcel: &Parcel<'_>, journey: &mut Journey) -> Result<Reply, Failure> {
        let route = match self.route(parcel.recipient.domain()).await {
            Ok(route) => route,
            Err(failure) => {
                journey.log.note(&failure.reply.text);
                return Err(failure);
            }
        };
        journey.site.clone_from(&route.site);
        // A connection that stands to any of the best hosts is better than a new one to the first of them.
        let mut refused = None;
        for host in route.hosts.iter().take(route.best) {
            match self.reuse(host, parcel, journey).await {
                Some(Next::Done(reply)) => return Ok(reply),
                Some(Next::Stop(failure)) => return Err(failure),
                Some(Next::GoOn(failure)) => {
                    journey.note(failure);
                    refused = Some(host);
                    break;
                }
                None => {}
            }
        }
        for host in route.hosts.iter().filter(|host| Some(*host) != refused) {
            if journey.addresses >= ADDRESSES_MAX || journey.sessions >= SESSIONS_MAX {
                break;
            }
            if let Some(done) = self.visit_host(host, parcel, journey).await {
                return done;
            }
        }
        let failure = journey.end().unwrap_or_else(|| no_address(&route.site));
        let nowhere = route.implicit && failure.permanent && failure.step == Step::Lookup && journey.addresses == 0;
        Err(if nowhere { takes_no_mail(parcel.recipient.domain(), &failure) } else { failure })
    }

    /// Sends over an idle session. `None` when there is none, or when it turned out dead before it had taken MAIL.
    async fn reuse(&self, host: &str, parcel: &Parcel<'_>, journey: &mut Journey) -> Option<Next> {
        let mut session = self.pool.take(host).await?;
        journey.connected = true;
        journey.meet(&session);
        journey.log.note(&format!("over the connection to {} [{}] that stood", journey.place.mx, journey.place.ip));
        let sent = session.send(parcel, &mut journey.log).await;
        self.pool.put(session);
        match sent {
            Err(failure) if failure.ends_session() && failure.step <= Step::Mail && !failure.permanent => {
                journey.log.note("that connection was over");
                None
            }
            Err(failure) => {
                journey.sessions += 1;
                Some(self.weigh(failure))
            }
            Ok(reply) => Some(Next::Done(reply)),
        }
    }

    /// Tries the addresses of a host. `Some` ends the journey.
    async fn visit_host(
        &self,
        host: &str,
        parcel: &Parcel<'_>,
        journey: &mut Journey,
    ) -> Option<Result<Reply, Failure>> {
        journey.place = Place { mx: host.to_owned(), ..Place::default() };
        let addresses = match self.addresses(host).await {
            Ok(addresses) => addresses,
            Err(failure) => {
                journey.log.note(&failure.reply.text);
                journey.note(failure);
                return None;
            }
        };
        for address in addresses {
            if journey.addresses >= ADDRESSES_MAX || journey.sessions >= SESSIONS_MAX {
                return None;
            }
            match self.visit(host, address, parcel, journey).await {
                Next::Done(reply) => return Some(Ok(reply)),
                Next::Stop(failure) => return Some(Err(failure)),
                Next::GoOn(failure) => journey.note(failure),
            }
        }
        None
    }

    async fn visit(&self, host: &str, address: SocketAddr, parcel: &Parcel<'_>, journey: &mut Journey) -> Next {
        let Ok(source) = source_for(address.ip(), &self.settings.source_addresses) else {
            let text = format!("no source address of the kind of {}", address.ip());
            let class = BounceClass::NoAnswer;
            return Next::GoOn(Failure::found(Step::Connect, 451, EnhancedCode(4, 4, 1), class, text));
        };
        journey.addresses += 1;
        journey.approach(host, address);
        let (security, login) = self.security(address.ip());
        let target = Target { host, address, source, security, login };
        let settings = &self.settings;
        let custom = Custom { hostname: &settings.hostname, timeouts: &settings.timeouts, tls: &self.tls };
        let mut session = match Session::open(target, custom, &mut journey.log).await {
            Ok(session) => session,
            Err(failure) => {
                journey.connected |= failure.step > Step::Connect;
                return self.weigh(failure);
            }
        };
        journey.connected = true;
        journey.sessions += 1;
        journey.meet(&session);
        let sent = session.send(parcel, &mut journey.log).await;
        self.pool.put(session);
        match sent {
            Ok(reply) => Next::Done(reply),
            Err(failure) => self.weigh(failure),
        }
    }

    fn weigh(&self, failure: Failure) -> Next {
        // A smarthost that wants a login we have not got, or a better one, says nothing about the mail.
        let ours = matches!(self.settings.mode, Mode::Smarthost(_))
            && (failure.reply.code == 530 || failure.step < Step::Mail);
        let failure = if ours { failure.softened() } else { failure };
        if failure.lets_next_host() { Next::GoOn(failure) } else { Next::Stop(failure) }
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
