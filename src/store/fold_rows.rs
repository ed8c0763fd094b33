//! The fold's rows: how they are read and written.

use std::sync::LazyLock;

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Row, params};

use super::error::StoreError;
use super::fold::mode_code;
use super::fold_state::{DeliveryState, HitCounter};
use super::view::State;
use crate::domain::audience::Audience;
use crate::domain::{BounceClass, DeliveryId, Device, Event, Fact, Metric, Mode};

pub(super) const SELECT_DELIVERY: &str = "select known, message, campaign, mode, person, domain, site, site_try, state, tries, class, \
    accepted_at, settled_at, pixel, links, opened, opened_at, clicked, clicked_at, open_events, click_events, \
    late_bounced_at, complained_at, unsubscribed_at, last_at from v_delivery where delivery = ?1";

pub(super) const SELECT_HITS: &str =
    "select position, class, minute, family, device, pattern, n from v_hit where delivery = ?1";

pub(super) const UPSERT_HIT: &str = "insert into v_hit values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
    on conflict (delivery, position, class, minute, family, device) do update set n = excluded.n";

pub(super) const UPSERT_CLIENT: &str = "insert into v_client values (?1, ?2, ?3, ?4, ?5) \
    on conflict (campaign, kind, name) do update set opened = opened + excluded.opened, \
    clicked = clicked + excluded.clicked";

pub(super) const UPSERT_LATENCY: &str =
    "insert into v_latency values (?1, ?2, ?3, ?4) on conflict (scope, site, step) do update set n = n + excluded.n";

pub(super) const UPSERT_LINK: &str = "insert into v_link values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
    on conflict (campaign, position, pattern) do update set human = human + excluded.human, \
    proxy = proxy + excluded.proxy, unknown = unknown + excluded.unknown, prefetch = prefetch + excluded.prefetch, \
    scanner = scanner + excluded.scanner, total_events = total_events + excluded.total_events";

pub(super) const UPSERT_REFUSAL: &str = "insert into v_refusal values (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
    on conflict (campaign, class) do update set bounced = bounced + excluded.bounced, \
    deferrals = deferrals + excluded.deferrals, \
    sample_source = iif(excluded.sample_at < sample_at, excluded.sample_source, sample_source), \
    sample_seq = iif(excluded.sample_at < sample_at, excluded.sample_seq, sample_seq), \
    sample_at = min(sample_at, excluded.sample_at)";

/// Made once; each adds the counts of its row.
pub(super) static UPSERT_CAMPAIGN: LazyLock<String> =
    LazyLock::new(|| upsert_counts("insert into v_campaign", CAMPAIGN_KEYS, "id", CAMPAIGN_UPDATES));
pub(super) static UPSERT_SERIES: LazyLock<String> =
    LazyLock::new(|| upsert_counts("insert into v_series", "scope, bucket", "scope, bucket", ""));
pub(super) static UPSERT_DAY: LazyLock<String> =
    LazyLock::new(|| upsert_counts("insert into v_day", "scope, day", "scope, day", ""));
pub(super) static UPSERT_SITE: LazyLock<String> =
    LazyLock::new(|| upsert_counts("insert into v_site", "scope, domain", "scope, domain", ""));

pub(super) static UPSERT_RECEIVER: LazyLock<String> =
    LazyLock::new(|| upsert_counts("insert into v_receiver", "scope, site", "scope, site", ""));
/// Once its deliveries are all in the rows of their sites, a domain's row says nothing.
pub(super) const LEAVE_RECEIVER: &str =
    "delete from v_receiver where scope = ?1 and site = ?2 and recipients = 0 and open_events = 0 and click_events = 0";

/// The latest fact counts; of two of one moment the greater, so that the order they meet in does not matter.
pub(super) const UPSERT_SUPPRESSION: &str = "insert into v_suppression values (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
    on conflict (person, scope) do update set reason = excluded.reason, at = excluded.at, since = excluded.since, \
    origin = excluded.origin, delivery = excluded.delivery \
    where (excluded.at, excluded.reason, excluded.since, excluded.origin, excluded.delivery) \
    > (at, reason, since, origin, delivery)";

/// The row that a fact makes of the list of suppressions; `None` for other facts.
pub(super) fn suppression_row(event: &Event) -> Option<[Value; 7]> {
    let at = event.at.millis();
    match &event.fact {
        Fact::SuppressionAdded(added) => {
            let by = &added.suppression;
            let since = if by.since.millis() == 0 { at } else { by.since.millis() };
            let delivery = added.delivery.map_or(0, DeliveryId::raw);
            let (reason, origin) = (i64::from(by.reason.code()), i64::from(added.origin.code()));
            let scope = Value::Text(by.scope.clone());
            Some([
                added.person.raw().into(),
                scope,
                reason.into(),
                at.into(),
                since.into(),
                origin.into(),
                delivery.into(),
            ])
        }
        Fact::SuppressionRemoved { person, scope } => {
            let zero = || Value::Integer(0);
            Some([person.raw().into(), Value::Text(scope.clone()), zero(), at.into(), zero(), zero(), zero()])
        }
        _ => None,
    }
}

const CAMPAIGN_KEYS: &str =
    "id, name, mode, first_at, last_at, first_message, last_message, messages, first_delivery_at";

const CAMPAIGN_UPDATES: &str = "name = iif(name = '', excluded.name, name), \
    mode = max(mode, excluded.mode), \
    first_message = iif(excluded.first_at < first_at, excluded.first_message, first_message), \
    first_at = min(first_at, excluded.first_at), \
    last_message = iif(excluded.last_at >= last_at, max(excluded.last_message, last_message), last_message), \
    last_at = max(last_at, excluded.last_at), \
    messages = messages + excluded.messages, \
    first_delivery_at = min(first_delivery_at, excluded.first_delivery_at), ";

/// An upsert that adds the counts; `updates` are assignments before them, with a comma behind.
fn upsert_counts(insert: &str, keys: &str, conflict: &str, updates: &str) -> String {
    let names: Vec<_> = Metric::ALL.iter().map(|m| m.as_str()).collect();
    let key_count = keys.split(',').count();
    let places: Vec<_> = (1..=key_count + names.len()).map(|n| format!("?{n}")).collect();
    let adds: Vec<_> = names.iter().map(|n| format!("{n} = {n} + excluded.{n}")).collect();
    format!(
        "{insert} ({keys}, {}) values ({}) on conflict ({conflict}) do update set {updates}{}",
        names.join(", "),
        places.join(", "),
        adds.join(", ")
    )
}

pub(super) fn read_delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryState> {
    Ok(DeliveryState {
        known: row.get(0)?,
        message: row.get(1)?,
        campaign: row.get(2)?,
        mode: mode(row.get(3)?),
        person: row.get(4)?,
        domain: row.get(5)?,
        site: row.get(6)?,
        site_try: row.get(7)?,
        state: State::from_code(row.get(8)?),
        tries: row.get(9)?,
        class: BounceClass::from_code(row.get(10)?),
        accepted_at: row.get(11)?,
        settled_at: row.get(12)?,
        pixel: row.get(13)?,
        links: row.get(14)?,
        opened: Audience::from_code(row.get(15)?),
        opened_at: row.get(16)?,
        clicked: Audience::from_code(row.get(17)?),
        clicked_at: row.get(18)?,
        open_events: row.get(19)?,
        click_events: row.get(20)?,
        late_bounced_at: row.get(21)?,
        complained_at: row.get(22)?,
        unsubscribed_at: row.get(23)?,
        last_at: row.get(24)?,
    })
}

pub(super) fn mode(code: i64) -> Mode {
    if code == mode_code(Mode::Sandbox) { Mode::Sandbox } else { Mode::Live }
}

pub(super) fn load_hits(statement: &mut CachedStatement<'_>, delivery: i64) -> Result<Vec<HitCounter>, StoreError> {
    let mut rows = statement.query([delivery])?;
    let mut hits = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(class) = Audience::from_code(row.get(1)?) else { continue };
        hits.push(HitCounter {
            position: row.get(0)?,
            class,
            minute: row.get(2)?,
            family: row.get(3)?,
            device: Device::from_code(row.get(4)?).unwrap_or(Device::Unknown),
            pattern: row.get(5)?,
            n: row.get(6)?,
            changed: false,
        });
    }
    Ok(hits)
}

pub(super) fn write_hit(
    statement: &mut CachedStatement<'_>,
    delivery: i64,
    hit: &HitCounter,
) -> Result<(), StoreError> {
    let (class, device) = (hit.class.code(), hit.device.code());
    statement.execute(params![delivery, hit.position, class, hit.minute, hit.family, device, hit.pattern, hit.n])?;
    Ok(())
}
