//! What campaigns and their links are called: the names that lists give, that people change, and what is merged into what.
//!
//! Facts keep the campaign that they were written for; a new name or a merger stands beside the ledger and is looked up
//! when numbers are read, so that either can be undone.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::fold::mode_code;
use super::fold_links::{LINKS_MAX, PATTERNS_MAX};
use super::person;
use super::report::Reports;
use super::writer::{Lane, Writer};
use crate::domain::{Address, Campaign, CampaignId, Mode, PersonId, Timestamp, link};

/// A list that was silent for this long begins a new campaign.
const LIST_SILENCE: Duration = Duration::from_hours(24);

/// Why a campaign keeps its name or its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// There is no such campaign.
    Missing,
    /// Another campaign has the name.
    Taken,
    /// Live and sandbox mail are never counted together, nor a campaign with itself.
    Unlike,
}

/// The handle of those who rename and merge.
#[derive(Clone)]
pub struct Names {
    pub(super) writer: Writer,
}

impl Names {
    /// Gives a campaign another name; mail that names it so joins it from now on. `Err` says why it keeps its own.
    pub async fn rename(&self, id: CampaignId, name: &str) -> Result<Result<(), NameFault>, StoreError> {
        let name = name.to_owned();
        self.write(move |conn| rename(conn, id, &name)).await
    }

    /// Shows a campaign, and what was merged into it, as part of another.
    pub async fn merge(&self, id: CampaignId, into: CampaignId) -> Result<Result<(), NameFault>, StoreError> {
        self.write(move |conn| merge(conn, id, into)).await
    }

    /// Shows a merged campaign by itself again.
    pub async fn separate(&self, id: CampaignId) -> Result<Result<(), NameFault>, StoreError> {
        self.write(move |conn| {
            let gone = conn.execute("delete from campaign_merge where campaign = ?1", [id.raw()])?;
            Ok(if gone == 1 { Ok(()) } else { Err(NameFault::Missing) })
        })
        .await
    }

    async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(Lane::Urgent, 512, move |batch| run(batch.tx)).await
    }
}

/// Looking up what pages and programs are asked for by name.
impl Reports {
    /// The number of the campaign that is shown under a name.
    pub async fn campaign_id(&self, name: &str, mode: Mode) -> Result<Option<CampaignId>, StoreError> {
        let name = name.to_owned();
        let find = move |conn: &Connection| {
            let id = shown_as(conn, &name, mode)?;
            Ok(called(conn, id)?.map(|_| id))
        };
        self.readers.read(find).await
    }

    /// What a campaign is called; `None` when there is none.
    pub async fn campaign_name(&self, id: CampaignId) -> Result<Option<String>, StoreError> {
        self.readers.read(move |conn| Ok(called(conn, id)?.map(|(name, _)| name))).await
    }

    /// The number of an address; `None` when it was never mailed nor suppressed, or is erased.
    pub async fn person_id(&self, address: Address) -> Result<Option<PersonId>, StoreError> {
        self.readers.read(move |conn| person::find(conn, &address)).await
    }
}

fn rename(conn: &Connection, id: CampaignId, name: &str) -> Result<Result<(), NameFault>, StoreError> {
    let Some(mode) = mode_of(conn, id)? else { return Ok(Err(NameFault::Missing)) };
    let wanted = Campaign::new(name, mode);
    if wanted.id() == id {
        conn.execute("delete from campaign_name where campaign = ?1", [id.raw()])?;
        return Ok(Ok(()));
    }
    let holder = by_name(conn, &wanted)?;
    if holder != id && (holder != wanted.id() || mode_of(conn, holder)?.is_some()) {
        return Ok(Err(NameFault::Taken));
    }
    let sql = "insert or replace into campaign_name values (?1, ?2, ?3)";
    conn.execute(sql, params![id.raw(), mode_code(mode), wanted.name()])?;
    Ok(Ok(()))
}

fn merge(conn: &Connection, id: CampaignId, into: CampaignId) -> Result<Result<(), NameFault>, StoreError> {
    let into = shown_in(conn, into)?;
    let (Some(own), Some(other)) = (mode_of(conn, id)?, mode_of(conn, into)?) else {
        return Ok(Err(NameFault::Missing));
    };
    if own != other || id == into {
        return Ok(Err(NameFault::Unlike));
    }
    conn.execute("update campaign_merge set into_campaign = ?2 where into_campaign = ?1", [id.raw(), into.raw()])?;
    conn.execute("insert or replace into campaign_merge values (?1, ?2)", [id.raw(), into.raw()])?;
    Ok(Ok(()))
}

fn mode_of(conn: &Connection, id: CampaignId) -> Result<Option<Mode>, StoreError> {
    let sql = "select mode from v_campaign where id = ?1 and name <> ''";
    let found = conn.prepare_cached(sql)?.query_row([id.raw()], |row| super::report::read_mode(row, 0)).optional()?;
    Ok(found)
}

/// What a campaign is called, and whether it is live; `None` when there is none.
pub(super) fn called(conn: &Connection, id: CampaignId) -> Result<Option<(String, Mode)>, StoreError> {
    let sql = "select coalesce(n.name, c.name), c.mode from v_campaign c left join campaign_name n on n.campaign = c.id \
               where c.id = ?1 and c.name <> ''";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, super::report::read_mode(row, 1)?));
    Ok(conn.prepare_cached(sql)?.query_row([id.raw()], read).optional()?)
}

fn by_name(conn: &Connection, named: &Campaign) -> Result<CampaignId, StoreError> {
    let sql = "select campaign from campaign_name where name = ?1 and mode = ?2";
    let values = params![named.name(), mode_code(named.mode())];
    let found = conn.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.map_or_else(|| named.id(), CampaignId::from_raw))
}

/// The campaign that mail belongs to which names this one, or which comes from this list and names none.
pub(super) fn joined(
    conn: &Connection,
    named: &Campaign,
    list: Option<&str>,
    now: Timestamp,
) -> Result<Campaign, StoreError> {
    let named = match list {
        Some(list) => of_list(conn, list, named.mode(), now)?,
        None => named.clone(),
    };
    let id = by_name(conn, &named)?;
    Ok(named.with_id(id))
}

fn of_list(conn: &Connection, list: &str, mode: Mode, now: Timestamp) -> Result<Campaign, StoreError> {
    let sql = "select name from list_campaign where list = ?1 and mode = ?2 and last_at >= ?3";
    let values = params![list, mode_code(mode), (now - LIST_SILENCE).millis()];
    let going_on: Option<String> = conn.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    let name = going_on.unwrap_or_else(|| format!("{list} {}", now.to_chrono().format("%Y-%m-%d")));
    let sql = "insert into list_campaign values (?1, ?2, ?3, ?4) on conflict (list, mode) do update set \
               name = excluded.name, last_at = max(last_at, excluded.last_at)";
    conn.prepare_cached(sql)?.execute(params![list, mode_code(mode), name, now.millis()])?;
    Ok(Campaign::new(&name, mode))
}

/// The campaign that is shown under a name.
pub(super) fn shown_as(conn: &Connection, name: &str, mode: Mode) -> Result<CampaignId, StoreError> {
    shown_in(conn, by_name(conn, &Campaign::new(name, mode))?)
}

/// The campaigns that are shown under a name, live and sandbox, with those merged into them.
pub(super) fn all_shown_as(conn: &Connection, name: &str) -> Result<Vec<CampaignId>, StoreError> {
    let mut all = Vec::new();
    for mode in [Mode::Live, Mode::Sandbox] {
        all.extend(members(conn, shown_as(conn, name, mode)?)?);
    }
    Ok(all)
}

/// The campaign that this one is shown in; itself when it was not merged.
pub(super) fn shown_in(conn: &Connection, id: CampaignId) -> Result<CampaignId, StoreError> {
    let sql = "select into_campaign from campaign_merge where campaign = ?1";
    let found = conn.prepare_cached(sql)?.query_row([id.raw()], |row| row.get(0)).optional()?;
    Ok(found.map_or(id, CampaignId::from_raw))
}

/// `column in (?, …)` for so many values.
pub(super) fn one_of(column: &str, count: usize) -> String {
    format!("{column} in ({})", vec!["?"; count].join(", "))
}

/// The campaigns whose numbers are shown together: this one first, then those merged into it.
pub(super) fn members(conn: &Connection, id: CampaignId) -> Result<Vec<CampaignId>, StoreError> {
    let mut members = vec![id];
    let mut statement = conn.prepare_cached("select campaign from campaign_merge where into_campaign = ?1")?;
    let merged = statement.query_map([id.raw()], |row| row.get(0).map(CampaignId::from_raw))?;
    members.extend(merged.collect::<Result<Vec<_>, _>>()?);
    Ok(members)
}

/// Keeps what the campaign's links are called, up to the caps that the fold counts them by. Where their addresses differ
/// within a row, it is called by what they share.
pub(super) fn name_links(
    conn: &Connection,
    campaign: CampaignId,
    links: &[(u16, String, String)],
) -> Result<(), StoreError> {
    let campaign = campaign.raw();
    for (position, url, label) in links {
        let key = link::pattern_key(url);
        let known: Option<String> = conn
            .prepare_cached("select url from campaign_link where campaign = ?1 and position = ?2 and pattern = ?3")?
            .query_row(params![campaign, position, key], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            let grouped = if known == *url { known.clone() } else { link::grouped(&known, url) };
            if grouped != known {
                let sql = "update campaign_link set url = ?4 where campaign = ?1 and position = ?2 and pattern = ?3";
                conn.prepare_cached(sql)?.execute(params![campaign, position, key, grouped])?;
            }
            continue;
        }
        let (all, here): (i64, i64) = conn
            .prepare_cached(
                "select count(*), count(iif(position = ?2, 1, null)) from campaign_link where campaign = ?1",
            )?
            .query_row(params![campaign, position], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if all >= LINKS_MAX {
            return Ok(());
        }
        if here < PATTERNS_MAX {
            conn.prepare_cached("insert into campaign_link values (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![campaign, position, key, url, label])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_a_new_campaign_after_a_day_of_silence() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = super::super::schema::open_writer(&folder.path().join("x.db")).unwrap();
        super::super::schema::migrate(&mut conn, Timestamp::default()).unwrap();
        let unnamed = Campaign::new("", Mode::Live);
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let name = |list, time| joined(&conn, &unnamed, list, at(time)).unwrap().name().to_owned();
        let list = Some("weekly.news.example");
        for (time, day) in [
            ("2026-11-20T23:00:00Z", "2026-11-20"),
            ("2026-11-21T22:59:59Z", "2026-11-20"),
            // A clock that goes back does not shorten the silence.
            ("2026-11-21T01:00:00Z", "2026-11-20"),
            ("2026-11-22T22:59:59Z", "2026-11-20"),
            ("2026-11-23T23:00:00Z", "2026-11-23"),
        ] {
            assert_eq!(name(list, time), format!("weekly.news.example {day}"), "{time}");
        }
        assert_eq!(name(None, "2026-11-23T23:00:00Z"), crate::domain::campaign::NONE);
    }
}
