//! Opening accounts and changing their settings.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::draft::Draft;
use crate::account::SEGMENTS_MAX;
use crate::record::{
    AlertMarks, Consent, Credits, Event, Instant, Label, Name, Rank, Segment, SegmentSettings, Settings,
    Tier, TopUpTerms,
};
use crate::waterfall::{Context, Refusal};

/// What becomes of one setting.
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
    /// What is there is set, what is not is cleared.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

/// A change of settings; what it leaves out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The plan.
    pub plan: Option<Name>,
    /// Whether every request is denied.
    pub suspended: Option<bool>,
    /// Consent to paid sources.
    pub consent: Setting<Consent>,
    /// What billing windows are counted from; of an account that opens, now when it says nothing.
    pub billing_anchor: Option<Instant>,
    /// Segments: their settings from now on, or none.
    pub segments: Vec<(Segment, Option<SegmentSettings>)>,
    /// Whether segments that it does not name have none either.
    pub replaces_segments: bool,
    /// The balances that the owner is told about. Without them there is no automatic top-up.
    pub alerts: Setting<AlertMarks>,
    /// Credits bought by themselves.
    pub top_up: Setting<TopUpTerms>,
    /// Where it stands in capacity pools.
    pub rank: Setting<Box<Rank>>,
    /// How far it is trusted.
    pub tier: Setting<Tier>,
}

impl From<Settings> for Patch {
    /// Everything as it is there, nothing as it was.
    fn from(settings: Settings) -> Self {
        let Settings { plan, suspended, consent, billing_anchor, segments, alerts, top_up, rank, tier } =
            settings;
        Self {
            plan: Some(plan),
            suspended: Some(suspended),
            consent: consent.into(),
            billing_anchor: Some(billing_anchor),
            segments: segments.into_iter().map(|s| (s.segment.clone(), Some(s))).collect(),
            replaces_segments: true,
            alerts: alerts.into(),
            top_up: top_up.into(),
            rank: rank.into(),
            tier: tier.into(),
        }
    }
}

impl Patch {
    /// The settings after the change.
    fn on(&self, mut settings: Settings) -> Settings {
        let patch = self.clone();
        settings.plan = patch.plan.unwrap_or(settings.plan);
        settings.suspended = patch.suspended.unwrap_or(settings.suspended);
        patch.consent.apply(&mut settings.consent);
        settings.billing_anchor = patch.billing_anchor.unwrap_or(settings.billing_anchor);
        let named = |s: &SegmentSettings| self.segments.iter().any(|(segment, _)| *segment == s.segment);
        settings.segments.retain(|s| !patch.replaces_segments && !named(s));
        settings.segments.extend(patch.segments.into_iter().filter_map(|(_, s)| s));
        settings.segments.sort_by(|a, b| a.segment.cmp(&b.segment));
        if patch.alerts == Setting::Clear && patch.top_up == Setting::Keep {
            settings.top_up = None;
        }
        patch.alerts.apply(&mut settings.alerts);
        patch.top_up.apply(&mut settings.top_up);
        patch.rank.apply(&mut settings.rank);
        patch.tier.apply(&mut settings.tier);
        settings
    }
}

/// Opens the account.
pub(super) fn open(ctx: Context<'_>, patch: &Patch) -> Result<Draft, Refusal> {
    let plan = patch.plan.clone().or_else(|| ctx.catalog.default_plan.clone()).ok_or(Refusal::NoPlan)?;
    let settings = patch.on(Settings::new(plan, ctx.now));
    check(ctx, &settings)?;
    Ok(Draft::new(Event::Opened(settings)))
}

/// Changes the account's settings.
pub(super) fn change(ctx: Context<'_>, patch: &Patch, reason: Option<Label>) -> Result<Draft, Refusal> {
    let settings = patch.on(ctx.account.settings.clone());
    check(ctx, &settings)?;
    Ok(Draft::new(Event::Changed { settings, reason }))
}

fn check(ctx: Context<'_>, settings: &Settings) -> Result<(), Refusal> {
    if ctx.catalog.plan(settings.plan.as_str()).is_none() {
        return Err(Refusal::UnknownPlan(settings.plan.clone()));
    }
    if settings.segments.len() > SEGMENTS_MAX {
        return Err(Refusal::AccountFull);
    }
    let is_new = |s: &&SegmentSettings| !ctx.account.settings.segments.contains(s);
    settings.segments.iter().filter(is_new).try_for_each(|segment| check_caps(ctx, segment))?;
    let fits = match (settings.alerts, settings.top_up) {
        (None, top_up) => top_up.is_none(),
        (Some(marks), top_up) => {
            marks.low >= Credits::ZERO
                && marks.recovered >= marks.low
                && top_up.is_none_or(|t| t.amount.is_positive() && t.amount <= t.monthly_max)
        }
    };
    if !fits {
        return Err(Refusal::BadAlerts);
    }
    settings.rank.as_deref().map_or(Ok(()), |rank| check_rank(ctx, rank))
}

/// Caps are zero or more, in units that something is priced in.
fn check_caps(ctx: Context<'_>, segment: &SegmentSettings) -> Result<(), Refusal> {
    for cap in segment.pool_cap.iter().chain(&segment.hourly_cap) {
        if cap.amounts().any(|amount| amount < Credits::ZERO) {
            return Err(Refusal::BadCap);
        }
        let usual = ctx.catalog.credit_unit();
        if let Some(unit) = cap.units(usual).find(|unit| !ctx.catalog.prices_in(*unit)) {
            return Err(Refusal::UnpricedUnit(unit.cloned()));
        }
    }
    Ok(())
}

fn check_rank(ctx: Context<'_>, rank: &Rank) -> Result<(), Refusal> {
    let knows = |class: &Name| ctx.catalog.pools.values().any(|pool| pool.class(class.as_str()).is_some());
    if rank.weight == 0 || rank.max.is_some_and(|max| max < rank.floor) {
        return Err(Refusal::BadPool("a weight is above zero, and a maximum not below the floor".into()));
    }
    match rank.class.as_ref().filter(|class| !knows(class)) {
        Some(class) => Err(Refusal::BadPool(alloc::format!("no pool of the catalog has a class `{class}`"))),
        None => Ok(()),
    }
}
