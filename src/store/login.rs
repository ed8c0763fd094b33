//! Dashboard logins, their sessions, and the one-time links with which people choose a password.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::account::Accounts;
use super::error::StoreError;
use super::view::User;
use crate::domain::{Timestamp, Zone};

/// A session that was not used for this long ends.
const SESSION_IDLE: Duration = Duration::from_hours(168);
/// A session ends after this, used or not.
const SESSION_LIFE: Duration = Duration::from_hours(720);
/// How often the time of last use is written.
const SEEN_STEP: Duration = Duration::from_mins(10);
/// How long a one-time link lives.
const LINK_LIFE: Duration = Duration::from_hours(1);

/// A one-time link that may still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLink {
    /// Whose password it sets; `None` lets its reader say.
    pub email: Option<String>,
    /// Until when.
    pub until: Timestamp,
}

/// What came of deleting a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedUser {
    /// It is gone, with its sessions and links.
    Gone,
    /// It is the last one, and stays: nobody could sign in any more.
    Last,
    /// There is none.
    Missing,
}

/// Addresses of logins are compared in lower case.
fn canonical(email: &str) -> String {
    email.trim().to_lowercase()
}

impl Accounts {
    /// A login and its argon2 hash (PHC string), by e-mail address.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<(User, String)>, StoreError> {
        let email = canonical(email);
        self.readers
            .read(move |conn| {
                let sql = "select id, email, time_zone, phc from user where email = ?1";
                let read = |row: &rusqlite::Row<'_>| Ok((read_user(row)?, row.get(3)?));
                Ok(conn.prepare_cached(sql)?.query_row([email], read).optional()?)
            })
            .await
    }

    /// Makes a login; `None` when the address has one.
    pub async fn create_user(&self, email: &str, phc: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        let (email, phc) = (canonical(email), phc.to_owned());
        self.write(move |batch| insert_user(batch.tx, &email, &phc, now)).await
    }

    /// Sets a new password hash and ends every session and link of that login; `false` when there is none.
    pub async fn set_password(&self, email: &str, phc: &str) -> Result<bool, StoreError> {
        let (email, phc) = (canonical(email), phc.to_owned());
        self.write(move |batch| {
            end_access(batch.tx, &email)?;
            Ok(batch.tx.execute("update user set phc = ?2 where email = ?1", params![email, phc])? == 1)
        })
        .await
    }

    /// Says in which zone a login reads times; `None` for that of the configuration.
    pub async fn set_zone(&self, user: i64, zone: Option<Zone>) -> Result<(), StoreError> {
        self.write(move |batch| {
            let name = zone.map(Zone::name);
            batch.tx.execute("update user set time_zone = ?2 where id = ?1", params![user, name])?;
            Ok(())
        })
        .await
    }

    /// Deletes a login, or the invitation of one that has not been made yet.
    pub async fn delete_user(&self, email: &str) -> Result<DeletedUser, StoreError> {
        let email = canonical(email);
        self.write(move |batch| {
            let is_user = "select count(*) from user where email = ?1";
            let is_user: bool = batch.tx.query_row(is_user, [&email], |row| row.get(0))?;
            let all: i64 = batch.tx.query_row("select count(*) from user", [], |row| row.get(0))?;
            if is_user && all == 1 {
                return Ok(DeletedUser::Last);
            }
            let links = end_access(batch.tx, &email)?;
            let users = batch.tx.execute("delete from user where email = ?1", [&email])?;
            Ok(if users + links == 0 { DeletedUser::Missing } else { DeletedUser::Gone })
        })
        .await
    }

    /// All logins, by address.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.readers
            .read(|conn| {
                let mut statement = conn.prepare("select id, email, time_zone from user order by email")?;
                let rows = statement.query_map([], read_user)?;
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
                let sql = "select user.id, user.email, user.time_zone, session.seen_at \
                           from session join user on user.id = session.user where token_sha256 = ?1 and session.created_at >= ?2 and seen_at >= ?3";
                let values = params![token_sha256, (now - SESSION_LIFE).millis(), (now - SESSION_IDLE).millis()];
                let read = |row: &rusqlite::Row<'_>| Ok((read_user(row)?, Timestamp::from_millis(row.get(3)?)));
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

    /// Keeps the hash of a one-time link that lives an hour; an earlier one for the same address ends.
    pub async fn create_link(
        &self,
        token_sha256: [u8; 32],
        email: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let email = email.map(canonical);
        self.write(move |batch| {
            let sql = "delete from welcome where email is ?1 or expires_at <= ?2";
            batch.tx.execute(sql, params![email, now.millis()])?;
            let values = params![token_sha256, (now + LINK_LIFE).millis(), email];
            batch.tx.execute("insert into welcome (token_sha256, expires_at, email) values (?1, ?2, ?3)", values)?;
            Ok(())
        })
        .await
    }

    /// A one-time link, while it may be used.
    pub async fn link(&self, token_sha256: [u8; 32], now: Timestamp) -> Result<Option<OpenLink>, StoreError> {
        self.readers.read(move |conn| open_link(conn, token_sha256, now)).await
    }

    /// Links of people who have no login yet, by address.
    pub async fn invitations(&self, now: Timestamp) -> Result<Vec<OpenLink>, StoreError> {
        self.readers
            .read(move |conn| {
                let sql = "select email, expires_at from welcome where expires_at > ?1 and email is not null \
                           and email not in (select email from user) order by email";
                let mut statement = conn.prepare(sql)?;
                let rows = statement.query_map([now.millis()], read_link)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Uses a one-time link up: makes the login, or sets its password and ends its sessions. `email` is who says to be,
    /// where the link leaves that open. `None` when the link was used or has ended, or is the first link and the address
    /// has a login already: it makes logins only.
    pub async fn redeem_link(
        &self,
        token_sha256: [u8; 32],
        email: &str,
        phc: &str,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        let (given, phc) = (canonical(email), phc.to_owned());
        self.write(move |batch| {
            let Some(link) = open_link(batch.tx, token_sha256, now)? else { return Ok(None) };
            batch.tx.execute("delete from welcome where token_sha256 = ?1", params![token_sha256])?;
            let Some(email) = link.email else { return insert_user(batch.tx, &given, &phc, now) };
            end_access(batch.tx, &email)?;
            let sql = "update user set phc = ?2 where email = ?1 returning id, email, time_zone";
            match batch.tx.query_row(sql, params![email, phc], read_user).optional()? {
                Some(user) => Ok(Some(user)),
                None => insert_user(batch.tx, &email, &phc, now),
            }
        })
        .await
    }
}

fn insert_user(conn: &Connection, email: &str, phc: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
    let sql = "insert or ignore into user (email, phc, created_at) values (?1, ?2, ?3)";
    let made = conn.execute(sql, params![email, phc, now.millis()])? == 1;
    Ok(made.then(|| User { id: conn.last_insert_rowid(), email: email.to_owned(), zone: None }))
}

/// A zone that this program does not know is none.
fn read_user(row: &rusqlite::Row<'_>) -> rusqlite::Result<User> {
    let zone: Option<String> = row.get(2)?;
    Ok(User { id: row.get(0)?, email: row.get(1)?, zone: zone.and_then(|name| Zone::parse(&name)) })
}

/// Ends the sessions and links of an address; how many links there were.
fn end_access(conn: &Connection, email: &str) -> Result<usize, StoreError> {
    conn.execute("delete from session where user in (select id from user where email = ?1)", [email])?;
    Ok(conn.execute("delete from welcome where email = ?1", [email])?)
}

fn open_link(conn: &Connection, token_sha256: [u8; 32], now: Timestamp) -> Result<Option<OpenLink>, StoreError> {
    let sql = "select email, expires_at from welcome where token_sha256 = ?1 and expires_at > ?2";
    Ok(conn.query_row(sql, params![token_sha256, now.millis()], read_link).optional()?)
}

fn read_link(row: &rusqlite::Row<'_>) -> rusqlite::Result<OpenLink> {
    Ok(OpenLink { email: row.get(0)?, until: Timestamp::from_millis(row.get(1)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::store::{Settings, Store};

    fn open(folder: &std::path::Path) -> Store {
        let settings = Settings { data_dir: folder.to_owned(), node: 1, clock: Clock, random: || 7 };
        Store::open(settings).unwrap()
    }

    #[tokio::test]
    async fn sessions_end_when_idle_when_old_and_when_the_password_changes() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (accounts, start) = (store.accounts(), Clock.now());
        let user = accounts.create_user("Ann@A.example", "phc", start).await.unwrap().unwrap();
        let live = async |token: u8, at| accounts.session([token; 32], at).await.unwrap().is_some();
        accounts.open_session(user.id, [1; 32], start).await.unwrap();
        assert!(live(1, start + SESSION_IDLE).await);
        assert!(!live(1, start + SESSION_IDLE * 2 + SEEN_STEP).await, "idle");
        let mut at = start;
        accounts.open_session(user.id, [2; 32], at).await.unwrap();
        while at.since(start) < SESSION_LIFE {
            assert!(live(2, at).await);
            at = at + SESSION_IDLE / 2;
        }
        assert!(!live(2, start + SESSION_LIFE + SEEN_STEP).await, "old, though used");
        accounts.open_session(user.id, [3; 32], at).await.unwrap();
        accounts.open_session(user.id, [4; 32], at).await.unwrap();
        assert!(accounts.set_password("ann@a.example", "other").await.unwrap());
        assert!(!live(3, at).await && !live(4, at).await);
        store.close();
    }

    #[tokio::test]
    async fn a_login_keeps_its_zone_over_a_new_password() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (accounts, now, howe) = (store.accounts(), Clock.now(), Zone::parse("Australia/Lord_Howe"));
        let ann = accounts.create_user("ann@a.example", "phc", now).await.unwrap().unwrap();
        assert_eq!(ann.zone, None);
        accounts.set_zone(ann.id, howe).await.unwrap();
        accounts.create_link([1; 32], Some("ann@a.example"), now).await.unwrap();
        assert_eq!(accounts.redeem_link([1; 32], "", "new", now).await.unwrap().unwrap().zone, howe);
        accounts.open_session(ann.id, [2; 32], now).await.unwrap();
        assert_eq!(accounts.session([2; 32], now).await.unwrap().unwrap().zone, howe);
        assert_eq!((accounts.users().await.unwrap()[0].zone, howe.is_some()), (howe, true));
        accounts.set_zone(ann.id, None).await.unwrap();
        assert_eq!(accounts.user_by_email("ann@a.example").await.unwrap().unwrap().0.zone, None);
        store.close();
    }

    #[tokio::test]
    async fn a_link_works_once_within_its_hour_and_for_its_address_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (accounts, now) = (store.accounts(), Clock.now());
        let redeem = async |token: u8, email, at| accounts.redeem_link([token; 32], email, "new", at).await.unwrap();
        accounts.create_link([1; 32], None, now).await.unwrap();
        let ann = redeem(1, "ann@a.example", now).await.unwrap();
        assert_eq!(redeem(1, "bob@a.example", now).await, None, "used");
        accounts.create_link([2; 32], None, now).await.unwrap();
        assert_eq!(redeem(2, "ann@a.example", now).await, None, "the first link makes logins only");
        accounts.create_link([3; 32], Some("bob@a.example"), now).await.unwrap();
        assert_eq!(accounts.invitations(now).await.unwrap().len(), 1);
        assert_eq!(redeem(3, "ann@a.example", now + LINK_LIFE).await, None, "ended");
        assert_eq!(redeem(3, "ann@a.example", now).await.unwrap().email, "bob@a.example");
        // A second link ends the first, and a used one ends the sessions.
        accounts.open_session(ann.id, [9; 32], now).await.unwrap();
        accounts.create_link([4; 32], Some("ann@a.example"), now).await.unwrap();
        accounts.create_link([5; 32], Some("ann@a.example"), now).await.unwrap();
        assert_eq!(redeem(4, "", now).await, None);
        assert_eq!(redeem(5, "", now).await, Some(ann));
        assert_eq!(accounts.session([9; 32], now).await.unwrap(), None);
        // Who is deleted does not come back by a link, and the last login stays.
        accounts.create_link([6; 32], Some("bob@a.example"), now).await.unwrap();
        assert_eq!(accounts.delete_user("bob@a.example").await.unwrap(), DeletedUser::Gone);
        assert_eq!(redeem(6, "", now).await, None);
        assert_eq!(accounts.delete_user("bob@a.example").await.unwrap(), DeletedUser::Missing);
        assert_eq!(accounts.delete_user("ann@a.example").await.unwrap(), DeletedUser::Last);
        store.close();
    }
}
