//! Credentials and sending domains.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rusqlite::{Connection, params};

use super::error::StoreError;
use super::reader::Readers;
use super::view::{KeyRecord, SendingDomain};
use super::writer::{Batch, Lane, Writer};
use crate::domain::{Credential, Domain, Priority, Profile, Timestamp};

/// A credential in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// The credential.
    pub credential: Arc<Credential>,
    /// Since when.
    pub created_at: Timestamp,
}

/// The private half of one of a sending domain's keys.
#[derive(Debug, Clone)]
pub struct DomainKey {
    /// The domain.
    pub domain: Domain,
    /// The selector.
    pub selector: String,
    /// PKCS#8, DER.
    pub private_key: Vec<u8>,
}

/// A key to be added.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// `rsa` or `ed25519`, one of each a domain.
    pub algorithm: &'static str,
    /// The private half.
    pub key: DomainKey,
    /// The TXT value to publish.
    pub record_value: String,
}

/// The handle of logins and keys.
#[derive(Clone)]
pub struct Accounts {
    writer: Writer,
    pub(super) readers: Readers,
    credentials: Arc<ArcSwap<HashMap<String, Arc<Credential>>>>,
}

impl Accounts {
    pub(super) fn new(writer: Writer, readers: Readers, conn: &Connection) -> Result<Self, StoreError> {
        let credentials = Arc::new(ArcSwap::from_pointee(load_credentials(conn)?));
        Ok(Self { writer, readers, credentials })
    }

    /// The credential of this name, from memory: a login costs no read.
    pub fn credential(&self, name: &str) -> Option<Arc<Credential>> {
        self.credentials.load().get(name).cloned()
    }

    /// Makes a credential; `false` when there is one of this name (revoked ones count: a name is never reused).
    pub async fn create_credential(&self, credential: Credential, now: Timestamp) -> Result<bool, StoreError> {
        let row = credential.clone();
        let created = self
            .write(move |batch| {
                let domains: Vec<_> = row.domains.iter().map(Domain::as_str).collect();
                let sources: Vec<_> = row.source_addresses.iter().map(ToString::to_string).collect();
                let sql = "insert or ignore into credential \
                           (name, domains, profile, secret_sha256, created_at, source_addresses, expire_s, priority) \
                           values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
                let expire_s = row.expire.map(|life| life.as_secs());
                let (domains, sources, profile) = (domains.join(" "), sources.join(" "), row.profile.as_str());
                let (at, priority) = (now.millis(), row.priority.as_str());
                let values = params![row.name, domains, profile, row.secret_sha256, at, sources, expire_s, priority];
                Ok(batch.tx.execute(sql, values)? == 1)
            })
            .await?;
        self.reload().await?;
        Ok(created)
    }

    /// Revokes a credential at once; `false` when there is none.
    pub async fn revoke_credential(&self, name: String, now: Timestamp) -> Result<bool, StoreError> {
        let revoked = self
            .write(move |batch| {
                let sql = "update credential set revoked_at = ?2 where name = ?1 and revoked_at is null";
                Ok(batch.tx.execute(sql, params![name, now.millis()])? == 1)
            })
            .await?;
        self.reload().await?;
        Ok(revoked)
    }

    /// All that are not revoked, by name.
    pub async fn credentials(&self) -> Result<Vec<CredentialRow>, StoreError> {
        let rows = self.readers.read(|conn| {
            let mut statement =
                conn.prepare("select name, created_at from credential where revoked_at is null order by name")?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        let known = self.credentials.load();
        let row = |(name, at): (String, i64)| {
            let credential = Arc::clone(known.get(&name)?);
            Some(CredentialRow { credential, created_at: Timestamp::from_millis(at) })
        };
        Ok(rows.await?.into_iter().filter_map(row).collect())
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let fresh = self.readers.read_long(load_credentials).await?;
        self.credentials.store(Arc::new(fresh));
        Ok(())
    }

    /// Adds those keys whose algorithm their domain lacks; says how many.
    pub async fn add_keys(&self, keys: Vec<NewKey>, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |batch| {
            let mut added = 0;
            for NewKey { algorithm, key, record_value } in &keys {
                let sql = "insert or ignore into sending_key values (?1, ?2, ?3, ?4, ?5, ?6)";
                let (domain, now) = (key.domain.as_str(), now.millis());
                added += batch
                    .tx
                    .execute(sql, params![domain, algorithm, key.selector, key.private_key, record_value, now])?;
            }
            Ok(added)
        })
        .await
    }

    /// The sending domains' private keys.
    pub async fn domain_keys(&self) -> Result<Vec<DomainKey>, StoreError> {
        self.readers
            .read_long(|conn| {
                let mut statement = conn.prepare("select domain, selector, private_key from sending_key")?;
                let mut rows = statement.query([])?;
                let mut keys = Vec::new();
                while let Some(row) = rows.next()? {
                    if let Ok(domain) = Domain::parse(&row.get::<_, String>(0)?) {
                        keys.push(DomainKey { domain, selector: row.get(1)?, private_key: row.get(2)? });
                    }
                }
                Ok(keys)
            })
            .await
    }

    /// The records that the sending domains want published, one a key.
    pub async fn domains(&self) -> Result<Vec<SendingDomain>, StoreError> {
        self.readers
            .read(|conn| {
                let sql = "select domain, algorithm, selector, record_value, created_at from sending_key
                    order by domain, algorithm desc";
                let mut statement = conn.prepare(sql)?;
                let mut rows = statement.query([])?;
                let mut domains: Vec<SendingDomain> = Vec::new();
                while let Some(row) = rows.next()? {
                    let (domain, selector): (String, String) = (row.get(0)?, row.get(2)?);
                    let name = format!("{selector}._domainkey.{domain}");
                    let record = KeyRecord { algorithm: row.get(1)?, name, value: row.get(3)? };
                    if let Some(last) = domains.last_mut().filter(|last| last.domain == domain) {
                        last.records.push(record);
                    } else {
                        let created_at = Timestamp::from_millis(row.get(4)?);
                        domains.push(SendingDomain { domain, records: vec![record], created_at });
                    }
                }
                Ok(domains)
            })
            .await
    }

    /// Runs any statement, so that a test can make one fail.
    #[cfg(test)]
    pub(super) async fn run_sql(&self, sql: &'static str) -> Result<(), StoreError> {
        self.write(move |batch| Ok(batch.tx.execute_batch(sql)?)).await
    }

    pub(super) async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(Lane::Urgent, 1024, run).await
    }
}

fn load_credentials(conn: &Connection) -> Result<HashMap<String, Arc<Credential>>, StoreError> {
    let sql = "select name, domains, profile, secret_sha256, source_addresses, expire_s, priority from credential \
               where revoked_at is null";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut credentials = HashMap::new();
    while let Some(row) = rows.next()? {
        let (name, domains, profile): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let credential = Credential {
            name: name.clone(),
            domains: domains.split_whitespace().filter_map(|d| Domain::parse(d).ok()).collect(),
            profile: Profile::parse(&profile).unwrap_or(Profile::Campaign),
            source_addresses: row.get::<_, String>(4)?.split_whitespace().filter_map(|ip| ip.parse().ok()).collect(),
            expire: row.get::<_, Option<u64>>(5)?.map(Duration::from_secs),
            priority: Priority::parse(&row.get::<_, String>(6)?).unwrap_or_default(),
            secret_sha256: row.get(3)?,
        };
        credentials.insert(name, Arc::new(credential));
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::store::{Settings, Store};

    #[tokio::test]
    async fn a_domain_has_one_key_of_each_algorithm() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { data_dir: folder.path().to_owned(), node: 1, clock: Clock, random: || 7 };
        let store = Store::open(settings).unwrap();
        let accounts = store.accounts();
        let key = |algorithm, selector: &str| NewKey {
            algorithm,
            key: DomainKey {
                domain: Domain::parse("a.example").unwrap(),
                selector: selector.to_owned(),
                private_key: vec![1],
            },
            record_value: format!("v={selector}"),
        };
        let add = async |keys| accounts.add_keys(keys, Timestamp::from_millis(5)).await.unwrap();
        assert_eq!(add(vec![key("rsa", "pr1")]).await, 1);
        assert_eq!(add(vec![key("rsa", "pr2"), key("ed25519", "pe2")]).await, 1);
        assert_eq!(add(vec![key("rsa", "pr3"), key("ed25519", "pe3")]).await, 0);
        let domains = accounts.domains().await.unwrap();
        let names: Vec<_> = domains[0].records.iter().map(|record| record.name.as_str()).collect();
        assert_eq!((domains.len(), names), (1, vec!["pr1._domainkey.a.example", "pe2._domainkey.a.example"]));
        assert_eq!(accounts.domain_keys().await.unwrap().len(), 2);
    }
}
