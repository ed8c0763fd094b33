//! The range of time that a page looks at.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use serde::Deserialize;

use crate::domain::zone::Step;
use crate::domain::{Calendar, Timestamp};

const HOUR: Duration = Duration::from_hours(1);
/// The first and the last year that a date may be of: what lies beyond has no mail.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2200;

/// The ranges that are offered: key, name and days; none for hours and for all.
const RANGES: [(&str, &str, Option<u64>); 5] = [
    ("24h", "24 hours", None),
    ("7d", "7 days", Some(7)),
    ("30d", "30 days", Some(30)),
    ("90d", "90 days", Some(90)),
    ("all", "All", None),
];

/// As the address says it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    range: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// A range, as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// One of those offered; empty for dates.
    pub key: &'static str,
    /// From when; `None` for the beginning.
    pub from: Option<Timestamp>,
    /// Its last moment.
    pub to: Timestamp,
    /// Its first and last day, for the form.
    pub dates: (String, String),
    /// What was wrong with what was asked.
    pub complaint: &'static str,
}

impl Range {
    /// What was asked for, in whole hours or days on the reader's clock; 30 days for what cannot be understood.
    pub fn read(asked: &Asked, calendar: Calendar, now: Timestamp) -> Self {
        let date =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(read_date);
        match (date(&asked.from), date(&asked.to)) {
            (None, None) => Self::named(asked.range.as_deref().unwrap_or_default(), calendar, now),
            (Some(None), _) | (_, Some(None)) => Self::wrong("A date is written as 2026-11-29.", calendar, now),
            (from, to) => {
                let today = calendar.zone().date(now);
                let to = to.flatten().unwrap_or(today);
                let from = from.flatten().unwrap_or(to);
                if from > to {
                    return Self::wrong("The range ends before it begins; change one of the dates.", calendar, now);
                }
                let end = calendar.zone().midnight(to + Days::new(1)).millis() - 1;
                Self::new("", Some(calendar.zone().midnight(from)), Timestamp::from_millis(end), calendar)
            }
        }
    }

    fn named(key: &str, calendar: Calendar, now: Timestamp) -> Self {
        let (zone, today) = (calendar.zone(), calendar.zone().date(now));
        let (key, _, days) = RANGES.into_iter().find(|(known, ..)| *known == key).unwrap_or(RANGES[2]);
        let from = match (key, days) {
            (_, Some(days)) => Some(zone.midnight(today - Days::new(days - 1))),
            ("24h", None) => Some(Step::Hour(zone).start(now - 23 * HOUR)),
            (_, None) => None,
        };
        Self::new(key, from, now, calendar)
    }

    fn wrong(complaint: &'static str, calendar: Calendar, now: Timestamp) -> Self {
        Self { complaint, ..Self::named("", calendar, now) }
    }

    fn new(key: &'static str, from: Option<Timestamp>, to: Timestamp, calendar: Calendar) -> Self {
        let date = |at: Timestamp| calendar.zone().date(at).to_string();
        let dates = (from.map(date).unwrap_or_default(), date(to));
        Self { key, from, to, dates, complaint: "" }
    }

    /// As an address says it.
    pub fn query(&self) -> String {
        if self.key.is_empty() {
            format!("from={}&to={}", self.dates.0, self.dates.1)
        } else {
            format!("range={}", self.key)
        }
    }

    /// Those that are offered, and whether it is this one.
    pub fn offered(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        RANGES.iter().map(|(key, name, _)| (*key, *name, *key == self.key))
    }
}

fn read_date(text: &str) -> Option<NaiveDate> {
    let date: NaiveDate = text.parse().ok()?;
    YEARS.contains(&chrono::Datelike::year(&date)).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Zone;

    fn read(zone: &str, query: &str) -> Range {
        let now = Timestamp::parse_rfc3339("2026-11-29T18:20:00Z").unwrap();
        let of = |key: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.into_owned())
        };
        let asked = Asked { range: of("range"), from: of("from"), to: of("to") };
        Range::read(&asked, Calendar::new(Zone::parse(zone).unwrap(), now), now)
    }

    #[test]
    fn ranges_begin_with_a_whole_hour_or_day_on_the_readers_clock() {
        let from = |zone: &str, query: &str| read(zone, query).from.unwrap().rfc3339();
        assert_eq!(from("UTC", "range=24h"), "2026-11-28T19:00:00.000Z");
        assert_eq!(from("Asia/Kathmandu", "range=24h"), "2026-11-28T19:15:00.000Z");
        assert_eq!(from("UTC", "range=7d"), "2026-11-23T00:00:00.000Z");
        assert_eq!(from("Asia/Kathmandu", ""), "2026-10-31T18:15:00.000Z");
        assert_eq!((read("UTC", "range=all").from, read("UTC", "range=x").key), (None, "30d"));
    }

    #[test]
    fn dates_are_whole_days_there() {
        let range = read("Europe/Amsterdam", "from=2026-10-25&to=2026-10-25");
        assert_eq!(range.from.unwrap().rfc3339(), "2026-10-24T22:00:00.000Z");
        assert_eq!(range.to.rfc3339(), "2026-10-25T22:59:59.999Z");
        assert_eq!((range.query().as_str(), range.key), ("from=2026-10-25&to=2026-10-25", ""));
        assert_eq!(read("UTC", "from=2026-11-01&to=").dates.1, "2026-11-29");
        assert_eq!(read("UTC", "to=2026-11-01").dates, ("2026-11-01".to_owned(), "2026-11-01".to_owned()));
        for (query, start) in
            [("from=2026-11-02&to=2026-11-01", "The range ends"), ("from=x", "A date"), ("to=99999-01-01", "A date")]
        {
            let range = read("UTC", query);
            assert!(range.complaint.starts_with(start) && range.key == "30d", "{range:?}");
        }
    }
}
