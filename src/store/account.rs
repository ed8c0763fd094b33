//! Credentials, dashboard logins and their sessions, sending domains, the signing secrets' copy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::reader::Readers;
use super::view::{SendingDomain, User};
use super::writer::{Batch, Lane, Writer};
use crate::domain::{Credential, Domain, Profile, Timestamp};

/// A session that was not used for this long ends.
const SESSION_IDLE: Duration = Duration::from_hours(168);
/// A session ends after this, used or not.
const SESSION_LIFE: Duration = Duration::from_hours(720);
/// How often the time of last use is written.
const SEEN_STEP: Duration = Duration::from_mins(10);
/// How long a welcome link lives.
const WELCOME_LIFE: Duration = Duration::from_hours(1);

/// A credential in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// The credential.
    pub credential: Arc<Credential>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A sending domain's private half.
#[derive(Debug, Clone)]
pub struct DomainKey {
    /// The domain.
    pub domain: Domain,
    /// The selector.
    pub selector: String,
    /// PKCS#8, DER.
    pub private_key: Vec<u8>,
}

/// The handle of logins and keys.
#[derive(Clone)]
pub struct Accounts {
    writer: Writer,
    readers: Readers,
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
                let sql = "insert or ignore into credential values (?1, ?2, ?3, ?4, ?5, null)";
                let values =
                    params![row.name, domains.join(" "), row.profile.as_str(), row.secret_sha256, now.millis()];
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

    /// A login and its argon2 hash (PHC string), by e-mail address in lower case.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<(User, String)>, StoreError> {
        let email = email.trim().to_lowercase();
        self.readers
            .read(move |conn| {
                let sql = "select id, email, phc from user where email = ?1";
                let read = |row: &rusqlite::Row<'_>| Ok((User { id: row.get(0)?, email: row.get(1)? }, row.get(2)?));
                Ok(conn.prepare_cached(sql)?.query_row([email], read).optional()?)
            })
            .await
    }

    /// Makes a login; `None` when the address has one.
    pub async fn create_user(&self, email: &str, phc: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        let (email, phc) = (email.trim().to_lowercase(), phc.to_owned());
        self.write(move |batch| {
            let sql = "insert or ignore into user (email, phc, created_at) values (?1, ?2, ?3)";
            let made = batch.tx.execute(sql, params![email, phc, now.millis()])? == 1;
            Ok(made.then(|| User { id: batch.tx.last_insert_rowid(), email: email.clone() }))
        })
        .await
    }

    /// Sets a new password hash and ends every session of that login; `false` when there is none.
    pub async fn set_password(&self, email: &str, phc: &str) -> Result<bool, StoreError> {
        let (email, phc) = (email.trim().to_lowercase(), phc.to_owned());
        self.write(move |batch| {
            let sql = "delete from session where user in (select id from user where email = ?1)";
            batch.tx.execute(sql, [&email])?;
            Ok(batch.tx.execute("update user set phc = ?2 where email = ?1", params![email, phc])? == 1)
        })
        .await
    }

    /// Deletes a login and its sessions; `false` when there is none.
    pub async fn delete_user(&self, email: &str) -> Result<bool, StoreError> {
        let email = email.trim().to_lowercase();
        self.write(move |batch| {
            let sql = "delete from session where user in (select id from user where email = ?1)";
            batch.tx.execute(sql, [&email])?;
            Ok(batch.tx.execute("delete from user where email = ?1", [&email])? == 1)
        })
        .await
    }

    /// All logins, by address.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.readers
            .read(|conn| {
                let mut statement = conn.prepare("select id, email from user order by email")?;
                let rows = statement.query_map([], |row| Ok(User { id: row.get(0)?, email: row.get(1)? }))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Opens a session for a login; only the token's hash is stored. Old sessions are swept on the way.
    pub async fn open_session(&self, user: i64, token_sha256: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
        self.write(move |batch| {
            let (life, idle) = ((now - SESSION_LIFE).millis(), (now - SESSION_IDLE).millis());
            batch.tx.execute("delete from session where created_at < ?1 or seen_at < ?2", [life, idle])?;
            let sql = "insert into session values (?1, ?2, ?3, ?3)";
            batch.tx.execute(sql, params![token_sha256, user, now.millis()])?;
            Ok(())
        })
        .await
    }

    /// The login of a session that has not ended.
    pub async fn session(&self, token_sha256: [u8; 32], now: Timestamp) -> Result<Option<User>, StoreError> {
        let found = self
            .readers
            .read(move |conn| {
                let sql = "select user.id, user.email, session.seen_at from session join user on user.id = session.user \
                           where token_sha256 = ?1 and session.created_at >= ?2 and seen_at >= ?3";
                let values = params![token_sha256, (now - SESSION_LIFE).millis(), (now - SESSION_IDLE).millis()];
                let read = |row: &rusqlite::Row<'_>| {
                    Ok((User { id: row.get(0)?, email: row.get(1)? }, Timestamp::from_millis(row.get(2)?)))
                };
                Ok(conn.prepare_cached(sql)?.query_row(values, read).optional()?)
            })
            .await?;
        let Some((user, seen_at)) = found else { return Ok(None) };
        if now.since(seen_at) > SEEN_STEP {
            self.write(move |batch| {
                let sql = "update session set seen_at = ?2 where token_sha256 = ?1";
                Ok(batch.tx.execute(sql, params![token_sha256, now.millis()]).map(|_| ())?)
            })
            .await?;
        }
        Ok(Some(user))
    }

    /// Ends a session.
    pub async fn close_session(&self, token_sha256: [u8; 32]) -> Result<(), StoreError> {
        self.write(move |batch| {
            Ok(batch.tx.execute("delete from session where token_sha256 = ?1", params![token_sha256]).map(|_| ())?)
        })
        .await
    }

    /// Keeps the hash of a welcome link that lives an hour; earlier ones end.
    pub async fn create_welcome(&self, token_sha256: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
        self.write(move |batch| {
            batch.tx.execute("delete from welcome", [])?;
            let until = (now + WELCOME_LIFE).millis();
            Ok(batch.tx.execute("insert into welcome values (?1, ?2)", params![token_sha256, until]).map(|_| ())?)
        })
        .await
    }

    /// Whether a welcome link may still be used.
    pub async fn welcome_is_open(&self, token_sha256: [u8; 32], now: Timestamp) -> Result<bool, StoreError> {
        self.readers
            .read(move |conn| {
                let sql = "select 1 from welcome where token_sha256 = ?1 and expires_at > ?2";
                let found = conn.query_row(sql, params![token_sha256, now.millis()], |_| Ok(())).optional()?;
                Ok(found.is_some())
            })
            .await
    }

    /// Uses a welcome link up; `false` when it was used, has ended or never was.
    pub async fn redeem_welcome(&self, token_sha256: [u8; 32], now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |batch| {
            let sql = "delete from welcome where token_sha256 = ?1 and expires_at > ?2";
            Ok(batch.tx.execute(sql, params![token_sha256, now.millis()])? == 1)
        })
        .await
    }

    /// Adds a sending domain; `false` when it is there.
    pub async fn add_domain(&self, key: DomainKey, record_value: String, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |batch| {
            let sql = "insert or ignore into sending_domain values (?1, ?2, ?3, ?4, ?5)";
            let values = params![key.domain.as_str(), key.selector, key.private_key, record_value, now.millis()];
            Ok(batch.tx.execute(sql, values)? == 1)
        })
        .await
    }

    /// The sending domains' private keys.
    pub async fn domain_keys(&self) -> Result<Vec<DomainKey>, StoreError> {
        self.readers
            .read_long(|conn| {
                let mut statement = conn.prepare("select domain, selector, private_key from sending_domain")?;
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

    /// The sending domains with the record each wants published.
    pub async fn domains(&self) -> Result<Vec<SendingDomain>, StoreError> {
        self.readers
            .read(|conn| {
                let sql = "select domain, selector, record_value, created_at from sending_domain order by domain";
                let mut statement = conn.prepare(sql)?;
                let rows = statement.query_map([], |row| {
                    let (domain, selector): (String, String) = (row.get(0)?, row.get(1)?);
                    Ok(SendingDomain {
                        record_name: format!("{selector}._domainkey.{domain}"),
                        domain,
                        selector,
                        record_value: row.get(2)?,
                        created_at: Timestamp::from_millis(row.get(3)?),
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Runs any statement, so that a test can make one fail.
    #[cfg(test)]
    pub(super) async fn run_sql(&self, sql: &'static str) -> Result<(), StoreError> {
        self.write(move |batch| Ok(batch.tx.execute_batch(sql)?)).await
    }

    async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(Lane::Urgent, 1024, run).await
    }
}

fn load_credentials(conn: &Connection) -> Result<HashMap<String, Arc<Credential>>, StoreError> {
    let sql = "select name, domains, profile, secret_sha256 from credential where revoked_at is null";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut credentials = HashMap::new();
    while let Some(row) = rows.next()? {
        let (name, domains, profile): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let credential = Credential {
            name: name.clone(),
            domains: domains.split_whitespace().filter_map(|d| Domain::parse(d).ok()).collect(),
            profile: Profile::parse(&profile).unwrap_or(Profile::Campaign),
            secret_sha256: row.get(3)?,
        };
        credentials.insert(name, Arc::new(credential));
    }
    Ok(credentials)
}
