//! What on the overview needs a look.

use rusqlite::Connection;

use super::canary;
use super::error::StoreError;
use super::view::{Finding, Severity};
use super::{report_campaign, report_queue};
use crate::domain::Calendar;

/// Findings of one kind.
const FINDINGS_EACH: usize = 3;

/// What needs a look, worst first.
pub(super) fn findings(conn: &Connection, dropped: u64, calendar: Calendar) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    let sql = "select count(*), coalesce(min(held), '') from queue_delivery where held is not null";
    let (held, why): (i64, String) = conn.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if held > 0 {
        findings.push(Finding {
            severity: Severity::Bad,
            word: "Held".to_owned(),
            title: format!("{held} deliveries are held and will not be sent."),
            detail: format!("Their stored message cannot be used: {why}. Restore the data folder from a backup."),
            link: (String::new(), String::new()),
        });
    }
    findings.extend(report_campaign::bad_of_latest(conn, calendar)?.into_iter().take(FINDINGS_EACH));
    if dropped > 0 {
        findings.push(Finding {
            severity: Severity::Warn,
            word: "Not counted".to_owned(),
            title: format!("{dropped} opens and clicks were answered but not counted since the start."),
            detail: "The store could not keep up or refused to write; rates are too low by these.".to_owned(),
            link: (String::new(), String::new()),
        });
    }
    for row in canary::held(conn, None)?.into_iter().take(FINDINGS_EACH) {
        findings.push(Finding {
            severity: Severity::Bad,
            word: "Held back".to_owned(),
            title: format!("The rest of {} is held at {}: {} deliveries wait.", row.name, row.site, row.waiting),
            detail: format!(
                "Since {}: {}. Look at the replies on its page; send the rest anyway, or cancel it.",
                calendar.short(row.since),
                row.why()
            ),
            link: (format!("/campaigns/{}", row.campaign), "See the campaign".to_owned()),
        });
    }
    for row in report_queue::pauses(conn)?.into_iter().filter(|row| row.waiting > 0).take(FINDINGS_EACH) {
        let what = if row.name.is_empty() { "All mail" } else { &row.name };
        findings.push(Finding {
            severity: Severity::Warn,
            word: "Paused".to_owned(),
            title: format!("{what} is paused; {} deliveries wait for it.", row.waiting),
            detail: format!("Since {}, by {}.", calendar.short(row.pause.since), row.pause.by),
            link: ("/queue".to_owned(), "See the queue".to_owned()),
        });
    }
    for (domain, count) in report_queue::deferring(conn, FINDINGS_EACH)? {
        let oldest = report_queue::oldest(conn, Some(&domain))?;
        findings.push(Finding {
            severity: Severity::Warn,
            word: "Waiting".to_owned(),
            title: format!("{domain} has deferred {count} {}.", if count == 1 { "delivery" } else { "deliveries" }),
            detail: oldest.map_or_else(String::new, |oldest| {
                format!("The oldest that waits there was accepted {}.", calendar.short(oldest.accepted_at))
            }),
            link: ("/queue".to_owned(), "See the queue".to_owned()),
        });
    }
    Ok(findings)
}
