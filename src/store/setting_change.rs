//! Settings that change what is counted: what they are, and when they were others.
//!
//! They come into force at a start and at no other time, so that is when they are compared with those of the last one.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::view_campaign::SettingChange;
use super::writer::{Lane, Writer};
use crate::domain::Timestamp;

/// Changes kept.
const KEPT_MAX: i64 = 1_000;
/// Changes read for one page.
const READ_MAX: i64 = 20;
/// Characters of a value that are kept.
const VALUE_MAX: usize = 200;

/// The handle of who starts the relay.
#[derive(Clone)]
pub struct WatchedSettings {
    pub(super) writer: Writer,
}

impl WatchedSettings {
    /// Keeps the settings, key and value, and writes down which differ from those kept before. A key that was not known
    /// is no change. Gives how many changed.
    pub async fn note(&self, settings: Vec<(String, String)>, by: &str, at: Timestamp) -> Result<usize, StoreError> {
        let by = by.to_owned();
        self.writer.write(Lane::Urgent, 4096, move |batch| note(batch.tx, &settings, &by, at)).await
    }
}

fn note(conn: &Connection, settings: &[(String, String)], by: &str, at: Timestamp) -> Result<usize, StoreError> {
    let mut statement = conn.prepare("select key, value from setting_known")?;
    let known: BTreeMap<String, String> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut changed = 0;
    for (key, value) in settings {
        let value: String = value.chars().take(VALUE_MAX).collect();
        let was = known.get(key);
        if was == Some(&value) {
            continue;
        }
        conn.execute("insert or replace into setting_known values (?1, ?2)", params![key, value])?;
        if let Some(was) = was {
            let sql = "insert or replace into setting_change values (?1, ?2, ?3, ?4, ?5)";
            conn.execute(sql, params![at.millis(), key, was, value, by])?;
            changed += 1;
        }
    }
    let sql =
        "delete from setting_change where at < (select at from setting_change order by at desc limit 1 offset ?1)";
    conn.execute(sql, [KEPT_MAX])?;
    Ok(changed)
}

/// What changed in a span of time, the latest first.
pub(super) fn between(conn: &Connection, from: Timestamp, to: Timestamp) -> Result<Vec<SettingChange>, StoreError> {
    let sql = "select at, key, was, is_now, changed_by from setting_change where at >= ?1 and at <= ?2 \
               order by at desc, key limit ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![from.millis(), to.millis(), READ_MAX], |row| {
        Ok(SettingChange {
            at: Timestamp::from_millis(row.get(0)?),
            key: row.get(1)?,
            was: row.get(2)?,
            now: row.get(3)?,
            by: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_the_last_start_is_written_down_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = super::super::schema::open_writer(&folder.path().join("x.db")).unwrap();
        super::super::schema::migrate(&mut conn, Timestamp::default()).unwrap();
        let at = Timestamp::from_millis;
        let set = |pairs: &[(&str, &str)], when| {
            let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            note(&conn, &pairs, "the configuration", at(when)).unwrap()
        };
        assert_eq!(set(&[("tracking.opens", "true")], 10), 0);
        // A key that a newer program has is no change.
        assert_eq!(set(&[("tracking.opens", "true"), ("tracking.pixel", "\"end\"")], 20), 0);
        assert_eq!(set(&[("tracking.opens", "false"), ("tracking.pixel", "\"end\"")], 30), 1);
        assert_eq!(set(&[("tracking.opens", "false"), ("tracking.pixel", "\"end\"")], 40), 0);
        let long = "x".repeat(500);
        assert_eq!(set(&[("tracking.opens", &long)], 50), 1);
        assert_eq!(set(&[("tracking.opens", &long)], 60), 0);
        let found = between(&conn, at(0), at(45)).unwrap();
        let change = &found[0];
        assert_eq!((found.len(), change.at, change.key.as_str()), (1, at(30), "tracking.opens"));
        assert_eq!(
            (change.was.as_str(), change.now.as_str(), change.by.as_str()),
            ("true", "false", "the configuration")
        );
        assert_eq!(between(&conn, at(31), at(100)).unwrap()[0].now.len(), VALUE_MAX);
    }
}
