//! The map from addresses to the random numbers that stand for them in the ledger.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use crate::domain::{Address, PersonId};

pub(super) const FIND: &str = "select id from person where address = ?1";

/// The number of an address; `None` when it has none.
pub(super) fn find(conn: &Connection, address: &Address) -> Result<Option<PersonId>, StoreError> {
    let stored = conn.prepare_cached(FIND)?.query_row([address.canonical()], |row| row.get(0)).optional()?;
    Ok(stored.map(PersonId::from_raw))
}

/// The number of an address, made when it has none.
pub(super) fn find_or_make(conn: &Connection, address: &Address, random: fn() -> u64) -> Result<PersonId, StoreError> {
    if let Some(person) = find(conn, address)? {
        return Ok(person);
    }
    let id = i64::from_ne_bytes(random().to_ne_bytes());
    conn.prepare_cached("insert into person values (?1, ?2)")?.execute(params![id, address.canonical()])?;
    Ok(PersonId::from_raw(id))
}
