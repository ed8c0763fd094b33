//! Deliveries by the site that takes them. Only as many rows are read as are shown: what all others have is what the
//! whole has more.

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::error::StoreError;
use super::fold::mode_code;
use super::names;
use super::report::{count_columns, count_sums, read_counts};
use super::view::SiteRow;
use super::view_campaign::ReceiverRow;
use crate::domain::{CampaignId, Counts, Metric, Mode, latency};

/// Sites that are counted; above it is said that there are more.
const COUNTED_MAX: i64 = 10_000;
/// Of each of several campaigns that are shown together, so many times the sites shown are looked at.
const CANDIDATES: u32 = 5;

impl SiteRow {
    /// The site's name, or of how many others it is the row.
    pub fn called(&self) -> String {
        match self.domains {
            _ if !self.domain.is_empty() => self.domain.clone(),
            1 => "1 other site".to_owned(),
            n if n > COUNTED_MAX => "more than 10,000 other sites".to_owned(),
            n => format!("{n} other sites"),
        }
    }

    /// Whether it stands for all others.
    pub fn is_rest(&self) -> bool {
        self.domain.is_empty()
    }
}

/// The sites of some scopes with the most recipients, then all others in one row.
pub(super) fn sites(conn: &Connection, scopes: &[CampaignId], shown: u32) -> Result<Vec<SiteRow>, StoreError> {
    let mut sites = match scopes {
        [scope] => most(conn, *scope, shown)?,
        _ => most_together(conn, scopes, shown)?,
    };
    let mut others = Counts::default();
    for scope in scopes {
        others += whole(conn, *scope)?;
    }
    sites.iter().for_each(|site| others -= site.counts);
    let rest = count(conn, scopes)? - i64::try_from(sites.len()).unwrap_or(0);
    if rest > 0 && others[Metric::Recipients] > 0 {
        sites.push(SiteRow { domain: String::new(), domains: rest, counts: others });
    }
    Ok(sites)
}

/// The same sites with the time that their mail took.
pub(super) fn with_latency(
    conn: &Connection,
    scopes: &[CampaignId],
    sites: &[SiteRow],
) -> Result<Vec<ReceiverRow>, StoreError> {
    let mut rows = Vec::with_capacity(sites.len());
    for site in sites {
        let latency_ms = if site.is_rest() { None } else { latency_ms(conn, scopes, &site.domain)? };
        rows.push(ReceiverRow { site: site.clone(), latency_ms });
    }
    Ok(rows)
}

/// Sites without that time, where nobody looks at it.
pub(super) fn alone(conn: &Connection, scopes: &[CampaignId], shown: u32) -> Result<Vec<ReceiverRow>, StoreError> {
    let sites = sites(conn, scopes, shown)?;
    Ok(sites.into_iter().map(|site| ReceiverRow { site, latency_ms: None }).collect())
}

fn latency_ms(conn: &Connection, scopes: &[CampaignId], site: &str) -> Result<Option<(i64, i64)>, StoreError> {
    let sql = format!(
        "select step, sum(n) from v_latency where {} and site = ? group by step order by step",
        names::one_of("scope", scopes.len())
    );
    let values = scopes.iter().map(|scope| rusqlite::types::Value::Integer(scope.raw()));
    let values = params_from_iter(values.chain([rusqlite::types::Value::Text(site.to_owned())]));
    let mut statement = conn.prepare_cached(&sql)?;
    let steps: Vec<(u32, i64)> =
        statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let span = |share| latency::quantile(&steps, share).map(latency::span_ms);
    Ok(span(0.5).zip(span(0.95)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<SiteRow> {
    Ok(SiteRow { domain: row.get(0)?, domains: 1, counts: read_counts(row, 1)? })
}

/// By the index of their sizes.
fn most(conn: &Connection, scope: CampaignId, shown: u32) -> Result<Vec<SiteRow>, StoreError> {
    let sql = format!(
        "select site, {} from v_receiver where scope = ?1 and recipients > 0 order by recipients desc limit ?2",
        count_columns()
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([scope.raw(), shown.into()], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Of several scopes: the greatest of each, with what the others have of them.
fn most_together(conn: &Connection, scopes: &[CampaignId], shown: u32) -> Result<Vec<SiteRow>, StoreError> {
    let mut names: Vec<String> = Vec::new();
    for scope in scopes {
        names.extend(most(conn, *scope, shown * CANDIDATES)?.into_iter().map(|site| site.domain));
    }
    names.sort_unstable();
    names.dedup();
    let sql = format!("select site, {} from v_receiver where scope = ?1 and site = ?2", count_columns());
    let mut statement = conn.prepare_cached(&sql)?;
    let mut sites = Vec::with_capacity(names.len());
    for name in names {
        let mut counts = Counts::default();
        for scope in scopes {
            let found = statement.query_row((scope.raw(), &name), read).optional()?;
            counts += found.map_or_else(Counts::default, |site| site.counts);
        }
        sites.push(SiteRow { domain: name, domains: 1, counts });
    }
    sites.sort_by_key(|site| std::cmp::Reverse(site.counts[Metric::Recipients]));
    sites.truncate(usize::try_from(shown).unwrap_or(usize::MAX));
    Ok(sites)
}

/// All that a scope counts: a campaign has a row, a mode has that of each of its campaigns.
fn whole(conn: &Connection, scope: CampaignId) -> Result<Counts, StoreError> {
    let of_mode = [Mode::Live, Mode::Sandbox].into_iter().find(|mode| CampaignId::all(*mode) == scope);
    let (of, value) = match of_mode {
        Some(mode) => ("mode = ?1 and name <> ''", mode_code(mode)),
        None => ("id = ?1", scope.raw()),
    };
    let sql = format!("select {} from v_campaign where {of}", count_sums());
    Ok(conn.prepare_cached(&sql)?.query_row([value], |row| read_counts(row, 0))?)
}

/// How many sites there are, up to one more than are counted.
fn count(conn: &Connection, scopes: &[CampaignId]) -> Result<i64, StoreError> {
    let what = if scopes.len() == 1 { "*" } else { "distinct site" };
    let sql = format!(
        "select count({what}) from (select site from v_receiver where {} and recipients > 0 limit ?)",
        names::one_of("scope", scopes.len())
    );
    let values = params_from_iter(scopes.iter().map(|scope| scope.raw()).chain([COUNTED_MAX + 100]));
    Ok(conn.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::store::{schema, views};

    #[test]
    fn the_others_are_what_the_campaign_has_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        views::renew(&mut conn).unwrap();
        let (one, other) = (CampaignId::from_raw(5_000), CampaignId::from_raw(5_001));
        let campaign = "insert into v_campaign (id, name, mode, first_at, last_at, first_message, last_message, messages, \
                        first_delivery_at, recipients, delivered) values (?1, 'c', 0, 0, 0, 0, 0, 1, 0, ?2, ?2)";
        let site = "insert into v_receiver (scope, site, recipients, delivered) values (?1, ?2, ?3, ?3)";
        for (id, rows) in
            [(one, [("a", 50), ("b", 30), ("c", 2), ("d", 1)]), (other, [("a", 1), ("c", 60), ("e", 7), ("f", 0)])]
        {
            let sum: i64 = rows.iter().map(|(_, n)| n).sum();
            conn.execute(campaign, (id.raw(), sum)).unwrap();
            for (name, n) in rows {
                conn.execute(site, (id.raw(), name, n)).unwrap();
            }
        }
        conn.execute("insert into v_latency values (5000, 'a', 80, 3), (5000, 'a', 160, 1), (5001, 'a', 80, 0)", [])
            .unwrap();
        let shown = |scopes: &[CampaignId], limit| {
            let rows = with_latency(&conn, scopes, &sites(&conn, scopes, limit).unwrap()).unwrap();
            let row = |row: &ReceiverRow| (row.site.called(), row.site.counts[Metric::Recipients]);
            rows.iter().map(row).collect::<Vec<_>>()
        };
        let named = |rows: &[(&str, i64)]| rows.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(shown(&[one], 2), named(&[("a", 50), ("b", 30), ("2 other sites", 3)]));
        assert_eq!(shown(&[one], 3), named(&[("a", 50), ("b", 30), ("c", 2), ("1 other site", 1)]));
        assert_eq!(shown(&[one], 9).len(), 4);
        // A site with nobody is none.
        assert_eq!(shown(&[one, other], 2), named(&[("c", 62), ("a", 51), ("3 other sites", 38)]));
        let shown = sites(&conn, &[one, other], 2).unwrap();
        let latency = with_latency(&conn, &[one, other], &shown).unwrap()[1].latency_ms;
        assert_eq!(latency, Some((latency::span_ms(80), latency::span_ms(160))));
    }

    #[test]
    fn no_query_of_the_sites_reads_more_than_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        views::renew(&mut conn).unwrap();
        let plan = |sql: &str| -> String {
            let mut statement = conn.prepare(&format!("explain query plan {sql}")).unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        let most =
            plan("select site from v_receiver where scope = 1 and recipients > 0 order by recipients desc limit 10");
        assert!(most.contains("receiver_size (scope=? AND recipients>?)") && !most.contains("TEMP"), "{most}");
        let latency =
            plan("select step, sum(n) from v_latency where scope in (1) and site = 'a' group by step order by step");
        assert!(latency.contains("PRIMARY KEY (scope=? AND site=?)") && !latency.contains("SCAN"), "{latency}");
    }
}
