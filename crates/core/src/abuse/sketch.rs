//! Counting names without keeping them: how many networks there are, and how often each occurs.
//!
//! Both have a fixed size under any flood. K1 a count is never too small (`counts_are_never_too_small`).
//! Sources: Flajolet et al., HyperLogLog, 2007, with linear counting for small numbers; Cormode and Muthukrishnan, the
//! count-min sketch, 2005.

use alloc::boxed::Box;
use alloc::vec;

/// How many different things there are, by their digests: 256 registers, an error of about 6.5 %.
#[derive(Clone, Debug)]
pub struct Distinct([u8; 256]);

impl Default for Distinct {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Distinct {
    /// Adds one by its digest; adding it again changes nothing. Returns whether it changed the count.
    pub fn add(&mut self, digest: u64) -> bool {
        let [at, ..] = digest.to_be_bytes();
        let rank = u8::try_from((digest << 8 | 0x80).leading_zeros() + 1).unwrap_or(u8::MAX);
        let register = self.0.get_mut(usize::from(at)).filter(|register| **register < rank);
        register.map(|register| *register = rank).is_some()
    }

    /// About how many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        const M: u64 = 256;
        let empty = self.0.iter().filter(|r| **r == 0).count();
        // The harmonic mean in units of 2^-57, so that no float is needed; 0.7182 is alpha for 256 registers.
        let sum: u128 = self.0.iter().map(|r| 1_u128 << (57 - u32::from(*r).min(57))).sum();
        let estimate = (u128::from(M * M * 7_182) << 57) / sum.max(1) / 10_000;
        let estimate = u64::try_from(estimate).unwrap_or(u64::MAX);
        if estimate <= M * 5 / 2 && empty > 0 { linear(empty) } else { estimate }
    }
}

/// `256 × ln(256 / empty)`: the sum of 256 / n over the registers that have been filled.
fn linear(empty: usize) -> u64 {
    let filled = u64::try_from(256_usize.saturating_sub(empty)).unwrap_or(0);
    let milli: u64 = (0..filled).map(|i| 256_000 * 2 / (2 * (256 - i) - 1)).sum();
    (milli + 500) / 1_000
}

const ROWS: usize = 4;
const WIDTH: usize = 1 << 16;

/// How often each of unboundedly many things was counted: never too little, sometimes too much. 1 MiB.
#[derive(Clone, Debug)]
pub struct Counts(Box<[u32]>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; ROWS * WIDTH].into_boxed_slice())
    }
}

impl Counts {
    /// Counts one by its digest; returns how often it was counted at most.
    pub fn add(&mut self, digest: u64) -> u32 {
        let least = self.count(digest).saturating_add(1);
        for cell in cells(digest) {
            if let Some(count) = self.0.get_mut(cell) {
                *count = least.max(*count);
            }
        }
        least
    }

    /// How often one was counted at most.
    #[must_use]
    pub fn count(&self, digest: u64) -> u32 {
        cells(digest).filter_map(|cell| self.0.get(cell)).copied().min().unwrap_or(0)
    }

    /// Forgets half of everything.
    pub fn halve(&mut self) {
        self.0.iter_mut().for_each(|count| *count /= 2);
    }
}

fn cells(digest: u64) -> impl Iterator<Item = usize> {
    let words = [digest, digest >> 16, digest >> 32, digest >> 48];
    words.into_iter().enumerate().map(|(row, word)| {
        let column = usize::try_from(word & 0xFFFF).unwrap_or(0);
        row * WIDTH + column
    })
}
