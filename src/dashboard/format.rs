//! How numbers, rates and times are written.

use crate::domain::counts::Rate;
use crate::domain::{BounceClass, Rates, Timestamp};

/// With a comma between thousands.
pub fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if n < 0 { format!("-{text}") } else { text }
}

/// A share with one decimal, a dash for none.
pub fn rate(rate: Option<Rate>) -> String {
    rate.map_or_else(|| "\u{2013}".to_owned(), |rate| percent(rate.value()))
}

/// A share as a percentage with one decimal; what is not quite all is never written as all, and what is not quite
/// nothing never as nothing.
pub fn percent(share: f64) -> String {
    let text = format!("{:.1}%", share * 100.0);
    match text.as_str() {
        "100.0%" if share < 1.0 => "99.9%".to_owned(),
        "100.0%" => "100%".to_owned(),
        "0.0%" if share > 0.0 => "<0.1%".to_owned(),
        "0.0%" => "0%".to_owned(),
        _ => text,
    }
}

/// Two rates as a band.
pub fn band(low: Option<Rate>, high: Option<Rate>) -> String {
    let (low, high) = (rate(low), rate(high));
    if low == high { low } else { format!("{}\u{2013}{high}", low.trim_end_matches('%')) }
}

/// The 95 % interval of a rate, as words.
pub fn interval(rate: Option<Rate>) -> String {
    rate.map_or_else(String::new, |rate| {
        let (low, high) = rate.interval();
        format!("interval {:.1}\u{2013}{:.1}%", low * 100.0, high * 100.0)
    })
}

/// `17 Nov 09:00:04`, UTC.
pub fn time(at: Timestamp) -> String {
    at.to_chrono().format("%-d %b %Y %H:%M:%S").to_string()
}

/// `17 Nov 09:00`, UTC.
pub fn short_time(at: Timestamp) -> String {
    at.to_chrono().format("%-d %b %H:%M").to_string()
}

/// A size in decimal units.
pub fn size(octets: u64) -> String {
    match octets {
        0..1_000 => format!("{octets} B"),
        1_000..1_000_000 => format!("{}.{} kB", octets / 1_000, octets % 1_000 / 100),
        _ => format!("{}.{} MB", octets / 1_000_000, octets % 1_000_000 / 100_000),
    }
}

/// A class of refusals in plain words.
pub fn class(class: BounceClass) -> String {
    let words = class.as_str().replace('_', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// How values are written in templates, where they stand behind any number of references.
pub trait Written {
    /// With a comma between thousands.
    fn grouped(&self) -> String;
}

impl Written for i64 {
    fn grouped(&self) -> String {
        count(*self)
    }
}

/// How rates are written in templates.
pub trait WrittenRate {
    /// A percentage, a dash for none.
    fn percent(&self) -> String;
}

impl WrittenRate for Option<Rate> {
    fn percent(&self) -> String {
        rate(*self)
    }
}

/// How the open band is written in templates.
pub trait WrittenBand {
    /// Low to high.
    fn open_band(&self) -> String;
}

impl WrittenBand for Rates {
    fn open_band(&self) -> String {
        band(self.open_low, self.open_high)
    }
}

/// How times are written in templates.
pub trait WrittenTime {
    /// Day and minute.
    fn short(&self) -> String;
    /// Year to second.
    fn long(&self) -> String;
}

impl WrittenTime for Timestamp {
    fn short(&self) -> String {
        short_time(*self)
    }

    fn long(&self) -> String {
        time(*self)
    }
}

/// How sizes are written in templates.
pub trait WrittenSize {
    /// In decimal units.
    fn size(&self) -> String;
}

impl WrittenSize for u64 {
    fn size(&self) -> String {
        size(*self)
    }
}

/// How refusal classes are written in templates.
pub trait WrittenClass {
    /// In plain words.
    fn words(&self) -> String;
}

impl WrittenClass for BounceClass {
    fn words(&self) -> String {
        class(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable_and_never_rounded_to_all_or_nothing() {
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!(
            (percent(0.999_999), percent(1.0), percent(0.000_1)),
            ("99.9%".into(), "100%".into(), "<0.1%".into())
        );
        assert_eq!((rate(None), size(1_234), size(5)), ("\u{2013}".into(), "1.2 kB".into(), "5 B".into()));
        let half = Rate::of(1, 2);
        assert_eq!((band(half, half), band(half, Rate::of(3, 4))), ("50.0%".into(), "50.0\u{2013}75.0%".into()));
    }
}
