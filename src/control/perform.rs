//! Performing requests on the open store.

use std::sync::Arc;

use super::request::{CredentialLine, DomainLine, Request, Response};
use crate::clock::Clock;
use crate::domain::credential::PASSWORD_MIN;
use crate::domain::{Address, Credential, Domain, Profile};
use crate::mail::dkim;
use crate::store::{Accounts, DomainKey, Store, StoreError};

/// Told when signing keys changed.
pub type Refreshed = Arc<dyn Fn() + Send + Sync>;

/// What requests are performed with.
#[derive(Clone)]
pub struct Performer {
    accounts: Accounts,
    store: Arc<Store>,
    clock: Clock,
    random: fn() -> u64,
    /// Hashes a dashboard password; slow on purpose, so it is run off the reactor.
    hash: fn(&str) -> Result<String, String>,
    keys_changed: Refreshed,
}

impl Performer {
    /// On an open store.
    pub fn new(
        store: Arc<Store>,
        clock: Clock,
        random: fn() -> u64,
        hash: fn(&str) -> Result<String, String>,
        keys_changed: Refreshed,
    ) -> Self {
        Self { accounts: store.accounts(), store, clock, random, hash, keys_changed }
    }

    /// Has the signing keys read anew.
    pub fn refresh(&self) {
        (self.keys_changed)();
    }

    /// Performs a request; every fault is a sentence.
    pub async fn perform(&self, request: Request) -> Response {
        let done = match request {
            Request::Ping => Ok(Response::done("the relay is running")),
            Request::CredentialCreate { name, domains, profile } => {
                self.create_credential(name, &domains, &profile).await
            }
            Request::CredentialList => self.list_credentials().await,
            Request::CredentialRevoke { name } => self.revoke_credential(name).await,
            Request::UserCreate { email, password } => self.create_user(email, password).await,
            Request::UserList => self.list_users().await,
            Request::UserDelete { email } => self.delete_user(&email).await,
            Request::DomainAdd { domain } => self.add_domain(&domain).await,
            Request::DomainList => self.list_domains().await,
            Request::Rebuild => self.rebuild().await,
        };
        done.unwrap_or_else(|error| Response::failed(error.to_string()))
    }

    async fn create_credential(&self, name: String, domains: &[String], profile: &str) -> Result<Response, StoreError> {
        if !Credential::is_name(&name) {
            let rule = "a credential's name has 1 to 64 letters, digits, dots, hyphens and underscores";
            return Ok(Response::failed(format!("{name:?} cannot be used: {rule}")));
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
        let password = self.password();
        let secret_sha256 = Credential::hash(password.as_bytes());
        let credential = Credential { name: name.clone(), domains: own, profile, secret_sha256 };
        if self.accounts.create_credential(credential, self.clock.now()).await? {
            return Ok(Response::Credential { username: name, password });
        }
        Ok(Response::failed(format!("there is or was a credential {name:?} already; choose another name")))
    }

    /// 160 random bits, in letters that survive every configuration file.
    fn password(&self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bits = [(self.random)(), (self.random)(), (self.random)()];
        let letter = |n: usize| {
            let word = bits[n / 12 % 3] >> (n % 12 * 5);
            char::from(LETTERS[usize::from((word & 31) as u8)])
        };
        (0..32).map(letter).collect()
    }

    async fn list_credentials(&self) -> Result<Response, StoreError> {
        let line = |row: crate::store::CredentialRow| CredentialLine {
            name: row.credential.name.clone(),
            domains: row.credential.domains.iter().map(ToString::to_string).collect(),
            profile: row.credential.profile.as_str().to_owned(),
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
        Ok(if self.accounts.delete_user(email).await? {
            Response::done(format!("{email} is deleted and signed out everywhere"))
        } else {
            Response::failed(format!("there is no login {email}; see: postrider user list"))
        })
    }

    async fn add_domain(&self, domain: &str) -> Result<Response, StoreError> {
        let domain = match Domain::parse(domain) {
            Ok(domain) => domain,
            Err(why) => return Ok(Response::failed(format!("{domain:?} {why}"))),
        };
        let made = tokio::task::spawn_blocking(dkim::generate_rsa).await;
        let (private_key, record_value) =
            match made.map_err(|e| e.to_string()).and_then(|m| m.map_err(|e| e.to_string())) {
                Ok(made) => made,
                Err(why) => return Ok(Response::failed(format!("no key could be made: {why}"))),
            };
        let now = self.clock.now();
        let selector = format!("pr{}", now.to_chrono().format("%Y%m%d"));
        let key = DomainKey { domain: domain.clone(), selector, private_key };
        if !self.accounts.add_domain(key, record_value, now).await? {
            return Ok(Response::failed(format!("{domain} is there already; see: postrider domain list")));
        }
        (self.keys_changed)();
        let all = self.domain_lines().await?;
        Ok(Response::Domains { domains: all.into_iter().filter(|line| line.domain == domain.as_str()).collect() })
    }

    async fn list_domains(&self) -> Result<Response, StoreError> {
        Ok(Response::Domains { domains: self.domain_lines().await? })
    }

    async fn domain_lines(&self) -> Result<Vec<DomainLine>, StoreError> {
        let line = |d: crate::store::view::SendingDomain| DomainLine {
            domain: d.domain,
            record_name: d.record_name,
            record_value: d.record_value,
        };
        Ok(self.accounts.domains().await?.into_iter().map(line).collect())
    }

    async fn rebuild(&self) -> Result<Response, StoreError> {
        let events = self.store.rebuild().run(|_| ()).await?;
        Ok(Response::done(format!("every view is made again from {events} events")))
    }
}
