//! What the views are: their definition, and how a set of them is made.
//!
//! The views are made from the ledger, so their definition needs no migration: when it is another than the one that those
//! in the file were made by, they are dropped, made anew, and filled by the fold.

use rusqlite::{Connection, OptionalExtension, params};

use super::body;
use super::error::StoreError;

/// All of them, with their indexes.
pub(super) const DEFINITION: &str = include_str!("../../migrations/views.sql");
/// How a statement begins that makes an index.
const INDEX: &str = "create index v_";

/// Their names without the set's letter, and how many columns their primary keys have.
pub(super) const ALL: &[(&str, usize)] = &[
    ("cursor", 1),
    ("delivery", 1),
    ("hit", 6),
    ("campaign", 1),
    ("series", 2),
    ("day", 2),
    ("site", 2),
    ("receiver", 2),
    ("latency", 3),
    ("link", 3),
    ("refusal", 2),
    ("client", 3),
    ("suppression", 2),
];

/// Makes the views anew, empty, when the definition is another than they were made by. Where a ledger is there to fill
/// them from, they get their [`indexes`] only afterwards.
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
    tables(&tx, 'v')?;
    let has_events: bool = tx.query_row("select exists (select 1 from event)", [], |row| row.get(0))?;
    if !has_events {
        indexes(&tx, 'v')?;
    }
    tx.execute("insert or replace into meta values ('views_sha256', ?1)", params![digest])?;
    Ok(tx.commit()?)
}

/// Makes the tables of a letter's set, empty and without indexes.
pub(super) fn tables(conn: &Connection, letter: char) -> Result<(), StoreError> {
    for (view, _) in ALL {
        conn.execute_batch(&format!("drop table if exists {letter}_{view}"))?;
    }
    for statement in statements().iter().filter(|statement| !statement.starts_with(INDEX)) {
        conn.execute_batch(&statement.replace(" v_", &format!(" {letter}_")))?;
    }
    Ok(())
}

/// Makes those indexes of a letter's set that it lacks: over rows that are there already this is many times as fast as
/// an entry with each row.
pub(super) fn indexes(conn: &Connection, letter: char) -> Result<(), StoreError> {
    missing_indexes(conn, letter)?.iter().try_for_each(|sql| Ok(conn.execute_batch(sql)?))
}

/// Statements that each make an index that a letter's set lacks.
pub(super) fn missing_indexes(conn: &Connection, letter: char) -> Result<Vec<String>, StoreError> {
    // Their names are of the whole database, and stay with their table when it is renamed: each set gets its own.
    let generation = "select coalesce(max(cast(value as integer)), 0) + 1 from meta where key = 'views'";
    let generation: i64 = conn.query_row(generation, [], |row| row.get(0))?;
    let there = format!(
        "select exists (select 1 from sqlite_schema where type = 'index' and name glob 'g*_' || ?1 \
         and tbl_name glob '{letter}_*')"
    );
    let mut missing = Vec::new();
    for statement in statements() {
        let Some(name) = statement.strip_prefix(INDEX).and_then(|rest| rest.split_whitespace().next()) else {
            continue;
        };
        if !conn.query_row(&there, [name], |row| row.get(0))? {
            let sql = statement.replacen(INDEX, &format!("create index g{generation}_"), 1);
            missing.push(sql.replace(" v_", &format!(" {letter}_")));
        }
    }
    if !missing.is_empty() {
        conn.execute("insert or replace into meta values ('views', ?1)", [generation.to_string()])?;
    }
    Ok(missing)
}

/// The definition's statements, without what is said about them: comments have lines of their own.
fn statements() -> Vec<String> {
    let lines = DEFINITION.lines().filter(|line| !line.trim_start().starts_with("--"));
    let whole = lines.collect::<Vec<_>>().join("\n");
    whole.split(';').map(|statement| statement.trim().to_owned()).filter(|statement| !statement.is_empty()).collect()
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
    fn a_set_filled_before_its_indexes_were_made_has_all_of_them_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join(schema::FILE)).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        let indexes = |conn: &Connection| -> Vec<(String, String)> {
            let sql = "select substr(name, instr(name, '_') + 1), replace(sql, name, '') from sqlite_schema \
                       where type = 'index' and name glob 'g*' order by 1";
            let mut statement = conn.prepare(sql).unwrap();
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
        };
        let all = indexes(&conn);
        assert_eq!(all.len(), DEFINITION.matches("create index").count());
        conn.execute_batch("insert into event values (1, 1, 1, 1, null, x'', 0)").unwrap();
        conn.execute("update meta set value = 'x' where key = 'views_sha256'", []).unwrap();
        renew(&mut conn).unwrap();
        assert_eq!(indexes(&conn), []);
        // As if the program had ended amid them.
        conn.execute_batch("create index g7_site_size on v_site (scope, recipients)").unwrap();
        super::indexes(&conn, 'v').unwrap();
        super::indexes(&conn, 'v').unwrap();
        assert_eq!(indexes(&conn), all);
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
