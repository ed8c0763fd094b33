//! What happened in months, mostly read by days of UTC: a zone's month begins and ends within one, whose quarters of an hour
//! are read by themselves.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::fold_changes::DAY_MS;
use super::report::{count_sums, read_counts};
use super::view::Point;
use crate::domain::zone::Step;
use crate::domain::{CampaignId, Counts, Timestamp};

/// The months of a mode, those with nothing in them left out; without `from` there are none.
pub(super) fn months(
    conn: &Connection,
    scope: CampaignId,
    (from, to): (Option<Timestamp>, Timestamp),
    step: Step,
) -> Result<Vec<Point>, StoreError> {
    let Some(from) = from else { return Ok(Vec::new()) };
    let mut points = Vec::new();
    let mut at = step.start(from);
    while at <= to {
        let next = step.next(at);
        let counts = between(conn, scope, at.max(from).millis(), next.millis().min(to.millis() + 1))?;
        if !counts.is_zero() {
            points.push(Point { at, counts });
        }
        at = next;
    }
    Ok(points)
}

/// Of the quarters of an hour that begin from `begin` on and before `end`.
fn between(conn: &Connection, scope: CampaignId, begin: i64, end: i64) -> Result<Counts, StoreError> {
    let sum = |view: &str, key: &str, begin: i64, end: i64| -> Result<Counts, StoreError> {
        let sql = format!("select {} from {view} where scope = ?1 and {key} >= ?2 and {key} < ?3", count_sums());
        Ok(conn.prepare_cached(&sql)?.query_row(params![scope.raw(), begin, end], |row| read_counts(row, 0))?)
    };
    let first_day = begin + (-begin).rem_euclid(DAY_MS);
    let last_day = end - end.rem_euclid(DAY_MS);
    if first_day >= last_day {
        return sum("v_series", "bucket", begin, end);
    }
    let mut counts = sum("v_series", "bucket", begin, first_day)?;
    counts += sum("v_day", "day", first_day, last_day)?;
    counts += sum("v_series", "bucket", last_day, end)?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zone::Zone;
    use crate::domain::{Metric, Mode};
    use crate::store::{report, schema};

    #[test]
    fn months_by_days_are_months_by_quarters() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
        schema::migrate(&mut conn, Timestamp::default()).unwrap();
        let (scope, start) = (CampaignId::all(Mode::Live), Timestamp::parse_rfc3339("2025-12-30T07:45:00Z").unwrap());
        for n in 0..9_000_i64 {
            let bucket = start.millis() + n * 7 * 900_000;
            let day = bucket - bucket.rem_euclid(DAY_MS);
            let series = "insert into v_series (scope, bucket, delivered, clicked_human) values (?1, ?2, ?3, 1)";
            conn.execute(series, params![scope.raw(), bucket, n]).unwrap();
            let days = "insert into v_day (scope, day, delivered, clicked_human) values (?1, ?2, ?3, 1) on conflict do \
                        update set delivered = delivered + ?3, clicked_human = clicked_human + 1";
            conn.execute(days, params![scope.raw(), day, n]).unwrap();
        }
        let range = |from: &str, to: &str| (Timestamp::parse_rfc3339(from), Timestamp::parse_rfc3339(to).unwrap());
        for zone in ["UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Amsterdam", "Pacific/Kiritimati"] {
            let step = Step::Month(Zone::parse(zone).unwrap());
            for (from, to) in [
                range("2025-12-30T07:45:00Z", "2027-12-01T00:00:00Z"),
                range("2026-03-29T00:30:00Z", "2026-10-25T01:14:59Z"),
                range("2026-03-29T10:00:00Z", "2026-03-29T20:00:00Z"),
                range("2020-01-01T00:00:00Z", "2020-03-01T00:00:00Z"),
            ] {
                let by_quarters =
                    report::series(&conn, &[scope], (from, to), step, &[Metric::Delivered, Metric::ClickedHuman])
                        .unwrap();
                assert_eq!(months(&conn, scope, (from, to), step).unwrap(), by_quarters, "{zone} {from:?} {to:?}");
            }
        }
        assert_eq!(months(&conn, scope, (None, start), Step::Month(Zone::default())).unwrap(), []);
    }
}
