//! The links of a campaign, as pages show them: by their place in the mail, and never a row a person.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{Connection, Row, params};

use super::error::StoreError;
use super::report;
use super::view::LinkRow;
use crate::domain::CampaignId;
use crate::domain::link::PERSONAL;

/// Links shown.
const LINKS_SHOWN: usize = 100;
/// Rows read of one campaign: those that are named, those that were counted, and one more a position.
const ROWS_MAX: u32 = 4_000;
/// More addresses than these at one place of a mail are personal, whatever they look like, and make one row.
const ROWS_A_PLACE_MAX: usize = 8;

/// As many links as a page lists.
pub(super) fn first(conn: &Connection, members: &[CampaignId]) -> Result<Vec<LinkRow>, StoreError> {
    let mut links = all(conn, members)?;
    links.truncate(LINKS_SHOWN);
    Ok(links)
}

/// The links of all members, equal ones in one row, by position.
pub(super) fn all(conn: &Connection, members: &[CampaignId]) -> Result<Vec<LinkRow>, StoreError> {
    let mut together: BTreeMap<(u16, i64), LinkRow> = BTreeMap::new();
    for member in members {
        for (pattern, link) in links_of(conn, *member)? {
            match together.entry((link.position, pattern)) {
                Entry::Vacant(place) => drop(place.insert(link)),
                Entry::Occupied(mut place) => place.get_mut().join(&link),
            }
        }
    }
    let mut places: BTreeMap<u16, Vec<LinkRow>> = BTreeMap::new();
    for ((position, _), link) in together {
        places.entry(position).or_default().push(link);
    }
    Ok(places.into_values().flat_map(grouped).map(shown).collect())
}

fn grouped(links: Vec<LinkRow>) -> Vec<LinkRow> {
    if links.len() <= ROWS_A_PLACE_MAX {
        return links;
    }
    let one = links.into_iter().reduce(|mut all, link| {
        all.join(&link);
        all
    });
    one.into_iter().collect()
}

fn shown(mut link: LinkRow) -> LinkRow {
    link.personal = link.url.contains(PERSONAL);
    link.url = link.url.replace(PERSONAL, "*");
    link
}

/// Named links with their counts, then those that were counted without a name; each with its pattern.
fn links_of(conn: &Connection, id: CampaignId) -> Result<Vec<(i64, LinkRow)>, StoreError> {
    let sql = "select n.position, n.url, n.label, coalesce(human, 0), coalesce(proxy, 0), coalesce(unknown, 0), \
               coalesce(prefetch, 0), coalesce(scanner, 0), coalesce(total_events, 0), n.pattern \
               from campaign_link n left join v_link using (campaign, position, pattern) where n.campaign = ?1 \
               union all \
               select position, '', '', human, proxy, unknown, prefetch, scanner, total_events, pattern from v_link v \
               where v.campaign = ?1 and not exists (select 1 from campaign_link n \
               where n.campaign = v.campaign and n.position = v.position and n.pattern = v.pattern) \
               order by 1 limit ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((row.get(9)?, report::read_link(row)?));
    let rows = statement.query_map(params![id.raw(), ROWS_MAX], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
#[path = "report_links_tests.rs"]
mod tests;
