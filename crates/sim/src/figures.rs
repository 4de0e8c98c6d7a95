//! Other figures for limits: overrides, and requests for higher limits with their answers.

use headworks_core::command::{AnswerIncrease, Command, NewFigure, NewOverride};
use headworks_core::record::{Instant, Seq, Span};

use crate::catalog::SEATS;
use crate::op::{Whence, label, name, path_in};
use crate::random::Random;

/// Limits, and figures of overrides around them.
const LIMITS: [(&str, [&str; 3]); 27] = [
    ("tokens", ["20", "90", "200"]),
    ("quick", ["1", "3", "5"]),
    ("recent", ["1", "4", "6"]),
    ("daily", ["0", "2", "8"]),
    ("shift", ["1", "5", "9"]),
    ("open", ["1", "2", "4"]),
    ("cap", ["0.5", "10", "40"]),
    ("budget", ["20", "75.25", "200"]),
    ("local", ["0", "2", "9"]),
    ("round", ["60", "151", "400"]),
    ("turn", ["3000", "9001", "12000"]),
    ("cycle", ["5000", "20000", "40000"]),
    ("volume", ["1500", "2001", "4000"]),
    ("surge", ["150", "600", "3001"]),
    ("job", ["0", "4000", "15000"]),
    ("pace", ["1000", "2001", "9000"]),
    ("purse", ["0", "30", "120"]),
    ("of_a", ["20", "91", "200"]),
    ("tasks.five", ["0", "1", "6"]),
    ("included.hour", ["0", "2.5", "20"]),
    ("album.job", ["0", "1", "10"]),
    ("seated.day", ["10", "60", "100"]),
    ("seated.job", ["0", "50", "300"]),
    ("shared", ["0", "5", "45"]),
    ("lent", ["0", "5", "25"]),
    ("bill", ["20", "61", "200"]),
    ("price_factor", ["0.333333333", "0.75", "1.25"]),
];

/// Another figure for some limit, of the account or a place in it.
pub(crate) fn any(r: &Random, now: Instant) -> NewOverride {
    let factor = LIMITS.last().filter(|_| r.chance(100));
    let (limit, figures) = factor.or_else(|| r.pick(&LIMITS)).copied().unwrap_or(("daily", ["0"; 3]));
    let figure = if r.chance(150) { None } else { r.pick(&figures).copied() };
    let figure = figure.map_or(NewFigure::Unlimited, |figure| NewFigure::Written(label(figure)));
    let until = r.chance(600).then(|| now.after(Span::from_secs(3_600 * (1 + r.next() % 60))));
    let inside = |n: usize| r.chance(400).then(|| r.below(n));
    let whence = Whence { team: inside(1), user: inside(2), key: r.chance(100).then(|| r.below(3)) };
    let seat = if r.chance(100) { r.pick(&SEATS).copied() } else { None };
    NewOverride { limit: name(limit), path: path_in(whence, seat), figure, until, reason: None }
}

/// The answer to a request for a higher limit: as asked for, but that it may end at another instant; or none of it.
pub(crate) fn answer(asked: Seq, approves: bool, until: Option<Instant>) -> Command {
    let approve = AnswerIncrease::Approve { figure: None, until, reason: None };
    let answer = if approves { approve } else { AnswerIncrease::Deny { reason: None } };
    Command::AnswerIncrease { asked, answer }
}
