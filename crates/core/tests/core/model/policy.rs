//! Random catalogs: what a policy says, and how an operator would write it.
//!
//! Units: whole credits become nano-credits here; seconds are whole.

use headworks_core::record::{Category, Consent, Every, Level, Overshoot};

use super::calendar::Calendar;
use super::dice::Dice;
use super::price::{Hours, Rate, Rates};
use super::seats::Terms;
use super::steps::Per;

pub(super) const NANO: i64 = 1_000_000_000;
pub(super) const FEATURES: [&str; 2] = ["a", "b"];
/// Most plans ask for none.
const CONSENTS: [Consent; 5] = [Consent::Allow, Consent::Allow, Consent::Allow, Consent::Ask, Consent::Never];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"];

/// What allowances count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Credits,
    Requests,
    Tokens,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rate { limit: i64, seconds: i64, burst: i64 },
    Sliding { limit: i64, seconds: i64 },
    Fixed { limit: i64, calendar: Calendar },
    FirstUse { limit: i64, seconds: i64 },
    Growth { start: i64, percent: i64, max: i64, calendar: Calendar },
    Slots { limit: i64 },
    SpendCap { limit: i64, calendar: Calendar },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) level: Per,
    pub(super) feature: Option<usize>,
    /// It counts tokens, not requests.
    pub(super) tokens: bool,
    pub(super) kind: Kind,
}

/// A window of an allowance; its limit is in what the allowance counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    Fixed { limit: i64, calendar: Calendar },
    FirstUse { limit: i64, seconds: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Allowance {
        level: Per,
        feature: Option<usize>,
        windows: Vec<Window>,
    },
    Grants {
        categories: Vec<Category>,
    },
    Pool {
        categories: Vec<Category>,
        member: Per,
        cap: Option<i64>,
        calendar: Calendar,
    },
    Overdraft {
        limit: i64,
    },
    /// Whether unpaid invoices count against it.
    Postpaid {
        limit: i64,
        calendar: Calendar,
        counts: bool,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) version: usize,
    /// The seed of the way it is written.
    pub(super) notation: u64,
    pub(super) unit: Unit,
    /// By feature, before and after `dearer_from`.
    pub(super) prices: [[Rates; 2]; 2],
    /// Use of more tokens is large.
    pub(super) large_above: Option<i64>,
    /// When use is dear.
    pub(super) hours: Option<Hours>,
    /// On whole prices, in billionths.
    pub(super) factor: i64,
    /// When the second version of the rate card comes into force.
    pub(super) dearer_from: &'static str,
    pub(super) guards: Vec<Guard>,
    pub(super) layers: Vec<Layer>,
    pub(super) consent: Consent,
    pub(super) allowances_in_debt: bool,
    pub(super) goodwill: bool,
    pub(super) overshoot: Overshoot,
    pub(super) expiry_charges: bool,
    pub(super) seats: Option<Terms>,
}

/// What a family of catalogs is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Grants, pools, overdraft and debt, in credits.
    Money,
    /// Guards of every kind.
    Guards,
    /// Allowances of every unit.
    Allowances,
    /// Everything, with catalogs that change and use that is reported late.
    Changes,
}

fn calendar(dice: &mut Dice) -> Calendar {
    let every = dice.pick(&[Every::Hour, Every::Day, Every::Day, Every::Week, Every::Month]);
    let zone = if every == Every::Hour { "UTC" } else { dice.pick(&ZONES) };
    Calendar { from_anchor: dice.one_in(3), ..Calendar::new(every, zone) }
}

/// One whose periods may be closed by hand.
fn closable(dice: &mut Dice) -> Calendar {
    let calendar = calendar(dice);
    if dice.one_in(4) { Calendar { from_anchor: false, by_hand: true, ..calendar } } else { calendar }
}

fn kind(dice: &mut Dice) -> Kind {
    let limit = dice.int(2, 60);
    match dice.int(0, 8) {
        0 => Kind::Rate { limit: dice.int(1, 40), seconds: dice.int(1, 90), burst: dice.int(1, 40) },
        1 => Kind::Sliding { limit, seconds: dice.int(5, 4_000) },
        2 => Kind::Sliding { limit: dice.int(1_025, 1_100), seconds: dice.int(5, 4_000) },
        3 => Kind::Fixed { limit, calendar: closable(dice) },
        4 => Kind::FirstUse { limit, seconds: dice.int(60, 40_000) },
        5 => Kind::Slots { limit: dice.int(1, 3) },
        6 => {
            let calendar = Calendar { from_anchor: false, ..calendar(dice) };
            let start = dice.int(1, 30);
            Kind::Growth { start, percent: dice.int(1, 300), max: start + dice.int(0, 60), calendar }
        }
        _ => Kind::SpendCap { limit: limit * NANO, calendar: closable(dice) },
    }
}

/// What limits count at; those in the middle are levels that pools have members of.
const PERS: [Per; 10] = [
    &[Level::Seat],
    &[Level::Team, Level::Seat],
    &[],
    &[],
    &[Level::User],
    &[Level::Team],
    &[Level::Team, Level::User],
    &[Level::CostCenter, Level::User],
    &[Level::CostCenter],
    &[Level::Key],
];

fn guard(dice: &mut Dice) -> Guard {
    let level = dice.pick(&PERS);
    let kind = kind(dice);
    let is_large = matches!(kind, Kind::Sliding { limit, .. } if limit > 1_024);
    Guard { level, feature: dice.some(3, |d| d.index(2)), tokens: is_large || dice.one_in(2), kind }
}

fn allowance(dice: &mut Dice, unit: Unit) -> Layer {
    let limit = |dice: &mut Dice| match unit {
        Unit::Credits => dice.int(3, 40) * NANO,
        Unit::Requests => dice.int(1, 6),
        Unit::Tokens => dice.int(3, 40),
    };
    let windows = (0..dice.int(1, 2)).map(|_| {
        let limit = limit(dice);
        if dice.one_in(2) {
            Window::Fixed { limit, calendar: closable(dice) }
        } else {
            Window::FirstUse { limit, seconds: dice.int(20, 40_000) }
        }
    });
    let windows = windows.collect();
    let level = dice.pick(&PERS[..8]);
    Layer::Allowance { level, feature: dice.some(4, |d| d.index(2)), windows }
}

fn layers(dice: &mut Dice, family: Family, unit: Unit) -> Vec<Layer> {
    use Category::{Contract, Free, Promotional, Purchased};
    let mut layers = Vec::new();
    let included = match family {
        Family::Allowances => dice.int(1, 2),
        Family::Money | Family::Guards | Family::Changes => dice.int(0, 1),
    };
    for _ in 0..included {
        layers.push(allowance(dice, unit));
    }
    let all = vec![Free, Promotional, Purchased, Contract];
    match dice.int(0, 5) {
        0 => layers.push(Layer::Grants { categories: vec![Free, Promotional] }),
        1 | 2 => layers.push(Layer::Grants { categories: all.clone() }),
        3 => {
            layers.push(Layer::Grants { categories: vec![Free, Promotional] });
            layers.push(pool(dice));
        }
        4 => {
            layers.push(pool(dice));
            layers.push(Layer::Grants { categories: all.clone() });
        }
        _ => {}
    }
    if dice.one_in(4) {
        let (limit, counts) = (dice.int(5, 60) * NANO, !dice.one_in(3));
        layers.push(Layer::Postpaid { limit, calendar: calendar(dice), counts });
    }
    if dice.one_in(2) {
        layers.push(Layer::Overdraft { limit: dice.int(1, 20) * NANO });
    }
    if dice.one_in(3) && unit != Unit::Tokens {
        // An allowance after credits; one of a meter stands before them.
        let n = layers.len();
        layers.rotate_left(usize::from(n > 1));
    }
    layers
}

fn pool(dice: &mut Dice) -> Layer {
    let categories = dice.pick(&[
        vec![Category::Purchased, Category::Contract],
        vec![Category::Free],
        vec![Category::Free, Category::Purchased],
    ]);
    Layer::Pool {
        categories,
        member: dice.pick(&PERS[4..9]),
        cap: dice.some(2, |d| d.int(3, 40) * NANO),
        calendar: closable(dice),
    }
}

/// Rates of both versions and features: others where use may be large or dear.
fn by_feature(
    dice: &mut Dice,
    each: &[i64],
    large_above: Option<i64>,
    hours: Option<Hours>,
) -> [[Rates; 2]; 2] {
    let mut rates = || {
        let usual = Rate::any(dice, each);
        let large = if large_above.is_some() { Rate::any(dice, each) } else { usual };
        let dear = if hours.is_some() { Rate::any(dice, each) } else { usual };
        let both = match (large_above, hours) {
            (Some(_), Some(_)) => Rate::any(dice, each),
            (None, _) => dear,
            (Some(_), None) => large,
        };
        [[usual, large], [dear, both]]
    };
    [[rates(), rates()], [rates(), rates()]]
}

/// Whether an allowance pays a request that grows and still costs nothing is left open: where they count requests, none is free.
fn factor(dice: &mut Dice, unit: Unit) -> i64 {
    let least = if unit == Unit::Requests { 1 } else { 0 };
    dice.pick(&[NANO, NANO, 650_000_000, 333_333_333, 1_000_000_001, 1_250_000_000, 7, least])
}

fn overshoot(dice: &mut Dice, goodwill: bool) -> Overshoot {
    match dice.int(0, 6) {
        1..=4 if goodwill => Overshoot::Refund,
        0 | 1 => Overshoot::Refund,
        6 => Overshoot::Goodwill,
        2 => Overshoot::Debt,
        3 | 4 => Overshoot::DebtUpTo(headworks_core::record::Credits::from_nano(dice.int(1, 30) * NANO)),
        _ => Overshoot::Reject,
    }
}

impl Policy {
    pub(super) fn random(dice: &mut Dice, family: Family) -> Self {
        let unit = match family {
            Family::Money => Unit::Credits,
            Family::Guards | Family::Allowances | Family::Changes => {
                dice.pick(&[Unit::Credits, Unit::Requests, Unit::Tokens])
            }
        };
        let layers = layers(dice, family, unit);
        let large_above = dice.some(3, |d| d.int(1, 20));
        let hours = dice.some(4, Hours::any);
        let prices = by_feature(dice, &[NANO, NANO, NANO / 2, 2 * NANO], large_above, hours);
        let guards = match family {
            Family::Money => dice.int(0, 1),
            Family::Guards => dice.int(1, 4),
            Family::Allowances => dice.int(0, 1),
            Family::Changes => dice.int(0, 3),
        };
        // One record opens one grant: what is made good is not mixed with debt that was repaid meanwhile.
        let goodwill = dice.one_in(3) && !layers.iter().any(|l| matches!(l, Layer::Overdraft { .. }));
        let overshoot = overshoot(dice, goodwill);
        let policy = Self {
            version: 0,
            notation: 0,
            unit,
            prices,
            large_above,
            hours,
            factor: NANO,
            dearer_from: dice.pick(&["2026-06-01T18:00:00Z", "2026-10-25T03:00:00Z", "2040-01-01T00:00:00Z"]),
            guards: (0..guards).map(|_| guard(dice)).collect(),
            layers,
            consent: dice.pick(&CONSENTS),
            allowances_in_debt: dice.one_in(3),
            goodwill,
            overshoot,
            expiry_charges: dice.one_in(4),
            seats: None,
        };
        let factor = if policy.takes_factor() { factor(dice, unit) } else { NANO };
        let seats = dice.some(2, |d| Terms::random(d, &policy));
        Self { factor, seats, ..policy }
    }

    /// An allowance that counts a meter pays whole units at whole prices.
    pub(super) fn takes_factor(&self) -> bool {
        self.unit != Unit::Tokens || !self.layers.iter().any(|l| matches!(l, Layer::Allowance { .. }))
    }

    /// The same policy with another limit, length, price or rule.
    pub(super) fn changed(&self, dice: &mut Dice) -> Self {
        let mut next = self.clone();
        next.version += 1;
        let scale = |dice: &mut Dice, n: i64| (n * dice.int(2, 20) / 10).max(1);
        match dice.int(0, 4) {
            0 => {
                next.prices = by_feature(dice, &[NANO, NANO / 2, 2 * NANO], self.large_above, self.hours);
                if self.takes_factor() {
                    next.factor = factor(dice, self.unit);
                }
            }
            1 | 2 => {
                next.seats.iter_mut().for_each(|seats| seats.changed(dice));
                for guard in &mut next.guards {
                    match &mut guard.kind {
                        Kind::Rate { limit, .. } if dice.one_in(2) => *limit = scale(dice, *limit),
                        Kind::Rate { burst, .. } => *burst = scale(dice, *burst),
                        Kind::Sliding { limit, .. } if *limit > 1_024 => *limit = dice.int(1_025, 1_100),
                        Kind::Sliding { limit, .. } if dice.one_in(2) => {
                            *limit = scale(dice, *limit).min(1_024)
                        }
                        Kind::Sliding { seconds, .. } => *seconds = scale(dice, *seconds),
                        Kind::FirstUse { seconds, .. } if dice.one_in(2) => *seconds = scale(dice, *seconds),
                        Kind::Fixed { limit, .. } | Kind::FirstUse { limit, .. } | Kind::Slots { limit } => {
                            *limit = scale(dice, *limit);
                        }
                        Kind::Growth { percent, .. } if dice.one_in(2) => {
                            *percent = scale(dice, *percent).min(1_000);
                        }
                        Kind::Growth { start, max, .. } => *start = scale(dice, *start).min(*max),
                        Kind::SpendCap { limit, .. } => *limit = scale(dice, *limit / NANO) * NANO,
                    }
                }
            }
            3 => {
                next.overshoot = overshoot(dice, next.goodwill);
                next.consent = dice.pick(&CONSENTS);
                (next.expiry_charges, next.allowances_in_debt) = (dice.one_in(2), dice.one_in(2));
                next.seats.iter_mut().for_each(|seats| seats.required = dice.one_in(2));
            }
            _ => {
                for layer in &mut next.layers {
                    let Layer::Allowance { windows, .. } = layer else { continue };
                    for window in windows {
                        match window {
                            Window::FirstUse { seconds, .. } if dice.one_in(2) => {
                                *seconds = scale(dice, *seconds)
                            }
                            Window::Fixed { limit, .. } | Window::FirstUse { limit, .. } => {
                                let one = if self.unit == Unit::Credits { NANO } else { 1 };
                                *limit = scale(dice, *limit / one) * one;
                            }
                        }
                    }
                }
            }
        }
        next
    }

    /// The lending limits of the plan added up.
    pub(super) fn lends(&self) -> i64 {
        let limits = self.layers.iter().map(|l| if let Layer::Overdraft { limit } = l { *limit } else { 0 });
        limits.sum()
    }
}
