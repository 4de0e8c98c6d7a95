//! A request made ready to be decided: missing quantities filled in, the path that counts, its class.
//!
//! Every decision takes a [`Prepared`], so that this step cannot be forgotten.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::abuse::{cost_of, ramp};
use super::context::Context;
use super::decide_use;
use super::refusal::Refusal;
use super::request::{AskedPart, Authorize, Minimum, Quantities, Request};
use super::run::{Mode, Scene};
use crate::abuse::OTHER;
use crate::account::Hold;
use crate::catalog::{Count, Feature, Guard, Layer, Mode as RuleMode, Plan, Program};
use crate::record::{
    Decision, Dimension, Instant, Level, Name, Path, Priced, PricedLine, REQUESTS, Rounding, Rule, Segment,
    Terms, Unit,
};

/// A request as it is decided.
#[derive(Debug)]
pub struct Prepared<'a> {
    ask: &'a Authorize,
    /// The request that is decided instead, if something was left out or is counted elsewhere.
    filled: Option<Box<Authorize>>,
    /// The dimensions of its first part with those that follow from it, if any do.
    derived: Option<Cow<'a, [Dimension]>>,
    pub(crate) feature: &'a Feature,
    /// The ramp rule serves it one class lower.
    is_demoted: bool,
}

/// The question that a request has for a running engine before it is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The feature.
    pub feature: Name,
    /// The path within the account.
    pub path: Path,
    /// The quantity of each meter.
    pub quantities: Quantities,
    /// The room that is requested.
    pub purpose: Purpose,
    /// Served one class lower.
    pub is_demoted: bool,
}

/// A purpose of room in a supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A hold.
    Hold,
    /// A charge at once: nothing stays in flight.
    Charge,
    /// Growth of a hold: the request itself is counted already.
    Grow,
}

/// Makes a request ready: meters that it leaves out have the feature's estimate, and members past the tier's number are one.
///
/// # Errors
/// Refuses names that the catalog does not have, and holds on unrecorded features.
pub fn prepare<'a>(ctx: Context<'a>, ask: &'a Authorize) -> Result<Prepared<'a>, Refusal> {
    let feature = ctx.feature(&ask.request.feature)?;
    if !feature.ledger && !ask.settle_now {
        return Err(Refusal::NotRecorded(feature.name.clone()));
    }
    let mut prepared = Prepared { ask, filled: None, derived: None, feature, is_demoted: false };
    if ask.request.recorded {
        return Ok(prepared);
    }
    check_seat(&ask.request.path)?;
    if let Some(path) = ctx.account.seated(&ask.request.path) {
        prepared.filled_in().path = path;
    }
    if !ask.settle_now {
        for (meter, usual) in &feature.estimate {
            if !prepared.ask().request.names(meter) {
                let most = smallest(ctx, feature, meter, &prepared.ask().request)?;
                prepared.filled_in().quantities.push((meter.clone(), most.min(*usual)));
            }
        }
    }
    if let Some(path) = fold_path(ctx, &prepared.ask().request.path) {
        prepared.filled_in().path = path;
    }
    if feature.derives() {
        prepared.derive(ctx.now);
    }
    prepared.is_demoted = is_demoted(ctx, &prepared)?;
    Ok(prepared)
}

impl Prepared<'_> {
    fn ask(&self) -> &Authorize {
        self.filled.as_deref().unwrap_or(self.ask)
    }

    fn filled_in(&mut self) -> &mut Request {
        &mut self.filled.get_or_insert_with(|| Box::new(self.ask.clone())).request
    }

    /// Adds the dimensions that follow from each part. Most requests have one, and are not copied for it.
    fn derive(&mut self, at: Instant) {
        let (feature, request) = (self.feature, &self.ask().request);
        let derived = request.derived(feature, at);
        if !request.more.is_empty() {
            self.filled_in().derive_more(feature, at);
        }
        self.derived = derived;
    }

    /// The dimensions of its first part.
    fn dimensions(&self) -> &[Dimension] {
        self.derived.as_deref().unwrap_or(&self.ask().request.dimensions)
    }

    /// The question for the running engine; `None` if there is none.
    #[must_use]
    pub fn wanted(&self, ctx: Context<'_>) -> Option<Wanted> {
        let rules = &ctx.catalog.abuse;
        let knows_callers = rules.is_on(Rule::Penalty) || rules.is_on(Rule::Sharing);
        if self.feature.supply.is_none() && !knows_callers {
            return None;
        }
        let request = &self.ask().request;
        Some(Wanted {
            feature: request.feature.clone(),
            path: request.path.clone(),
            quantities: added_up(&request.quantities, &request.more),
            purpose: if self.ask().settle_now { Purpose::Charge } else { Purpose::Hold },
            is_demoted: self.is_demoted,
        })
    }

    /// Decides it, without any effect.
    ///
    /// # Errors
    /// Refuses use without a price, quantities whose price is out of range, and minimums that do not fit the request.
    pub fn decide<'p>(&'p self, ctx: Context<'p>) -> Result<(Priced<'p>, Decision), Refusal> {
        ctx.account.warm_up();
        let plan = ctx.plan()?;
        let mut usage = self.priced(ctx, plan)?;
        self.check_named(plan, &usage)?;
        let decision = decide_use(self.scene(ctx, plan), &mut usage, self.minimum())?;
        Ok((usage, decision))
    }

    /// The use at its prices.
    #[inline(always)]
    pub(crate) fn priced<'p>(&'p self, ctx: Context<'p>, plan: &Plan) -> Result<Priced<'p>, Refusal> {
        let Authorize { request, settle_now, .. } = self.ask();
        let rounding = if *settle_now { Rounding::HalfEven } else { Rounding::Up };
        ctx.price(
            self.feature,
            request,
            self.dimensions(),
            (ctx.factor(plan, &request.path, rounding), rounding),
        )
    }

    /// Refuses it when a meter is left out by mistake.
    pub(crate) fn check_named(&self, plan: &Plan, usage: &Priced<'_>) -> Result<(), Refusal> {
        let request = &self.ask().request;
        if request.recorded {
            return Ok(());
        }
        check_named(self.feature, plan.program(self.feature), usage, |meter| request.names(meter))
    }

    /// The scene of a decision.
    #[inline]
    pub(crate) fn scene<'p>(&self, ctx: Context<'p>, plan: &'p Plan) -> Scene<'p> {
        let mode = if self.ask().settle_now { Mode::Charge } else { Mode::Hold };
        Scene::new(ctx, plan, plan.program(self.feature), mode, self.ask().request.consented)
    }

    /// The least that is accepted.
    pub(crate) fn minimum(&self) -> Option<&Minimum> {
        self.ask().minimum.as_ref()
    }
}

/// A meter that costs something or counts in a guard or an allowance must be named, also with zero, unless the feature has an
/// estimate of it: a meter left out by mistake would be free. One part that names it is enough.
pub(crate) fn check_named(
    feature: &Feature,
    program: Option<&Program>,
    usage: &Priced<'_>,
    is_named: impl Fn(&Name) -> bool,
) -> Result<(), Refusal> {
    match left_out(feature, program, usage, is_named) {
        Some(meter) => Err(Refusal::MissingMeter(meter.clone())),
        None => Ok(()),
    }
}

/// Use that has happened may leave meters out, but not all of them: naming none that costs something or counts is a mistake.
fn check_any_named(
    feature: &Feature,
    program: Option<&Program>,
    usage: &Priced<'_>,
    asked: &Request,
) -> Result<(), Refusal> {
    let is_named = |meter: &Name| asked.names(meter);
    if usage.lines.iter().any(|line| is_named(line.meter) && matters(feature, program, line)) {
        return Ok(());
    }
    check_named(feature, program, usage, is_named)
}

/// A seat follows from the account's list.
pub(crate) fn check_seat(path: &Path) -> Result<(), Refusal> {
    match path.at(Level::Seat) {
        None => Ok(()),
        Some(_) => Err(Refusal::BadSeat(
            "a seat follows from the member that holds it; name the member in the path and leave the seat out",
        )),
    }
}

/// The quantities of all parts of a request, meter by meter.
fn added_up(quantities: &Quantities, more: &[AskedPart]) -> Quantities {
    let mut all = quantities.clone();
    for (meter, quantity) in more.iter().flat_map(|part| &part.quantities) {
        match all.iter_mut().find(|(named, _)| named == meter) {
            Some((_, sum)) => *sum = sum.saturating_add(*quantity),
            None => all.push((meter.clone(), *quantity)),
        }
    }
    all
}

/// Use that happened at `at`, at the prices of that instant.
pub(crate) fn price_then<'a>(
    ctx: Context<'a>,
    feature: &'a Feature,
    request: &'a Request,
    at: Instant,
) -> Result<Priced<'a>, Refusal> {
    let then = Context { now: at, ..ctx };
    let plan = ctx.plan()?;
    let factor = ctx.factor(plan, &request.path, Rounding::HalfEven);
    let usage = then.price(feature, request, &request.dimensions, (factor, Rounding::HalfEven))?;
    if !request.recorded {
        check_any_named(feature, plan.program(feature), &usage, request)?;
    }
    Ok(usage)
}

/// Whether a meter costs something or counts in a guard or an allowance.
fn matters(feature: &Feature, program: Option<&Program>, line: &PricedLine<'_>) -> bool {
    let meter = line.meter;
    let in_guard =
        |g: &Guard| matches!(&g.count, Count::Meters(meters) | Count::Size(meters) if meters.contains(meter));
    let in_allowance = matches!(&feature.unit, Unit::Meter(unit) if unit == meter);
    let counts = in_allowance || program.is_some_and(|p| p.guards().any(in_guard));
    meter.as_str() != REQUESTS && (line.has_price() || counts)
}

/// The first meter that must be named and is not.
fn left_out<'a>(
    feature: &Feature,
    program: Option<&Program>,
    usage: &Priced<'a>,
    is_named: impl Fn(&Name) -> bool,
) -> Option<&'a Name> {
    let is_left_out = |line: &&PricedLine<'_>| {
        !is_named(line.meter)
            && !feature.estimate.iter().any(|(known, _)| known == line.meter)
            && matters(feature, program, line)
    };
    usage.lines.iter().find(is_left_out).map(|line| line.meter)
}

/// The question of a growing hold for a running engine: room in the supply that the hold has room in.
pub(crate) fn wanted_more(hold: &Hold, quantities: &Quantities, more: &[AskedPart]) -> Option<Wanted> {
    let quantities = added_up(quantities, more);
    let grows = quantities.iter().any(|(_, n)| *n > 0);
    hold.terms.capacity.as_deref().filter(|_| grows)?;
    Some(Wanted {
        feature: hold.usage.feature.clone(),
        path: hold.usage.path.clone(),
        quantities,
        purpose: Purpose::Grow,
        is_demoted: false,
    })
}

/// The most of one meter that fits every guard and allowance when nothing is used.
fn smallest(ctx: Context<'_>, feature: &Feature, meter: &Name, request: &Request) -> Result<u64, Refusal> {
    let plan = ctx.plan()?;
    let Some(program) = plan.program(feature) else { return Ok(u64::MAX) };
    let billing = ctx.account.billing();
    let Request { path, quantities: asked, .. } = request;
    let own = |limit: &Name, terms: Terms| plan.own_terms(ctx.account, (limit, terms), path, ctx.now).0;
    let of_guards = program.guards().filter(|g| g.is_about(&request.dimensions)).filter_map(|guard| {
        let (Count::Meters(meters) | Count::Size(meters)) = &guard.count else { return None };
        let others = asked.iter().filter(|(m, _)| meters.contains(m));
        let others = others.map(|(_, n)| *n).fold(0, u64::saturating_add);
        let capacity = own(&guard.name, guard.window.terms(None, ctx.now, billing)).capacity();
        meters.contains(meter).then(|| u64::try_from(capacity).unwrap_or(0).saturating_sub(others))
    });
    let counts = matches!(&feature.unit, Unit::Meter(m) if m == meter);
    let windows = program.layers().filter(|_| counts).flat_map(|layer| match layer {
        Layer::Allowance { windows, .. } => windows.as_slice(),
        Layer::Grants { .. } | Layer::Overdraft { .. } | Layer::Postpaid { .. } => &[],
    });
    // Allowances count the units that are billed.
    let derived = request.derived(feature, ctx.now);
    let found = feature.prices(derived.as_deref().unwrap_or(&request.dimensions), ctx.now).ok();
    let price =
        found.and_then(|found| feature.price_of(&found, meter).map(|of| of.price)).unwrap_or_default();
    let of_allowances = windows.map(|(name, window)| {
        let capacity = own(name, window.terms(None, ctx.now, billing)).capacity();
        price.most(u64::try_from(capacity).unwrap_or(0))
    });
    // Windows that leave no room for an estimate are ignored: the request is then refused on its own terms.
    Ok(of_guards.chain(of_allowances).filter(|n| *n > 0).min().unwrap_or(u64::MAX))
}

/// The path with members past the tier's number folded into one, if there are any.
pub(crate) fn fold_path(ctx: Context<'_>, path: &Path) -> Option<Path> {
    let rules = &ctx.catalog.abuse;
    if rules.mode(Rule::SubKeys) != RuleMode::Enforce {
        return None;
    }
    let most = rules.terms_of(ctx.account, ctx.now).sub_keys;
    let other = Name::new(OTHER).unwrap_or_else(|_| unreachable!("`{OTHER}` is a name"));
    let is_past = |segment: &&Segment| segment.name != other && is_past(ctx, segment, most);
    let past: Vec<Level> = path.segments().iter().filter(is_past).map(|s| s.level).collect();
    if past.is_empty() {
        return None;
    }
    let mut path = path.clone();
    for segment in path.segments_mut().iter_mut().filter(|s| past.contains(&s.level)) {
        segment.name = other.clone();
    }
    Some(path)
}

/// Whether a member has no counter yet, and its level as many as it may.
fn is_past(ctx: Context<'_>, segment: &Segment, most: usize) -> bool {
    let Context { account, now, .. } = ctx;
    let has_settings = account.settings.segment(segment.level, &segment.name).is_some();
    if account.windows.len() < most || has_settings {
        return false;
    }
    // Windows are in order of name, levels and member: those of one guard stand together.
    let mut largest = 0;
    for of_guard in account.windows.chunk_by(|a, b| (&a.name, a.level) == (&b.name, b.level)) {
        let is_of_level = of_guard.first().is_some_and(|w| w.level.contains(segment.level));
        let open = of_guard.iter().filter(|w| is_of_level && w.used.is_open(now));
        let members = open.filter_map(|w| w.segments().iter().find(|s| s.level == segment.level));
        // Of several levels together, a member may have many counters.
        let (mut count, mut names) = (0, BTreeSet::new());
        for member in members {
            if member == segment {
                return false;
            }
            if of_guard.first().is_some_and(|w| w.level == segment.level) || names.insert(&member.name) {
                count += 1;
            }
        }
        largest = largest.max(count);
    }
    largest >= most
}

/// Whether the ramp rule serves a request one class lower.
fn is_demoted(ctx: Context<'_>, prepared: &Prepared<'_>) -> Result<bool, Refusal> {
    let feature = prepared.feature;
    let rules = &ctx.catalog.abuse;
    if rules.mode(Rule::Ramp) != RuleMode::Enforce || feature.supply.is_none() {
        return Ok(false);
    }
    let usage = ctx.price(feature, &prepared.ask().request, prepared.dimensions(), (None, Rounding::Up))?;
    let cost = i64::try_from(cost_of(rules, &usage, false)).unwrap_or(i64::MAX);
    let (before, allowed) = ramp(ctx.account, rules.terms_of(ctx.account, ctx.now), ctx.now);
    Ok(cost > 0 && before.saturating_add(cost) > allowed)
}
