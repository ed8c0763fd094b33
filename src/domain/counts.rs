//! Counts, and the rates made of them.

use super::audience::Audience;

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// What is counted; each is a column of the rollups.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Metric { $($(#[$doc])* $variant),+ }

        impl Metric {
            /// All of them, in column order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The column's name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

metrics!(
    /// Recipients accepted.
    Recipients = "recipients",
    /// Waiting, tried or not.
    Queued = "queued",
    /// The part of `queued` that was tried at least once.
    Deferred = "deferred",
    /// Taken by a receiving server.
    Delivered = "delivered",
    /// Refused for good.
    Bounced = "bounced",
    /// Given up.
    Expired = "expired",
    /// Not sent.
    Suppressed = "suppressed",
    /// Taken out by a user.
    Cancelled = "cancelled",
    /// Delivered, then bounced by a later message.
    LateBounced = "late_bounced",
    /// Feedback reports.
    Complained = "complained",
    /// Left.
    Unsubscribed = "unsubscribed",
    /// Delivered with a pixel.
    WithPixel = "with_pixel",
    /// Delivered with a tracked link.
    WithLinks = "with_links",
    /// Opened by a person.
    OpenedHuman = "opened_human",
    /// Opened through a provider's proxy.
    OpenedProxy = "opened_proxy",
    /// Clicked by a person, pixel fetched by none but machines.
    OpenedInferred = "opened_inferred",
    /// Opened by what cannot be told.
    OpenedUnknown = "opened_unknown",
    /// Fetched ahead of time.
    OpenedPrefetch = "opened_prefetch",
    /// Fetched by a scanner.
    OpenedScanner = "opened_scanner",
    /// Pixel hits.
    OpenEvents = "open_events",
    /// Clicked by a person.
    ClickedHuman = "clicked_human",
    /// Clicked through a proxy.
    ClickedProxy = "clicked_proxy",
    /// Clicked by what cannot be told.
    ClickedUnknown = "clicked_unknown",
    /// Followed ahead of time.
    ClickedPrefetch = "clicked_prefetch",
    /// Followed by a scanner.
    ClickedScanner = "clicked_scanner",
    /// Link hits.
    ClickEvents = "click_events",
);

/// How many metrics there are.
pub const METRICS: usize = Metric::ALL.len();

/// A count for each metric; also a change of counts, which may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts([i64; METRICS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; METRICS])
    }
}

impl std::ops::Index<Metric> for Counts {
    type Output = i64;

    fn index(&self, metric: Metric) -> &i64 {
        // `METRICS` is the number of variants, so the index is always inside.
        &self.0[metric as usize]
    }
}

impl std::ops::IndexMut<Metric> for Counts {
    fn index_mut(&mut self, metric: Metric) -> &mut i64 {
        &mut self.0[metric as usize]
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl std::ops::SubAssign for Counts {
    fn sub_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine -= theirs;
        }
    }
}

impl Counts {
    /// In column order.
    pub fn values(&self) -> &[i64; METRICS] {
        &self.0
    }

    /// From columns in order.
    pub fn from_values(values: [i64; METRICS]) -> Self {
        Self(values)
    }

    /// Whether nothing changed.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|n| *n == 0)
    }

    /// The open metric of a class.
    pub const fn opened(class: Audience) -> Metric {
        match class {
            Audience::Human => Metric::OpenedHuman,
            Audience::Proxy => Metric::OpenedProxy,
            Audience::Unknown => Metric::OpenedUnknown,
            Audience::Prefetch => Metric::OpenedPrefetch,
            Audience::Scanner => Metric::OpenedScanner,
        }
    }

    /// The click metric of a class.
    pub const fn clicked(class: Audience) -> Metric {
        match class {
            Audience::Human => Metric::ClickedHuman,
            Audience::Proxy => Metric::ClickedProxy,
            Audience::Unknown => Metric::ClickedUnknown,
            Audience::Prefetch => Metric::ClickedPrefetch,
            Audience::Scanner => Metric::ClickedScanner,
        }
    }

    /// Deliveries that were to be made: recipients less suppressed and cancelled.
    pub fn to_deliver(&self) -> i64 {
        self[Metric::Recipients] - self[Metric::Suppressed] - self[Metric::Cancelled]
    }

    /// Opened for sure: by people, through proxies at a real moment, or inferred from a person's click.
    pub fn opened_low(&self) -> i64 {
        self[Metric::OpenedHuman] + self[Metric::OpenedProxy] + self[Metric::OpenedInferred]
    }

    /// Opened perhaps: the low number and what a machine fetched for a person who may or may not have looked.
    pub fn opened_high(&self) -> i64 {
        self.opened_low() + self[Metric::OpenedPrefetch] + self[Metric::OpenedUnknown]
    }

    /// Unsubscribed or complained, of those delivered; who did both counts twice.
    pub fn left(&self) -> Option<Rate> {
        Rate::of(self[Metric::Unsubscribed] + self[Metric::Complained], self[Metric::Delivered])
    }

    /// Complained, of those delivered.
    pub fn complained(&self) -> Option<Rate> {
        Rate::of(self[Metric::Complained], self[Metric::Delivered])
    }

    /// The rates, each `None` without a denominator.
    pub fn rates(&self) -> Rates {
        Rates {
            delivery: Rate::of(self[Metric::Delivered], self.to_deliver()),
            bounce: Rate::of(self[Metric::Bounced] + self[Metric::Expired], self.to_deliver()),
            open_low: Rate::of(self.opened_low(), self[Metric::WithPixel]),
            open_high: Rate::of(self.opened_high(), self[Metric::WithPixel]),
            click: Rate::of(self[Metric::ClickedHuman], self[Metric::WithLinks]),
        }
    }
}

/// With a comma between thousands.
pub fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = if count < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole, with its numerator and denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub part: i64,
    /// Of how many; above 0.
    pub whole: i64,
}

impl Rate {
    /// `None` without a denominator, and where the part is none of it: in a range of time more may be delivered than was
    /// accepted.
    pub fn of(part: i64, whole: i64) -> Option<Self> {
        (whole > 0 && part <= whole).then_some(Self { part, whole })
    }

    /// 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn value(self) -> f64 {
        self.part as f64 / self.whole as f64
    }

    /// The 95 % Wilson score interval, from and to in 0 to 1 (E. B. Wilson 1927).
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        let (n, p) = (self.whole as f64, self.value().clamp(0.0, 1.0));
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
    }
}

/// The rates of a campaign or any other set of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// delivered / (recipients - suppressed - cancelled).
    pub delivery: Option<Rate>,
    /// (bounced + expired) / the same.
    pub bounce: Option<Rate>,
    /// (human + proxy + inferred) / delivered with a pixel.
    pub open_low: Option<Rate>,
    /// The same and prefetch and unknown.
    pub open_high: Option<Rate>,
    /// human / delivered with a tracked link.
    pub click: Option<Rate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_their_own_denominators() {
        let mut counts = Counts::default();
        assert_eq!(counts.rates().delivery, None);
        for (metric, n) in [
            (Metric::Recipients, 100),
            (Metric::Suppressed, 1),
            (Metric::Delivered, 97),
            (Metric::Bounced, 2),
            (Metric::WithPixel, 97),
            (Metric::WithLinks, 97),
            (Metric::OpenedHuman, 40),
            (Metric::OpenedProxy, 10),
            (Metric::OpenedInferred, 2),
            (Metric::OpenedPrefetch, 20),
            (Metric::OpenedUnknown, 1),
            (Metric::OpenedScanner, 3),
            (Metric::ClickedHuman, 12),
        ] {
            counts[metric] = n;
        }
        let rates = counts.rates();
        let shown = |rate: Option<Rate>| format!("{:.4}", rate.unwrap().value());
        assert_eq!(shown(rates.delivery), "0.9798");
        assert_eq!(shown(rates.bounce), "0.0202");
        assert_eq!(shown(rates.open_low), "0.5361");
        assert_eq!(shown(rates.open_high), "0.7526");
        assert_eq!(shown(rates.click), "0.1237");
    }

    #[test]
    fn wilson_interval_of_a_known_example() {
        let (low, high) = Rate { part: 10, whole: 100 }.interval();
        assert_eq!(format!("{low:.4} {high:.4}"), "0.0552 0.1744");
        let (low, high) = Rate { part: 0, whole: 10 }.interval();
        assert!(low.abs() < 1e-9 && (high - 0.2775).abs() < 1e-3);
    }
}
