//! Accounts as the API shows them.

use std::collections::BTreeMap;

use headworks_core::record::{self as core, Instant, Name};
use headworks_wire as wire;

use super::hex::hex;

fn marks(a: &core::AlertMarks) -> wire::AlertMarks {
    wire::AlertMarks { low: a.low, recovered: a.recovered, unit: a.unit.clone() }
}

fn top_up(t: &core::TopUpTerms) -> wire::TopUpTerms {
    wire::TopUpTerms {
        amount: t.amount,
        monthly_max: t.monthly_max,
        cool_down: t.cool_down,
        unit: t.unit.clone(),
    }
}

/// An account with these settings, after the record that has this number and hash.
pub(crate) fn account(
    account: &Name,
    settings: &core::Settings,
    opened_at: Instant,
    (seq, hash): (core::Seq, &[u8; 32]),
) -> wire::Account {
    let segment = |s: &core::SegmentSettings| {
        let shown = wire::SegmentSettings {
            suspended: s.suspended,
            consent: s.consent,
            pool_cap: s.pool_cap.clone(),
            hourly_cap: s.hourly_cap.clone(),
        };
        (s.segment.clone(), shown)
    };
    wire::Account {
        id: account.into(),
        plan: settings.plan.clone(),
        suspended: settings.suspended,
        consent: settings.consent,
        billing_anchor: settings.billing_anchor,
        zone: settings.zone.clone(),
        segments: settings.segments.iter().map(segment).collect::<BTreeMap<_, _>>(),
        alerts: wire::ByUnit::of(settings.alerts.iter().map(marks).collect()),
        top_up: wire::ByUnit::of(settings.top_ups.iter().map(top_up).collect()),
        capacity: settings.rank.as_deref().map(|r| wire::AccountCapacity {
            class: r.class.clone(),
            cluster: r.cluster.clone(),
            weight: r.weight,
            floor: r.floor,
            max: r.max,
        }),
        tier: settings.tier,
        plan_to_come: None,
        paused: None,
        opened_at,
        seq,
        hash: hex(hash),
    }
}
