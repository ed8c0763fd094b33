//! Deliveries, as pages show them.

use std::cmp::Reverse;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::error::StoreError;
use super::fold::mode_code;
use super::fold_state::{DeliveryState, Opened};
use super::ledger::{self, TextField};
use super::report::{self, DeliveryFilter};
use super::view::{DeliveryReport, DeliveryRow, State, TimelineEntry, Waiting};
use super::{names, repeat};
use crate::domain::EventId;
use crate::domain::audience::Audience;
use crate::domain::{CampaignId, DeliveryId, Fact, MessageId, PersonId, Source, Timestamp};

/// Events of one delivery that a page shows.
const TIMELINE_MAX: u32 = 1_000;

const SELECT_ROW: &str = "select d.delivery, d.message, d.campaign, coalesce(n.name, c.name), d.mode, coalesce(p.address, ''), \
    coalesce(m.subject, ''), d.state, d.tries, d.accepted_at, d.opened, d.clicked, d.last_at, d.person, d.pixel, d.links \
    from v_delivery d left join v_campaign c on c.id = d.campaign left join campaign_name n on n.campaign = d.campaign \
    left join person p on p.id = d.person \
    left join message m on m.id = d.message";

/// The same of mail that the relay wrote itself, which the views do not know.
const SELECT_OWN: &str = "select d.delivery, d.message, 0, 'own mail', d.mode, d.address, coalesce(m.subject, ''), \
    d.state, d.tries, d.accepted_at, 0, 0, d.last_at, 0, 0, 0 from notice_delivery d left join message m on m.id = d.message";

fn read_row(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let mode = report::read_mode(row, 4)?;
    // What counts as opened and clicked is the fold's to say.
    let counted = DeliveryState {
        known: true,
        state: State::from_code(row.get(7)?),
        opened: Audience::from_code(row.get(10)?),
        clicked: Audience::from_code(row.get(11)?),
        pixel: row.get(14)?,
        links: row.get(15)?,
        ..DeliveryState::unknown(row.get(2)?, mode)
    };
    let (opened, inferred) = match counted.opening() {
        Some((Opened::By(class), _)) => (Some(class), false),
        Some((Opened::Inferred, _)) => (None, true),
        None => (None, false),
    };
    Ok(DeliveryRow {
        delivery: DeliveryId::from_raw(row.get(0)?),
        message: MessageId::from_raw(row.get(1)?),
        campaign: CampaignId::from_raw(row.get(2)?),
        campaign_name: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        mode,
        recipient: row.get(5)?,
        subject: row.get(6)?,
        state: counted.state,
        tries: row.get(8)?,
        accepted_at: Timestamp::from_millis(row.get(9)?),
        opened,
        inferred,
        clicked: counted.clicking().map(|(class, _)| class),
        last_at: Timestamp::from_millis(row.get(12)?),
    })
}

/// Deliveries, newest first; those of a campaign with those of the campaigns that were merged into it.
pub(super) fn list(
    conn: &Connection,
    filter: &DeliveryFilter,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let Some(campaign) = filter.campaign else { return list_of(conn, filter, before, limit) };
    let mut rows = Vec::new();
    for member in names::members(conn, campaign)? {
        let own = DeliveryFilter { campaign: Some(member), ..filter.clone() };
        rows.extend(list_of(conn, &own, before, limit)?);
    }
    rows.sort_by_key(|row| Reverse(row.delivery));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// What waits is found by the queue, unless a campaign's index is the shorter way.
fn list_of(
    conn: &Connection,
    filter: &DeliveryFilter,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let (sql, values) = query_of(filter, before, limit);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), read_row)?;
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    if let (None, Some(mode), Some(state)) = (filter.campaign, filter.mode, filter.state) {
        let sql = format!(
            "{SELECT_OWN} where d.mode = ? and d.state = ? and d.delivery < ? order by d.delivery desc limit ?"
        );
        let before = before.map_or(i64::MAX, DeliveryId::raw);
        let mut statement = conn.prepare_cached(&sql)?;
        let own = statement.query_map(params![mode_code(mode), state.code(), before, limit], read_row)?;
        rows.extend(own.collect::<Result<Vec<_>, _>>()?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.delivery));
        rows.truncate(limit as usize);
    }
    Ok(rows)
}

/// The query of a list and its values.
pub(super) fn query_of(filter: &DeliveryFilter, before: Option<DeliveryId>, limit: u32) -> (String, Vec<Value>) {
    let by_queue = filter.waiting_at.is_some() || (filter.state == Some(State::Queued) && filter.campaign.is_none());
    let select = if by_queue {
        SELECT_ROW
            .replace("from v_delivery d", "from queue_delivery q cross join v_delivery d on d.delivery = q.delivery")
    } else {
        SELECT_ROW.to_owned()
    };
    let id = if by_queue { "q.delivery" } else { "d.delivery" };
    let mut wanted = vec!["d.known = 1".to_owned()];
    let mut values = Vec::new();
    if let Some(domain) = &filter.waiting_at {
        wanted.push("q.domain = ?".to_owned());
        values.push(Value::Text(domain.to_string()));
    }
    let mut want = |clause: &str, value: i64| {
        wanted.push(clause.to_owned());
        values.push(Value::Integer(value));
    };
    if let Some(campaign) = filter.campaign {
        want("d.campaign = ?", campaign.raw());
    }
    if let Some(message) = filter.message {
        want("d.message = ?", message.raw());
    }
    if let Some(person) = filter.person {
        want("d.person = ?", person.raw());
    }
    if let Some(mode) = filter.mode {
        // Written out, so that the partial index of sandbox mail is seen to fit.
        match mode_code(mode) {
            1 => want("d.mode = 1 and ? = 1", 1),
            _ => want("d.mode = ?", 0),
        }
    }
    if let Some(before) = before {
        want(&format!("{id} < ?"), before.raw());
    }
    if let Some(state) = filter.state {
        // Written out, so that the partial indexes of what was not delivered are seen to fit.
        wanted.push(format!("d.state = {}", state.code()));
    }
    values.push(Value::Integer(limit.into()));
    (format!("{select} where {} order by {id} desc limit ?", wanted.join(" and ")), values)
}

/// One delivery, whole.
pub(super) fn whole(conn: &Connection, id: DeliveryId) -> Result<Option<DeliveryReport>, StoreError> {
    let read = |row: &Row<'_>| Ok((read_row(row)?, row.get::<_, i64>(13)?));
    let find = |sql: &str| conn.prepare_cached(sql)?.query_row([id.raw()], read).optional();
    let found = match find(&format!("{SELECT_ROW} where d.delivery = ?1 and d.known = 1"))? {
        None => find(&format!("{SELECT_OWN} where d.delivery = ?1"))?,
        found => found,
    };
    let Some((row, person)) = found else { return Ok(None) };
    let message = row.message.raw();
    let sql = "select reverse_path, from_text, message_id, credential, metadata from message where id = ?1";
    let texts = conn
        .prepare_cached(sql)?
        .query_row([message], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, String>(4)?)))
        .optional()?;
    let (reverse_path, from, message_id, credential, metadata) = texts.unwrap_or_default();
    let timeline = timeline(conn, id)?;
    let tags = timeline.iter().find_map(|entry| match &entry.event.fact {
        Fact::Accepted(accepted) => Some(accepted.tags.clone()),
        _ => None,
    });
    let sql = "select 1 from queue_message where message = ?1";
    let body_kept = conn.prepare_cached(sql)?.query_row([message], |_| Ok(())).optional()?.is_some();
    let waiting = waiting(conn, id)?;
    let sql = "select reply from notice_delivery where delivery = ?1";
    let own_reply: Option<String> = conn.prepare_cached(sql)?.query_row([id.raw()], |row| row.get(0)).optional()?;
    Ok(Some(DeliveryReport {
        person: PersonId::from_raw(person),
        reverse_path,
        from,
        message_id,
        credential,
        tags: tags.unwrap_or_default(),
        metadata: serde_json::from_str(&metadata).unwrap_or_default(),
        timeline,
        own_reply: own_reply.unwrap_or_default(),
        receipt: report::receipt(conn, message)?,
        body_kept,
        waiting,
        repeats: repeat::of(conn, row.message)?,
        row,
    }))
}

fn waiting(conn: &Connection, id: DeliveryId) -> Result<Option<Waiting>, StoreError> {
    let sql = "select next_at, expires_at, held, exists (select 1 from queue_pause p \
               where (p.campaign <> 0 and p.campaign = q.campaign) or (p.campaign = 0 and p.domain in ('', q.domain))) \
               or exists (select 1 from domain_site s join queue_site_pause h on h.site = s.site where s.domain = q.domain) \
               from queue_delivery q where delivery = ?1";
    let read = |row: &Row<'_>| {
        Ok(Waiting {
            next_at: Timestamp::from_millis(row.get(0)?),
            expires_at: Timestamp::from_millis(row.get(1)?),
            held: row.get(2)?,
            paused: row.get(3)?,
        })
    };
    Ok(conn.prepare_cached(sql)?.query_row([id.raw()], read).optional()?)
}

fn timeline(conn: &Connection, id: DeliveryId) -> Result<Vec<TimelineEntry>, StoreError> {
    let sql = format!(
        "select {}, event.source, source.name from event join source on source.id = event.source \
         where delivery = ?1 order by at, seq limit ?2",
        ledger::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.raw(), TIMELINE_MAX])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let event = ledger::read(row)?;
        let (source, name): (i64, String) = (row.get(5)?, row.get(6)?);
        let text = |field: TextField| report::text(conn, source, event.seq, field.code());
        entries.push(TimelineEntry {
            id: EventId { source: Source::from_stored(name), seq: event.seq }.to_string(),
            reply: text(TextField::Reply)?,
            transcript: text(TextField::Transcript)?,
            agent: text(TextField::Agent)?,
            target: text(TextField::Target)?,
            event,
        });
    }
    Ok(entries)
}
