//! The programs and devices that people read a campaign with.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::{Connection, params_from_iter};

use super::error::StoreError;
use super::names;
use super::view_campaign::Clients;
use crate::domain::{CampaignId, Device};

/// Rows read; programs are those that the rules name, so there are fewer.
const ROWS_MAX: i64 = 2_000;

/// Of some campaigns together.
pub(super) fn of(conn: &Connection, campaigns: &[CampaignId]) -> Result<Clients, StoreError> {
    let sql = format!(
        "select family, device, opened, clicked from v_client where (opened > 0 or clicked > 0) and {} limit ?",
        names::one_of("campaign", campaigns.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(campaigns.iter().map(|id| id.raw()).chain([ROWS_MAX])))?;
    let (mut families, mut devices) = (BTreeMap::<String, (i64, i64)>::new(), BTreeMap::<u8, (i64, i64)>::new());
    while let Some(row) = rows.next()? {
        let (opened, clicked): (i64, i64) = (row.get(2)?, row.get(3)?);
        let add = |sum: &mut (i64, i64)| *sum = (sum.0 + opened, sum.1 + clicked);
        add(families.entry(row.get(0)?).or_default());
        add(devices.entry(row.get(1)?).or_default());
    }
    let mut families: Vec<_> = families.into_iter().map(|(family, (o, c))| (family, o, c)).collect();
    let device = |code| Device::from_code(code).unwrap_or(Device::Unknown);
    let mut devices: Vec<_> = devices.into_iter().map(|(code, (o, c))| (device(code), o, c)).collect();
    families.sort_by_key(|(_, opened, clicked)| Reverse((*opened, *clicked)));
    devices.sort_by_key(|(_, opened, clicked)| Reverse((*opened, *clicked)));
    Ok(Clients { families, devices })
}
