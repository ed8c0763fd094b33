//! The handle of suppressions: who is not mailed, for which mail.
//!
//! The table is a view like others: facts go in, the fold writes it. What is decided here is which facts are worth
//! writing.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::fold_rows::mode;
use super::ledger::TextField;
use super::notice_unsent::{self, Unsent};
use super::queue::{Due, Queue};
use super::reader::Readers;
use super::settle::leave_queue;
use super::writer::{Batch, Lane, Writer};
use super::{person, schema};
use crate::domain::event::About;
use crate::domain::suppression::{Added, Entry, Origin, Reason};
use crate::domain::{Address, CampaignId, Client, DeliveryId, Fact, PersonId, Suppression, Timestamp};

/// Rows a read of the whole list takes at once.
const SLICE: u32 = 5_000;
/// About what one more address writes, in bytes.
pub(super) const ENTRY_BYTES: usize = 400;

/// An address of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionRow {
    /// Its place in the list; later ones are greater.
    pub place: i64,
    /// The address; empty when erased.
    pub address: String,
    /// Why, for which mail, since when.
    pub suppression: Suppression,
    /// Who put it there.
    pub origin: Origin,
    /// The delivery it came of, if any.
    pub delivery: Option<DeliveryId>,
}

impl SuppressionRow {
    /// In the columns of the list as CSV.
    pub fn cells(&self) -> [String; 5] {
        let Suppression { reason, scope, since } = &self.suppression;
        let (address, origin) = (self.address.clone(), self.origin.as_str());
        [address, reason.as_str().to_owned(), scope.clone(), since.rfc3339(), origin.to_owned()]
    }
}

/// What became of addresses that were to be put on the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listed {
    /// Now on it.
    pub added: usize,
    /// On it already, for as much mail.
    pub present: usize,
}

/// The handle.
#[derive(Clone)]
pub struct Suppressions {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    pub(super) random: fn() -> u64,
}

impl Suppressions {
    /// Puts addresses on the list, all in one transaction: a thousand at a time keep the relay responsive.
    pub async fn add(&self, entries: Vec<Entry>, origin: Origin, now: Timestamp) -> Result<Listed, StoreError> {
        let random = self.random;
        let bytes = ENTRY_BYTES * entries.len();
        self.writer.write(Lane::Urgent, bytes, move |batch| add_all(batch, &entries, origin, now, random)).await
    }

    /// Takes an address off the list, for one scope or for all; returns from how many scopes it was taken.
    pub async fn remove(&self, address: Address, scope: Option<String>, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.write(Lane::Urgent, ENTRY_BYTES, move |batch| remove(batch, &address, scope.as_deref(), now)).await
    }

    /// The person of a delivery leaves its stream. `false` when the delivery is known no more: then there is nothing to
    /// leave.
    pub async fn unsubscribe(
        &self,
        delivery: DeliveryId,
        client: Client,
        agent: String,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let leave = move |batch: &mut Batch<'_>| unsubscribe(batch, delivery, &client, &agent, now);
        self.writer.write(Lane::Urgent, 2 * ENTRY_BYTES, leave).await
    }

    /// The stream of a delivery's message; `None` when the delivery is known no more.
    pub async fn stream(&self, delivery: DeliveryId) -> Result<Option<String>, StoreError> {
        self.readers.read(move |conn| Ok(origin_of(conn, delivery)?.map(|found| found.stream))).await
    }

    /// The list, latest first, those before the place `before`, at most `limit`; of one reason or all, of addresses that
    /// begin with `start`.
    pub async fn list(
        &self,
        reason: Option<Reason>,
        start: String,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<SuppressionRow>, StoreError> {
        self.readers.read(move |conn| list(conn, reason, &start, before.unwrap_or(i64::MAX), limit)).await
    }

    /// A stretch of the whole list, oldest first, behind the place `after`; empty at its end.
    pub async fn slice(&self, after: i64) -> Result<Vec<SuppressionRow>, StoreError> {
        self.readers.read(move |conn| slice(conn, after)).await
    }
}

/// Hands every address of the list to `each`, oldest first; stops at its first error. The relay may run meanwhile.
pub fn suppressions<E: From<StoreError>>(
    path: &Path,
    mut each: impl FnMut(&SuppressionRow) -> Result<(), E>,
) -> Result<(), E> {
    let conn = schema::open_reader(path).map_err(E::from)?;
    let mut after = 0;
    loop {
        let rows = slice(&conn, after).map_err(E::from)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.place;
        rows.iter().try_for_each(&mut each)?;
    }
}

impl Queue {
    /// What holds a delivery back now: one look-up by its address and its message's stream. What we tell senders of their
    /// own mail is never held back.
    pub async fn suppression(&self, due: &Due) -> Result<Option<Suppression>, StoreError> {
        if due.campaign == CampaignId::OWN_MAIL {
            return Ok(None);
        }
        let (message, address) = (due.message.raw(), due.address.canonical());
        self.readers.read_long(move |conn| holding(conn, message, &address)).await
    }

    /// Ends a delivery that is held back: it leaves the queue unsent.
    /// Whether something is to be told to its sender now.
    pub async fn suppress(&self, due: Due, by: Suppression, now: Timestamp) -> Result<bool, StoreError> {
        let suppress = move |batch: &mut Batch<'_>| {
            notice_unsent::note(batch, due.delivery, due.message, Unsent::Suppressed, now)?;
            let left = leave_queue(batch, due.delivery, due.message, now)?;
            if left.was_there {
                let about = About { delivery: due.delivery, campaign: due.campaign, mode: due.mode };
                batch.record(now, Fact::Suppressed { about, by: Some(by.clone()) }, &[])?;
            }
            Ok(left.telling)
        };
        self.writer.write(Lane::Urgent, ENTRY_BYTES, suppress).await
    }
}

/// All mail before one stream, so that what is shown is what holds most.
fn holding(conn: &Connection, message: i64, address: &str) -> Result<Option<Suppression>, StoreError> {
    let sql = "select s.reason, s.scope, s.since from person p cross join v_suppression s on s.person = p.id \
               left join message m on m.id = ?1 where p.address = ?2 and s.reason > 0 \
               and s.scope in ('', coalesce(m.stream, '')) \
               and not (s.reason = ?3 and coalesce(m.transactional, 0)) order by s.scope limit 1";
    let mut statement = conn.prepare_cached(sql)?;
    let values = params![message, address, Reason::Unsubscribe.code()];
    Ok(statement.query_row(values, |row| read_suppression(row, 0)).optional()?.flatten())
}

/// `None` for a removal.
fn read_suppression(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Suppression>> {
    let Some(reason) = Reason::from_code(row.get(at)?) else { return Ok(None) };
    Ok(Some(Suppression { reason, scope: row.get(at + 1)?, since: Timestamp::from_millis(row.get(at + 2)?) }))
}

fn add_all(
    batch: &mut Batch<'_>,
    entries: &[Entry],
    origin: Origin,
    now: Timestamp,
    random: fn() -> u64,
) -> Result<Listed, StoreError> {
    let mut listed = Listed::default();
    // The view does not show yet what this batch adds.
    let mut fresh: HashSet<(PersonId, &str, bool)> = HashSet::new();
    for entry in entries {
        let person = person::find_or_make(batch.tx, &entry.address, random)?;
        let suppression = Suppression {
            reason: entry.reason,
            scope: entry.scope.clone(),
            since: entry.since.map_or(now, |since| since.min(now)),
        };
        let key = |leaves| (person, entry.scope.as_str(), leaves);
        let leaves = entry.reason == Reason::Unsubscribe;
        let known = fresh.contains(&key(false)) || (leaves && fresh.contains(&key(true)));
        if !known && add(batch, Added { person, suppression, origin, delivery: None }, now)? {
            fresh.insert(key(leaves));
            listed.added += 1;
        } else {
            listed.present += 1;
        }
    }
    Ok(listed)
}

/// Writes the fact unless the list says as much already; tells whether it did.
pub(super) fn add(batch: &mut Batch<'_>, added: Added, now: Timestamp) -> Result<bool, StoreError> {
    let (person, wanted) = (added.person, &added.suppression);
    let sql = "select reason, at from v_suppression where person = ?1 and scope = ?2";
    let stored: Option<(u8, i64)> = batch
        .tx
        .prepare_cached(sql)?
        .query_row(params![person.raw(), wanted.scope], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let standing = stored.and_then(|(reason, _)| Reason::from_code(reason));
    if standing.is_some_and(|standing| wanted.reason.is_within(standing)) {
        return Ok(false);
    }
    batch.record(after(stored.map(|(_, at)| at), now), Fact::SuppressionAdded(added), &[])?;
    Ok(true)
}

/// The latest fact counts, so one that is written now is later than those before it, whatever the clock says.
fn after(stored: Option<i64>, now: Timestamp) -> Timestamp {
    stored.map_or(now, |at| now.max(Timestamp::from_millis(at.saturating_add(1))))
}

/// What became of a delivery says that its address is not to be mailed.
pub(super) fn refused(batch: &mut Batch<'_>, due: &Due, reason: Reason, now: Timestamp) -> Result<(), StoreError> {
    // An erased person has no number any more.
    let Some(person) = person::find(batch.tx, &due.address)? else { return Ok(()) };
    let suppression = Suppression { reason, scope: String::new(), since: now };
    let delivery = Some(due.delivery);
    add(batch, Added { person, suppression, origin: Origin::Delivery, delivery }, now).map(|_| ())
}

fn remove(batch: &mut Batch<'_>, address: &Address, scope: Option<&str>, now: Timestamp) -> Result<usize, StoreError> {
    let Some(person) = person::find(batch.tx, address)? else { return Ok(0) };
    let sql = "select scope, at from v_suppression where person = ?1 and reason > 0 and (?2 is null or scope = ?2)";
    let standing: Vec<(String, i64)> = batch
        .tx
        .prepare_cached(sql)?
        .query_map(params![person.raw(), scope], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (scope, at) in &standing {
        let fact = Fact::SuppressionRemoved { person, scope: scope.clone() };
        batch.record(after(Some(*at), now), fact, &[])?;
    }
    Ok(standing.len())
}

/// Of whom and of what a delivery was.
struct Sent {
    about: About,
    person: PersonId,
    has_left: bool,
    stream: String,
}

fn origin_of(conn: &Connection, delivery: DeliveryId) -> Result<Option<Sent>, StoreError> {
    let sql = "select d.campaign, d.mode, d.person, d.unsubscribed_at > 0, coalesce(m.stream, '') \
               from v_delivery d left join message m on m.id = d.message where d.delivery = ?1 and d.known = 1";
    let read = |row: &Row<'_>| {
        let about = About { delivery, campaign: CampaignId::from_raw(row.get(0)?), mode: mode(row.get(1)?) };
        let person = PersonId::from_raw(row.get(2)?);
        Ok(Sent { about, person, has_left: row.get(3)?, stream: row.get(4)? })
    };
    Ok(conn.prepare_cached(sql)?.query_row([delivery.raw()], read).optional()?)
}

fn unsubscribe(
    batch: &mut Batch<'_>,
    delivery: DeliveryId,
    client: &Client,
    agent: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(sent) = origin_of(batch.tx, delivery)? else { return Ok(false) };
    if !sent.has_left {
        let fact = Fact::Unsubscribed { about: sent.about, client: Some(client.clone()) };
        batch.record(now, fact, &[(TextField::Agent, super::hits::cut(agent))])?;
    }
    let suppression = Suppression { reason: Reason::Unsubscribe, scope: sent.stream, since: now };
    let added = Added { person: sent.person, suppression, origin: Origin::Delivery, delivery: Some(delivery) };
    add(batch, added, now)?;
    Ok(true)
}

const SELECT_ROW: &str = "select s.rowid, coalesce(p.address, ''), s.reason, s.scope, s.since, s.origin, s.delivery";

fn read_row(row: &Row<'_>) -> rusqlite::Result<Option<SuppressionRow>> {
    let Some(suppression) = read_suppression(row, 2)? else { return Ok(None) };
    let delivery: i64 = row.get(6)?;
    Ok(Some(SuppressionRow {
        place: row.get(0)?,
        address: row.get(1)?,
        suppression,
        origin: Origin::from_code(row.get(5)?).unwrap_or(Origin::Unknown),
        delivery: (delivery != 0).then(|| DeliveryId::from_raw(delivery)),
    }))
}

/// The place is the row's number, which grows with each address that was never on the list.
fn list(
    conn: &Connection,
    reason: Option<Reason>,
    start: &str,
    before: i64,
    limit: u32,
) -> Result<Vec<SuppressionRow>, StoreError> {
    // `cross join` fixes which table leads: the list by its place, or the addresses by their beginning.
    let from = if start.is_empty() {
        "from v_suppression s left join person p on p.id = s.person where true"
    } else {
        "from person p cross join v_suppression s on s.person = p.id where p.address >= ?1 and p.address < ?1 || char(1114111)"
    };
    // `+` keeps an index that knows no place out of it.
    let of_reason = if reason.is_some() { "s.reason = ?4" } else { "+s.reason > 0" };
    let sql = format!("{SELECT_ROW} {from} and s.rowid < ?2 and {of_reason} order by s.rowid desc limit ?3");
    let start = start.to_lowercase();
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = match reason {
        Some(reason) => statement.query_map(params![start, before, limit, reason.code()], read_row)?,
        None => statement.query_map(params![start, before, limit], read_row)?,
    };
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(super) fn of_person_sql() -> String {
    format!(
        "{SELECT_ROW} from v_suppression s left join person p on p.id = s.person \
         where s.person = ?1 and +s.reason > 0 order by s.scope limit ?2"
    )
}

/// What holds back mail to a person, by scope.
pub(super) fn of_person(conn: &Connection, person: PersonId, limit: u32) -> Result<Vec<SuppressionRow>, StoreError> {
    let mut statement = conn.prepare_cached(&of_person_sql())?;
    let rows = statement.query_map(params![person.raw(), limit], read_row)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn slice(conn: &Connection, after: i64) -> Result<Vec<SuppressionRow>, StoreError> {
    let sql = format!(
        "{SELECT_ROW} from v_suppression s left join person p on p.id = s.person \
         where s.rowid > ?1 and +s.reason > 0 order by s.rowid limit ?2"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after, SLICE], read_row)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
#[path = "suppression_tests.rs"]
mod tests;
