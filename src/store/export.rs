//! The ledger as JSON lines: one envelope for every event, fields that do not apply left out.
//!
//! Runs in slices of at most 5,000 events, each its own read transaction, up to the highest event at its start.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::ledger::{self, TextField};
use super::{names, report, schema};
use crate::domain::EventId;
use crate::domain::event::{Attempt, Hit};
use crate::domain::suppression::Added;
use crate::domain::{
    Audience, BounceClass, CampaignId, DeliveryId, Device, Event, Fact, Source, Suppression, Timestamp,
};

/// Events a read transaction.
const SLICE: i64 = 5_000;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// Of the campaign that is shown under this name, live and sandbox.
    pub campaign: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// A range as events are compared with it.
struct Wanted {
    campaigns: Option<Vec<CampaignId>>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Wanted {
    fn new(conn: &Connection, range: &Range) -> Result<Self, StoreError> {
        let campaigns = range.campaign.as_ref().map(|name| names::all_shown_as(conn, name)).transpose()?;
        Ok(Self { campaigns, since: range.since, until: range.until })
    }

    fn has(&self, event: &Event) -> bool {
        let of_campaign = self
            .campaigns
            .as_ref()
            .is_none_or(|ids| event.fact.about().is_some_and(|about| ids.contains(&about.campaign)));
        of_campaign && self.since.is_none_or(|t| event.at >= t) && self.until.is_none_or(|t| event.at < t)
    }
}

/// Hands every event of the range to `line`, as JSON; stops at its first error.
pub fn export<E: From<StoreError>>(
    path: &std::path::Path,
    range: &Range,
    mut line: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let conn = schema::open_reader(path).map_err(E::from)?;
    let wanted = Wanted::new(&conn, range).map_err(E::from)?;
    for (source, name) in ledger::sources(&conn).map_err(E::from)? {
        let top = ledger::last_seq(&conn, source).map_err(E::from)?;
        let mut after = 0;
        while after < top {
            conn.execute_batch("begin").map_err(|e| E::from(e.into()))?;
            let events = ledger::slice(&conn, source, after, SLICE).map_err(E::from)?;
            let Some(last) = events.last().map(|e| e.seq) else { break };
            for event in events.iter().filter(|event| event.seq <= top && wanted.has(event)) {
                let value = envelope(&conn, source, &name, event).map_err(E::from)?;
                line(&value.to_string())?;
            }
            conn.execute_batch("commit").map_err(|e| E::from(e.into()))?;
            after = last;
        }
    }
    Ok(())
}

fn envelope(conn: &Connection, source: i64, name: &str, event: &Event) -> Result<Value, StoreError> {
    let name_of = |seq| EventId { source: Source::from_stored(name.to_owned()), seq }.to_string();
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(name_of(event.seq)));
    out.insert("type".to_owned(), json!(event.fact.kind().as_str()));
    out.insert("at".to_owned(), json!(event.at.rfc3339()));
    if let Some(about) = event.fact.about() {
        describe(conn, about.delivery, &mut out)?;
        out.insert("mode".to_owned(), json!(about.mode.as_str()));
    }
    let text = |field: TextField| report::text(conn, source, event.seq, field.code());
    match &event.fact {
        Fact::Accepted(accepted) => {
            out.insert("tags".to_owned(), json!(accepted.tags));
            out.insert("tracked".to_owned(), json!({"pixel": accepted.pixel, "links": accepted.links}));
        }
        Fact::Delivered { attempt, pixel, links, .. } => {
            out.insert("attempt".to_owned(), attempt_json(attempt, &text(TextField::Reply)?, None));
            out.insert("tracked".to_owned(), json!({"pixel": pixel, "links": links}));
        }
        Fact::Deferred { attempt, class, next, .. } => {
            out.insert("attempt".to_owned(), attempt_json(attempt, &text(TextField::Reply)?, Some(*next)));
            out.insert("bounce".to_owned(), bounce_json(*class));
        }
        Fact::Bounced { attempt, class, .. } | Fact::Expired { attempt, class, .. } => {
            out.insert("attempt".to_owned(), attempt_json(attempt, &text(TextField::Reply)?, None));
            out.insert("bounce".to_owned(), bounce_json(*class));
            if matches!(event.fact, Fact::Bounced { .. }) {
                out["bounce"]["suppressed"] = json!(class.is_final());
            }
        }
        Fact::LateBounced { class, .. } => {
            out.insert("bounce".to_owned(), bounce_json(*class));
        }
        Fact::Opened(hit) => add_hit(&mut out, hit, ""),
        Fact::Clicked(hit) => add_hit(&mut out, hit, &text(TextField::Target)?),
        Fact::Reclassified { hit, hit_seq, .. } => {
            add_hit(&mut out, hit, &report::text(conn, source, *hit_seq, TextField::Target.code())?);
            out.insert("reclassifies".to_owned(), json!(name_of(*hit_seq)));
        }
        Fact::Unsubscribed { client: Some(client), .. } => {
            out.insert("client".to_owned(), client_json(client.class, &client.rule, &client.family, &client.address));
        }
        Fact::Suppressed { by: Some(by), .. } => {
            out.insert("suppression".to_owned(), suppression_json(Some(by), &by.scope));
        }
        Fact::SuppressionAdded(added) => add_listed(conn, &mut out, added)?,
        Fact::SuppressionRemoved { person, scope } => {
            out.insert("recipient".to_owned(), json!(address(conn, person.raw())?));
            out.insert("suppression".to_owned(), suppression_json(None, scope));
        }
        Fact::Repointed { position, .. } => {
            out.insert("link".to_owned(), json!({"position": position}));
        }
        Fact::Sealed { through, digest } => {
            out.insert("sealed".to_owned(), json!({"through": name_of(*through), "sha256": digest}));
        }
        Fact::Suppressed { .. }
        | Fact::Cancelled { .. }
        | Fact::Complained { .. }
        | Fact::Unsubscribed { .. }
        | Fact::Erased { .. } => {}
    }
    Ok(Value::Object(out))
}

/// Campaign, message and recipient of a delivery.
fn describe(conn: &Connection, delivery: DeliveryId, out: &mut Map<String, Value>) -> Result<(), StoreError> {
    let sql = "select coalesce(n.name, c.name), d.message, coalesce(m.message_id, ''), coalesce(m.subject, ''), coalesce(m.metadata, ''), \
               coalesce(p.address, '') from v_delivery d left join v_campaign c on c.id = d.campaign \
               left join campaign_name n on n.campaign = d.campaign left join message m on m.id = d.message left join person p on p.id = d.person where d.delivery = ?1";
    let found = conn
        .prepare_cached(sql)?
        .query_row(params![delivery.raw()], |row| {
            let texts: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?, texts))
        })
        .optional()?;
    let Some((campaign, message, [message_id, subject, metadata, recipient])) = found else { return Ok(()) };
    let message = crate::domain::MessageId::from_raw(message).to_string();
    out.insert("campaign".to_owned(), json!(campaign));
    out.insert("message".to_owned(), json!({"id": message, "message_id": message_id, "subject": subject}));
    out.insert("delivery".to_owned(), json!(delivery.to_string()));
    if !recipient.is_empty() {
        out.insert("recipient".to_owned(), json!(recipient));
    }
    let metadata: Vec<(String, String)> = serde_json::from_str(&metadata).unwrap_or_default();
    if !metadata.is_empty() {
        let metadata: Map<_, _> = metadata.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
        out.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Ok(())
}

fn address(conn: &Connection, person: i64) -> Result<Option<String>, StoreError> {
    let sql = "select address from person where id = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([person], |row| row.get(0)).optional()?)
}

fn attempt_json(attempt: &Attempt, reply: &str, next: Option<Timestamp>) -> Value {
    let mut out = json!({"n": attempt.n, "code": attempt.code, "text": reply, "ms": attempt.ms});
    let fields = [("site", &attempt.site), ("mx", &attempt.mx), ("ip", &attempt.ip), ("tls", &attempt.tls)];
    let fields = fields.into_iter().chain([("enhanced", &attempt.enhanced), ("certificate", &attempt.certificate)]);
    for (name, value) in fields.filter(|(_, value)| !value.is_empty()) {
        out[name] = json!(value);
    }
    if let Some(next) = next {
        out["next"] = json!(next.rfc3339());
    }
    out
}

fn bounce_json(class: BounceClass) -> Value {
    json!({"class": class.as_str()})
}

fn add_listed(conn: &Connection, out: &mut Map<String, Value>, added: &Added) -> Result<(), StoreError> {
    let mut listed = suppression_json(Some(&added.suppression), &added.suppression.scope);
    listed["source"] = json!(added.origin.as_str());
    out.insert("recipient".to_owned(), json!(address(conn, added.person.raw())?));
    out.insert("suppression".to_owned(), listed);
    if let Some(delivery) = added.delivery {
        out.insert("delivery".to_owned(), json!(delivery.to_string()));
    }
    Ok(())
}

/// An absent scope is all mail.
fn suppression_json(by: Option<&Suppression>, scope: &str) -> Value {
    let mut out = by.map_or(json!({}), |by| json!({"reason": by.reason.as_str(), "since": by.since.rfc3339()}));
    if !scope.is_empty() {
        out["scope"] = json!(scope);
    }
    out
}

fn client_json(class: Audience, rule: &str, family: &str, address: &str) -> Value {
    let mut client = json!({"class": class.as_str(), "rule": rule});
    for (name, value) in [("family", family), ("address", address)] {
        if !value.is_empty() {
            client[name] = json!(value);
        }
    }
    client
}

fn add_hit(out: &mut Map<String, Value>, hit: &Hit, target: &str) {
    if hit.position > 0 {
        out.insert("link".to_owned(), json!({"position": hit.position, "url": target}));
    }
    let mut client = client_json(hit.class, &hit.rule, &hit.family, &hit.address);
    if hit.device != Device::Unknown {
        client["device"] = json!(hit.device.as_str());
    }
    out.insert("client".to_owned(), client);
    if hit.count > 1 {
        out.insert("count".to_owned(), json!(hit.count));
    }
}
