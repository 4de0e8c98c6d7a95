//! Who pays: the sources in the plan's order, each what it can.

use headworks_core::record::{Category, Consent, Level, Reason};

use super::book::{Book, Draw, Payer};
use super::limits::Cost;
use super::policy::{Layer, Unit};
use super::price::{Parts, Price, Round, units_paid};
use super::steps::{Ask, LEVELS, Path};

/// What is to be paid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) feature: usize,
    pub(super) path: Path,
    /// Nano-credits.
    pub(super) price: i64,
    /// The use whose last part the price is.
    pub(super) parts: Parts,
    pub(super) requests: i64,
    /// The instant whose windows count it.
    pub(super) at: i64,
    pub(super) now: i64,
    /// Who asks agrees to paid sources.
    pub(super) consents: bool,
    /// Limits do not hold any more.
    pub(super) has_happened: bool,
    /// Only allowances, or only credits.
    pub(super) only: Option<Side>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Allowances,
    Credits,
}

#[derive(Debug)]
pub(super) enum Answer {
    Deny(Option<Reason>),
    NeedsConsent,
    /// How many tokens, and who pays them.
    Grant(i64, Vec<Draw>),
}

#[derive(Debug)]
pub(super) struct Walk {
    pub(super) draws: Vec<Draw>,
    pub(super) unpaid: i64,
    /// A request that nobody pays although it costs nothing.
    pub(super) uncounted: bool,
}

impl Book {
    pub(super) fn consent(&self, path: Path) -> Consent {
        let own = self.consent.unwrap_or(self.policy().consent);
        let segments = LEVELS.iter().filter_map(|l| Some((*l, path.member(*l)?)));
        let of_path = segments.filter_map(|s| self.segments.get(&s).and_then(|s| s.0));
        of_path.fold(own, Consent::max)
    }

    pub(super) fn decide(&self, ask: &Ask, price: Price, now: i64) -> Answer {
        let in_debt = self.debt() > 0;
        let blocked = (in_debt && !self.policy().allowances_in_debt).then_some(Reason::InDebt);
        let need = |tokens: i64| Need {
            feature: ask.feature,
            path: ask.path,
            price: price.of(tokens, if ask.at_once { Round::Even } else { Round::Up }),
            parts: price.parts(tokens),
            requests: ask.requests,
            at: now,
            now,
            consents: ask.consents,
            has_happened: false,
            only: in_debt.then_some(Side::Allowances),
        };
        let least = ask.least.unwrap_or(ask.tokens);
        let refused = |tokens: i64| {
            let cost = Cost {
                feature: ask.feature,
                path: ask.path,
                tokens: tokens + ask.second.unwrap_or(0),
                requests: ask.requests,
                holds: !ask.at_once,
            };
            let paused = self.is_paused(now).then_some(Reason::Paused);
            let no_seat = self.lacks_seat(ask.path).then_some(Reason::NoSeat);
            paused.or(no_seat).or(self.refused(&cost, now)).or(blocked)
        };
        for tokens in (least..=ask.tokens).rev() {
            if refused(tokens).is_some() {
                continue;
            }
            if let Some(answer) = self.pays(&need(tokens), ask.consents) {
                return answer.map_or(Answer::NeedsConsent, |draws| Answer::Grant(tokens, draws));
            }
        }
        let reason = |tokens: i64| refused(tokens).or(self.too_dear(&need(tokens)));
        let whole = reason(ask.tokens);
        // The least part of what is too large is denied for a reason of its own.
        Answer::Deny(if whole == Some(Reason::ExceedsCapacity) { reason(least) } else { whole })
    }

    /// Whether a cap is below what is left to credits when allowances pay all that they ever may.
    pub(super) fn too_dear(&self, need: &Need) -> Option<Reason> {
        let mut rest = need.price;
        let mut takes_credits = false;
        for (place, layer) in self.policy().layers.iter().enumerate() {
            let Layer::Allowance { level, feature, .. } = layer else {
                takes_credits = true;
                continue;
            };
            let has_seat = !level.contains(&Level::Seat) || need.path.seat.is_some();
            let pays = feature.is_none_or(|f| f == need.feature) && need.only != Some(Side::Credits);
            if !has_seat || !pays {
                continue;
            }
            let whole = self.limits(place, need.path, need.now).into_iter().min().unwrap_or(0);
            rest -= match self.unit() {
                Unit::Requests if need.requests <= whole => rest,
                Unit::Requests => 0,
                Unit::Credits => rest.min(whole),
                Unit::Tokens => units_paid(need.parts, rest, whole).1,
            };
        }
        let mut caps = self.caps(need.feature, need.path, need.now);
        (takes_credits && caps.any(|(whole, _)| rest > whole)).then_some(Reason::ExceedsCapacity)
    }

    /// Whether consent concerns a draw.
    pub(super) fn is_paid(&self, draw: &Draw) -> bool {
        match draw.payer {
            Payer::Grant(g) => self.grants[g].category.is_paid(),
            Payer::Overdraft | Payer::Postpaid(_) => true,
            Payer::Allowance | Payer::Debt | Payer::Goodwill => false,
        }
    }

    /// Who pays all of it; the inner `None` says that consent is needed.
    pub(super) fn pays(&self, need: &Need, consents: bool) -> Option<Option<Vec<Draw>>> {
        let walk = self.walk(need);
        if walk.unpaid > 0 || walk.uncounted {
            return None;
        }
        let asks = walk.draws.iter().any(|d| self.is_paid(d))
            && self.consent(need.path) == Consent::Ask
            && !consents;
        Some((!asks).then_some(walk.draws))
    }

    pub(super) fn walk(&self, need: &Need) -> Walk {
        // Nobody can be asked about what has happened.
        let consent = self.consent(need.path);
        let never =
            consent == Consent::Never || need.has_happened && consent == Consent::Ask && !need.consents;
        let capped = !need.has_happened;
        let left = self.caps(need.feature, need.path, need.now).map(|(_, left)| left).min();
        let mut budget = left.filter(|_| capped).unwrap_or(i64::MAX);
        let mut rest = need.price;
        let mut draws: Vec<Draw> = Vec::new();
        let mut allowances = 0;
        let requests = self.unit() == Unit::Requests;
        for (place, layer) in self.policy().layers.iter().enumerate() {
            // Credits pay what costs nothing.
            if rest == 0 && need.price == 0 && !matches!(layer, Layer::Allowance { .. }) {
                return Walk { draws, unpaid: 0, uncounted: false };
            }
            let credits = |draws: &mut Vec<Draw>, payer: Payer, n: i64| {
                draws.push(Draw { payer, layer: place, at: need.at, amount: n, worth: n });
            };
            match layer {
                Layer::Allowance { level, feature, .. } => {
                    if feature.is_some_and(|f| f != need.feature) || need.only == Some(Side::Credits) {
                        continue;
                    }
                    allowances += 1;
                    if level.contains(&Level::Seat) && need.path.seat.is_none() {
                        continue;
                    }
                    if rest == 0 && !(requests && need.price == 0) {
                        continue;
                    }
                    let left = self.allowance_left(place, level, need.path, need.at, need.now);
                    let draw = |amount, worth| Draw {
                        payer: Payer::Allowance,
                        layer: place,
                        at: need.at,
                        amount,
                        worth,
                    };
                    match self.unit() {
                        Unit::Requests if left >= need.requests => {
                            let draws = vec![draw(need.requests, need.price)];
                            return Walk { draws, unpaid: 0, uncounted: false };
                        }
                        Unit::Requests => {}
                        Unit::Credits => {
                            let n = left.min(rest);
                            draws.extend((n > 0).then(|| draw(n, n)));
                            rest -= n;
                        }
                        Unit::Tokens => {
                            let (n, worth) = units_paid(need.parts, rest, left);
                            draws.extend((n > 0).then(|| draw(n, worth)));
                            rest -= worth;
                        }
                    }
                }
                _ if need.only == Some(Side::Allowances) => {}
                Layer::Postpaid { .. } => {
                    let (period, room) = self.postpaid_room(layer, need.at, need.now);
                    let n = rest.min(room).min(budget);
                    if n > 0 && !never {
                        credits(&mut draws, Payer::Postpaid(period), n);
                        (rest, budget) = (rest - n, budget - n);
                    }
                }
                Layer::Overdraft { limit } => {
                    let free =
                        (limit - self.overdraft() - self.debt() - drawn(&draws, Payer::Overdraft)).max(0);
                    let n = rest.min(free).min(budget);
                    if n > 0 && !never {
                        credits(&mut draws, Payer::Overdraft, n);
                        (rest, budget) = (rest - n, budget - n);
                    }
                }
                Layer::Grants { categories } | Layer::Pool { categories, .. } => {
                    let mut room = i64::MAX;
                    if matches!(layer, Layer::Pool { .. }) {
                        let Some(of_member) = self.pool_room(place, need.path, need.now) else { continue };
                        room = if capped { of_member } else { i64::MAX };
                    }
                    for grant in self.burning(categories, need) {
                        if never && self.grants[grant].category.is_paid() {
                            continue;
                        }
                        let free = self.left(grant) - drawn(&draws, Payer::Grant(grant));
                        let n = rest.min(free).min(room).min(budget);
                        if n > 0 {
                            credits(&mut draws, Payer::Grant(grant), n);
                            (rest, room, budget) = (rest - n, room - n, budget - n);
                        }
                    }
                }
            }
        }
        let uncounted = requests && need.price == 0 && allowances > 0;
        Walk { draws, unpaid: rest, uncounted }
    }

    /// Grants that may pay, in burn order.
    fn burning(&self, categories: &[Category], need: &Need) -> Vec<usize> {
        let fits = |g: &usize| {
            let given = &self.grants[*g];
            categories.contains(&given.category)
                && given.feature.is_none_or(|f| f == need.feature)
                && self.is_usable(*g, need.now)
        };
        let mut usable: Vec<usize> = (0..self.grants.len()).filter(fits).collect();
        usable.sort_by_key(|g| {
            let given = &self.grants[*g];
            (given.priority, given.expires, given.category, given.from, !given.is_block, given.id)
        });
        usable
    }
}

fn drawn(draws: &[Draw], payer: Payer) -> i64 {
    draws.iter().filter(|d| d.payer == payer).map(|d| d.amount).sum()
}
