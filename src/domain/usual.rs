//! What is usual for a sender: how their own earlier campaigns stood at the same age.

use super::counts::{Counts, Rate};

/// Campaigns that are looked at.
pub const CAMPAIGNS_MAX: usize = 10;
/// With fewer nothing is called usual.
pub const CAMPAIGNS_MIN: usize = 3;
/// A campaign is comparable when it is at most so many times larger or smaller.
pub const SIZE_FACTOR: i64 = 10;

/// From where to where a rate lay, and its middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The lowest, 0 to 1.
    pub low: f64,
    /// Half of them lie below.
    pub median: f64,
    /// The highest.
    pub high: f64,
}

impl Span {
    /// Of some rates; `None` of too few.
    pub fn of(rates: impl Iterator<Item = f64>) -> Option<Self> {
        let mut rates: Vec<f64> = rates.collect();
        rates.sort_by(f64::total_cmp);
        let (low, high) = (*rates.first()?, *rates.last()?);
        (rates.len() >= CAMPAIGNS_MIN).then(|| Self { low, median: median(&rates), high })
    }
}

/// Of a sorted list that is not empty.
fn median(sorted: &[f64]) -> f64 {
    let at = |n: usize| sorted.get(n).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(at(half.saturating_sub(1)), at(half)) } else { at(half) }
}

/// An earlier campaign, at the age that is compared.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// All that was counted by then.
    pub counts: Counts,
    /// What was counted in each hour since its first delivery.
    pub hours: Vec<Counts>,
}

/// What is usual at an age.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usual {
    /// How many campaigns it is made of.
    pub campaigns: usize,
    /// Delivered.
    pub delivery: Option<Span>,
    /// Opened, the low number.
    pub open_low: Option<Span>,
    /// Clicked.
    pub click: Option<Span>,
    /// Bounced or expired.
    pub bounce: Option<Span>,
    /// Unsubscribed or complained.
    pub left: Option<Span>,
    /// Complained.
    pub complained: Option<Span>,
    /// Of how many campaigns the two lines are the middle: those whose mail carried a pixel; 0 where there are too few.
    pub lines_of: usize,
    /// The middle of the low open rate at the end of each hour, as of all that carried a pixel in the end.
    pub opened_by_hour: Vec<f64>,
    /// The middle of what each hour added to it.
    pub opened_in_hour: Vec<f64>,
}

impl Usual {
    /// Of some campaigns, over so many hours; `None` of too few.
    pub fn of(earlier: &[Earlier], hours: usize) -> Option<Self> {
        if earlier.len() < CAMPAIGNS_MIN {
            return None;
        }
        let span = |of: fn(&Counts) -> Option<Rate>| {
            Span::of(earlier.iter().filter_map(|one| of(&one.counts)).map(Rate::value))
        };
        let (lines_of, opened_by_hour, opened_in_hour) = by_hour(earlier, hours);
        Some(Self {
            campaigns: earlier.len(),
            delivery: span(|counts| counts.rates().delivery),
            open_low: span(|counts| counts.rates().open_low),
            click: span(|counts| counts.rates().click),
            bounce: span(|counts| counts.rates().bounce),
            left: span(Counts::left),
            complained: span(Counts::complained),
            lines_of,
            opened_by_hour,
            opened_in_hour,
        })
    }
}

/// How many carried a pixel, and the middles of their curves; none of too few.
fn by_hour(earlier: &[Earlier], hours: usize) -> (usize, Vec<f64>, Vec<f64>) {
    let tracked = |one: &&Earlier| one.counts.rates().open_low.is_some();
    let mut curves: Vec<(&Earlier, f64)> = earlier.iter().filter(tracked).map(|one| (one, 0.0)).collect();
    if curves.len() < CAMPAIGNS_MIN {
        return (0, Vec::new(), Vec::new());
    }
    let (mut sums, mut steps) = (Vec::with_capacity(hours), Vec::with_capacity(hours));
    for hour in 0..hours {
        let mut added = Vec::with_capacity(curves.len());
        for (one, sum) in &mut curves {
            let opened = one.hours.get(hour).map_or(0, Counts::opened_low);
            let whole = one.counts[super::Metric::WithPixel];
            let step = Rate::of(opened, whole).map_or(0.0, Rate::value);
            *sum += step;
            added.push(step);
        }
        let mut now: Vec<f64> = curves.iter().map(|(_, sum)| *sum).collect();
        now.sort_by(f64::total_cmp);
        added.sort_by(f64::total_cmp);
        sums.push(median(&now));
        steps.push(median(&added));
    }
    (curves.len(), sums, steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Metric;

    fn earlier(opened: &[i64], pixels: i64) -> Earlier {
        let hour = |n: i64| {
            let mut counts = Counts::default();
            counts[Metric::OpenedHuman] = n;
            counts
        };
        let mut counts = hour(opened.iter().sum());
        (counts[Metric::WithPixel], counts[Metric::Delivered], counts[Metric::Recipients]) = (pixels, 100, 100);
        Earlier { counts, hours: opened.iter().copied().map(hour).collect() }
    }

    #[test]
    fn below_three_nothing_is_usual() {
        let two = [earlier(&[5], 100), earlier(&[6], 100)];
        assert_eq!(Usual::of(&two, 1), None);
        // Three, of which one carried no pixel: the others' open rates are too few, the delivery rates are not.
        let three = [two[0].clone(), two[1].clone(), earlier(&[0], 0)];
        let usual = Usual::of(&three, 1).unwrap();
        assert_eq!((usual.open_low, usual.lines_of, usual.opened_by_hour.len()), (None, 0, 0));
        assert_eq!(usual.delivery, Some(Span { low: 1.0, median: 1.0, high: 1.0 }));
    }

    #[test]
    fn lowest_middle_and_highest_and_the_curve_between() {
        let all = [earlier(&[10, 10], 100), earlier(&[40], 100), earlier(&[0, 30, 5], 100), earlier(&[20, 2], 100)];
        let usual = Usual::of(&all, 3).unwrap();
        let span = usual.open_low.unwrap();
        let text = |values: &[f64]| values.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(" ");
        assert_eq!(text(&[span.low, span.median, span.high]), "0.200 0.285 0.400");
        assert_eq!(text(&usual.opened_by_hour), "0.150 0.260 0.285");
        assert_eq!(text(&usual.opened_in_hour), "0.150 0.060 0.000");
        assert_eq!((usual.campaigns, usual.lines_of), (4, 4));
        // One whose mail carried no pixel has no part in the lines.
        let usual = Usual::of(&[&all[..], &[earlier(&[0], 0)]].concat(), 3).unwrap();
        assert_eq!((usual.campaigns, usual.lines_of, usual.open_low), (5, 4, Some(span)));
    }
}
