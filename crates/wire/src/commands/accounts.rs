//! Commands that open an account, change it or lift a measure against it.

use headworks_core::command::{Command, Patch, Setting};
use headworks_core::record::{self, Segment};

use crate::abuse::LiftRequest;
use crate::requests::{ChangeAccountRequest, OpenAccountRequest, SegmentSettings};
use crate::supplies::AccountCapacity;
use crate::top_ups::{AlertMarks, ByUnit, TopUpTerms};

fn segment(of: &Segment, s: &SegmentSettings) -> record::SegmentSettings {
    record::SegmentSettings {
        segment: of.clone(),
        suspended: s.suspended,
        consent: s.consent,
        pool_cap: s.pool_cap.clone(),
        hourly_cap: s.hourly_cap.clone(),
    }
}

fn rank(c: &AccountCapacity) -> Box<record::Rank> {
    let AccountCapacity { class, cluster, weight, floor, max } = c.clone();
    Box::new(record::Rank { class, cluster, weight, floor, max })
}

fn marks(alerts: &ByUnit<AlertMarks>) -> Vec<record::AlertMarks> {
    let one =
        |a: &AlertMarks| record::AlertMarks { low: a.low, recovered: a.recovered, unit: a.unit.clone() };
    alerts.all().iter().map(one).collect()
}

fn terms(top_ups: &ByUnit<TopUpTerms>) -> Vec<record::TopUpTerms> {
    let one = |t: &TopUpTerms| record::TopUpTerms {
        amount: t.amount,
        monthly_max: t.monthly_max,
        cool_down: t.cool_down,
        unit: t.unit.clone(),
    };
    top_ups.all().iter().map(one).collect()
}

/// Left out: it stays; null: there is none from now on.
fn setting<T, U>(given: Option<&Option<T>>, of: impl Fn(&T) -> U) -> Setting<U> {
    given.map_or(Setting::Keep, |given| given.as_ref().map(of).into())
}

/// Sets the fields that are given; others stay.
fn set<T>(given: Option<T>) -> Setting<T> {
    given.map_or(Setting::Keep, Setting::Set)
}

impl OpenAccountRequest {
    /// The command of this request.
    #[must_use]
    pub fn command(&self) -> Command {
        let settings = |(of, s): (&Segment, &SegmentSettings)| (of.clone(), Some(segment(of, s)));
        Command::Open(Patch {
            plan: self.plan.clone(),
            consent: set(self.consent),
            billing_anchor: self.billing_anchor,
            zone: set(self.zone.clone()),
            segments: self.segments.iter().map(settings).collect(),
            rank: set(self.capacity.as_ref().map(rank)),
            tier: set(self.tier),
            ..Patch::default()
        })
    }
}

impl ChangeAccountRequest {
    /// The command of this request.
    #[must_use]
    pub fn command(&self) -> Command {
        let settings =
            |(of, s): (&Segment, &Option<SegmentSettings>)| (of.clone(), s.as_ref().map(|s| segment(of, s)));
        let patch = Patch {
            plan: self.plan.clone(),
            suspended: self.suspended,
            consent: set(self.consent),
            billing_anchor: self.billing_anchor,
            zone: set(self.zone.clone()),
            segments: self.segments.iter().map(settings).collect(),
            replaces_segments: false,
            alerts: setting(self.alerts.as_ref(), marks),
            top_ups: setting(self.top_up.as_ref(), terms),
            rank: setting(self.capacity.as_ref(), rank),
            tier: setting(self.tier.as_ref(), |tier| *tier),
        };
        Command::Change { patch, reason: self.reason.clone() }
    }
}

impl LiftRequest {
    /// The command of this request.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::Lift { rule: self.rule, key: self.key.as_deref().cloned(), reason: self.reason.clone() }
    }
}
