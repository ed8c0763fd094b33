//! How the sender's earlier campaigns stood when they were as old as this one is now.

use rusqlite::{Connection, Row, params, params_from_iter};

use super::error::StoreError;
use super::fold::mode_code;
use super::names;
use super::report::{HOURS_MAX, count_sums, read_counts};
use super::view::CampaignRow;
use crate::domain::campaign;
use crate::domain::usual::{CAMPAIGNS_MAX, Earlier, SIZE_FACTOR, Usual};
use crate::domain::{CampaignId, Counts, Metric, Timestamp};

const HOUR_MS: i64 = 3_600_000;
/// Earlier campaigns that are looked through for comparable ones.
const LOOKED_THROUGH: i64 = 500;
/// From this age on all that a campaign counted is compared.
#[expect(clippy::cast_possible_wrap, reason = "some hundreds")]
const GROWN_UP_MS: i64 = HOURS_MAX as i64 * HOUR_MS;

/// What is compared, or is part of it.
const COMPARED: [Metric; 14] = [
    Metric::Recipients,
    Metric::Suppressed,
    Metric::Cancelled,
    Metric::Delivered,
    Metric::Bounced,
    Metric::Expired,
    Metric::Complained,
    Metric::Unsubscribed,
    Metric::WithPixel,
    Metric::WithLinks,
    Metric::OpenedHuman,
    Metric::OpenedProxy,
    Metric::OpenedInferred,
    Metric::ClickedHuman,
];

/// What is usual for a campaign whose first delivery was then, at its present age, over so many hours.
pub(super) fn usual(
    conn: &Connection,
    row: &CampaignRow,
    first_delivery_at: Timestamp,
    (now, hours): (Timestamp, usize),
) -> Result<Option<Usual>, StoreError> {
    if row.name == campaign::NONE {
        return Ok(None);
    }
    let age_ms = now.bucket().millis() - first_delivery_at.bucket().millis();
    let mut earlier = Vec::with_capacity(CAMPAIGNS_MAX);
    for (id, first) in comparable(conn, row, first_delivery_at)? {
        let members = names::members(conn, id)?;
        let mut one = series(conn, &members, first.bucket(), age_ms.min(GROWN_UP_MS))?;
        if age_ms >= GROWN_UP_MS {
            one.counts = whole(conn, &members)?;
        }
        earlier.push(one);
    }
    Ok(Usual::of(&earlier, hours))
}

/// The latest of the same mode that began before, of about its size, each with its first delivery; all with what is shown
/// as part of them.
fn comparable(
    conn: &Connection,
    row: &CampaignRow,
    first_delivery_at: Timestamp,
) -> Result<Vec<(CampaignId, Timestamp)>, StoreError> {
    let sql = "select shown.id, min(v.first_delivery_at) as first, sum(v.recipients) as size, min(v.first_at) as began \
               from (select distinct coalesce(m.into_campaign, l.id) as id \
               from (select id from v_campaign where mode = ?1 and first_at < ?2 order by first_at desc limit ?3) l \
               left join campaign_merge m on m.campaign = l.id) shown join v_campaign v on v.id = shown.id \
               or v.id in (select campaign from campaign_merge where into_campaign = shown.id) \
               where shown.id <> ?8 group by shown.id having first <= ?5 and size * ?7 >= ?6 and size <= ?6 * ?7 \
               and (select name from v_campaign where id = shown.id) not in ('', ?4) order by began desc limit ?9";
    let values = params![
        mode_code(row.mode),
        row.first_at.millis(),
        LOOKED_THROUGH,
        campaign::NONE,
        first_delivery_at.millis(),
        row.counts[Metric::Recipients],
        SIZE_FACTOR,
        row.id.raw(),
        CAMPAIGNS_MAX
    ];
    let read = |row: &Row<'_>| Ok((CampaignId::from_raw(row.get(0)?), Timestamp::from_millis(row.get(1)?)));
    Ok(conn.prepare_cached(sql)?.query_map(values, read)?.collect::<Result<_, _>>()?)
}

/// What was counted until an age, and in each hour; what came before the first delivery is part of the first.
fn series(conn: &Connection, members: &[CampaignId], first: Timestamp, age_ms: i64) -> Result<Earlier, StoreError> {
    let sums: Vec<_> = COMPARED.iter().map(|metric| format!("sum({})", metric.as_str())).collect();
    let sql = format!(
        "select max(0, (bucket - ?) / ?) as hour, {} from v_series where bucket <= ? and {} group by hour order by hour",
        sums.join(", "),
        names::one_of("scope", members.len())
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let start = first.millis();
    let values = [start, HOUR_MS, start.saturating_add(age_ms)];
    let mut rows = statement.query(params_from_iter(values.into_iter().chain(members.iter().map(|id| id.raw()))))?;
    let mut earlier = Earlier::default();
    while let Some(row) = rows.next()? {
        let hour: usize = row.get(0)?;
        let mut counts = Counts::default();
        for (at, metric) in COMPARED.iter().enumerate() {
            counts[*metric] = row.get(at + 1)?;
        }
        earlier.counts += counts;
        if hour < HOURS_MAX {
            earlier.hours.resize(earlier.hours.len().max(hour), Counts::default());
            earlier.hours.push(counts);
        }
    }
    Ok(earlier)
}

fn whole(conn: &Connection, members: &[CampaignId]) -> Result<Counts, StoreError> {
    let sql = format!("select {} from v_campaign where {}", count_sums(), names::one_of("id", members.len()));
    let values = params_from_iter(members.iter().map(|id| id.raw()));
    Ok(conn.prepare_cached(&sql)?.query_row(values, |row| read_counts(row, 0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Mode;
    use crate::store::{report_campaign, schema, views};

    const DAY_MS: i64 = 24 * HOUR_MS;

    /// A campaign of so many recipients, all delivered at its start, and so many opened in its second hour and its third.
    fn add(conn: &Connection, (id, mode): (i64, i64), start: i64, recipients: i64, opened: [i64; 2]) {
        let sql = "insert into v_campaign (id, name, mode, first_at, last_at, first_message, last_message, messages, \
                   first_delivery_at, recipients, delivered, with_pixel, opened_human) \
                   values (?1, 'c' || ?1, ?2, ?3, ?3, 0, 0, 1, ?3, ?4, ?4, ?4, ?5)";
        conn.execute(sql, params![id, mode, start, recipients, opened[0] + opened[1]]).unwrap();
        let sql = "insert into v_series (scope, bucket, recipients, delivered, with_pixel, opened_human) \
                   values (?1, ?2, ?3, ?3, ?3, ?4)";
        for (at, sent, opened) in [(0, recipients, 0), (1, 0, opened[0]), (2, 0, opened[1])] {
            conn.execute(sql, params![id, start + at * HOUR_MS, sent, opened]).unwrap();
        }
    }

    fn at_age(conn: &Connection, id: i64, start: i64, age_ms: i64) -> Option<Usual> {
        let row = report_campaign::list(conn, Some(Mode::Live), 100).unwrap();
        let row = row.into_iter().find(|row| row.id == CampaignId::from_raw(id)).unwrap();
        let now = Timestamp::from_millis(start + age_ms);
        usual(conn, &row, Timestamp::from_millis(start), (now, 3)).unwrap()
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "small")]
    fn only_earlier_ones_of_the_same_mode_and_of_about_the_size_are_compared_at_the_same_age() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        views::renew(&mut conn).unwrap();
        let start = 400 * DAY_MS;
        add(&conn, (5_000, 0), start, 100, [10, 0]);
        add(&conn, (5_001, 0), start - 9 * DAY_MS, 100, [20, 10]);
        add(&conn, (5_002, 0), start - 8 * DAY_MS, 1_000, [300, 100]);
        assert_eq!(at_age(&conn, 5_000, start, HOUR_MS), None);
        add(&conn, (5_003, 0), start - 7 * DAY_MS, 10, [4, 1]);
        // Too large, too small, sandbox mail, later, merged into another, and mail without a campaign.
        add(&conn, (5_004, 0), start - 6 * DAY_MS, 1_001, [900, 0]);
        add(&conn, (5_005, 0), start - 6 * DAY_MS, 9, [9, 0]);
        add(&conn, (5_006, 1), start - 5 * DAY_MS, 100, [90, 0]);
        add(&conn, (5_007, 0), start + DAY_MS, 100, [90, 0]);
        add(&conn, (5_008, 0), start - 4 * DAY_MS, 100, [90, 0]);
        conn.execute("insert into campaign_merge values (5008, 5003)", []).unwrap();
        add(&conn, (5_009, 0), start - 3 * DAY_MS, 100, [90, 0]);
        conn.execute("update v_campaign set name = '(none)' where id = 5009", []).unwrap();

        let open = |age_ms| {
            let usual = at_age(&conn, 5_000, start, age_ms).unwrap();
            let span = usual.open_low.unwrap();
            (usual.campaigns, [span.low, span.median, span.high].map(|share| (share * 1_000.0).round() as i64))
        };
        // 20 of 100, 300 of 1,000, and 4 of 10: what is shown as part of that one came three days later.
        assert_eq!(open(HOUR_MS), (3, [200, 300, 400]));
        assert_eq!(open(2 * HOUR_MS), (3, [300, 400, 500]));
        // At 45 minutes nobody had opened; after 400 hours all that they counted is compared, 95 of 110 of the last one.
        assert_eq!(open(HOUR_MS - 1), (3, [0, 0, 0]));
        assert_eq!(open(500 * HOUR_MS), (3, [300, 400, 864]));
        let hours: Vec<_> = at_age(&conn, 5_000, start, 2 * HOUR_MS).unwrap().opened_by_hour;
        assert_eq!(hours.iter().map(|share| (share * 100.0).round() as i64).collect::<Vec<_>>(), [0, 30, 40]);
    }

    #[test]
    fn sizes_and_first_deliveries_are_those_of_all_that_is_shown_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        views::renew(&mut conn).unwrap();
        let start = 400 * DAY_MS;
        // A tenth of 15 is more than 1.
        for (id, days, recipients) in [(5_000, 0, 15), (5_001, 9, 1), (5_002, 8, 2), (5_003, 7, 150), (5_004, 6, 1)] {
            add(&conn, (id, 0), start - days * DAY_MS, recipients, [0, 0]);
        }
        assert_eq!(at_age(&conn, 5_000, start, HOUR_MS), None);
        add(&conn, (5_005, 0), start - 10 * DAY_MS, 1, [1, 0]);
        conn.execute("insert into campaign_merge values (5005, 5004)", []).unwrap();
        // Two recipients together, and as old as the elder: what the other one sent four days later is not yet there. One
        // that begins with what was merged into it is earlier although its own mail is not.
        add(&conn, (5_006, 0), start + DAY_MS, 2, [0, 0]);
        add(&conn, (5_007, 0), start - 20 * DAY_MS, 2, [0, 0]);
        conn.execute("insert into campaign_merge values (5007, 5006)", []).unwrap();
        let usual = at_age(&conn, 5_000, start, HOUR_MS).unwrap();
        assert_eq!((usual.campaigns, usual.open_low.unwrap().high.to_string().as_str()), (4, "1"));
    }
}
