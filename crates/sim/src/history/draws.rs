//! Draws that come back.

use headworks_core::record::Draw;

/// The part of each draw that a refund gives back after others: from the last to the first.
pub(super) fn unwound(draws: &[Draw], returned: i64, amount: i64) -> Vec<Draw> {
    let (mut gone, mut left) = (returned, amount);
    let back = |draw: &Draw| {
        let skipped = draw.amount.min(gone);
        let part = (draw.amount - skipped).min(left);
        (gone, left) = (gone - skipped, left - part);
        Draw { amount: part, worth: part, ..draw.clone() }
    };
    draws.iter().rev().map(back).collect()
}
