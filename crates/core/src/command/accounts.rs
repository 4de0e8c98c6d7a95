//! Opening accounts and changing their settings.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::draft::Draft;
use crate::account::SEGMENTS_MAX;
use crate::catalog::Catalog;
use crate::record::{
    AlertMarks, CREDITS, Consent, Credits, Days, Event, Instant, Label, Name, Rank, Segment, SegmentSettings,
    Settings, Tier, TopUpTerms, own_unit,
};
use crate::waterfall::{Context, Refusal};

/// Most units of credits with marks of their own.
const UNITS_MAX: usize = 16;

/// A change of one setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is this from now on.
    Set(T),
    /// There is none from now on.
    Clear,
}

impl<T> Setting<T> {
    fn apply(self, to: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Set(value) => *to = Some(value),
            Self::Clear => *to = None,
        }
    }
}

impl<T> From<Option<T>> for Setting<T> {
    /// A value that is present is set, an absent one is cleared.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

/// A change of settings; settings that it leaves out stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The plan.
    pub plan: Option<Name>,
    /// Whether every request is denied.
    pub suspended: Option<bool>,
    /// Consent to paid sources.
    pub consent: Setting<Consent>,
    /// The instant that billing windows are counted from; for a new account the default is now.
    pub billing_anchor: Option<Instant>,
    /// Segments: their settings from now on, or none.
    pub segments: Vec<(Segment, Option<SegmentSettings>)>,
    /// Whether segments that it does not name lose theirs.
    pub replaces_segments: bool,
    /// The marks of balances, one for each unit of credits; without a unit, the catalog's. Without marks there is no automatic
    /// top-up.
    pub alerts: Setting<Vec<AlertMarks>>,
    /// Automatic top-ups, one for each unit; without a unit, the catalog's.
    pub top_ups: Setting<Vec<TopUpTerms>>,
    /// Its place in supplies.
    pub rank: Setting<Box<Rank>>,
    /// How far it is trusted.
    pub tier: Setting<Tier>,
    /// The IANA zone of its windows that go by it.
    pub zone: Setting<Label>,
}

impl From<Settings> for Patch {
    /// Replaces everything: nothing stays as it was.
    fn from(settings: Settings) -> Self {
        let Settings {
            plan,
            suspended,
            consent,
            billing_anchor,
            segments,
            alerts,
            top_ups,
            rank,
            tier,
            zone,
        } = settings;
        let named = |unit: Option<Name>| Some(unit.unwrap_or_else(credits));
        let alerts = alerts.into_iter().map(|a| AlertMarks { unit: named(a.unit), ..a });
        let top_ups = top_ups.into_iter().map(|t| TopUpTerms { unit: named(t.unit), ..t });
        Self {
            plan: Some(plan),
            suspended: Some(suspended),
            consent: consent.into(),
            billing_anchor: Some(billing_anchor),
            segments: segments.into_iter().map(|s| (s.segment.clone(), Some(s))).collect(),
            replaces_segments: true,
            alerts: Setting::Set(alerts.collect()),
            top_ups: Setting::Set(top_ups.collect()),
            rank: rank.into(),
            tier: tier.into(),
            zone: zone.into(),
        }
    }
}

impl Patch {
    /// The settings after the change.
    fn on(&self, catalog: &Catalog, mut settings: Settings) -> Result<Settings, Refusal> {
        let patch = self.clone();
        settings.plan = patch.plan.unwrap_or(settings.plan);
        settings.suspended = patch.suspended.unwrap_or(settings.suspended);
        patch.consent.apply(&mut settings.consent);
        settings.billing_anchor = patch.billing_anchor.unwrap_or(settings.billing_anchor);
        let named = |s: &SegmentSettings| self.segments.iter().any(|(segment, _)| *segment == s.segment);
        settings.segments.retain(|s| !patch.replaces_segments && !named(s));
        settings.segments.extend(patch.segments.into_iter().filter_map(|(_, s)| s));
        settings.segments.sort_by(|a, b| a.segment.cmp(&b.segment));
        match patch.alerts {
            Setting::Keep => {}
            Setting::Clear => settings.alerts.clear(),
            Setting::Set(alerts) => {
                let own = |a: AlertMarks| Ok(AlertMarks { unit: unit_of(catalog, a.unit.as_ref())?, ..a });
                settings.alerts = alerts.into_iter().map(own).collect::<Result<_, _>>()?;
            }
        }
        match patch.top_ups {
            // Without marks there are no top-ups. Marks in other units do not silently end top-ups in these.
            Setting::Keep if settings.alerts.is_empty() => settings.top_ups.clear(),
            Setting::Keep => {}
            Setting::Clear => settings.top_ups.clear(),
            Setting::Set(top_ups) => {
                let own = |t: TopUpTerms| Ok(TopUpTerms { unit: unit_of(catalog, t.unit.as_ref())?, ..t });
                settings.top_ups = top_ups.into_iter().map(own).collect::<Result<_, _>>()?;
            }
        }
        patch.rank.apply(&mut settings.rank);
        patch.tier.apply(&mut settings.tier);
        patch.zone.apply(&mut settings.zone);
        Ok(settings)
    }
}

fn credits() -> Name {
    Name::new(CREDITS).unwrap_or_else(|_| unreachable!("`{CREDITS}` is a name"))
}

/// The named unit, as stored; if none is named, the unit of a figure without one.
fn unit_of(catalog: &Catalog, named: Option<&Name>) -> Result<Option<Name>, Refusal> {
    if named.is_some() {
        return Ok(own_unit(named).cloned());
    }
    match catalog.credit_unit() {
        None if !catalog.prices_in(None) => {
            Err(Refusal::BadAlerts("features are priced in several units of credits; name the `unit`"))
        }
        usual => Ok(usual.cloned()),
    }
}

/// Opens the account.
pub(super) fn open(ctx: Context<'_>, patch: &Patch) -> Result<Draft, Refusal> {
    let plan = patch.plan.clone().or_else(|| ctx.catalog.default_plan.clone()).ok_or(Refusal::NoPlan)?;
    let settings = patch.on(ctx.catalog, Settings::new(plan, ctx.now))?;
    check(ctx, &settings)?;
    Ok(Draft::new(Event::Opened(settings)))
}

/// Changes the account's settings.
pub(super) fn change(ctx: Context<'_>, patch: &Patch, reason: Option<Label>) -> Result<Draft, Refusal> {
    let settings = patch.on(ctx.catalog, ctx.account.settings.clone())?;
    check(ctx, &settings)?;
    let moves_anchor = settings.billing_anchor != ctx.account.settings.billing_anchor;
    // The end of a pause moves the anchor that it began with.
    if let Some(pause) = ctx.account.pause().filter(|_| moves_anchor) {
        return Err(Refusal::Paused(pause.id));
    }
    Ok(Draft::new(Event::Changed { settings, reason }))
}

fn check(ctx: Context<'_>, settings: &Settings) -> Result<(), Refusal> {
    if ctx.catalog.plan(settings.plan.as_str()).is_none() {
        return Err(Refusal::UnknownPlan(settings.plan.clone()));
    }
    if settings.segments.len() > SEGMENTS_MAX {
        return Err(Refusal::AccountFull);
    }
    if settings.zone.as_ref().is_some_and(|zone| Days::of(zone.as_str()).is_err()) {
        return Err(Refusal::UnknownZone);
    }
    let is_new = |s: &&SegmentSettings| !ctx.account.settings.segments.contains(s);
    settings.segments.iter().filter(is_new).try_for_each(|segment| check_caps(ctx, segment))?;
    check_alerts(settings).map_err(Refusal::BadAlerts)?;
    let known = &ctx.account.settings;
    let marked = settings.alerts.iter().filter(|a| !known.alerts.contains(a)).map(|a| a.unit.as_ref());
    let bought = settings.top_ups.iter().filter(|t| !known.top_ups.contains(t)).map(|t| t.unit.as_ref());
    check_units(ctx, marked.chain(bought))?;
    settings.rank.as_deref().map_or(Ok(()), |rank| check_rank(ctx, rank))
}

/// Checks that something is priced in each of these units: credits of another would pay for nothing.
pub(super) fn check_units<'a>(
    ctx: Context<'_>,
    units: impl IntoIterator<Item = Option<&'a Name>>,
) -> Result<(), Refusal> {
    match units.into_iter().find(|unit| !ctx.catalog.prices_in(*unit)) {
        Some(unit) => Err(Refusal::UnpricedUnit(unit.cloned())),
        None => Ok(()),
    }
}

/// Caps are zero or more, in units that something is priced in.
fn check_caps(ctx: Context<'_>, segment: &SegmentSettings) -> Result<(), Refusal> {
    for cap in segment.pool_cap.iter().chain(&segment.hourly_cap) {
        if cap.amounts().any(|amount| amount < Credits::ZERO) {
            return Err(Refusal::BadCap);
        }
        check_units(ctx, cap.units(ctx.catalog.credit_unit()))?;
    }
    Ok(())
}

fn names_one_twice(units: &mut [&Option<Name>]) -> bool {
    units.sort_unstable();
    units.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

fn check_alerts(settings: &Settings) -> Result<(), &'static str> {
    let Settings { alerts, top_ups, .. } = settings;
    if alerts.len() > UNITS_MAX || top_ups.len() > UNITS_MAX {
        return Err("an account has marks for at most 16 units of credits");
    }
    let mut marked: Vec<_> = alerts.iter().map(|a| &a.unit).collect();
    let mut bought: Vec<_> = top_ups.iter().map(|t| &t.unit).collect();
    if names_one_twice(&mut marked) || names_one_twice(&mut bought) {
        return Err("two marks, or two top-ups, are for the same unit of credits");
    }
    if alerts.iter().any(|a| a.low < Credits::ZERO || a.recovered < a.low) {
        return Err("alerts need 0 <= low <= recovered");
    }
    let is_good = |t: &TopUpTerms| t.amount.is_positive() && t.amount <= t.monthly_max;
    if !top_ups.iter().all(is_good) {
        return Err("a top-up needs an amount above zero and at most its monthly maximum");
    }
    if top_ups.iter().any(|t| alerts.iter().all(|a| a.unit != t.unit)) {
        return Err("a top-up needs alerts in its unit of credits");
    }
    Ok(())
}

fn check_rank(ctx: Context<'_>, rank: &Rank) -> Result<(), Refusal> {
    let knows =
        |class: &Name| ctx.catalog.supplies.values().any(|supply| supply.class(class.as_str()).is_some());
    if rank.weight == 0 || rank.max.is_some_and(|max| max < rank.floor) {
        return Err(Refusal::BadSupply("a weight is above zero, and a maximum not below the floor".into()));
    }
    match rank.class.as_ref().filter(|class| !knows(class)) {
        Some(class) => {
            Err(Refusal::BadSupply(alloc::format!("no supply of the catalog has a class `{class}`")))
        }
        None => Ok(()),
    }
}
