//! Seats: who holds one, and the figures of their types.

use std::collections::BTreeMap;

use headworks_core::command::{Command, NewSeat};
use headworks_core::record::{Level, Segment};

use super::book::{Book, Which};
use super::compare::{Compared, same};
use super::dice::Dice;
use super::policy::{NANO, Policy};
use super::run::Run;
use super::steps::{LEVELS, Path};
use super::text::{self, credits};
use crate::common::name;

/// The one type of seats that has figures of its own.
const TYPE: &str = "premium";

/// What a plan says of seats.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Whether requests need one.
    pub(super) required: bool,
    /// The figures of the type.
    figures: Vec<(Which, i64)>,
}

/// A seat of an account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seat {
    is_typed: bool,
    member: Option<(Level, u8)>,
}

/// A seat as it is to be. What is left out stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set {
    seat: u8,
    is_typed: Option<bool>,
    member: Option<Option<(Level, u8)>>,
    exists: bool,
}

impl Set {
    pub(super) fn random(dice: &mut Dice) -> Self {
        Self {
            seat: u8::try_from(dice.int(0, 2)).expect("small"),
            is_typed: dice.some(2, |d| d.one_in(2)),
            member: if dice.one_in(5) { None } else { Some(member(dice)) },
            exists: dice.one_in(5),
        }
    }
}

fn member(dice: &mut Dice) -> Option<(Level, u8)> {
    if dice.one_in(6) {
        return None;
    }
    let level = dice.pick(&[Level::User, Level::User, Level::User, Level::Key, Level::Team]);
    Some((level, u8::try_from(dice.int(0, 1)).expect("small")))
}

impl Terms {
    pub(super) fn random(dice: &mut Dice, policy: &Policy) -> Self {
        let own = policy.figures().into_iter().filter(|(which, ..)| policy.is_of_member(*which));
        let mut figures: Vec<(Which, i64)> = Vec::new();
        for (which, _, is_credits) in own {
            if !dice.one_in(3) {
                figures.push((which, dice.int(0, 60) * if is_credits { NANO } else { 1 }));
            }
        }
        Self { required: dice.one_in(5), figures }
    }

    pub(super) fn changed(&mut self, dice: &mut Dice) {
        for (_, figure) in &mut self.figures {
            let one = if *figure >= NANO { NANO } else { 1 };
            *figure = *figure / one * dice.int(0, 20) / 10 * one;
        }
    }

    pub(super) fn text(&self, policy: &Policy) -> String {
        let all = policy.figures();
        let one = |(which, figure): &(Which, i64)| {
            let (_, limit, is_credits) = all.iter().find(|(of, ..)| of == which).expect("a limit");
            let figure = if *is_credits { credits(*figure) } else { figure.to_string() };
            format!("\"{limit}\" = \"{figure}\"")
        };
        let figures: Vec<String> = self.figures.iter().map(one).collect();
        format!(
            "seats = {{ required = {}, types = {{ {TYPE} = {{ {} }} }} }}\n",
            self.required,
            figures.join(", ")
        )
    }
}

impl Policy {
    /// Whether a limit counts for one user, seat or key.
    fn is_of_member(&self, which: Which) -> bool {
        self.counts_at(which).iter().any(|level| *level >= Level::User)
    }
}

impl Book {
    /// The path of a request, with the seat that its innermost member with one holds.
    pub(super) fn seated(&self, path: Path) -> Path {
        Path { seat: self.held_on(path), ..path }
    }

    fn held_on(&self, path: Path) -> Option<u8> {
        let members = LEVELS.into_iter().rev().filter_map(|level| Some((level, path.member(level)?)));
        members.filter_map(|member| self.holds(member)).next()
    }

    fn holds(&self, member: (Level, u8)) -> Option<u8> {
        self.seats.iter().find(|(_, seat)| seat.member == Some(member)).map(|(seat, _)| *seat)
    }

    pub(super) fn lacks_seat(&self, path: Path) -> bool {
        self.policy().seats.as_ref().is_some_and(|terms| terms.required) && path.seat.is_none()
    }

    /// The figure that the type of a path's seat has for a limit. Use without a seat has none, also when its member has got one since.
    pub(super) fn typed(&self, which: Which, path: Path) -> Option<i64> {
        let terms = self.policy().seats.as_ref()?;
        let seat = self.seats.get(&path.seat?)?;
        let figure = terms.figures.iter().find(|(of, _)| *of == which).filter(|_| seat.is_typed)?;
        Some(figure.1)
    }

    fn sets(&mut self, set: &Set) -> bool {
        let known = self.seats.get(&set.seat).copied();
        let has_type = self.policy().seats.is_some();
        let old = known.unwrap_or_default();
        let seat =
            Seat { is_typed: set.is_typed.unwrap_or(old.is_typed), member: set.member.unwrap_or(old.member) };
        let holds_another = seat.member.and_then(|m| self.holds(m)).is_some_and(|other| other != set.seat);
        if set.exists && known.is_none() || seat.is_typed && !has_type || holds_another {
            return false;
        }
        self.seats.insert(set.seat, seat);
        true
    }
}

impl Run {
    pub(super) fn set_seat(&mut self, set: &Set) -> Compared {
        let member = |(level, number): (Level, u8)| -> Segment {
            text::segment((level, number)).parse().expect("a segment")
        };
        let new = NewSeat {
            name: name(&format!("s{}", set.seat)),
            kind: set.is_typed.map(|typed| typed.then(|| name(TYPE))),
            member: set.member.map(|of| of.map(member)),
            exists: set.exists,
            reason: None,
        };
        let done = self.world.apply(Command::SetSeat(new));
        same("a seat", done.is_ok(), self.book.sets(set))
    }

    pub(super) fn remove_seat(&mut self, seat: u8) -> Compared {
        let done = self.world.apply(Command::RemoveSeat { seat: name(&format!("s{seat}")), reason: None });
        same("a seat's end", done.is_ok(), self.book.seats.remove(&seat).is_some())
    }
}

/// The seats of an account.
pub(super) type Seats = BTreeMap<u8, Seat>;
