//! The ledger: events as rows, inserts only, each with a checksum over its bytes.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use crate::domain::{Event, Fact, Timestamp};

macro_rules! text_fields {
    ($($(#[$doc:meta])* $variant:ident = $code:literal),+ $(,)?) => {
        /// The kinds of text beside an event; the numbers are stored and never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) enum TextField { $($(#[$doc])* $variant),+ }

        impl TextField {
            pub(super) const fn code(self) -> i64 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

text_fields!(
    /// The reply of an attempt.
    Reply = 1,
    /// The SMTP lines of an attempt.
    Transcript = 2,
    /// The user agent of a hit.
    Agent = 3,
    /// The target of a click.
    Target = 4,
);

/// Writes one event and its texts.
pub(super) fn insert(
    conn: &Connection,
    source: i64,
    event: &Event,
    texts: &[(TextField, &str)],
) -> Result<(), StoreError> {
    let payload = event.fact.encode();
    let kind = event.fact.kind().code();
    let delivery = event.fact.about().map(|about| about.delivery.raw());
    let checksum = checksum(event.seq, event.at, kind, &payload);
    conn.prepare_cached("insert into event values (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        source,
        event.seq,
        event.at.millis(),
        kind,
        delivery,
        payload,
        checksum
    ])?;
    for (field, value) in texts.iter().filter(|(_, value)| !value.is_empty()) {
        conn.prepare_cached("insert into event_text values (?1, ?2, ?3, ?4)")?.execute(params![
            source,
            event.seq,
            field.code(),
            value
        ])?;
    }
    Ok(())
}

/// The highest seq of a source; 0 when it wrote none.
pub(super) fn last_seq(conn: &Connection, source: i64) -> Result<i64, StoreError> {
    let query = "select coalesce(max(seq), 0) from event where source = ?1";
    Ok(conn.query_row(query, [source], |row| row.get(0))?)
}

/// The columns [`read`] wants, in order.
pub(super) const COLUMNS: &str = "seq, at, kind, payload, checksum";

/// Reads an event from [`COLUMNS`]; a checksum that does not match is an error.
pub(super) fn read(row: &Row<'_>) -> Result<Event, StoreError> {
    let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
    let (kind, payload, stored): (u8, Vec<u8>, u32) = (row.get(2)?, row.get(3)?, row.get(4)?);
    let at = Timestamp::from_millis(at);
    let damaged = |why: String| StoreError::DamagedEvent { id: seq.to_string(), why };
    if checksum(seq, at, kind, &payload) != stored {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    let fact = Fact::decode(kind, &payload).map_err(|e| damaged(e.to_string()))?;
    Ok(Event { seq, at, fact })
}

/// The events of one source above `after`, in order, at most `limit`.
pub(super) fn slice(conn: &Connection, source: i64, after: i64, limit: i64) -> Result<Vec<Event>, StoreError> {
    let query = format!("select {COLUMNS} from event where source = ?1 and seq > ?2 order by seq limit ?3");
    let mut statement = conn.prepare_cached(&query)?;
    let mut rows = statement.query(params![source, after, limit])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(read(row)?);
    }
    Ok(events)
}

/// One event.
pub(super) fn event(conn: &Connection, source: i64, seq: i64) -> Result<Option<Event>, StoreError> {
    let query = format!("select {COLUMNS} from event where source = ?1 and seq = ?2");
    let found = conn.prepare_cached(&query)?.query_row([source, seq], |row| Ok(read(row))).optional()?;
    found.transpose()
}

/// All sources, by number.
pub(super) fn sources(conn: &Connection) -> Result<Vec<(i64, String)>, StoreError> {
    let mut statement = conn.prepare_cached("select id, name from source order by id")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// CRC-32 over everything the fold reads of an event.
fn checksum(seq: i64, at: Timestamp, kind: u8, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(&at.millis().to_le_bytes());
    crc.update(&[kind]);
    crc.update(payload);
    crc.finalize()
}
