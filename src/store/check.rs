//! Replaying the ledger: to compare the views with it, and to make them again.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::error::StoreError;
use super::fold::Fold;
use super::writer::{Batch, Lane, Writer};
use super::{ledger, schema, views};

/// Events folded in one step while the relay runs.
const SLICE: i64 = 5_000;
/// Events folded in one step where nobody waits: the more, the fewer times a row is written.
const LARGE_SLICE: i64 = 50_000;
/// How many of these make a transaction: rows that are met again and again are written to the disk once in it.
const SLICES: usize = 10;
/// Differences named before the rest is only counted.
const DIFFERENCES_NAMED: usize = 20;
/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Events replayed.
    pub events: i64,
    /// Rows compared.
    pub rows: i64,
    /// The first differences, one sentence each; empty when views and ledger agree.
    pub differences: Vec<String>,
    /// All differences.
    pub differing: usize,
}

/// Replays the ledger of the database at `path` into a scratch copy and compares every view, in one read snapshot. The
/// relay may run meanwhile. `progress` hears how many events of how many are replayed.
pub fn verify(path: &std::path::Path, mut progress: impl FnMut(u64, u64)) -> Result<Verified, StoreError> {
    let conn = schema::open_reader(path)?;
    conn.execute_batch("begin")?;
    let scratch = Connection::open("")?;
    scratch.execute_batch("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536;")?;
    views::tables(&scratch, 'v')?;
    let total = events_in_all(&conn)?;
    let mut verified = Verified::default();
    if let Some(fault) = structure(&conn)? {
        verified.differ(format!("the file is damaged: {fault}"));
    }
    for (source, name) in ledger::sources(&conn)? {
        let mut after = 0;
        loop {
            let events = ledger::slice(&conn, source, after, LARGE_SLICE)?;
            let Some(last) = events.last().map(|e| e.seq) else { break };
            if last - after != i64::try_from(events.len()).unwrap_or(-1) {
                verified.differ(format!("the events of {name} have a gap between {after} and {last}"));
            }
            scratch.execute_batch("begin")?;
            Fold::main(&scratch).apply(source, &events)?;
            scratch.execute_batch("commit")?;
            verified.events += last - after;
            after = last;
            progress(verified.events.unsigned_abs(), total);
        }
    }
    for (view, keys) in views::ALL {
        compare(&conn, &scratch, view, *keys, &mut verified)?;
    }
    Ok(verified)
}

/// SQLite's own check of its structure: the first fault, if any.
pub(super) fn structure(conn: &Connection) -> Result<Option<String>, StoreError> {
    let said: String = conn.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then(|| said.replace('\n', " ")))
}

impl Verified {
    fn differ(&mut self, what: String) {
        self.differing += 1;
        if self.differences.len() < DIFFERENCES_NAMED {
            self.differences.push(what);
        }
    }
}

fn compare(
    stored: &Connection,
    replayed: &Connection,
    view: &str,
    keys: usize,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let order: Vec<_> = (1..=keys).map(|n| n.to_string()).collect();
    let sql = format!("select * from v_{view} order by {}", order.join(", "));
    let (mut left, mut right) = (stored.prepare(&sql)?, replayed.prepare(&sql)?);
    let columns: Vec<String> = left.column_names().map(str::to_owned).collect();
    let (mut left, mut right) = (left.query([])?, right.query([])?);
    let next = |rows: &mut rusqlite::Rows<'_>| -> Result<Option<Vec<Value>>, StoreError> {
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some((0..columns.len()).map(|at| row.get(at)).collect::<Result<_, _>>()?))
    };
    let (mut a, mut b) = (next(&mut left)?, next(&mut right)?);
    loop {
        let (only_stored, only_replayed) = match (&a, &b) {
            (None, None) => return Ok(()),
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(x), Some(y)) => match order_of(x, y, keys) {
                std::cmp::Ordering::Less => (true, false),
                std::cmp::Ordering::Greater => (false, true),
                std::cmp::Ordering::Equal => (false, false),
            },
        };
        verified.rows += 1;
        match (&a, &b) {
            (Some(row), _) if only_stored && !is_blank(row, keys) => {
                verified.differ(format!("{view} {:?} is not in the ledger", &row[..keys]));
            }
            (_, Some(row)) if only_replayed && !is_blank(row, keys) => {
                verified.differ(format!("{view} {:?} is missing", &row[..keys]));
            }
            (Some(x), Some(y)) if !only_stored && !only_replayed && x != y => {
                let at = x.iter().zip(y).position(|(p, q)| p != q).unwrap_or(0);
                let key = &x[..keys];
                let (column, found, wanted) = (&columns[at], &x[at], &y[at]);
                verified.differ(format!("{view} {key:?}: {column} is {found:?}, the ledger says {wanted:?}"));
            }
            _ => {}
        }
        if !only_replayed {
            a = next(&mut left)?;
        }
        if !only_stored {
            b = next(&mut right)?;
        }
    }
}

/// A row of nothing but zero counts says nothing: changes that met in one run left it, in two runs they did not.
fn is_blank(row: &[Value], keys: usize) -> bool {
    row.len() > keys && row.iter().skip(keys).all(|value| *value == Value::Integer(0))
}

fn order_of(a: &[Value], b: &[Value], keys: usize) -> std::cmp::Ordering {
    a.iter().zip(b).take(keys).map(|(x, y)| order_of_one(x, y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

fn order_of_one(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Integer(x), Value::Integer(y)) => x.cmp(y),
        (Value::Text(x), Value::Text(y)) => x.as_bytes().cmp(y.as_bytes()),
        _ => std::cmp::Ordering::Equal,
    }
}

/// Folds what the ledger has and the views have not: nothing, unless the views were made anew by another definition. What
/// was folded is kept when the program is stopped meanwhile.
pub(super) fn catch_up(conn: &mut Connection) -> Result<(), StoreError> {
    let mut folded = 0;
    // What a transaction changes, for the most part.
    conn.execute_batch("pragma cache_size = -262144")?;
    for (source, _) in ledger::sources(conn)? {
        loop {
            let (tx, before) = (conn.transaction_with_behavior(TransactionBehavior::Immediate)?, folded);
            for _ in 0..SLICES {
                folded += fold_slice(&tx, 'v', source, LARGE_SLICE)?;
            }
            tx.commit()?;
            if folded == before {
                break;
            }
            tracing::info!(events = folded, "the views are being made from the ledger");
            // Nobody else moves the log into the file yet.
            conn.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))?;
        }
    }
    // What is sorted for an index of a long ledger must not be all in memory.
    conn.execute_batch("pragma temp_store = file")?;
    for sql in views::missing_indexes(conn, 'v')? {
        conn.execute_batch(&sql)?;
        conn.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))?;
    }
    Ok(conn.execute_batch(schema::MEMORY)?)
}

/// Folds the next slice of one source into a set of views; returns how many events.
fn fold_slice(conn: &Connection, set: char, source: i64, slice: i64) -> Result<usize, StoreError> {
    let sql = format!("select coalesce((select seq from {set}_cursor where source = ?1), 0)");
    let after: i64 = conn.prepare_cached(&sql)?.query_row([source], |row| row.get(0))?;
    let events = ledger::slice(conn, source, after, slice)?;
    Fold::over(conn, set).apply(source, &events)?;
    Ok(events.len())
}

/// Makes every view again from the ledger while the relay runs: fills a second set beside the first in slices, then
/// puts it in the first one's place within one transaction.
pub struct Rebuild {
    pub(super) writer: Writer,
}

/// How many events of how many are folded by the rebuild that runs now; `None` when none does.
pub fn rebuilt(path: &std::path::Path) -> Result<Option<(u64, u64)>, StoreError> {
    let conn = schema::open_reader(path)?;
    let there = "select 1 from sqlite_schema where name = 's_cursor'";
    if conn.query_row(there, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let folded = conn.query_row("select coalesce(sum(seq), 0) from s_cursor", [], |row| row.get(0))?;
    Ok(Some((folded, events_in_all(&conn)?)))
}

/// The numbers of events of a source have no gap.
fn events_in_all(conn: &Connection) -> Result<u64, StoreError> {
    let sources = ledger::sources(conn)?;
    sources.iter().try_fold(0, |sum, (source, _)| Ok(sum + ledger::last_seq(conn, *source)?.unsigned_abs()))
}

/// The set that is filled.
const SHADOW: char = 's';

impl Rebuild {
    /// Runs it; `progress` hears the number of events folded so far. Returns that number.
    pub async fn run(&self, mut progress: impl FnMut(i64)) -> Result<i64, StoreError> {
        let make = |batch: &mut Batch<'_>| {
            views::tables(batch.tx, SHADOW)?;
            views::indexes(batch.tx, SHADOW)
        };
        self.write(make).await?;
        let sources = self.write(|batch| ledger::sources(batch.tx)).await?;
        let mut folded = 0;
        for (source, _) in &sources {
            loop {
                let source = *source;
                let count = self.write(move |batch| fold_slice(batch.tx, SHADOW, source, SLICE)).await?;
                folded += i64::try_from(count).unwrap_or(0);
                progress(folded);
                if i64::try_from(count).unwrap_or(0) < SLICE {
                    break;
                }
            }
        }
        let rest = self.write(move |batch| swap(batch.tx, &sources)).await?;
        Ok(folded + rest)
    }

    async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        // As large as a batch may be, so that it has one to itself.
        self.writer.write(Lane::Urgent, 4 << 20, run).await
    }
}

fn swap(conn: &Connection, sources: &[(i64, String)]) -> Result<i64, StoreError> {
    let mut rest = 0;
    for (source, _) in sources {
        loop {
            let count = fold_slice(conn, SHADOW, *source, SLICE)?;
            if count == 0 {
                break;
            }
            rest += i64::try_from(count).unwrap_or(0);
        }
    }
    for (view, _) in views::ALL {
        conn.execute_batch(&format!("drop table v_{view}; alter table {SHADOW}_{view} rename to v_{view}"))?;
    }
    Ok(rest)
}
