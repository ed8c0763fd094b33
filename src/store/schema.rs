//! Opening the file: pragmas, migrations, this folder's name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::views;
use crate::domain::{Source, Timestamp};

/// The database's file in the data folder.
pub const FILE: &str = "postrider.db";

/// Every migration, in order. A file that was released is never edited. The views are none of it: see `views`.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_first", include_str!("../../migrations/0001_first.sql")),
    ("0003_streams", include_str!("../../migrations/0003_streams.sql")),
    ("0004_queue", include_str!("../../migrations/0004_queue.sql")),
    ("0005_notices", include_str!("../../migrations/0005_notices.sql")),
    ("0006_links", include_str!("../../migrations/0006_links.sql")),
    ("0008_names", include_str!("../../migrations/0008_names.sql")),
    ("0009_spared", include_str!("../../migrations/0009_spared.sql")),
    ("0010_body_path", include_str!("../../migrations/0010_body_path.sql")),
    ("0011_sending_keys", include_str!("../../migrations/0011_sending_keys.sql")),
    ("0012_kinds", include_str!("../../migrations/0012_kinds.sql")),
    ("0013_alike", include_str!("../../migrations/0013_alike.sql")),
    ("0014_turns", include_str!("../../migrations/0014_turns.sql")),
    ("0015_full_mailbox", include_str!("../../migrations/0015_full_mailbox.sql")),
    ("0016_repeats", include_str!("../../migrations/0016_repeats.sql")),
    ("0017_source_addresses", include_str!("../../migrations/0017_source_addresses.sql")),
    ("0018_credential_life", include_str!("../../migrations/0018_credential_life.sql")),
    ("0019_sites", include_str!("../../migrations/0019_sites.sql")),
    ("0019_canary", include_str!("../../migrations/0019_canary.sql")),
    ("0020_credential_priority", include_str!("../../migrations/0020_credential_priority.sql")),
    ("0022_user_zone", include_str!("../../migrations/0022_user_zone.sql")),
    ("0023_settings", include_str!("../../migrations/0023_settings.sql")),
];

/// The `user_version` of a copy.
const COPY: u32 = 0x636f_7079;

/// Statements kept prepared.
const PREPARED_MAX: usize = 128;

/// How much memory the writer takes: 64 MiB of pages, and what it sorts.
pub(super) const MEMORY: &str = "pragma cache_size = -65536; pragma temp_store = memory;";

/// Opens (and makes) the database for writing.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open(path)?;
    conn.set_prepared_statement_cache_capacity(PREPARED_MAX);
    // After a failed write the log must stay as it is: closing would move into the main file what the disk may not hold.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Before the first table, or they do nothing.
    conn.execute_batch("pragma page_size = 8192; pragma auto_vacuum = incremental;")?;
    conn.execute_batch(
        "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = off;
         pragma wal_autocheckpoint = 0; pragma busy_timeout = 30000; pragma journal_size_limit = 67108864;",
    )?;
    conn.execute_batch(MEMORY)?;
    let synchronous: i64 = conn.query_row("pragma synchronous", [], |row| row.get(0))?;
    let journal: String = conn.query_row("pragma journal_mode", [], |row| row.get(0))?;
    if synchronous != 2 || journal != "wal" {
        return Err(StoreError::Schema(format!(
            "SQLite refused the settings that a 250 relies on (journal_mode {journal}, synchronous {synchronous}); \
             is the data folder on a network file system?"
        )));
    }
    tracing::info!(synchronous, journal, sqlite = rusqlite::version(), "the database is open for writing");
    Ok(conn)
}

/// Opens the database for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.set_prepared_statement_cache_capacity(PREPARED_MAX);
    conn.execute_batch("pragma busy_timeout = 2000; pragma cache_size = -16384; pragma query_only = on;")?;
    Ok(conn)
}

/// Applies what is missing, each file in one transaction, and makes the views anew where their definition is another.
pub(super) fn migrate(conn: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    apply(conn, now, MIGRATIONS)?;
    views::renew(conn)
}

fn apply(conn: &mut Connection, now: Timestamp, migrations: &[(&str, &str)]) -> Result<(), StoreError> {
    conn.execute_batch(
        "create table if not exists migration (name text primary key, sha256 text not null, applied_at integer not null)
         strict, without rowid",
    )?;
    let known: i64 = conn.query_row("select count(*) from migration", [], |row| row.get(0))?;
    if usize::try_from(known).unwrap_or(usize::MAX) > migrations.len() {
        return Err(StoreError::Schema(
            "the database was written by a newer version of Postrider; start that version instead".to_owned(),
        ));
    }
    for (name, sql) in migrations {
        let digest: String = Sha256::digest(sql.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let applied = conn
            .query_row("select sha256 from migration where name = ?1", [name], |row| row.get::<_, String>(0))
            .optional()?;
        match applied {
            Some(found) if found == digest => {}
            Some(_) => {
                return Err(StoreError::Schema(format!(
                    "migration {name} was applied in another form than this program has"
                )));
            }
            None => {
                let tx = conn.transaction()?;
                tx.execute_batch(sql)?;
                tx.execute("insert into migration values (?1, ?2, ?3)", params![name, digest, now.millis()])?;
                tx.commit()?;
            }
        }
    }
    Ok(())
}

/// Marks a copy, in the file's own header, so that whoever opens it knows before a stray log beside it is read.
pub(super) fn mark_as_copy(conn: &Connection) -> Result<(), StoreError> {
    Ok(conn.pragma_update(None, "user_version", COPY)?)
}

/// Whether an open database is a copy that nobody has opened yet.
pub(super) fn is_copy(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.query_row("pragma user_version", [], |row| row.get::<_, u32>(0))? == COPY)
}

/// The same, of a file that is not open (<https://www.sqlite.org/fileformat2.html#the_database_header>).
pub(super) fn is_copy_file(path: &Path) -> std::io::Result<bool> {
    let mut header = [0; 64];
    let whole = File::open(path)?.read_exact(&mut header);
    Ok(whole.is_ok() && header[60..] == COPY.to_be_bytes())
}

/// This folder's own name in the ledger and its number, made at the first start, and anew when the node number changed,
/// a backup is opened or events were lost (`renew`): no event's number is ever given twice under one name.
pub(super) fn own_source(
    conn: &mut Connection,
    node: u16,
    random: u64,
    renew: bool,
) -> Result<(i64, Source), StoreError> {
    let stored =
        conn.query_row("select value from meta where key = 'source'", [], |row| row.get::<_, String>(0)).optional()?;
    let source = match stored {
        Some(name) if !renew && name.starts_with(&format!("n{node}.")) => Source::from_stored(name),
        Some(_) | None => {
            let source = Source::new(node, random);
            let tx = conn.transaction()?;
            tx.pragma_update(None, "user_version", 0)?;
            tx.execute("insert or replace into meta values ('source', ?1)", [source.as_str()])?;
            tx.execute("insert or ignore into source (name) values (?1)", [source.as_str()])?;
            tx.commit()?;
            // A copy is one until its own file says otherwise, and the log beside a copy is never read.
            conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
            source
        }
    };
    let number = conn.query_row("select id from source where name = ?1", [source.as_str()], |row| row.get(0))?;
    Ok((number, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Metric;

    #[test]
    fn a_file_opens_twice_and_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut names = Vec::new();
        for random in [1, 2] {
            let mut conn = open_writer(&path).unwrap();
            migrate(&mut conn, Timestamp::from_millis(5)).unwrap();
            names.push(own_source(&mut conn, 3, random, false).unwrap());
        }
        assert_eq!(names[0], names[1]);
        let mut conn = open_writer(&path).unwrap();
        let other_node = own_source(&mut conn, 4, 3, false).unwrap();
        assert_ne!(other_node, names[0]);
        mark_as_copy(&conn).unwrap();
        assert!(is_copy(&conn).unwrap());
        let renewed = own_source(&mut conn, 4, 5, true).unwrap();
        assert_ne!(renewed, other_node);
        assert!(!is_copy(&conn).unwrap() && !is_copy_file(&path).unwrap());
        assert_eq!(own_source(&mut conn, 4, 6, false).unwrap(), renewed);
    }

    #[test]
    fn a_changed_or_newer_migration_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut conn = open_writer(&path).unwrap();
        migrate(&mut conn, Timestamp::default()).unwrap();
        conn.execute("update migration set sha256 = 'x' where name = '0001_first'", []).unwrap();
        assert!(matches!(migrate(&mut conn, Timestamp::default()), Err(StoreError::Schema(_))));
        for at in 0..9 {
            conn.execute("insert into migration values (?1, '', 0)", [format!("9{at}")]).unwrap();
        }
        assert!(migrate(&mut conn, Timestamp::default()).unwrap_err().to_string().contains("newer version"));
    }

    #[test]
    fn a_key_made_before_there_were_two_algorithms_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = open_writer(&folder.path().join(FILE)).unwrap();
        let before = MIGRATIONS.iter().position(|(name, _)| *name == "0011_sending_keys").unwrap();
        apply(&mut conn, Timestamp::default(), &MIGRATIONS[..before]).unwrap();
        conn.execute("insert into sending_domain values ('a.example', 'pr1', x'01', 'v=DKIM1', 5)", []).unwrap();
        migrate(&mut conn, Timestamp::default()).unwrap();
        let sql = "select algorithm, selector, private_key, record_value, created_at from sending_key";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
        let key: (String, String, Vec<u8>, String, i64) = conn.query_row(sql, [], row).unwrap();
        assert_eq!(key, ("rsa".to_owned(), "pr1".to_owned(), vec![1], "v=DKIM1".to_owned(), 5));
    }

    #[test]
    fn the_rollups_have_a_column_for_each_metric_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = open_writer(&folder.path().join(FILE)).unwrap();
        migrate(&mut conn, Timestamp::default()).unwrap();
        for table in ["v_campaign", "v_series", "v_site", "v_receiver"] {
            let mut statement = conn.prepare(&format!("select name from pragma_table_info('{table}')")).unwrap();
            let columns: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            let metrics: Vec<_> = Metric::ALL.iter().map(|m| m.as_str()).collect();
            assert!(columns.windows(metrics.len()).any(|run| run == metrics), "{table}");
        }
    }
}
