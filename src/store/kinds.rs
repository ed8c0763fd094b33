//! How many messages of a campaign were treated alike.
//!
//! Counted in the transaction that accepts a message, beside the ledger: it is a digest of the receipt, which stands
//! there too. Campaigns that are shown together are added when they are read.

use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::body;
use super::error::StoreError;
use super::view::ReceiptKind;
use super::{names, report};
use crate::domain::{CampaignId, DeliveryId, MessageId};
use crate::mail::receipt::Receipt;

/// Kinds told apart in a campaign; what comes after them is one rest, under an empty digest.
const KINDS_MAX: usize = 50;
/// Octets of stored receipts that are read for one campaign.
const RECEIPTS_BYTES_MAX: usize = 2 << 20;

/// Counts an accepted message.
pub(super) fn count(
    conn: &Connection,
    campaign: CampaignId,
    message: MessageId,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    let sql = "insert into campaign_kind select ?1, iif( \
               exists (select 1 from campaign_kind where campaign = ?1 and kind = ?2) \
               or (select count(*) from campaign_kind where campaign = ?1 and kind <> x'') < ?4, ?2, x''), 1, ?3 \
               where true on conflict (campaign, kind) do update set messages = messages + 1";
    let kind = body::digest(receipt.shape().as_bytes());
    conn.prepare_cached(sql)?.execute(params![campaign.raw(), &kind[..], message.raw(), KINDS_MAX])?;
    Ok(())
}

/// The kinds of some campaigns together, most messages first, then the rest.
pub(super) fn of(conn: &Connection, campaigns: &[CampaignId]) -> Result<Vec<ReceiptKind>, StoreError> {
    let sql = format!(
        "select kind = x'' as rest, sum(messages), min(sample) from campaign_kind where {} group by kind \
         order by rest, 2 desc, 3",
        names::one_of("campaign", campaigns.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(campaigns.iter().map(|id| id.raw())))?;
    let mut kinds: Vec<ReceiptKind> = Vec::new();
    let mut room = RECEIPTS_BYTES_MAX;
    while let Some(row) = rows.next()? {
        let (messages, sample): (i64, i64) = (row.get(1)?, row.get(2)?);
        let rest = row.get(0)? || kinds.len() >= KINDS_MAX;
        if let Some(last) = kinds.last_mut().filter(|last| last.rest) {
            last.messages += messages;
            continue;
        }
        let receipt = if rest { None } else { receipt(conn, sample, &mut room)? };
        kinds.push(ReceiptKind { messages, sample: delivery(conn, sample)?, receipt, rest });
    }
    Ok(kinds)
}

/// The first delivery of a message.
pub(super) fn delivery(conn: &Connection, message: i64) -> Result<Option<DeliveryId>, StoreError> {
    let sql = "select delivery from v_delivery where message = ?1 order by delivery limit 1";
    let found = conn.prepare_cached(sql)?.query_row([message], |row| row.get(0)).optional()?;
    Ok(found.map(DeliveryId::from_raw))
}

fn receipt(conn: &Connection, message: i64, room: &mut usize) -> Result<Option<Receipt>, StoreError> {
    let sql = "select length(json) from message join receipt on receipt.id = message.receipt where message.id = ?1";
    let length: Option<usize> = conn.prepare_cached(sql)?.query_row([message], |row| row.get(0)).optional()?;
    let Some(left) = length.and_then(|length| room.checked_sub(length)) else { return Ok(None) };
    *room = left;
    report::receipt(conn, message).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn the_fiftieth_kind_is_the_last_that_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = super::super::schema::open_writer(&folder.path().join("x.db")).unwrap();
        super::super::schema::migrate(&mut conn, Timestamp::default()).unwrap();
        let (one, other) = (CampaignId::from_raw(7), CampaignId::from_raw(8));
        let add = |campaign, message: i64, why: &str| {
            let receipt = Receipt { untracked: why.to_owned(), ..Receipt::default() };
            count(&conn, campaign, MessageId::from_raw(message), &receipt).unwrap();
        };
        let why = |n: i64| "x".repeat(usize::try_from(n).unwrap());
        for n in 1..=60 {
            add(one, n, &why(n));
        }
        for n in 61..=70 {
            add(one, n, &why(n - 60));
        }
        let sums = |campaigns: &[CampaignId]| {
            let kinds = of(&conn, campaigns).unwrap();
            let rest: i64 = kinds.iter().filter(|kind| kind.rest).map(|kind| kind.messages).sum();
            (kinds.len(), kinds[0].messages, rest, kinds.iter().map(|kind| kind.messages).sum::<i64>())
        };
        assert_eq!(sums(&[one]), (51, 2, 10, 70));
        // Together they have more kinds than are shown: the least frequent join the rest.
        for n in 71..=75 {
            add(other, n, &why(n));
        }
        add(other, 76, &why(1));
        assert_eq!(sums(&[one, other]), (51, 3, 15, 76));
    }
}
