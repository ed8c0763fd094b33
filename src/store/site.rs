//! Where the mail of each domain goes, and which sites are held back: beside the queue, for lists and orders.
//!
//! What is sent asks the DNS; these rows say what was found last, so that pages and commands can name the domains of a
//! site, with a relay that runs and without.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::order::Pause;
use super::queue::Queue;
use super::reader::Readers;
use super::report::Reports;
use super::view_queue::WaitingSite;
use super::writer::{Batch, Lane};
use crate::domain::{Domain, Selection, Site, Timestamp};

/// Sites that a page shows.
const SITES_SHOWN: u32 = 50;
/// The domains of a site that is given as `?N`.
pub(super) const DOMAINS_OF: &str = "select domain from domain_site where site =";

impl Queue {
    /// Keeps where a domain's mail goes.
    pub async fn note_site(&self, domain: Domain, site: String) -> Result<(), StoreError> {
        let note = move |batch: &mut Batch<'_>| {
            let sql = "insert into domain_site values (?1, ?2) \
                       on conflict do update set site = excluded.site where site <> excluded.site";
            Ok(batch.tx.prepare_cached(sql)?.execute(params![domain.as_str(), site]).map(|_| ())?)
        };
        self.writer.write(Lane::Urgent, 128, note).await
    }
}

impl Reports {
    /// The site that a person means: as it is written, else in any case; `None` when none is called so.
    pub async fn site_named(&self, name: &str) -> Result<Option<Site>, StoreError> {
        let Some(site) = Site::parse(name) else { return Ok(None) };
        let readers: &Readers = &self.readers;
        readers.read(move |conn| named(conn, &site)).await
    }
}

fn named(conn: &Connection, site: &Site) -> Result<Option<Site>, StoreError> {
    for collation in ["binary", "nocase"] {
        let sql = format!(
            "select site from domain_site where site = ?1 collate {collation} \
             union all select site from queue_site_pause where site = ?1 collate {collation} limit 1"
        );
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let found = conn.prepare_cached(&sql)?.query_row([site.as_str()], read).optional()?;
        if let Some(found) = found.as_deref().and_then(Site::parse) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether mail went to it, or it is paused.
pub(super) fn is_known(conn: &Connection, site: &Site) -> Result<bool, StoreError> {
    let sql = "select 1 from domain_site where site = ?1 union all select 1 from queue_site_pause where site = ?1";
    Ok(conn.prepare_cached(sql)?.exists([site.as_str()])?)
}

/// The site of a domain, as far as it is known.
pub(super) fn of(conn: &Connection, domain: &str) -> Result<Option<String>, StoreError> {
    let sql = "select site from domain_site where domain = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([domain], |row| row.get(0)).optional()?)
}

/// How many deliveries wait for the domains of a site.
pub(super) fn waiting(conn: &Connection, site: &Site) -> Result<i64, StoreError> {
    let sql =
        format!("select coalesce(sum(queued), 0) from v_site where scope in (1, 2) and domain in ({DOMAINS_OF} ?1)");
    Ok(conn.prepare_cached(&sql)?.query_row([site.as_str()], |row| row.get(0))?)
}

/// The sites where something waits, most first.
pub(super) fn all_waiting(conn: &Connection) -> Result<Vec<WaitingSite>, StoreError> {
    let sql = "select s.site, count(distinct v.domain), sum(v.queued), sum(v.deferred) \
               from v_site v cross join domain_site s on s.domain = v.domain \
               where v.scope in (1, 2) and v.scope < 1024 and v.queued > 0 group by s.site order by 3 desc, 1 limit ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(WaitingSite { site: row.get(0)?, domains: row.get(1)?, waiting: row.get(2)?, tried: row.get(3)? })
    };
    let rows = statement.query_map([SITES_SHOWN], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Holds a site back; gives how many pauses that makes.
pub(super) fn pause(conn: &Connection, site: &Site, now: Timestamp, by: &str) -> Result<usize, StoreError> {
    let sql = "insert or ignore into queue_site_pause values (?1, ?2, ?3)";
    Ok(conn.prepare_cached(sql)?.execute(params![site.as_str(), now.millis(), by])?)
}

/// Ends that; gives how many pauses ended.
pub(super) fn resume(conn: &Connection, site: &Site) -> Result<usize, StoreError> {
    Ok(conn.prepare_cached("delete from queue_site_pause where site = ?1")?.execute([site.as_str()])?)
}

/// The sites that are held back.
pub(super) fn pauses(conn: &Connection) -> Result<Vec<Pause>, StoreError> {
    let mut statement = conn.prepare_cached("select site, since, paused_by from queue_site_pause order by site")?;
    let mut rows = statement.query([])?;
    let mut pauses = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(site) = Site::parse(&row.get::<_, String>(0)?) {
            let since = Timestamp::from_millis(row.get(1)?);
            pauses.push(Pause { selection: Selection::Site(site), since, by: row.get(2)? });
        }
    }
    Ok(pauses)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admission, open};
    use super::*;
    use crate::clock::Clock;
    use crate::domain::{Act, Order};

    async fn order(queue: &Queue, act: Act, site: &Site) -> u64 {
        queue
            .perform(&Order::new(act, Selection::Site(site.clone()), "ann").unwrap(), Clock.now())
            .await
            .unwrap()
            .changed
    }

    #[tokio::test]
    async fn a_site_is_found_by_its_name_with_all_that_waits_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (queue, reports) = (store.queue(), store.reports());
        queue.accept(admission(&["a@x.example", "b@x.example", "c@y.example", "d@z.example"], b"hi")).await.unwrap();
        for (domain, site) in [("x.example", "old"), ("x.example", "Big"), ("y.example", "Big"), ("z.example", "mx.z")]
        {
            queue.note_site(Domain::parse(domain).unwrap(), site.to_owned()).await.unwrap();
        }
        assert_eq!(reports.site_named("old").await.unwrap(), None);
        let big = reports.site_named(" bIG ").await.unwrap().unwrap();
        assert_eq!(big.as_str(), "Big");
        assert_eq!((order(&queue, Act::Pause, &big).await, order(&queue, Act::Pause, &big).await), (1, 0));
        assert_eq!(queue.pauses().await.unwrap()[0].selection, Selection::Site(big.clone()));
        let report = reports.queue(Some("Big".to_owned()), Clock.now()).await.unwrap();
        let domains: Vec<_> = report.rows.iter().map(|row| (row.domain.as_str(), row.site.as_deref())).collect();
        assert_eq!(domains, [("x.example", Some("Big")), ("y.example", Some("Big"))]);
        let sites: Vec<_> = report.sites.iter().map(|row| (row.site.as_str(), row.domains, row.waiting)).collect();
        assert_eq!(sites, [("Big", 2, 3), ("mx.z", 1, 1)]);
        assert_eq!((report.pauses[0].name.as_str(), report.pauses[0].waiting), ("Big", 3));
        assert_eq!(reports.part(Selection::Site(big.clone())).await.unwrap(), Some(("Big".to_owned(), 3)));
        assert_eq!((order(&queue, Act::Resume, &big).await, order(&queue, Act::Resume, &big).await), (1, 0));
        assert!(queue.pauses().await.unwrap().is_empty());
        store.close();
    }
}
