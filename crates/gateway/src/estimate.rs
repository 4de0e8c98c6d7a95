//! Estimates for holds, learned from what upstreams report.
//!
//! S1 what is kept of a model and its accounts is bounded (`what_is_learned_is_bounded`). S2 one report changes little: an estimate
//! is a quantile of the last ones (`one_report_changes_little`). S3 of what would have fitted, fewer than one in a hundred calls are
//! refused for what others hold, on real traces (`estimates_refuse_little_that_would_have_fitted`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use headworks_core::record::Name;
use tokio::time::Instant;

use crate::text::Text;

/// Reports that an estimate rests on, and those without which it is the usual one.
const KEPT: usize = 64;
const ENOUGH: usize = 16;
/// Accounts of a model that have estimates of their own.
const ACCOUNTS_MAX: usize = 4_096;
/// Bytes of a token where nothing is known, in thousandths: few for a hold, more for a count that is charged.
const HELD_BYTES: u64 = 3_000;
const COUNTED_BYTES: u64 = 4_000;
/// The most bytes of a token that are believed: accounts share what is learned of a model.
const RATIO_MAX: u64 = 6_000;
/// The same where the tokenizer is known: tokens that it counts for each that is reported. Reports have more, for what stands around the text.
const HELD_TOKENS: u64 = 900;
const TOKENS_RATIO_MIN: u64 = 500;
const TOKENS_RATIO_MAX: u64 = 1_100;
/// Tokens of a picture, a sound or a file.
pub(crate) const MEDIA: u64 = 1_600;
/// Tokens of an output where nothing is known.
const OUTPUT: u64 = 1_024;

/// How long an account that was short is held for no more than calls usually use: what others hold decides what fits.
const SHORT: Duration = Duration::from_secs(600);

/// The last reports of one quantity, and a quantile of them.
#[derive(Debug)]
pub(crate) struct Last {
    values: Vec<u64>,
    next: usize,
    percent: usize,
    /// The value that this many percent are at or below, if enough is known: read for each event of a stream.
    pub(crate) quantile: Option<u64>,
}

impl Last {
    pub(crate) fn new(percent: usize) -> Self {
        Self { values: Vec::new(), next: 0, percent, quantile: None }
    }

    pub(crate) fn note(&mut self, value: u64) {
        if self.values.len() < KEPT {
            self.values.push(value);
        } else if let Some(oldest) = self.values.get_mut(self.next) {
            *oldest = value;
        }
        self.next = (self.next + 1) % KEPT;
        self.quantile = self.at(self.percent);
    }

    /// The value that this many percent are at or below, if enough is known.
    fn at(&self, percent: usize) -> Option<u64> {
        let mut sorted = self.values.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * percent / 100).copied().filter(|_| sorted.len() >= ENOUGH)
    }
}

/// Few inputs have fewer bytes for each token, half of the outputs do, and few outputs have more tokens.
const INPUT_PERCENT: usize = 5;
const TEXT_PERCENT: usize = 50;
const OUTPUT_PERCENT: usize = 95;
/// Half are at or below.
const MEDIAN: usize = 50;

/// What is known of a model.
#[derive(Debug)]
struct Known {
    /// Thousandths of a byte, or of a token as counted, for each token of input; of a byte for each of output.
    input: Last,
    text: Last,
    /// Tokens of an output, in all and by account.
    outputs: Last,
    accounts: HashMap<Name, Last>,
    /// When accounts last had less than was asked for.
    short: HashMap<Name, Instant>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            input: Last::new(INPUT_PERCENT),
            text: Last::new(TEXT_PERCENT),
            outputs: Last::new(OUTPUT_PERCENT),
            accounts: HashMap::new(),
            short: HashMap::new(),
        }
    }
}

/// What is known of all models.
#[derive(Debug, Default)]
pub(crate) struct Learned(Mutex<HashMap<String, Known>>);

/// A use as it turned out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnedOut {
    pub(crate) input: Text,
    pub(crate) input_tokens: u64,
    /// Bytes of the output that were seen; zero where it was not read.
    pub(crate) text: u64,
    pub(crate) output_tokens: u64,
}

fn tokens(bytes: u64, of_one: u64) -> u64 {
    bytes.saturating_mul(1_000).div_ceil(of_one.max(1))
}

impl Learned {
    fn with<T>(&self, model: &str, of: impl FnOnce(Option<&Known>) -> T) -> T {
        of(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(model))
    }

    /// Tokens of an input: more than most inputs of this length have, or as many as half of them for an account that was short.
    pub(crate) fn input(&self, model: &str, account: &Name, text: Text, now: Instant) -> u64 {
        let of_one = self.with(model, |known| {
            let known = known?;
            let short = known.short.get(account).is_some_and(|at| now.duration_since(*at) < SHORT);
            if short { known.input.at(MEDIAN) } else { known.input.quantile }
        });
        let held = if text.tokens > 0 {
            tokens(text.tokens, of_one.unwrap_or(HELD_TOKENS).min(TOKENS_RATIO_MAX))
        } else {
            tokens(text.bytes, of_one.unwrap_or(HELD_BYTES))
        };
        held.saturating_add(text.media.saturating_mul(MEDIA)).max(1)
    }

    /// Tokens of an output that cannot grow: more than most outputs of the account have, or of the model.
    pub(crate) fn output(&self, model: &str, account: &Name) -> u64 {
        self.outputs(model, account, |last| last.quantile)
    }

    /// Tokens that a stream begins with: as many as half of the outputs have. The others grow as they go.
    pub(crate) fn beginning(&self, model: &str, account: &Name) -> u64 {
        self.outputs(model, account, |last| last.at(MEDIAN))
    }

    fn outputs(&self, model: &str, account: &Name, of: impl Fn(&Last) -> Option<u64>) -> u64 {
        let learned = self.with(model, |known| {
            let known = known?;
            known.accounts.get(account).and_then(&of).or_else(|| of(&known.outputs))
        });
        learned.unwrap_or(OUTPUT).max(16)
    }

    /// An account had less than was asked for.
    pub(crate) fn was_short(&self, model: &str, account: &Name, now: Instant) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let short = &mut models.entry(model.to_owned()).or_default().short;
        if short.len() >= ACCOUNTS_MAX {
            short.retain(|_, at| now.duration_since(*at) < SHORT);
        }
        if short.len() < ACCOUNTS_MAX || short.contains_key(account) {
            short.insert(account.clone(), now);
        }
    }

    /// Tokens of an output of which only the text is known.
    pub(crate) fn text(&self, model: &str, bytes: u64) -> u64 {
        let of_one = self.with(model, |known| known.and_then(|known| known.text.quantile));
        tokens(bytes, of_one.unwrap_or(COUNTED_BYTES))
    }

    /// What an upstream reported.
    pub(crate) fn note(&self, model: &str, account: &Name, of: TurnedOut) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = models.entry(model.to_owned()).or_default();
        // A conversation that the upstream keeps has tokens that are not in the request.
        let ratio = |bytes: u64, tokens: u64| bytes.saturating_mul(1_000) / tokens.max(1);
        let of_bytes = |bytes: u64, tokens: u64| ratio(bytes, tokens).clamp(1_000, RATIO_MAX);
        if of.input.media == 0 && of.input_tokens > 0 {
            if of.input.tokens > 0 {
                let of_tokens = ratio(of.input.tokens, of.input_tokens);
                known.input.note(of_tokens.clamp(TOKENS_RATIO_MIN, TOKENS_RATIO_MAX));
            } else if of.input.bytes > 0 {
                known.input.note(of_bytes(of.input.bytes, of.input_tokens));
            }
        }
        if of.text > 0 && of.output_tokens > 0 {
            known.text.note(of_bytes(of.text, of.output_tokens));
        }
        known.outputs.note(of.output_tokens);
        if known.accounts.len() >= ACCOUNTS_MAX && !known.accounts.contains_key(account) {
            let any = known.accounts.keys().next().cloned();
            any.and_then(|any| known.accounts.remove(&any));
        }
        let own = known.accounts.entry(account.clone()).or_insert_with(|| Last::new(OUTPUT_PERCENT));
        own.note(of.output_tokens);
    }
}

#[cfg(test)]
mod tests {
    use headworks_core::record::Name;
    use tokio::time::Instant;

    use super::{ACCOUNTS_MAX, Learned, TurnedOut};
    use crate::text::Text;

    fn account(n: usize) -> Name {
        Name::new(&format!("a{n}")).expect("a name")
    }

    fn text(bytes: u64) -> Text {
        Text { bytes, ..Text::default() }
    }

    fn turned_out(bytes: u64, input_tokens: u64, output_tokens: u64) -> TurnedOut {
        TurnedOut { input: text(bytes), input_tokens, text: output_tokens * 5, output_tokens }
    }

    fn input(learned: &Learned, text: Text) -> u64 {
        learned.input("m", &account(1), text, Instant::now())
    }

    #[test]
    fn one_report_changes_little() {
        let learned = Learned::default();
        // Where nothing is known: three bytes a token, 1,024 tokens, a picture of 1,600.
        assert_eq!((input(&learned, text(300)), learned.output("m", &account(1))), (100, 1_024));
        assert_eq!(input(&learned, Text { media: 2, ..text(0) }), 3_200);
        assert_eq!(learned.text("m", 40), 10);
        for _ in 0..40 {
            learned.note("m", &account(1), turned_out(1_000, 200, 300));
        }
        // Five bytes a token, 300 tokens.
        assert_eq!((input(&learned, text(1_000)), learned.output("m", &account(1))), (200, 300));
        assert_eq!(learned.text("m", 40), 8);
        learned.note("m", &account(1), turned_out(1_000, 1_000, 100_000));
        assert_eq!((input(&learned, text(1_000)), learned.output("m", &account(1))), (200, 300));
        // An account of which too little is known has the estimate of the model.
        assert_eq!(learned.output("m", &account(2)), 300);
        for _ in 0..16 {
            learned.note("m", &account(2), turned_out(1_000, 200, 20));
        }
        assert_eq!((learned.output("m", &account(2)), learned.output("m", &account(1))), (20, 300));
        assert_eq!(learned.output("other", &account(1)), 1_024);
    }

    #[test]
    fn an_account_that_was_short_is_held_for_what_is_usual() {
        let (learned, now) = (Learned::default(), Instant::now());
        // Inputs of 2 to 6 bytes a token, outputs of 100 to 500 tokens.
        for n in 0..50 {
            let fifth = n % 5;
            learned.note("m", &account(1), turned_out((2 + fifth) * 1_000, 1_000, (1 + fifth) * 100));
        }
        let of = |n: usize, at: Instant| learned.input("m", &account(n), text(12_000), at);
        assert_eq!((of(1, now), of(2, now)), (6_000, 6_000));
        assert_eq!((learned.output("m", &account(1)), learned.beginning("m", &account(1))), (500, 300));
        learned.was_short("m", &account(1), now);
        assert_eq!((of(1, now), of(2, now)), (3_000, 6_000));
        assert_eq!((of(1, now + super::SHORT / 2), of(1, now + super::SHORT)), (3_000, 6_000));
    }

    #[test]
    fn what_a_tokenizer_counts_is_held_and_a_little_more() {
        let learned = Learned::default();
        let text = Text { tokens: 900, ..text(3_000) };
        assert_eq!(input(&learned, text), 1_000);
        // The upstream reports 2 % more than was counted.
        for _ in 0..40 {
            let of = TurnedOut { input: text, input_tokens: 918, text: 0, output_tokens: 1 };
            learned.note("m", &account(1), of);
        }
        assert_eq!(input(&learned, text), 919);
    }

    #[test]
    fn what_is_learned_is_bounded() {
        let learned = Learned::default();
        for n in 0..ACCOUNTS_MAX + 100 {
            learned.note("m", &account(n), turned_out(10, 2, 3));
            learned.was_short("m", &account(n), Instant::now());
        }
        let models = learned.0.lock().expect("no panic");
        let known = models.get("m").expect("is known");
        assert_eq!((known.accounts.len(), known.outputs.values.len()), (ACCOUNTS_MAX, super::KEPT));
        assert_eq!(known.short.len(), ACCOUNTS_MAX);
    }
}
