//! Draws of a receipt: those that stay, and those that come back.
//!
//! Units: nano-credits; what an allowance of words has paid is counted in words.

use headworks_core::record::{Charge, Draw, Line, Source, Unit, Use};

/// The words of a use, part by part, that are not paid yet.
struct Words(Vec<Part>);

struct Part {
    words: i64,
    price: i64,
    left: i64,
}

impl Words {
    fn of(usage: &Use) -> Self {
        let part = |line: &Line| {
            let words = i64::try_from(line.quantity).unwrap_or(0);
            let price = i64::try_from(line.price.nano()).unwrap_or(0);
            Part { words, price, left: words * price }
        };
        Self(usage.lines.iter().filter(|line| line.meter.as_str() == "words").map(part).collect())
    }

    fn all(&self) -> i64 {
        self.0.iter().map(|part| part.words).sum()
    }

    /// An allowance pays the first of them; returns what these cost.
    fn pay(&mut self, mut words: i64) -> i64 {
        let mut worth = 0;
        for part in &mut self.0 {
            let paid = part.words.min(words);
            let cost = if paid == part.words { part.left } else { (paid * part.price).min(part.left) };
            (part.words, part.left) = (part.words - paid, part.left - cost);
            (words, worth) = (words - paid, worth + cost);
        }
        worth
    }

    /// Credits pay the first of them; one that is paid in part is still one.
    fn pay_credits(&mut self, mut credits: i64) {
        for part in &mut self.0 {
            let paid = part.left.min(credits);
            (part.left, credits) = (part.left - paid, credits - paid);
            if part.price > 0 {
                part.words = (part.left + part.price - 1) / part.price;
            }
        }
    }
}

/// The part of each draw that a charge keeps, from the front; without a charge, nothing.
pub(super) fn keep(draws: &[Draw], charge: Option<&Charge>) -> Vec<Draw> {
    let mut left = charge.map_or(0, |charge| charge.price.nano());
    let mut words = charge.map_or(Words(Vec::new()), |charge| Words::of(&charge.usage));
    let kept = |draw: &Draw| {
        let (amount, worth) = if counts_words(draw) {
            let amount = draw.amount.min(words.all());
            (amount, words.pay(amount))
        } else {
            let amount = draw.amount.min(left);
            words.pay_credits(amount);
            (amount, amount)
        };
        left -= worth;
        Draw { amount, worth, ..draw.clone() }
    };
    draws.iter().map(kept).collect()
}

/// Whether an allowance of words pays it.
fn counts_words(draw: &Draw) -> bool {
    draw.source == Source::Allowance && draw.layer.as_str() == "seated"
}

/// Draws are worth what they pay: an allowance of words what its words cost, part by part.
pub(super) fn are_worth_it(usage: &Use, draws: &[Draw]) -> Result<(), String> {
    if !matches!(usage.unit, Unit::Meter(_)) || usage.factor.is_some() {
        return Ok(());
    }
    let mut words = Words::of(usage);
    for draw in draws {
        let worth = if counts_words(draw) {
            words.pay(draw.amount)
        } else {
            words.pay_credits(draw.amount);
            draw.amount
        };
        if draw.worth != worth {
            return Err(format!("{} of {} are worth {worth}, not {}", draw.amount, draw.layer, draw.worth));
        }
    }
    Ok(())
}

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
