//! Calls of what happens to a hold or a charge afterwards.

use headworks_core::command::{Command, Correct, Extend};
use headworks_core::record::{HoldId, Record};
use headworks_core::waterfall::{Refusal, Request};

use super::rows::{Seen, Words, decided, drawn, parts, words};
use crate::audit::{audit, chained, replayed};
use crate::common::{World, at, catalog, correct, name, refund};

pub(super) fn call_of(w: &mut World, policy: &str, verb: &str, rest: &str) -> Seen {
    let (rest, more) = rest.split_once(" + ").unwrap_or((rest, ""));
    match verb {
        "extend" => {
            // The last hold; where none is open, what is charged.
            let hold = w.account.holds.last().map_or_else(|| HoldId(last_charge(w)), |h| h.id);
            let Words { quantities, .. } = words(rest);
            let more = parts(more);
            let more = Extend {
                hold,
                quantities,
                more,
                minimum: None,
                life: None,
                progress: None,
                consented: false,
            };
            match w.run(&Command::Extend(more)) {
                Ok(step) => decided(&w.fold(step)),
                Err(refusal) => refused(&refusal),
            }
        }
        "record" => {
            let (request, then) = rest.split_once(" at ").expect("an instant");
            let (feature, request) = request.split_once(' ').expect("a feature");
            let Words { quantities, path, .. } = words(request);
            let request = Request { path, more: parts(more), ..Request::new(name(feature), quantities) };
            done(w, Command::Record { request, at: Some(at(then)) }, "charged")
        }
        "correct" => {
            let Words { quantities, .. } = words(rest);
            let more = Some(parts(more)).filter(|parts| !parts.is_empty());
            let to = Correct::To { quantities, dimensions: None, more, reprice: false };
            done(w, correct(last_charge(w), &to), "corrected")
        }
        // Of the last charge.
        "return" => {
            let amount = (rest != "all").then_some(rest);
            match w.apply(refund(last_charge(w), amount)) {
                Ok(_) => Seen::default(),
                Err(refusal) => refused(&refusal),
            }
        }
        "pause" => {
            let until = rest.strip_prefix("until ").map(at);
            w.apply(Command::Pause { until, reason: None }).expect("pauses");
            Seen::default()
        }
        "resume" => {
            w.apply(Command::Resume { reason: None }).expect("resumes");
            Seen::default()
        }
        // The books add up from the log, and its requests give the same bytes again.
        "replay" => {
            assert_eq!(audit(&chained(&w.log), &[catalog(policy)]), []);
            assert_eq!(replayed(&w.log, &catalog(policy)), []);
            Seen { outcome: "the same".to_owned(), ..Seen::default() }
        }
        other => panic!("no such call: {other}"),
    }
}

fn done(w: &mut World, command: Command, word: &str) -> Seen {
    match w.apply(command) {
        Ok(_) => charged(w, word),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Seen {
    Seen { outcome: format!("refused: {refusal}"), ..Seen::default() }
}

/// The charge of the last record.
pub(super) fn charged(w: &World, word: &str) -> Seen {
    let charge = w.log.last().and_then(Record::charge).expect("a charge");
    Seen {
        outcome: format!("{word} {}", charge.price),
        draws: charge.draws.iter().map(drawn).collect(),
        ways: Vec::new(),
    }
}

fn last_charge(w: &World) -> u64 {
    let charge = w.log.iter().rev().find(|r| r.charge().is_some());
    charge.expect("a charge").seq
}
