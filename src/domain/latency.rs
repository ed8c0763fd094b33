//! Spans of time as steps of equal ratio, so that a few rows hold their distribution.
//!
//! Eight steps to a doubling: a quantile read back is at most 5 % off. From 1 ms up; longer than about 24 days is the last.

/// Steps to a doubling.
const STEPS: f64 = 8.0;
/// The last step.
const LAST: u32 = 31 * 8;

/// The step of a span in milliseconds; what is below 1 counts as 1.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 248")]
pub fn step(ms: i64) -> u32 {
    ((ms.max(1) as f64).log2() * STEPS).round().min(f64::from(LAST)) as u32
}

/// The span in milliseconds in the middle of a step.
#[expect(clippy::cast_possible_truncation, reason = "at most 2^31")]
pub fn span_ms(step: u32) -> i64 {
    (f64::from(step) / STEPS).exp2().round() as i64
}

/// The step below which a share (0 to 1) of all lies; `steps` are (step, how many) in order. `None` of nothing.
pub fn quantile(steps: &[(u32, i64)], share: f64) -> Option<u32> {
    let total: i64 = steps.iter().map(|(_, n)| n).sum();
    if total <= 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts stay far below 2^52")]
    let wanted = (share * total as f64).ceil() as i64;
    let mut seen = 0;
    steps
        .iter()
        .find(|(_, n)| {
            seen += n;
            seen >= wanted.max(1)
        })
        .map(|(step, _)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_read_back_is_at_most_a_twentieth_off() {
        for ms in [1_i64, 2, 3, 17, 999, 41_000, 18_600_000, 259_200_000] {
            let back = span_ms(step(ms));
            assert!((back - ms).abs() * 20 <= ms + 10, "{ms} came back as {back}");
        }
        assert_eq!((step(-5), step(0), step(i64::MAX)), (0, 0, LAST));
    }

    #[test]
    fn half_and_nearly_all() {
        let steps = [(8, 50), (80, 45), (160, 5)];
        assert_eq!(
            (quantile(&steps, 0.5), quantile(&steps, 0.95), quantile(&steps, 0.96)),
            (Some(8), Some(80), Some(160))
        );
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[(3, 1)], 0.95), Some(3));
    }
}
