//! One address, as its page shows it: found by the map of persons, read by the indexes that begin with the person.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::StoreError;
use super::ledger::TextField;
use super::report::DeliveryFilter;
use super::view::PersonReport;
use super::{person, report_delivery, suppression};
use crate::domain::{Address, DeliveryId, PersonId};

/// Streams that a person can be seen to have left.
const SUPPRESSIONS_MAX: u32 = 100;
/// Events of one delivery that are looked through for its last reply, the first ones: tries come before hits.
const EVENTS_MAX: u32 = 1_000;

const LAST_REPLY: &str = "select t.value \
    from (select source, seq, at from event where delivery = ?1 order by source, seq limit ?2) e \
    join event_text t on t.source = e.source and t.seq = e.seq and t.field = ?3 order by e.at desc, e.seq desc limit 1";

/// `None` for an address that has no number.
pub(super) fn whole(
    conn: &Connection,
    address: &Address,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Option<PersonReport>, StoreError> {
    let Some(person) = person::find(conn, address)? else { return Ok(None) };
    let rows = report_delivery::list(conn, &of(person), before, limit)?;
    let deliveries = rows.into_iter().map(|row| {
        let reply = last_reply(conn, row.delivery)?;
        Ok((row, reply))
    });
    Ok(Some(PersonReport {
        address: address.canonical(),
        deliveries: deliveries.collect::<Result<_, StoreError>>()?,
        suppressions: suppression::of_person(conn, person, SUPPRESSIONS_MAX)?,
    }))
}

fn of(person: PersonId) -> DeliveryFilter {
    DeliveryFilter { person: Some(person), ..DeliveryFilter::default() }
}

fn last_reply(conn: &Connection, delivery: DeliveryId) -> Result<String, StoreError> {
    let values = params![delivery.raw(), EVENTS_MAX, TextField::Reply.code()];
    let found = conn.prepare_cached(LAST_REPLY)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admission, ok, open, settlement};
    use super::super::{FILE, schema};
    use super::*;
    use crate::clock::Clock;
    use crate::domain::suppression::{Entry, Origin, Reason};
    use crate::domain::{BounceClass, EnhancedCode, Outcome, Reply};

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[tokio::test]
    async fn an_address_is_shown_with_its_own_mail_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (queue, reports, list) = (store.queue(), store.reports(), store.suppressions());
        let mut own = Vec::new();
        for _ in 0..3 {
            let (_, dues) = queue.accept(admission(&["Ann@x.example", "bob@x.example"], b"hi")).await.unwrap();
            own.push(dues.iter().find(|due| due.address.as_str() == "Ann@x.example").unwrap().clone());
        }
        let later = Reply::local(451, EnhancedCode(4, 7, 1), "later");
        let deferred = Outcome::Deferred { reply: later, class: BounceClass::Other, next: Clock.now() };
        queue.settle(settlement(&own[0], deferred)).await.unwrap();
        queue.settle(settlement(&own[0], Outcome::Delivered(ok()))).await.unwrap();
        let entry = |scope: &str| Entry {
            address: address("ANN@X.example"),
            reason: Reason::Manual,
            scope: scope.to_owned(),
            since: None,
        };
        list.add(vec![entry("b.example"), entry("")], Origin::Dashboard, Clock.now()).await.unwrap();

        let found = reports.person(address("ann@X.EXAMPLE"), None, 2).await.unwrap().unwrap();
        assert_eq!(found.address, "ann@x.example");
        let ids = |found: &PersonReport| found.deliveries.iter().map(|(row, _)| row.delivery).collect::<Vec<_>>();
        assert_eq!(ids(&found), [own[2].delivery, own[1].delivery]);
        let rest = reports.person(address("ann@x.example"), Some(own[1].delivery), 2).await.unwrap().unwrap();
        assert_eq!(ids(&rest), [own[0].delivery]);
        assert_eq!((rest.deliveries[0].1.clone(), found.deliveries[0].1.as_str()), (ok().to_string(), ""));
        let scopes: Vec<_> = found.suppressions.iter().map(|row| row.suppression.scope.as_str()).collect();
        assert_eq!(scopes, ["", "b.example"]);
        list.remove(address("ann@x.example"), None, Clock.now()).await.unwrap();
        let found = reports.person(address("ann@x.example"), None, 9).await.unwrap().unwrap();
        assert_eq!((found.deliveries.len(), found.suppressions.len()), (3, 0));
        assert!(reports.person(address("eve@x.example"), None, 9).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn no_table_is_read_through_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let _store = open(folder.path());
        let conn = schema::open_reader(&folder.path().join(FILE)).unwrap();
        let list = report_delivery::query_of(&of(PersonId::from_raw(1)), Some(DeliveryId::from_raw(2)), 3).0;
        for (sql, index) in [
            (person::FIND.to_owned(), "(address=?)"),
            (list, "_delivery_person (person=? AND delivery<?)"),
            (suppression::of_person_sql(), "(person=?)"),
            (LAST_REPLY.to_owned(), "event_delivery (delivery=?)"),
        ] {
            let mut plan = conn.prepare(&format!("explain query plan {sql}")).unwrap();
            let unset = rusqlite::params_from_iter(std::iter::repeat_n(0, plan.parameter_count()));
            let steps = plan.query_map(unset, |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<_> = steps.map(Result::unwrap).collect();
            assert!(steps.iter().any(|step| step.contains(index)), "{sql}: {steps:?}");
            assert!(steps.iter().all(|step| !step.starts_with("SCAN") || step == "SCAN e"), "{sql}: {steps:?}");
        }
    }
}
