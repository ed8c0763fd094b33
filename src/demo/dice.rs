//! Chance that falls the same way in each run: what is drawn depends on the words it was begun with alone.

/// FNV-1a, 64 bits.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// A stream of numbers (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    /// The stream that belongs to these words.
    pub(super) fn of(words: &[&str]) -> Self {
        let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
        Self(bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)))
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end`, without it; 0 where there is nothing to choose.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw() % end).unwrap_or_default()
    }

    /// Within these, both among them.
    pub(super) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True so many times in a thousand.
    pub(super) fn falls(&mut self, per_mille: usize) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of a list that is not empty.
    pub(super) fn pick<T: Copy>(&mut self, list: &[T]) -> Option<T> {
        list.get(self.below(list.len())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_fall_the_same_way_and_evenly() {
        let draw = |word: &str| (0..4).map(|n| Dice::of(&[word, &n.to_string()]).below(1_000)).collect::<Vec<_>>();
        assert_eq!(draw("ann"), draw("ann"));
        assert_ne!(draw("ann"), draw("bob"));
        let mut dice = Dice::of(&["even"]);
        let hits = (0..10_000).filter(|_| dice.falls(250)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
