//! Performing requests on the open store.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::request::{CredentialLine, DomainLine, Request, Response};
use crate::clock::Clock;
use crate::domain::credential::{self, NAME_RULE, PASSWORD_MIN};
use crate::domain::{Address, Credential, Domain, Priority, Profile, Timestamp};
use crate::mail::dkim::{self, DkimError};
use crate::store::{Accounts, DeletedUser, DomainKey, NewKey, Orders, Reports, Store, StoreError};

/// Told when signing keys changed.
pub type Refreshed = Arc<dyn Fn() + Send + Sync>;

/// What requests are performed with.
#[derive(Clone)]
pub struct Performer {
    accounts: Accounts,
    pub(super) reports: Reports,
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    random: fn() -> u64,
    /// Where people reach the dashboard, without a final slash.
    dashboard_url: String,
    /// Hashes a dashboard password; slow on purpose, so it is run off the reactor.
    hash: fn(&str) -> Result<String, String>,
    keys_changed: Refreshed,
    pub(super) orders: Orders,
}

impl Performer {
    /// On an open store.
    pub fn new(
        store: Arc<Store>,
        clock: Clock,
        random: fn() -> u64,
        dashboard_url: String,
        hash: fn(&str) -> Result<String, String>,
        keys_changed: Refreshed,
        orders: Orders,
    ) -> Self {
        let (accounts, reports) = (store.accounts(), store.reports());
        Self { accounts, reports, store, clock, random, dashboard_url, hash, keys_changed, orders }
    }

    /// Has the signing keys read anew.
    pub fn refresh(&self) {
        (self.keys_changed)();
    }

    /// Performs a request; every fault is a sentence.
    pub async fn perform(&self, request: Request) -> Response {
        let done = match request {
            Request::Ping => Ok(Response::done("the relay is running")),
            Request::CredentialCreate { name, domains, profile, source_addresses, expire_s, priority } => {
                self.create_credential(name, &domains, (&profile, &priority), (source_addresses, expire_s)).await
            }
            Request::CredentialList => self.list_credentials().await,
            Request::CredentialRevoke { name } => self.revoke_credential(name).await,
            Request::UserCreate { email, password } => self.create_user(email, password).await,
            Request::UserList => self.list_users().await,
            Request::UserDelete { email } => self.delete_user(&email).await,
            Request::UserReset { email } => self.reset_user(&email).await,
            Request::DomainAdd { domain } => self.add_domain(&domain).await,
            Request::DomainList => self.list_domains().await,
            Request::SuppressionAdd { entries, imported } => self.add_suppressions(&entries, imported).await,
            Request::SuppressionRemove { address, scope } => self.remove_suppression(&address, scope).await,
            Request::QueueList { site } => self.list_queue(site).await,
            Request::QueueShow { id } => self.show_queued(&id).await,
            Request::QueueOrder { act, selector } => self.order(&act, selector).await,
            Request::Reclassify { corrections } => self.reclassify(&corrections).await,
            Request::Complain { returned, counts } => self.complain(&returned, counts).await,
            Request::Rebuild => self.rebuild().await,
        };
        done.unwrap_or_else(|error| Response::failed(error.to_string()))
    }

    async fn create_credential(
        &self,
        name: String,
        domains: &[String],
        (profile, priority): (&str, &str),
        (mut source_addresses, expire_s): (Vec<IpAddr>, Option<u64>),
    ) -> Result<Response, StoreError> {
        if !Credential::is_name(&name) {
            return Ok(Response::failed(format!("{name:?} cannot be used: {NAME_RULE}")));
        }
        let mut own = Vec::with_capacity(domains.len());
        for domain in domains {
            match Domain::parse(domain) {
                Ok(domain) => own.push(domain),
                Err(why) => return Ok(Response::failed(format!("the domain {domain:?} {why}"))),
            }
        }
        let Some(profile) = Profile::parse(profile) else {
            return Ok(Response::failed(format!("{profile:?} is no profile; there are campaign and transactional")));
        };
        let priority = if priority.is_empty() { Some(Priority::Normal) } else { Priority::parse(priority) };
        let Some(priority) = priority else {
            return Ok(Response::failed("the priority must be high, normal or low"));
        };
        // Two sets of the same addresses share connections.
        source_addresses.sort_unstable();
        source_addresses.dedup();
        let password = credential::password(self.random);
        let secret_sha256 = Credential::hash(password.as_bytes());
        let expire = expire_s.map(Duration::from_secs);
        let credential =
            Credential { name: name.clone(), domains: own, profile, source_addresses, expire, priority, secret_sha256 };
        if self.accounts.create_credential(credential, self.clock.now()).await? {
            return Ok(Response::Credential { username: name, password });
        }
        Ok(Response::failed(format!("there is or was a credential {name:?} already; choose another name")))
    }

    async fn list_credentials(&self) -> Result<Response, StoreError> {
        let line = |row: crate::store::CredentialRow| CredentialLine {
            name: row.credential.name.clone(),
            domains: row.credential.domains.iter().map(ToString::to_string).collect(),
            profile: row.credential.profile.as_str().to_owned(),
            source_addresses: row.credential.source_addresses.clone(),
            expire_s: row.credential.expire.map(|life| life.as_secs()),
            priority: row.credential.priority.as_str().to_owned(),
            created_at: row.created_at.rfc3339(),
        };
        let credentials = self.accounts.credentials().await?.into_iter().map(line).collect();
        Ok(Response::Credentials { credentials })
    }

    async fn revoke_credential(&self, name: String) -> Result<Response, StoreError> {
        let shown = name.clone();
        Ok(if self.accounts.revoke_credential(name, self.clock.now()).await? {
            Response::done(format!("{shown} is revoked; no new session may use it"))
        } else {
            Response::failed(format!("there is no credential {shown:?}; see: postrider credential list"))
        })
    }

    async fn create_user(&self, email: String, password: String) -> Result<Response, StoreError> {
        if let Err(why) = Address::parse(email.trim()) {
            return Ok(Response::failed(format!("{email:?} {why}")));
        }
        if password.chars().count() < PASSWORD_MIN {
            return Ok(Response::failed(format!("the password must have at least {PASSWORD_MIN} characters")));
        }
        let hash = self.hash;
        let hashed = tokio::task::spawn_blocking(move || hash(&password)).await;
        let phc = match hashed.map_err(|e| e.to_string()).flatten() {
            Ok(phc) => phc,
            Err(why) => return Ok(Response::failed(format!("the password could not be hashed: {why}"))),
        };
        Ok(match self.accounts.create_user(&email, &phc, self.clock.now()).await? {
            Some(user) => Response::done(format!("{} can sign in now", user.email)),
            None => Response::failed(format!("there is a login {email} already")),
        })
    }

    async fn list_users(&self) -> Result<Response, StoreError> {
        let emails = self.accounts.users().await?.into_iter().map(|user| user.email).collect();
        Ok(Response::Users { emails })
    }

    async fn delete_user(&self, email: &str) -> Result<Response, StoreError> {
        Ok(match self.accounts.delete_user(email).await? {
            DeletedUser::Gone => Response::done(format!("{email} is deleted and signed out everywhere")),
            DeletedUser::Last => Response::failed(format!("{email} is the last login; make another one first")),
            DeletedUser::Missing => Response::failed(format!("there is no login {email}; see: postrider user list")),
        })
    }

    async fn reset_user(&self, email: &str) -> Result<Response, StoreError> {
        let Some((user, _)) = self.accounts.user_by_email(email).await? else {
            return Ok(Response::failed(format!("there is no login {email}; see: postrider user list")));
        };
        let token = credential::secret(self.random);
        let hash = Credential::hash(token.as_bytes());
        self.accounts.create_link(hash, Some(&user.email), self.clock.now()).await?;
        tracing::info!(user = user.email, "the command line made a link to choose a new password");
        let link = format!("{}/welcome/{token}", self.dashboard_url);
        Ok(Response::done(format!("{} chooses a new password here, once, within an hour:\n  {link}", user.email)))
    }

    async fn add_domain(&self, domain: &str) -> Result<Response, StoreError> {
        let domain = match Domain::parse(domain) {
            Ok(domain) => domain,
            Err(why) => return Ok(Response::failed(format!("{domain:?} {why}"))),
        };
        let name = domain.to_string();
        let now = self.clock.now();
        let known = self.accounts.domains().await?;
        let has = |algorithm: &str| {
            let own = known.iter().filter(|known| known.domain == name).flat_map(|known| &known.records);
            own.into_iter().any(|record| record.algorithm == algorithm)
        };
        let missing: Vec<_> = ["rsa", "ed25519"].into_iter().filter(|algorithm| !has(algorithm)).collect();
        let made = tokio::task::spawn_blocking(move || new_keys(&domain, &missing, now)).await;
        let keys = match made.map_err(|e| e.to_string()).and_then(|m| m.map_err(|e| e.to_string())) {
            Ok(keys) => keys,
            Err(why) => return Ok(Response::failed(format!("no key could be made: {why}"))),
        };
        if self.accounts.add_keys(keys, now).await? > 0 {
            (self.keys_changed)();
        }
        let all = self.domain_lines().await?;
        Ok(Response::Domains { domains: all.into_iter().filter(|line| line.domain == name).collect() })
    }

    async fn list_domains(&self) -> Result<Response, StoreError> {
        Ok(Response::Domains { domains: self.domain_lines().await? })
    }

    async fn domain_lines(&self) -> Result<Vec<DomainLine>, StoreError> {
        let line = |d: crate::store::view::SendingDomain| DomainLine {
            domain: d.domain,
            records: d.records.into_iter().map(|record| (record.name, record.value)).collect(),
        };
        Ok(self.accounts.domains().await?.into_iter().map(line).collect())
    }

    async fn rebuild(&self) -> Result<Response, StoreError> {
        let events = self.store.rebuild().run(|_| ()).await?;
        Ok(Response::done(format!("every view is made again from {events} events")))
    }
}

/// One key of each of these algorithms, with selectors that tell them apart.
fn new_keys(domain: &Domain, algorithms: &[&'static str], now: Timestamp) -> Result<Vec<NewKey>, DkimError> {
    let day = now.to_chrono().format("%Y%m%d").to_string();
    let new = |algorithm: &&'static str| {
        let rsa = *algorithm == "rsa";
        let (private_key, record_value) = if rsa { dkim::generate_rsa()? } else { dkim::generate_ed25519()? };
        let selector = format!("{}{day}", if rsa { "pr" } else { "pe" });
        let key = DomainKey { domain: domain.clone(), selector, private_key };
        Ok(NewKey { algorithm, key, record_value })
    };
    algorithms.iter().map(new).collect()
}
