//! Complaints: which delivery a report is about, and what follows from it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::fold_rows::mode;
use super::suppression::{ENTRY_BYTES, Suppressions, add};
use super::writer::{Batch, Lane};
use crate::domain::event::About;
use crate::domain::suppression::{Added, Origin, Reason};
use crate::domain::{Address, CampaignId, DeliveryId, Fact, PersonId, Suppression, Timestamp};

/// What a report says of the mail that it returns.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// The deliveries that tokens of ours in it name.
    pub signed: Vec<DeliveryId>,
    /// Its Message-ID.
    pub message_id: String,
    /// For whom it was.
    pub recipients: Vec<Address>,
}

/// The delivery that a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complained {
    /// Which.
    pub delivery: DeliveryId,
    /// To whom; empty when erased.
    pub recipient: String,
    /// The name of its campaign.
    pub campaign: String,
    /// Whether it was complained of before.
    pub is_known: bool,
}

struct Found {
    about: About,
    person: PersonId,
    complained: Complained,
}

impl Suppressions {
    /// The delivery of a returned mail. What we signed comes first; the Message-ID counts together with the recipient only,
    /// since neither alone says whose copy of which mail it was.
    pub async fn returned(&self, mail: Returned) -> Result<Option<Complained>, StoreError> {
        let find = move |conn: &Connection| {
            for delivery in &mail.signed {
                if let Some(found) = find(conn, *delivery)? {
                    return Ok(Some(found.complained));
                }
            }
            for recipient in mail.recipients.iter().filter(|_| !mail.message_id.is_empty()) {
                if let Some(delivery) = named(conn, &mail.message_id, recipient)? {
                    return Ok(find(conn, delivery)?.map(|found| found.complained));
                }
            }
            Ok(None)
        };
        self.readers.read(find).await
    }

    /// The person of a delivery complained: that is a fact, and the address is mailed no more. The second time nothing is
    /// written, so that what a person took off the list since then stays off it. `None` when the delivery is known no more.
    pub async fn complain(&self, delivery: DeliveryId, now: Timestamp) -> Result<Option<Complained>, StoreError> {
        let complain = move |batch: &mut Batch<'_>| complain(batch, delivery, now);
        self.writer.write(Lane::Urgent, 2 * ENTRY_BYTES, complain).await
    }
}

fn complain(batch: &mut Batch<'_>, delivery: DeliveryId, now: Timestamp) -> Result<Option<Complained>, StoreError> {
    let Some(found) = find(batch.tx, delivery)? else { return Ok(None) };
    let is_this = |fact: &Fact| matches!(fact, Fact::Complained { about } if about.delivery == delivery);
    // The view does not show yet what this batch wrote.
    let is_known = found.complained.is_known || batch.has_written(is_this);
    if !is_known {
        batch.record(now, Fact::Complained { about: found.about }, &[])?;
        let suppression = Suppression { reason: Reason::Complaint, scope: String::new(), since: now };
        let delivery = Some(delivery);
        add(batch, Added { person: found.person, suppression, origin: Origin::Delivery, delivery }, now)?;
    }
    Ok(Some(Complained { is_known, ..found.complained }))
}

fn find(conn: &Connection, delivery: DeliveryId) -> Result<Option<Found>, StoreError> {
    let sql = "select d.campaign, d.mode, d.person, d.complained_at > 0, coalesce(p.address, ''), \
               coalesce(n.name, c.name, '') from v_delivery d left join v_campaign c on c.id = d.campaign \
               left join campaign_name n on n.campaign = d.campaign left join person p on p.id = d.person \
               where d.delivery = ?1 and d.known = 1";
    let read = |row: &Row<'_>| {
        Ok(Found {
            about: About { delivery, campaign: CampaignId::from_raw(row.get(0)?), mode: mode(row.get(1)?) },
            person: PersonId::from_raw(row.get(2)?),
            complained: Complained { delivery, is_known: row.get(3)?, recipient: row.get(4)?, campaign: row.get(5)? },
        })
    };
    Ok(conn.prepare_cached(sql)?.query_row([delivery.raw()], read).optional()?)
}

/// The latest delivery to this address whose message has this Message-ID.
fn named(conn: &Connection, message_id: &str, recipient: &Address) -> Result<Option<DeliveryId>, StoreError> {
    let sql = "select d.delivery from person p cross join v_delivery d on d.person = p.id \
               cross join message m on m.id = d.message where p.address = ?1 and m.message_id = ?2 \
               order by d.delivery desc limit 1";
    let values = params![recipient.canonical(), message_id];
    Ok(conn.prepare_cached(sql)?.query_row(values, |row| row.get(0).map(DeliveryId::from_raw)).optional()?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{admission, open};
    use super::super::{Admission, FILE, verify};
    use super::*;
    use crate::clock::Clock;

    fn returned(signed: &[DeliveryId], message_id: &str, recipient: &str) -> Returned {
        let recipients = Address::parse(recipient).into_iter().collect();
        Returned { signed: signed.to_vec(), message_id: message_id.to_owned(), recipients }
    }

    #[tokio::test]
    async fn a_delivery_is_complained_of_once_even_in_one_batch() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let (list, now) = (store.suppressions(), Clock.now());
        let (_, dues) = store.queue().accept(admission(&["ann@a.example", "bob@a.example"], b"hi")).await.unwrap();
        let twice = tokio::join!(list.complain(dues[0].delivery, now), list.complain(dues[0].delivery, now));
        let known = [twice.0, twice.1].map(|one| one.unwrap().unwrap().is_known);
        assert_eq!(known, [false, true]);
        assert_eq!(list.complain(DeliveryId::from_raw(5), now).await.unwrap(), None);
        let held = store.queue().suppression(&dues[0]).await.unwrap().unwrap();
        assert_eq!((held.reason, held.scope.as_str()), (Reason::Complaint, ""));
        assert_eq!(store.queue().suppression(&dues[1]).await.unwrap(), None);
        let rows = list.list(None, String::new(), None, 10).await.unwrap();
        assert_eq!((rows.len(), rows[0].origin, rows[0].delivery), (1, Origin::Delivery, Some(dues[0].delivery)));
        // Who is on the list for as much already stays there for that reason; the complaint is a fact all the same.
        let (_, again) = store.queue().accept(admission(&["ann@a.example"], b"hi")).await.unwrap();
        assert!(!list.complain(again[0].delivery, now).await.unwrap().unwrap().is_known);
        store.close();
        let verified = verify(&folder.path().join(FILE), |_, _| ()).unwrap();
        assert_eq!((verified.differing, verified.events), (0, 3 + 2 + 1));
    }

    #[tokio::test]
    async fn a_mail_without_tokens_is_found_by_its_id_together_with_its_recipient() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let list = store.suppressions();
        let mut dues = Vec::new();
        for id in ["<1@own.example>", "<2@own.example>"] {
            let mail = Admission { message_id: id.to_owned(), ..admission(&["ann@a.example", "bob@a.example"], b"hi") };
            dues.extend(store.queue().accept(mail).await.unwrap().1);
        }
        let found = async |mail| list.returned(mail).await.unwrap().map(|found| (found.delivery, found.recipient));
        let bob = Some((dues[1].delivery, "bob@a.example".to_owned()));
        assert_eq!(found(returned(&[], "<1@own.example>", "Bob@A.example")).await, bob);
        // What was signed says more, and what is known no more says nothing.
        assert_eq!(found(returned(&[dues[1].delivery], "<2@own.example>", "ann@a.example")).await, bob);
        assert_eq!(found(returned(&[DeliveryId::from_raw(5)], "<1@own.example>", "bob@a.example")).await, bob);
        for (id, recipient) in
            [("<1@own.example>", "cyd@a.example"), ("<3@own.example>", "bob@a.example"), ("", "bob@a.example")]
        {
            assert_eq!(found(returned(&[], id, recipient)).await, None, "{id} {recipient}");
        }
        assert_eq!(found(returned(&[], "<1@own.example>", "redacted")).await, None);
        store.close();
    }
}
