//! Random operations. Numbers choose among what there is, so a shorter list of steps is a list of steps.

use headworks_core::record::{Category, Consent, Every, Level};

use super::dice::Dice;
use super::policy::{Family, NANO};
use super::seats::Set;

/// The levels that the model knows, outermost first.
pub(super) const LEVELS: [Level; 5] = [Level::CostCenter, Level::Team, Level::User, Level::Seat, Level::Key];

/// The levels that something counts at together; none for the account.
pub(super) type Per = &'static [Level];

/// Where in the account: cost center, team, user, seat and key, each by number. Requests name no seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) cost_center: Option<u8>,
    pub(super) team: Option<u8>,
    pub(super) user: Option<u8>,
    pub(super) seat: Option<u8>,
    pub(super) key: Option<u8>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) feature: usize,
    pub(super) path: Path,
    pub(super) tokens: i64,
    /// Those of a second part, which has a size of its own.
    pub(super) second: Option<i64>,
    /// Named, where it is more than one.
    pub(super) requests: i64,
    pub(super) consents: bool,
    pub(super) least: Option<i64>,
    /// Charged at once.
    pub(super) at_once: bool,
    /// Seconds that the hold lives.
    pub(super) life: i64,
}

/// How a grant comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) every: Every,
    pub(super) zone: &'static str,
    /// Smallest, largest, billionths of what is left, and seconds that it lives.
    pub(super) rollover: Option<(i64, i64, i64, Option<i64>)>,
    pub(super) forgives: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Gift {
    pub(super) amount: i64,
    pub(super) category: Category,
    pub(super) priority: u16,
    /// Seconds from now until it begins, and from then until it ends.
    pub(super) begins: Option<i64>,
    pub(super) lives: Option<i64>,
    pub(super) feature: Option<usize>,
    pub(super) again: Option<Again>,
}

/// What a correction says of the second part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Second {
    Stays,
    DidNotHappen,
    Was(i64),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Pass(i64),
    /// To the next instant at which something ends or begins, or a microsecond before it.
    PassTo {
        which: usize,
        early: bool,
    },
    Grant(Gift),
    Ask {
        ask: Ask,
        looks_ahead: bool,
    },
    /// At so many percent of each part; without a second, or with one of so many tokens that was not asked for.
    Settle {
        which: usize,
        percent: i64,
        second: Option<i64>,
    },
    Extend {
        which: usize,
        tokens: i64,
        second: i64,
        consents: bool,
        life: Option<i64>,
    },
    Release {
        which: usize,
    },
    /// So many seconds ago, or now.
    Record {
        ask: Ask,
        ago: Option<i64>,
    },
    SettleLate {
        which: usize,
        tokens: i64,
    },
    /// A part in percent, or all.
    Refund {
        which: usize,
        percent: Option<i64>,
    },
    Correct {
        which: usize,
        tokens: i64,
        second: Second,
    },
    Adjust {
        which: usize,
        by: i64,
        as_debt: bool,
    },
    Void {
        which: usize,
    },
    Consent(Option<Consent>),
    /// The settings of a user, a team or a cost center.
    Segment {
        level: Level,
        member: u8,
        consent: Option<Consent>,
        cap: Option<i64>,
    },
    /// One of the windows that have a limit of their own figure, for a key, user or team, or for the account.
    Override {
        which: usize,
        place: Path,
        figure: Option<i64>,
        lives: Option<i64>,
    },
    RemoveOverride {
        which: usize,
    },
    /// For so long, or until it is resumed.
    Pause {
        seconds: Option<i64>,
    },
    Resume,
    Seat(Set),
    RemoveSeat(u8),
    /// The period of one limit that is closed by hand, or of all.
    Close {
        which: usize,
        all: bool,
        from: Path,
    },
    /// An invoice is marked paid.
    PayBill {
        which: usize,
    },
    /// Another catalog, made with this seed.
    Catalog(u64),
}

/// What an override is for: a member of one level, or of several.
const PLACES: [Per; 8] = [
    &[Level::CostCenter],
    &[Level::Team],
    &[Level::User],
    &[Level::Key],
    &[Level::Seat],
    &[Level::User, Level::Seat],
    &[Level::Team, Level::User],
    &[Level::CostCenter, Level::User],
];

fn path(dice: &mut Dice) -> Path {
    Path {
        cost_center: dice.some(3, |d| u8::try_from(d.int(0, 1)).expect("small")),
        team: dice.some(2, |d| u8::try_from(d.int(0, 1)).expect("small")),
        user: (!dice.one_in(4)).then(|| u8::try_from(dice.int(0, 2)).expect("small")),
        seat: None,
        key: dice.some(3, |d| u8::try_from(d.int(0, 1)).expect("small")),
    }
}

fn place(dice: &mut Dice) -> Path {
    let seat = u8::try_from(dice.int(0, 1)).expect("small");
    Path { seat: Some(seat), ..path(dice) }.only(dice.pick(&PLACES))
}

fn ask(dice: &mut Dice) -> Ask {
    let top = dice.pick(&[5, 15, 45]);
    let tokens = dice.int(0, top);
    let least = if tokens > 0 { dice.some(6, |d| d.int(1, tokens)) } else { None };
    Ask {
        feature: dice.index(2),
        path: path(dice),
        tokens,
        // Less of a use goes with one part.
        second: if least.is_none() { dice.some(3, |d| d.int(0, 20)) } else { None },
        requests: if dice.one_in(6) { dice.int(2, 3) } else { 1 },
        consents: dice.one_in(2),
        least,
        at_once: dice.one_in(2),
        life: dice.int(1, 30_000),
    }
}

fn gift(dice: &mut Dice, family: Family) -> Gift {
    let mut gift = Gift {
        amount: dice.int(1, 60) * NANO,
        category: dice.pick(&Category::ALL),
        priority: if dice.one_in(2) { 0 } else { u16::try_from(dice.int(0, 2)).expect("small") },
        begins: dice.some(6, |d| d.int(10, 40_000)),
        lives: dice.some(2, |d| d.int(61, 100_000)),
        feature: dice.some(4, |d| d.index(2)),
        again: None,
    };
    if family == Family::Money && dice.one_in(3) || dice.one_in(8) {
        let rollover = dice.some(2, |d| {
            let most = d.int(0, 30) * NANO;
            let least = if d.one_in(3) { d.int(0, most / NANO) * NANO } else { 0 };
            (
                least,
                most,
                d.pick(&[1_000_000_000, 1_000_000_000, 500_000_000]),
                d.some(3, |d| d.int(100, 3_000)),
            )
        });
        gift.again = Some(Again {
            every: dice.pick(&[Every::Day, Every::Day, Every::Week, Every::Month]),
            zone: dice.pick(&["UTC", "Europe/Berlin"]),
            rollover,
            forgives: dice.one_in(3),
        });
        gift.lives = gift.lives.filter(|_| dice.one_in(2)).map(|s| s * 10);
    }
    gift
}

fn late(dice: &mut Dice) -> i64 {
    let most = dice.pick(&[20, 600, 100_000]);
    dice.int(0, most)
}

fn step(dice: &mut Dice, family: Family) -> Step {
    let which = dice.index(8);
    let consent =
        |dice: &mut Dice| dice.pick(&[None, Some(Consent::Allow), Some(Consent::Ask), Some(Consent::Never)]);
    let changes = family == Family::Changes;
    match dice.int(0, 105) {
        0..=6 => {
            Step::Pass(dice.pick(&[1, 7, 30, 30, 600, 4_000, 90_000, 700_000, 3_000_000]) * dice.int(1, 3))
        }
        7..=13 => Step::PassTo { which, early: dice.one_in(3) },
        14..=19 => Step::Grant(gift(dice, family)),
        20 => Step::PayBill { which },
        21 => Step::RemoveOverride { which },
        22 => {
            let most = dice.pick(&[100, 5_000, 1_000_000]);
            if dice.one_in(4) {
                Step::Resume
            } else {
                Step::Pause { seconds: (!dice.one_in(3)).then(|| dice.int(1, most)) }
            }
        }
        23..=25 => Step::Override {
            which,
            place: if dice.one_in(2) { place(dice) } else { Path::default() },
            figure: (!dice.one_in(5)).then(|| dice.int(0, 60)),
            lives: dice.some(2, |d| d.int(10, 100_000)),
        },
        26..=52 => Step::Ask { ask: ask(dice), looks_ahead: dice.one_in(4) },
        53..=62 => Step::Settle {
            which,
            percent: dice.int(0, 200),
            second: (!dice.one_in(3)).then(|| dice.int(0, 200)),
        },
        63..=67 => Step::Extend {
            which,
            tokens: dice.int(0, 15),
            second: dice.int(0, 9),
            consents: dice.one_in(2),
            life: dice.some(3, |d| d.int(1, 9_000)),
        },
        68..=70 => Step::Release { which },
        71..=76 => Step::Record { ask: ask(dice), ago: if changes { dice.some(2, late) } else { None } },
        77..=78 => Step::SettleLate { which, tokens: dice.int(0, 30) },
        79..=82 => Step::Refund { which, percent: dice.some(2, |d| d.int(1, 100)) },
        83..=86 => Step::Correct {
            which,
            tokens: dice.int(0, 45),
            second: match dice.int(0, 3) {
                0 | 1 => Second::Stays,
                2 => Second::DidNotHappen,
                _ => Second::Was(dice.int(0, 30)),
            },
        },
        87..=88 => Step::Adjust { which, by: dice.int(-40, 20), as_debt: dice.one_in(2) },
        89..=90 => Step::Void { which },
        91..=92 => Step::Consent(consent(dice)),
        93..=95 => Step::Segment {
            level: dice.pick(&[Level::User, Level::User, Level::Team, Level::CostCenter]),
            member: u8::try_from(dice.int(0, 1)).expect("small"),
            consent: consent(dice),
            cap: dice.some(2, |d| d.int(0, 30) * NANO),
        },
        96 | 97 => Step::Seat(Set::random(dice)),
        98 => Step::RemoveSeat(u8::try_from(dice.int(0, 2)).expect("small")),
        99 | 100 => Step::Close { which, all: dice.one_in(2), from: path(dice) },
        101 => Step::Resume,
        _ if changes => Step::Catalog(u64::try_from(dice.int(0, 1_000_000)).expect("positive")),
        _ => Step::Ask { ask: ask(dice), looks_ahead: true },
    }
}

pub(super) fn random(dice: &mut Dice, family: Family) -> Vec<Step> {
    // Something to spend, most of the time.
    let mut steps = if dice.one_in(6) { Vec::new() } else { vec![Step::Grant(gift(dice, family))] };
    steps.extend((0..dice.int(0, 2)).map(|_| Step::Seat(Set::random(dice))));
    steps.extend((0..dice.int(14, 29)).map(|_| step(dice, family)));
    steps
}
