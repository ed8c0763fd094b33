//! The first deliveries of a campaign at a site: counted in the transaction of their outcome, which also decides on the
//! rest. Beside the ledger: no count of the fold is made from it.

use rusqlite::{Connection, Row, params};

use super::error::StoreError;
use super::queue::Queue;
use super::site::DOMAINS_OF;
use super::view_queue::RestRow;
use super::writer::{Batch, Lane};
use crate::domain::canary::{CanaryState, is_refusal};
use crate::domain::{CampaignId, Canary, DeliveryId, Outcome, Timestamp};

/// Rows that are read at the start.
const LOADED_MAX: u32 = 50_000;
/// Complaints of so many campaigns and sites are looked at at once.
const COMPLAINED_MAX: u32 = 1_000;
/// Rows that a page shows.
const SHOWN: u32 = 50;
/// A campaign that nothing waits of begins anew after so long.
const FORGOTTEN_MS: i64 = 7 * 86_400_000;

/// One of the first, whose try is to be counted.
#[derive(Debug, Clone)]
pub struct OfTheFirst {
    /// Where it was made.
    pub site: String,
    /// What holds the rest.
    pub canary: Canary,
}

/// How a campaign stands at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The campaign.
    pub campaign: CampaignId,
    /// The site.
    pub site: String,
    /// What may go.
    pub state: CanaryState,
    /// How many of the first were tried.
    pub tried: u32,
}

fn state_of(code: u8) -> CanaryState {
    CanaryState::from_code(code).unwrap_or(CanaryState::Trying)
}

/// Counts a first try. With the last of a sample it is decided on the rest; what a person let go is let go at every site.
pub(super) fn count(
    batch: &Batch<'_>,
    campaign: CampaignId,
    one: &OfTheFirst,
    outcome: &Outcome,
    at: Timestamp,
) -> Result<Stand, StoreError> {
    let sql = "insert into canary values (?1, ?2, iif(exists (select 1 from canary where campaign = ?1 and state = 3), 3, 0), \
               1, ?3, 0, 0, ?4, '') on conflict do update set \
               tried = tried + iif(state = 0, 1, 0), refused = refused + iif(state = 0, excluded.refused, 0), \
               since = iif(state = 0, excluded.since, since) returning state, tried, refused";
    let values = params![campaign.raw(), one.site, is_refusal(outcome), at.millis()];
    let read = |row: &Row<'_>| Ok((row.get::<_, u8>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?));
    let (state, tried, refused) = batch.tx.prepare_cached(sql)?.query_row(values, read)?;
    let mut stand = Stand { campaign, site: one.site.clone(), state: state_of(state), tried };
    if stand.state == CanaryState::Trying && tried >= one.canary.first {
        let held = one.canary.is_refused(refused, tried);
        stand.state = if held { CanaryState::Held } else { CanaryState::Passed };
        set(batch, &stand, at)?;
    }
    Ok(stand)
}

fn set(batch: &Batch<'_>, stand: &Stand, at: Timestamp) -> Result<(), StoreError> {
    let Stand { campaign, site, state, tried } = stand;
    let sql = "update canary set state = ?3, since = ?4 where campaign = ?1 and site = ?2";
    batch.tx.prepare_cached(sql)?.execute(params![campaign.raw(), site, state.code(), at.millis()])?;
    if *state == CanaryState::Held {
        tracing::warn!(campaign = %campaign, site, tried, "the rest of a campaign is held at a site");
    }
    Ok(())
}

/// Counts a complaint, where the first of its campaign were counted at the site of its recipient.
pub(super) fn complained(conn: &Connection, delivery: DeliveryId, campaign: CampaignId) -> Result<(), StoreError> {
    let sql = "update canary set complained = complained + 1 where campaign = ?1 and site = (select s.site \
               from v_delivery v join domain_site s on s.domain = v.domain where v.delivery = ?2)";
    conn.prepare_cached(sql)?.execute(params![campaign.raw(), delivery.raw()])?;
    Ok(())
}

impl Queue {
    /// How campaigns stand that are held or on their way, when the relay starts; those first that matter most. With all of
    /// it switched off nothing is held any more.
    pub async fn canaries(&self, canary: Canary, now: Timestamp) -> Result<Vec<Stand>, StoreError> {
        let begin = move |batch: &mut Batch<'_>| {
            if !canary.is_on() {
                batch.tx.execute("delete from canary", [])?;
            }
            // They were more when these were tried.
            let sql = "update canary set since = ?4, state = iif(?2 > 0 and refused > ?2 * tried, ?3, ?5) \
                       where state = 0 and tried >= ?1";
            let [held, passed] = [CanaryState::Held, CanaryState::Passed].map(CanaryState::code);
            let values = params![canary.first, canary.refused, held, now.millis(), passed];
            Ok(batch.tx.execute(sql, values).map(|_| ())?)
        };
        self.writer.write(Lane::Urgent, 128, begin).await?;
        self.forget_canaries(now).await?;
        let sql = "select campaign, site, state, tried from canary order by state = 2 desc, tried desc limit ?1";
        self.readers.read_long(move |conn| stands(conn, sql, LOADED_MAX)).await
    }

    /// Forgets how campaigns stood that nothing waited of for a week; gives where.
    pub async fn forget_canaries(&self, now: Timestamp) -> Result<Vec<(CampaignId, String)>, StoreError> {
        let forget = move |batch: &mut Batch<'_>| {
            let sql = "delete from canary where since < ?1 and state <> 2 \
                       and campaign not in (select id from v_campaign where queued > 0) returning campaign, site";
            let mut statement = batch.tx.prepare_cached(sql)?;
            let read = |row: &Row<'_>| Ok((CampaignId::from_raw(row.get(0)?), row.get(1)?));
            let gone = statement.query_map([now.millis() - FORGOTTEN_MS], read)?;
            Ok(gone.collect::<Result<Vec<_>, _>>()?)
        };
        self.writer.write(Lane::Urgent, 128, forget).await
    }

    /// Holds the rest of campaigns with too many complaints; gives all that is held, at most a thousand.
    pub async fn hold_complained(&self, canary: Canary, now: Timestamp) -> Result<Vec<Stand>, StoreError> {
        let found = self.readers.read_long(move |conn| too_many_complaints(conn, canary)).await?;
        if !found.is_empty() {
            let hold = move |batch: &mut Batch<'_>| {
                for (stand, delivered) in &found {
                    let sql = "update canary set delivered = ?3 where campaign = ?1 and site = ?2";
                    batch.tx.prepare_cached(sql)?.execute(params![stand.campaign.raw(), stand.site, delivered])?;
                    set(batch, stand, now)?;
                }
                Ok(())
            };
            self.writer.write(Lane::Urgent, 4096, hold).await?;
        }
        let sql = "select campaign, site, state, tried from canary indexed by canary_held where state = 2 limit ?1";
        self.readers.read_long(move |conn| stands(conn, sql, COMPLAINED_MAX)).await
    }
}

fn stands(conn: &Connection, sql: &str, limit: u32) -> Result<Vec<Stand>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([limit], |row| {
        Ok(Stand {
            campaign: CampaignId::from_raw(row.get(0)?),
            site: row.get(1)?,
            state: state_of(row.get(2)?),
            tried: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those on their way or passed that have too many complaints, with how many were delivered.
fn too_many_complaints(conn: &Connection, canary: Canary) -> Result<Vec<(Stand, u32)>, StoreError> {
    let sql = "select campaign, site, complained, tried from canary indexed by canary_complained \
               where complained > 0 and state in (0, 1) limit ?1";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([COMPLAINED_MAX])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (campaign, site, complaints, tried): (i64, String, u32, u32) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let delivered = delivered(conn, campaign, &site)?;
        if canary.is_complained(complaints, delivered) {
            let campaign = CampaignId::from_raw(campaign);
            found.push((Stand { campaign, site, state: CanaryState::Held, tried }, delivered));
        }
    }
    Ok(found)
}

fn delivered(conn: &Connection, campaign: i64, site: &str) -> Result<u32, StoreError> {
    let sql =
        format!("select coalesce(sum(delivered), 0) from v_site where scope = ?1 and domain in ({DOMAINS_OF} ?2)");
    Ok(conn.prepare_cached(&sql)?.query_row(params![campaign, site], |row| row.get(0))?)
}

/// Lets the rest of a campaign go at all sites; gives at how many.
pub(super) fn release(conn: &Connection, campaign: CampaignId, now: Timestamp, by: &str) -> Result<u64, StoreError> {
    let sql = "update canary set state = 3, since = ?2, released_by = ?3 where campaign = ?1 and state in (0, 2)";
    Ok(conn.prepare_cached(sql)?.execute(params![campaign.raw(), now.millis(), by])? as u64)
}

/// How many deliveries to a domain are held at its site.
pub(super) fn resting(conn: &Connection, domain: &str, site: &str) -> Result<i64, StoreError> {
    let sql = "select coalesce(sum(w.queued - w.deferred), 0) from canary c indexed by canary_held \
               join v_site w on w.scope = c.campaign and w.domain = ?1 where c.state = 2 and c.site = ?2";
    Ok(conn.prepare_cached(sql)?.query_row([domain, site], |row| row.get(0))?)
}

/// Where the rest of campaigns is held; of all campaigns, or of these.
pub(super) fn held(conn: &Connection, of: Option<&[CampaignId]>) -> Result<Vec<RestRow>, StoreError> {
    let ids: Vec<String> = of.into_iter().flatten().map(|id| id.raw().to_string()).collect();
    let of = if of.is_some() { format!("c.campaign in ({})", ids.join(", ")) } else { "true".to_owned() };
    let sql = format!(
        "select c.campaign, coalesce(n.name, v.name), c.site, c.tried, c.refused, c.complained, c.delivered, c.since, \
         (select coalesce(sum(w.queued - w.deferred), 0) from v_site w where w.scope = c.campaign \
         and w.domain in ({DOMAINS_OF} c.site)) as waiting from canary c indexed by canary_held \
         join v_campaign v on v.id = c.campaign and v.queued > 0 left join campaign_name n on n.campaign = c.campaign \
         where c.state = 2 and {of} and waiting > 0 order by c.since desc limit {SHOWN}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| {
        Ok(RestRow {
            campaign: CampaignId::from_raw(row.get(0)?),
            name: row.get(1)?,
            site: row.get(2)?,
            tried: row.get(3)?,
            refused: row.get(4)?,
            complained: row.get(5)?,
            delivered: row.get(6)?,
            since: Timestamp::from_millis(row.get(7)?),
            waiting: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admission, ok, open, settlement};
    use super::*;
    use crate::clock::Clock;
    use crate::domain::event::About;
    use crate::domain::{Act, BounceClass, Campaign, Domain, EnhancedCode, Fact, Mode, Order, Reply, Selection};

    const CANARY: Canary = Canary { first: 4, refused: 0.25, complained: 0.3 };

    async fn tried(queue: &Queue, due: &super::super::Due, refused: bool) -> Stand {
        tried_at(queue, due, refused, &OfTheFirst { site: "Big".to_owned(), canary: CANARY }).await
    }

    async fn tried_at(queue: &Queue, due: &super::super::Due, refused: bool, first: &OfTheFirst) -> Stand {
        let no = Reply::local(550, EnhancedCode(5, 7, 1), "no");
        let outcome =
            if refused { Outcome::Bounced { reply: no, class: BounceClass::Policy } } else { Outcome::Delivered(ok()) };
        let first = Some(first.clone());
        let settled = queue.settle(super::super::Settlement { first, ..settlement(due, outcome) }).await.unwrap();
        settled.stand.unwrap()
    }

    async fn queued(queue: &Queue, campaign: &str) -> Vec<super::super::Due> {
        let to: Vec<_> = (0..8).map(|n| format!("u{n}@x.example")).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let campaign = Campaign::new(campaign, Mode::Live);
        queue.accept(super::super::Admission { campaign, ..admission(&to, b"hi") }).await.unwrap().1
    }

    #[tokio::test]
    async fn the_last_of_the_first_decides_and_that_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let queue = store.queue();
        queue.note_site(Domain::parse("x.example").unwrap(), "Big".to_owned()).await.unwrap();
        let (good, bad) = (queued(&queue, "good").await, queued(&queue, "bad").await);
        for (n, due) in good.iter().take(4).enumerate() {
            let stand = tried(&queue, due, n == 0).await;
            let state = if n < 3 { CanaryState::Trying } else { CanaryState::Passed };
            assert_eq!((stand.state, stand.tried as usize), (state, n + 1));
        }
        for (n, due) in bad.iter().take(3).enumerate() {
            assert_eq!(tried(&queue, due, n < 2).await.state, CanaryState::Trying);
        }
        store.close();
        drop(store);

        let store = open(folder.path());
        let queue = store.queue();
        let stands = queue.canaries(CANARY, Clock.now()).await.unwrap();
        let kept: Vec<_> = stands.iter().map(|stand| (stand.state, stand.tried)).collect();
        assert_eq!(kept, [(CanaryState::Passed, 4), (CanaryState::Trying, 3)]);
        assert_eq!(tried(&queue, &bad[3], false).await.state, CanaryState::Held);
        let report = store.reports().queue(None, Clock.now()).await.unwrap();
        let rest = &report.rests[0];
        assert_eq!((rest.name.as_str(), rest.site.as_str(), rest.waiting, rest.refused), ("bad", "Big", 4, 2));
        assert!(rest.why().starts_with("2 of its first 4 there were refused (50.0 %)"), "{}", rest.why());
        // One that was under way when it was decided counts no more.
        assert_eq!(tried(&queue, &bad[4], true).await.tried, 4);
        let order = Order::new(Act::Release, Selection::Campaign(bad[0].campaign), "ann").unwrap();
        assert_eq!(queue.perform(&order, Clock.now()).await.unwrap().changed, 1);
        assert_eq!(queue.perform(&order, Clock.now()).await.unwrap().changed, 0);
        assert!(store.reports().rests(vec![bad[0].campaign]).await.unwrap().is_empty());
        let small = OfTheFirst { site: "Small".to_owned(), canary: CANARY };
        assert_eq!(tried_at(&queue, &bad[5], true, &small).await.state, CanaryState::Released);
        assert!(queue.canaries(Canary::OFF, Clock.now()).await.unwrap().is_empty());
        store.close();
    }

    #[tokio::test]
    async fn complaints_hold_what_passed() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let queue = store.queue();
        queue.note_site(Domain::parse("x.example").unwrap(), "Big".to_owned()).await.unwrap();
        let all = queued(&queue, "spring").await;
        for due in &all[..5] {
            tried(&queue, due, false).await;
        }
        for (complaints, held) in [(1, 0), (2, 1)] {
            let about = About { delivery: all[complaints].delivery, campaign: all[0].campaign, mode: Mode::Live };
            let complain = move |batch: &mut Batch<'_>| batch.record(Clock.now(), Fact::Complained { about }, &[]);
            queue.writer.write(Lane::Urgent, 64, complain).await.unwrap();
            assert_eq!(queue.hold_complained(CANARY, Clock.now()).await.unwrap().len(), held);
        }
        let rests = store.reports().rests(vec![all[0].campaign]).await.unwrap();
        assert!(rests[0].why().starts_with("2 of 5 that were delivered there were complained of (40.00 %)"));
        assert_eq!(rests[0].waiting, 3);
        store.close();
    }

    #[tokio::test]
    async fn what_nothing_waits_of_begins_anew_after_a_week() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let queue = store.queue();
        let all = queued(&queue, "spring").await;
        for due in &all[..4] {
            tried(&queue, due, false).await;
        }
        let later = Clock.now() + std::time::Duration::from_hours(8 * 24);
        assert_eq!(queue.canaries(CANARY, later).await.unwrap().len(), 1);
        // Fewer go first from now on than were tried.
        tried(&queue, &queued(&queue, "autumn").await[0], true).await;
        let stands = queue.canaries(Canary { first: 1, ..CANARY }, Clock.now()).await.unwrap();
        let states: Vec<_> = stands.iter().map(|stand| stand.state).collect();
        assert_eq!(states, [CanaryState::Held, CanaryState::Passed]);
        let order = Order::new(Act::Cancel, Selection::All, "ann").unwrap();
        queue.perform(&order, Clock.now()).await.unwrap();
        let gone = queue.forget_canaries(later).await.unwrap();
        assert_eq!(gone, [(all[0].campaign, "Big".to_owned())]);
        assert_eq!(queue.canaries(CANARY, later).await.unwrap().len(), 1);
        store.close();
    }
}
