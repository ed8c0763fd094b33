//! What the views are: their definition, and how a set of them is made.
//!
//! The views are made from the ledger, so their definition needs no migration: when it is another than the one that those
//! in the file were made by, they are dropped, made anew, and filled by the fold.

use rusqlite::{Connection, OptionalExtension, params};

use super::body;
use super::error::StoreError;

/// All of them.
pub(super) const DEFINITION: &str = include_str!("../../migrations/views.sql");

/// Their names without the set's letter, and how many columns their primary keys have.
pub(super) const ALL: &[(&str, usize)] = &[
    ("cursor", 1),
    ("delivery", 1),
    ("hit", 6),
    ("campaign", 1),
    ("series", 2),
    ("site", 2),
    ("receiver", 2),
    ("latency", 3),
    ("link", 3),
    ("refusal", 2),
    ("client", 3),
    ("suppression", 2),
];

/// Makes the views anew, empty, when the definition is another than they were made by.
pub(super) fn renew(conn: &mut Connection) -> Result<(), StoreError> {
    let digest: String = body::digest(DEFINITION.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    let sql = "select value from meta where key = 'views_sha256'";
    let made_by: Option<String> = conn.query_row(sql, [], |row| row.get(0)).optional()?;
    if made_by.is_some_and(|made_by| made_by == digest) {
        return Ok(());
    }
    let tx = conn.transaction()?;
    let sql = "select name from sqlite_schema where type = 'table' and name glob 'v_*'";
    let names: Vec<String> = tx.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        tx.execute_batch(&format!("drop table {name}"))?;
    }
    make(&tx, 'v')?;
    tx.execute("insert or replace into meta values ('views_sha256', ?1)", params![digest])?;
    Ok(tx.commit()?)
}

/// Makes the set of a letter, empty.
pub(super) fn make(conn: &Connection, letter: char) -> Result<(), StoreError> {
    for (view, _) in ALL {
        conn.execute_batch(&format!("drop table if exists {letter}_{view}"))?;
    }
    // Index names are of the whole database, and stay with their table when it is renamed: each set gets its own.
    let generation: i64 =
        conn.query_row("select coalesce(max(cast(value as integer)), 0) from meta where key = 'views'", [], |row| {
            row.get(0)
        })?;
    let generation = generation + 1;
    conn.execute("insert or replace into meta values ('views', ?1)", [generation.to_string()])?;
    let indexes = format!("create index g{generation}_");
    let sql = DEFINITION.replace("create index v_", &indexes).replace(" v_", &format!(" {letter}_"));
    Ok(conn.execute_batch(&sql)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::store::schema;

    #[test]
    fn views_of_another_definition_are_made_anew_and_those_of_this_one_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join(schema::FILE)).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        conn.execute_batch("insert into v_cursor values (1, 5); create table v_of_old (a)").unwrap();
        let cursors = |conn: &Connection| -> i64 {
            conn.query_row("select count(*) from v_cursor", [], |row| row.get(0)).unwrap()
        };
        renew(&mut conn).unwrap();
        assert_eq!(cursors(&conn), 1);
        conn.execute("update meta set value = 'x' where key = 'views_sha256'", []).unwrap();
        renew(&mut conn).unwrap();
        assert_eq!(cursors(&conn), 0);
        assert!(conn.prepare("select * from v_of_old").is_err());
    }

    #[test]
    fn the_list_names_every_view_with_its_key() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(DEFINITION).unwrap();
        let sql = "select substr(m.name, 3), count(*) from sqlite_schema m join pragma_table_info(m.name) c \
                   where m.type = 'table' and c.pk > 0 group by m.name order by m.name";
        let mut statement = conn.prepare(sql).unwrap();
        let found: Vec<(String, usize)> =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        let mut listed: Vec<_> = ALL.iter().map(|(name, keys)| ((*name).to_owned(), *keys)).collect();
        listed.sort();
        assert_eq!(found, listed);
    }
}
