//! The programs and devices that people read a campaign with.

use std::cmp::Reverse;

use rusqlite::{Connection, params_from_iter};

use super::error::StoreError;
use super::fold_clients::Client;
use super::names;
use super::view_campaign::Clients;
use crate::domain::CampaignId;

/// Rows read; programs are those that the rules name, so there are fewer.
const ROWS_MAX: i64 = 2_000;

/// Of some campaigns together.
pub(super) fn of(conn: &Connection, campaigns: &[CampaignId]) -> Result<Clients, StoreError> {
    let sql = format!(
        "select kind, name, sum(opened), sum(clicked) from v_client where (opened > 0 or clicked > 0) and {} \
         group by kind, name order by kind, name limit ?",
        names::one_of("campaign", campaigns.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(campaigns.iter().map(|id| id.raw()).chain([ROWS_MAX])))?;
    let (mut families, mut devices) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (opened, clicked) = (row.get(2)?, row.get(3)?);
        match Client::from_stored(row.get(0)?, row.get(1)?) {
            Client::Program(family) => families.push((family, opened, clicked)),
            Client::Device(device) => devices.push((device, opened, clicked)),
        }
    }
    families.sort_by_key(|(_, opened, clicked)| Reverse((*opened, *clicked)));
    devices.sort_by_key(|(_, opened, clicked)| Reverse((*opened, *clicked)));
    Ok(Clients { families, devices })
}
