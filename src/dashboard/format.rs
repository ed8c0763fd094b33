//! How numbers, rates and times are written.

use std::time::Duration;

use crate::domain::counts::{Rate, grouped};
use crate::domain::{BounceClass, Calendar, Rates, Timestamp};

/// Counts. Traits, because templates meet values behind any number of references.
pub trait Written {
    /// With a comma between thousands.
    fn grouped(&self) -> String;
    /// The same with a plus before what is more than 0.
    fn signed(&self) -> String;
}

impl Written for i64 {
    fn grouped(&self) -> String {
        grouped(*self)
    }

    fn signed(&self) -> String {
        let sign = if *self > 0 { "+" } else { "" };
        format!("{sign}{}", self.grouped())
    }
}

/// Counts of things.
pub trait WrittenCount {
    /// `1 link`, `2 links`.
    fn counted(&self, one: &str) -> String;
}

impl WrittenCount for usize {
    fn counted(&self, one: &str) -> String {
        let number = i64::try_from(*self).unwrap_or(i64::MAX).grouped();
        if *self == 1 { format!("{number} {one}") } else { format!("{number} {one}s") }
    }
}

/// Rates.
pub trait WrittenRate {
    /// A percentage with one decimal, a dash for none.
    fn percent(&self) -> String;
    /// The 95 % interval, as words.
    fn interval_text(&self) -> String;
    /// As a part of 1; 0 for none.
    fn share(&self) -> f64;
}

impl WrittenRate for Option<Rate> {
    fn percent(&self) -> String {
        self.map_or_else(|| "\u{2013}".to_owned(), |rate| percent(rate.value()))
    }

    fn interval_text(&self) -> String {
        self.map_or_else(String::new, |rate| {
            let (low, high) = rate.interval();
            format!("interval {:.1}\u{2013}{:.1}%", low * 100.0, high * 100.0)
        })
    }

    fn share(&self) -> f64 {
        self.map_or(0.0, Rate::value)
    }
}

/// Intervals without the word, below a rate in a table.
pub trait WrittenInterval {
    /// `8.5\u{2013}9.5%`; empty for no rate.
    fn interval_short(&self) -> String;
}

impl WrittenInterval for Option<Rate> {
    fn interval_short(&self) -> String {
        self.interval_text().trim_start_matches("interval ").to_owned()
    }
}

/// What is not quite all is never written as all, and what is not quite nothing never as nothing.
fn percent(share: f64) -> String {
    let text = format!("{:.1}%", share * 100.0);
    match text.as_str() {
        "100.0%" if share < 1.0 => "99.9%".to_owned(),
        "100.0%" => "100%".to_owned(),
        "0.0%" if share > 0.0 => "<0.1%".to_owned(),
        "0.0%" => "0%".to_owned(),
        _ => text,
    }
}

/// The open band.
pub trait WrittenBand {
    /// Low to high.
    fn open_band(&self) -> String;
}

impl WrittenBand for Rates {
    fn open_band(&self) -> String {
        let (low, high) = (self.open_low.percent(), self.open_high.percent());
        match self.open_high {
            _ if low == high => low,
            Some(_) => format!("{}\u{2013}{high}", low.trim_end_matches('%')),
            // In a range of time the high number alone may be of more than was delivered.
            None => format!("{low}, {high}"),
        }
    }
}

/// Times, as a reader's [`Calendar`] has them.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand on what is in a page by reference")]
pub trait WrittenTime {
    /// `17 Nov 09:00`.
    fn short(&self, calendar: &Calendar) -> String;
    /// `17 Nov`.
    fn day(&self, calendar: &Calendar) -> String;
    /// `17 Nov 09:00:04`.
    fn long(&self, calendar: &Calendar) -> String;
}

impl WrittenTime for Timestamp {
    fn short(&self, calendar: &Calendar) -> String {
        calendar.short(*self)
    }

    fn day(&self, calendar: &Calendar) -> String {
        calendar.day(*self)
    }

    fn long(&self, calendar: &Calendar) -> String {
        calendar.long(*self)
    }
}

/// Spans of time.
pub trait WrittenSpan {
    /// `2 d 22 h`: at most two units.
    fn span(&self) -> String;
}

impl WrittenSpan for Duration {
    fn span(&self) -> String {
        let seconds = self.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => format!("{seconds} s"),
            (0, 0, _) => format!("{minutes} min"),
            (0, _, _) => format!("{hours} h {} min", minutes % 60),
            _ => format!("{days} d {} h", hours % 24),
        }
    }
}

/// Sizes.
pub trait WrittenSize {
    /// In decimal units.
    fn size(&self) -> String;
}

impl WrittenSize for u64 {
    fn size(&self) -> String {
        match self {
            0..1_000 => format!("{self} B"),
            1_000..1_000_000 => format!("{}.{} kB", self / 1_000, self % 1_000 / 100),
            _ => format!("{}.{} MB", self / 1_000_000, self % 1_000_000 / 100_000),
        }
    }
}

/// Refusal classes.
pub trait WrittenClass {
    /// In plain words.
    fn words(&self) -> String;
}

impl WrittenClass for BounceClass {
    fn words(&self) -> String {
        let words = self.as_str().replace('_', " ");
        let mut chars = words.chars();
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_written_as_one() {
        let written = [1, 0, 1_000].map(|count: usize| count.counted("link"));
        assert_eq!(written, ["1 link", "0 links", "1,000 links"]);
    }
    use crate::domain::Counts;

    #[test]
    fn numbers_are_readable_and_never_rounded_to_all_or_nothing() {
        assert_eq!((0.signed(), 1_999.signed(), (-5).signed()), ("0".into(), "+1,999".into(), "-5".into()));
        assert_eq!((0.grouped(), 999.grouped(), 1_234_567.grouped()), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!(
            (percent(0.999_999), percent(1.0), percent(0.000_1)),
            ("99.9%".into(), "100%".into(), "<0.1%".into())
        );
        let span = |seconds| Duration::from_secs(seconds).span();
        assert_eq!(
            (span(4), span(300), span(7_500), span(252_000)),
            ("4 s".into(), "5 min".into(), "2 h 5 min".into(), "2 d 22 h".into())
        );
        assert_eq!((None.percent(), 1_234.size(), 5.size()), ("\u{2013}".into(), "1.2 kB".into(), "5 B".into()));
        let half = Rate::of(1, 2);
        let band = |open_low, open_high| Rates { open_low, open_high, ..Counts::default().rates() }.open_band();
        assert_eq!((band(half, half), band(half, Rate::of(3, 4))), ("50.0%".into(), "50.0\u{2013}75.0%".into()));
        assert_eq!((band(half, None), band(None, None)), ("50.0%, \u{2013}".into(), "\u{2013}".into()));
    }
}
