//! Lists of people: whatever is asked for, and by whatever index it is found, it is what looking at everyone would find.

use std::collections::BTreeSet;

use rusqlite::{Connection, params, params_from_iter};

use super::tests::{admission, hit, ok, open, settlement};
use super::view::State;
use super::view_people::{Deed, Fate, Opened, People, PeopleFilter, PersonRow};
use super::*;
use crate::clock::Clock;
use crate::domain::audience::Audience;
use crate::domain::{
    BounceClass, Campaign, CampaignId, Client, Counts, DeliveryId, EnhancedCode, Metric, Mode, Outcome, Reply,
    Timestamp,
};

fn spring() -> CampaignId {
    Campaign::new("spring", Mode::Live).id()
}

/// A campaign in which somebody has done everything, and another that is shown as part of it.
async fn filled(store: &Store) {
    let queue = store.queue();
    let to: Vec<_> = (0..40).map(|n| format!("reader{n}@{}.example", if n % 3 == 0 { "x" } else { "y" })).collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    let (_, first) = queue.accept(admission(&to[..20], b"hi")).await.unwrap();
    let (_, other) = queue
        .accept(Admission { campaign: Campaign::new("late", Mode::Live), ..admission(&to[20..36], b"late") })
        .await
        .unwrap();
    let (_, last) = queue.accept(admission(&to[36..], b"again")).await.unwrap();
    let dues = [first, other, last].concat();
    let hits = store.hits();
    for (n, due) in dues.iter().enumerate() {
        let reply = |code, class, detail: u16| Reply::local(code, EnhancedCode(class, 1, detail), "words");
        let class = BounceClass::InvalidRecipient;
        match n % 10 {
            0 => {}
            1 => {
                let next = Clock.now() + std::time::Duration::from_mins(1);
                let outcome = Outcome::Deferred { reply: reply(451, 4, 1), class: BounceClass::Greylisted, next };
                queue.settle(settlement(due, outcome)).await.unwrap();
            }
            2 => {
                queue.settle(settlement(due, Outcome::Bounced { reply: reply(550, 5, 1), class })).await.unwrap();
            }
            3 => {
                queue.settle(settlement(due, Outcome::Expired { reply: reply(451, 4, 2), class })).await.unwrap();
            }
            _ => {
                queue.settle(settlement(due, Outcome::Delivered(ok()))).await.unwrap();
            }
        }
        // Each kind of hit, in turn, also on mail that is not delivered, and a worse one behind it.
        let class = Audience::ALL[n % 5];
        for (position, class) in match n % 4 {
            0 => vec![(0, class), (0, Audience::Scanner)],
            1 => vec![(1, class), (2, Audience::Scanner), (1, Audience::Prefetch)],
            2 => vec![(0, Audience::Prefetch), (2, class)],
            _ => vec![],
        } {
            hits.note(hit(due, position, class)).unwrap().await.unwrap().unwrap();
        }
        if n % 7 == 5 {
            let text = String::new;
            let client = Client { class: Audience::Human, rule: text(), family: text(), address: text() };
            assert!(store.suppressions().unsubscribe(due.delivery, client, String::new(), Clock.now()).await.unwrap());
        }
    }
    let merged = Campaign::new("late", Mode::Live).id();
    store.names().merge(merged, spring()).await.unwrap().unwrap();
}

async fn all(store: &Store, filter: &PeopleFilter, limit: usize) -> (Vec<PersonRow>, Option<i64>) {
    let (mut rows, mut after, mut total) = (Vec::new(), None, None);
    loop {
        let people = store.reports().people(spring(), filter.clone(), after, limit).await.unwrap().unwrap();
        assert!(people.rows.len() <= limit && !people.unfinished);
        if after.is_none() {
            total = people.total;
        }
        assert_eq!(people.total, total, "the same on each page");
        rows.extend(people.rows);
        match people.next {
            Some(next) => after = Some(next),
            None => return (rows, total),
        }
    }
}

/// What a filter means, written down a second time.
fn is_asked_for(row: &PersonRow, filter: &PeopleFilter) -> bool {
    let fate = filter.fate.is_none_or(|fate| match fate {
        Fate::Is(state) => row.state == state,
        Fate::Deferred => row.state == State::Queued && row.tries > 0,
    });
    let opened = row.opened.map(|(opened, _)| opened);
    let clicked = match filter.link {
        None => row.clicked.map(|(class, _)| Opened::By(class)),
        Some(link) => row.links.iter().find(|(at, _)| *at == link).map(|(_, class)| Opened::By(*class)),
    };
    let as_class = |seen: Option<Opened>| seen.is_some() && filter.class.is_none_or(|class| seen == Some(class));
    let any = |seen: &[Option<Opened>]| filter.class.is_none() || seen.iter().any(|one| as_class(*one));
    let seen = if filter.link.is_some() { vec![clicked] } else { vec![opened, clicked] };
    let deed = match filter.deed {
        None => any(&seen),
        Some(Deed::Opened) => as_class(opened),
        Some(Deed::Clicked) => as_class(clicked),
        Some(Deed::Unsubscribed) => row.unsubscribed_at.is_some() && any(&seen),
        Some(Deed::Complained) => row.complained_at.is_some() && any(&seen),
        Some(Deed::Nothing) => {
            opened.is_none() && clicked.is_none() && row.unsubscribed_at.is_none() && filter.class.is_none()
        }
    };
    fate && deed && (filter.link.is_none() || clicked.is_some()) && row.address.contains(&filter.holds)
}

fn or_none<T: Copy>(all: &[T]) -> Vec<Option<T>> {
    all.iter().copied().map(Some).chain([None]).collect()
}

fn filters() -> Vec<PeopleFilter> {
    let mut filters = Vec::new();
    for fate in or_none(&Fate::ALL) {
        for deed in or_none(&Deed::ALL) {
            for class in or_none(&Opened::ALL) {
                for link in [None, Some(1), Some(2), Some(9)] {
                    filters.push(PeopleFilter { fate, deed, class, link, holds: String::new() });
                }
            }
        }
    }
    filters
}

#[tokio::test]
async fn every_filter_finds_who_looking_at_everyone_would() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store).await;
    let (everyone, total) = all(&store, &PeopleFilter::default(), 7).await;
    assert_eq!((everyone.len(), total), (40, Some(40)));
    let ids: Vec<_> = everyone.iter().map(|row| row.delivery).collect();
    assert!(ids.is_sorted() && ids.iter().collect::<BTreeSet<_>>().len() == 40, "{ids:?}");
    let mut found_by = 0;
    for mut filter in filters() {
        for holds in ["", "reader1", "@x.example", "@nowhere"] {
            if !holds.is_empty() && (filter.link.is_some() || filter.class.is_some()) {
                continue;
            }
            filter.holds = holds.to_owned();
            let wanted: Vec<_> = everyone.iter().filter(|row| is_asked_for(row, &filter)).cloned().collect();
            let (rows, total) = all(&store, &filter, 9).await;
            assert_eq!(rows, wanted, "{filter:?}");
            assert!(total.is_none_or(|total| total == i64::try_from(rows.len()).unwrap()), "{filter:?} {total:?}");
            found_by += usize::from(!rows.is_empty());
        }
    }
    assert!(found_by > 100, "{found_by} filters found somebody");
    store.close();
}

#[tokio::test]
async fn people_and_counts_are_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store).await;
    let check = async || {
        let report = store.reports().campaign(spring()).await.unwrap().unwrap();
        let counts = report.row.counts;
        let count = async |filter| i64::try_from(all(&store, &filter, 50).await.0.len()).unwrap();
        for class in Opened::ALL {
            let filter = |deed| PeopleFilter { deed: Some(deed), class: Some(class), ..PeopleFilter::default() };
            let metric = match class {
                Opened::By(class) => Counts::opened(class),
                Opened::Inferred => Metric::OpenedInferred,
            };
            assert_eq!(count(filter(Deed::Opened)).await, counts[metric], "opened, {class:?}");
            if let Opened::By(by) = class {
                assert_eq!(count(filter(Deed::Clicked)).await, counts[Counts::clicked(by)], "clicked, {class:?}");
            }
        }
        for (fate, metric) in [
            (Fate::Is(State::Queued), Metric::Queued),
            (Fate::Deferred, Metric::Deferred),
            (Fate::Is(State::Delivered), Metric::Delivered),
            (Fate::Is(State::Bounced), Metric::Bounced),
            (Fate::Is(State::Expired), Metric::Expired),
        ] {
            let filter = PeopleFilter { fate: Some(fate), ..PeopleFilter::default() };
            assert!(counts[metric] > 0);
            assert_eq!(count(filter).await, counts[metric], "{fate:?}");
        }
        for link in &report.links {
            for (class, wanted) in [(Audience::Human, link.human), (Audience::Scanner, link.scanner)] {
                let (position, class) = (Some(link.position), Some(Opened::By(class)));
                let filter = PeopleFilter { link: position, class, ..PeopleFilter::default() };
                assert_eq!(count(filter).await, wanted, "link {}", link.position);
            }
        }
        let left = PeopleFilter { deed: Some(Deed::Unsubscribed), ..PeopleFilter::default() };
        assert_eq!(count(left).await, counts[Metric::Unsubscribed]);
    };
    check().await;
    store.rebuild().run(|_| ()).await.unwrap();
    check().await;
    assert!(store.reports().people(CampaignId::from_raw(7), PeopleFilter::default(), None, 9).await.unwrap().is_none());
    store.close();
}

/// A campaign of so many delivered people, made without the fold; the last of them is called otherwise and has bounced.
fn large(people: i64) -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = schema::open_writer(&folder.path().join(FILE)).unwrap();
    schema::migrate(&mut conn, Timestamp::default()).unwrap();
    conn.execute_batch("pragma synchronous = off").unwrap();
    let numbers = "with recursive n(n) as (select 1 union all select n + 1 from n where n < ?1)";
    conn.execute(
        &format!(
            "{numbers} insert into person select n, 'reader' || n || iif(n = ?1, '@last.example', '@x.example') from n"
        ),
        [people],
    )
    .unwrap();
    conn.execute(
        &format!(
            "{numbers} insert into v_delivery select n, 1, 1, 7, 0, n, 'x.example', '', 0, iif(n = ?1, 4, 5), 1, iif(n = ?1, 1, 0), \
             n, n, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, n from n"
        ),
        [people],
    )
    .unwrap();
    let sql = "insert into v_campaign (id, name, mode, first_at, last_at, first_message, last_message, messages, \
               first_delivery_at, recipients, delivered, bounced) values (7, 'large', 0, 1, 1, 1, 1, 1, 1, ?1, ?1 - 1, 1)";
    conn.execute(sql, params![people]).unwrap();
    (folder, conn)
}

fn list(conn: &Connection, filter: &PeopleFilter, after: Option<DeliveryId>, limit: usize, late: bool) -> People {
    report_people::list(conn, CampaignId::from_raw(7), filter, after, (limit, &move || late)).unwrap().unwrap()
}

#[test]
fn what_no_index_knows_is_looked_for_a_stretch_at_a_time() {
    let (_folder, conn) = large(45_500);
    let filter = PeopleFilter { holds: "@last".to_owned(), ..PeopleFilter::default() };
    for (late, stretches) in [(false, 2), (true, 45)] {
        let (mut after, mut looked) = (None, 0);
        let last = loop {
            let people = list(&conn, &filter, after, 50, late);
            if !people.unfinished {
                break people;
            }
            assert!((people.rows.len(), people.total, people.next > after) == (0, None, true));
            after = people.next;
            looked += 1;
        };
        assert_eq!((last.rows.len(), last.next, looked), (1, None, stretches));
        assert_eq!(last.rows[0].address, "reader45500@last.example");
    }
    // Found at once by its index, which knows the state.
    let filter = PeopleFilter { fate: Some(Fate::Is(State::Bounced)), ..filter };
    let people = list(&conn, &filter, None, 50, true);
    assert_eq!((people.rows.len(), people.next, people.unfinished), (1, None, false));
    // A page that ends with the last one is followed by none.
    let people = list(&conn, &PeopleFilter::default(), Some(DeliveryId::from_raw(45_450)), 50, false);
    assert_eq!((people.rows.len(), people.next, people.total), (50, None, Some(45_500)));
    let people = list(&conn, &PeopleFilter::default(), Some(DeliveryId::from_raw(45_449)), 50, false);
    assert_eq!((people.rows.len(), people.next), (50, Some(DeliveryId::from_raw(45_499))));
}

#[test]
fn mails_that_were_not_delivered_are_found_by_an_index() {
    let (_folder, conn) = large(1);
    for (state, index) in [(State::Bounced, "(state=? AND delivery<?)"), (State::Queued, "")] {
        let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
        let (sql, values) = report_delivery::query_of(&filter, Some(DeliveryId::from_raw(9)), 5);
        let mut plan = conn.prepare(&format!("explain query plan {sql}")).unwrap();
        let steps = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<_> = steps.map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN d") || step.contains("TEMP B-TREE")), "{steps:?}");
    }
}

#[test]
fn every_way_is_an_index() {
    let (_folder, conn) = large(1);
    let mut used = BTreeSet::new();
    for filter in filters() {
        for way in report_people::ways(&filter, &Counts::default()) {
            let sql = format!("explain query plan {}", report_people::query_of(&way));
            let mut plan = conn.prepare(&sql).unwrap();
            let steps = plan.query_map([0; 4], |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<_> = steps.map(Result::unwrap).collect();
            assert!(!steps.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE")), "{steps:?}");
            // Indexes are named by how often the views were made.
            used.insert(steps[0].replace("INDEX g1_", "INDEX v_"));
        }
    }
    let wanted = [
        "v_delivery_campaign (campaign=? AND delivery>? AND delivery<?)",
        "v_delivery_clicked (campaign=? AND clicked=? AND delivery>? AND delivery<?)",
        "v_delivery_complained (campaign=? AND delivery>? AND delivery<?)",
        "v_delivery_deferred (campaign=? AND delivery>? AND delivery<?)",
        "v_delivery_failed (campaign=? AND state=? AND delivery>? AND delivery<?)",
        "v_delivery_opened (campaign=? AND opened=? AND delivery>? AND delivery<?)",
        "v_delivery_unsubscribed (campaign=? AND delivery>? AND delivery<?)",
    ];
    let wanted: BTreeSet<_> = wanted.map(|index| format!("SEARCH v_delivery USING INDEX {index}")).into();
    assert_eq!(used, wanted);
}
