//! How times are written for people.

use chrono::Datelike;

use super::timestamp::Timestamp;
use super::zone::Zone;

/// A reader's zone and year: times are as the clocks there show them, with the year where it is not this one. It is an
/// argument wherever a time is written, so that none is written in another zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    year: i32,
}

impl Calendar {
    /// Of a zone, read now.
    pub fn new(zone: Zone, now: Timestamp) -> Self {
        Self { zone, year: zone.local(now).year() }
    }

    /// In whose times.
    pub const fn zone(self) -> Zone {
        self.zone
    }

    /// `17 Nov 09:00`.
    pub fn short(self, at: Timestamp) -> String {
        self.write(at, "%-d %b", " %H:%M")
    }

    /// `17 Nov`.
    pub fn day(self, at: Timestamp) -> String {
        self.write(at, "%-d %b", "")
    }

    /// `17 Nov 09:00:04`.
    pub fn long(self, at: Timestamp) -> String {
        self.write(at, "%-d %b", " %H:%M:%S")
    }

    /// `Nov`.
    pub fn month(self, at: Timestamp) -> String {
        self.write(at, "%b", "")
    }

    fn write(self, at: Timestamp, day: &str, time: &str) -> String {
        let local = self.zone.local(at);
        let year = if local.year() == self.year { "" } else { " %Y" };
        local.format(&format!("{day}{year}{time}")).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_on_the_readers_clock_and_the_year_is_said_when_it_is_another() {
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        let now = at("2026-12-31T23:30:00Z");
        let of = |name: &str| Calendar::new(Zone::parse(name).unwrap(), now);
        let then = at("2026-11-29T18:20:04Z");
        assert_eq!(of("UTC").short(then), "29 Nov 18:20");
        assert_eq!(of("America/St_Johns").long(then), "29 Nov 14:50:04");
        // There it is 2027 already.
        let kathmandu = of("Asia/Kathmandu");
        assert_eq!(kathmandu.short(then), "30 Nov 2026 00:05");
        assert_eq!((kathmandu.day(then), of("UTC").month(then)), ("30 Nov 2026".to_owned(), "Nov".to_owned()));
    }
}
