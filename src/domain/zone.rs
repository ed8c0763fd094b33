//! Time zones: where a reader's hours, days and months begin. The rollups' 15-minute buckets fit every zone's.

use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::timestamp::{BUCKET_MS, Timestamp};

/// Clocks that are put forward at midnight skip less than this many quarters of an hour; only Samoa once skipped a day.
const QUARTERS_SKIPPED_MAX: usize = 100;

/// A zone of the IANA database, which is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// A zone by its name, such as `Europe/Amsterdam`; as the database spells it, or in another case.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        let found =
            name.parse().ok().or_else(|| TZ_VARIANTS.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name)));
        found.map(Self)
    }

    /// As the database spells it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The names that people look for: those of places, and UTC.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let of_place = |name: &&str| name.contains('/') && !name.starts_with("Etc/") && !name.starts_with("US/");
        std::iter::once("UTC").chain(TZ_VARIANTS.iter().map(|zone| zone.name()).filter(of_place))
    }

    /// The time on a clock there.
    pub fn local(self, at: Timestamp) -> DateTime<Tz> {
        at.to_chrono().with_timezone(&self.0)
    }

    /// The date on a calendar there.
    pub fn date(self, at: Timestamp) -> NaiveDate {
        self.local(at).date_naive()
    }

    /// How far its clocks are from UTC at that moment: `UTC`, `UTC+1`, `UTC-3:30`.
    pub fn offset(self, at: Timestamp) -> String {
        let seconds = self.local(at).offset().fix().local_minus_utc();
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
        match (minutes / 60, minutes % 60) {
            (0, 0) => "UTC".to_owned(),
            (hours, 0) => format!("UTC{sign}{hours}"),
            (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
        }
    }

    /// The first moment of a date. Where clocks skip midnight, the one they skip to; where they show it twice, the first.
    pub fn midnight(self, date: NaiveDate) -> Timestamp {
        let mut local = date.and_time(NaiveTime::MIN);
        for _ in 0..QUARTERS_SKIPPED_MAX {
            if let Some(first) = self.0.from_local_datetime(&local).earliest() {
                return Timestamp::from_millis(first.timestamp_millis());
            }
            local += chrono::Duration::milliseconds(BUCKET_MS);
        }
        Timestamp::from_millis(date.and_time(NaiveTime::MIN).and_utc().timestamp_millis())
    }

    /// Date, hour and offset: what the quarters of one hour have in common. An hour that clocks show twice is two.
    fn hour(self, at: Timestamp) -> (NaiveDate, u32, i32) {
        let local = self.local(at);
        (local.date_naive(), local.hour(), local.offset().fix().local_minus_utc())
    }
}

/// How wide the points of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// 15 minutes.
    Quarter,
    /// An hour on the clocks of a zone; shorter where they are put forward or back within it.
    Hour(Zone),
    /// A day in a zone, of 23 or 25 hours where its clocks change.
    Day(Zone),
    /// A month in a zone.
    Month(Zone),
}

impl Step {
    /// Where the step begins that a moment is in.
    #[must_use]
    pub fn start(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Quarter => at.bucket(),
            Self::Hour(zone) => {
                let hour = zone.hour(at.bucket());
                quarters(at.bucket(), -BUCKET_MS).take_while(|at| zone.hour(*at) == hour).last().unwrap_or(at.bucket())
            }
            Self::Day(zone) => zone.midnight(zone.date(at)),
            Self::Month(zone) => zone.midnight(first_of_month(zone.date(at))),
        }
    }

    /// Where the step after that of a moment begins.
    #[must_use]
    pub fn next(self, at: Timestamp) -> Timestamp {
        let quarter = Timestamp::from_millis(at.bucket().millis() + BUCKET_MS);
        let found = match self {
            Self::Quarter => quarter,
            Self::Hour(zone) => {
                let hour = zone.hour(at.bucket());
                quarters(at.bucket(), BUCKET_MS).find(|at| zone.hour(*at) != hour).unwrap_or(quarter)
            }
            Self::Day(zone) => zone.midnight(zone.date(at).succ_opt().unwrap_or(NaiveDate::MAX)),
            Self::Month(zone) => {
                let first = first_of_month(zone.date(at));
                zone.midnight(first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX))
            }
        };
        // A date that a zone skipped has no moment of its own.
        found.max(quarter)
    }
}

fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// At most the five quarters that can tell where an hour begins or ends, from one on.
fn quarters(from: Timestamp, by: i64) -> impl Iterator<Item = Timestamp> {
    (0..5).map(move |n| Timestamp::from_millis(from.millis() + n * by))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// How many quarters of an hour a date has.
    fn quarters_of(zone: Zone, date: &str) -> i64 {
        let midnight = zone.midnight(date.parse().unwrap());
        (Step::Day(zone).next(midnight).millis() - midnight.millis()) / BUCKET_MS
    }

    #[test]
    fn names_are_found_in_any_case_and_offsets_are_said() {
        assert_eq!(Zone::parse(" europe/amsterdam ").unwrap().name(), "Europe/Amsterdam");
        assert_eq!((Zone::parse("Europe/Atlantis"), Zone::parse("")), (None, None));
        assert!(Zone::names().any(|name| name == "Asia/Kathmandu") && Zone::names().next() == Some("UTC"));
        assert!(Zone::names().all(|name| Zone::parse(name).is_some()));
        let summer = at("2026-07-01T00:00:00Z");
        let said = ["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "America/St_Johns"].map(|n| zone(n).offset(summer));
        assert_eq!(said, ["UTC", "UTC+2", "UTC+5:45", "UTC-2:30"]);
    }

    #[test]
    fn days_begin_at_midnight_there_and_have_as_many_hours_as_there() {
        let moment = at("2026-11-29T18:20:00Z");
        let starts = [
            ("UTC", "2026-11-29T00:00:00.000Z"),
            ("Asia/Kathmandu", "2026-11-29T18:15:00.000Z"),
            ("Australia/Lord_Howe", "2026-11-29T13:00:00.000Z"),
            ("America/St_Johns", "2026-11-29T03:30:00.000Z"),
            ("Europe/Amsterdam", "2026-11-28T23:00:00.000Z"),
        ];
        for (name, start) in starts {
            assert_eq!(Step::Day(zone(name)).start(moment).rfc3339(), start, "{name}");
        }
        let amsterdam = zone("Europe/Amsterdam");
        assert_eq!(quarters_of(amsterdam, "2026-03-29"), 23 * 4);
        assert_eq!(quarters_of(amsterdam, "2026-10-25"), 25 * 4);
        assert_eq!(quarters_of(zone("Australia/Lord_Howe"), "2026-04-05"), 24 * 4 + 2);
        assert_eq!(quarters_of(zone("Australia/Lord_Howe"), "2026-10-04"), 24 * 4 - 2);
        assert_eq!(quarters_of(zone("America/St_Johns"), "2026-03-08"), 23 * 4);
        // Where midnight is skipped, and where it comes twice.
        assert_eq!(zone("Asia/Beirut").midnight("2026-03-29".parse().unwrap()), at("2026-03-28T22:00:00Z"));
        assert_eq!(zone("America/Havana").midnight("2026-11-01".parse().unwrap()), at("2026-11-01T04:00:00Z"));
        assert_eq!(quarters_of(zone("America/Havana"), "2026-11-01"), 25 * 4);
        assert!(Step::Day(zone("Pacific/Apia")).next(at("2011-12-29T12:00:00Z")) > at("2011-12-29T12:00:00Z"));
    }

    /// Where the hours of a day begin, as the zone's clocks show them.
    fn hours_of(name: &str, date: &str) -> Vec<String> {
        let (zone, mut found) = (zone(name), Vec::new());
        let (mut at, date) = (zone.midnight(date.parse().unwrap()), date.parse::<NaiveDate>().unwrap());
        while zone.date(at) == date {
            assert_eq!(
                (Step::Hour(zone).start(at), Step::Hour(zone).start(at + std::time::Duration::from_mins(14))),
                (at, at)
            );
            found.push(zone.local(at).format("%H:%M").to_string());
            at = Step::Hour(zone).next(at);
        }
        found
    }

    #[test]
    fn hours_are_those_on_the_clock_also_when_it_is_changed() {
        let kathmandu = Step::Hour(zone("Asia/Kathmandu"));
        assert_eq!(kathmandu.start(at("2026-11-29T18:14:59Z")).rfc3339(), "2026-11-29T17:15:00.000Z");
        let spring = hours_of("Europe/Amsterdam", "2026-03-29");
        assert_eq!((spring.len(), &spring[1..3]), (23, &["01:00".to_owned(), "03:00".to_owned()][..]));
        let autumn = hours_of("Europe/Amsterdam", "2026-10-25");
        assert_eq!((autumn.len(), &autumn[2..4]), (25, &["02:00".to_owned(), "02:00".to_owned()][..]));
        let half = hours_of("Australia/Lord_Howe", "2026-04-05");
        assert_eq!((half.len(), &half[1..4]), (25, &["01:00".to_owned(), "01:30".to_owned(), "02:00".to_owned()][..]));
        assert_eq!(hours_of("America/St_Johns", "2026-11-29").len(), 24);
    }

    #[test]
    fn months_begin_on_their_first_day_there() {
        let months = Step::Month(zone("Europe/Amsterdam"));
        let march = months.start(at("2026-03-31T21:59:00Z"));
        assert_eq!(march.rfc3339(), "2026-02-28T23:00:00.000Z");
        assert_eq!(months.next(march).rfc3339(), "2026-03-31T22:00:00.000Z");
        assert_eq!(months.next(at("2026-12-31T12:00:00Z")).rfc3339(), "2026-12-31T23:00:00.000Z");
    }
}
