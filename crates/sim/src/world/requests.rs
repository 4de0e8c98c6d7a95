//! What callers ask for next, and what their answers let them refer to.

use std::sync::Arc;

use headworks_core::operation::charge_of;
use headworks_core::record::{Event, Record, Seq};

use super::World;
use crate::op::Body;
use crate::random::Random;

/// Records of one account that operations can refer to.
#[derive(Default)]
pub(super) struct Known {
    holds: Vec<Seq>,
    grants: Vec<Seq>,
    recurring: Vec<Seq>,
    charges: Vec<Seq>,
    kept: Vec<Seq>,
}

impl World<'_> {
    /// A request, weighted to boundaries: amounts that are just all there is, holds that are about to end.
    pub(super) fn body(&mut self, account: usize) -> Body {
        let r = Arc::clone(&self.random);
        let known = self.known.entry(account).or_default();
        let some = |list: &[Seq]| r.pick(list).copied().unwrap_or(3);
        let amount = |r: &Random| [1, 5, 10, 30, 60, 61, 100].get(r.below(7)).copied().unwrap_or(1);
        let from = |r: &Random| r.chance(400).then(|| (r.below(3), u8::try_from(r.below(3)).unwrap_or(0)));
        match r.below(36) {
            0..=9 => {
                let feature = ["chat", "chat", "gift", "gift", "draw", "task", "task", "fast", "secret"];
                let feature = feature.get(r.below(9)).copied().unwrap_or("chat");
                Body::Authorize {
                    feature,
                    user: if r.chance(150) { None } else { Some(r.below(2)) },
                    from: from(&r),
                    amount: if feature == "gift" || feature == "chat" { amount(&r) } else { 1 },
                    now: feature == "fast" || r.chance(400),
                    least: (feature == "chat" && r.chance(150)).then_some(1),
                    consent: r.chance(300),
                    wait: r.chance(500).then(|| u64::from(r.chance(500)) * 5),
                    forges: r.chance(30),
                }
            }
            10..=13 => Body::Settle { hold: some(&known.holds), used: amount(&r) },
            14 => {
                Body::Extend { hold: some(&known.holds), more: amount(&r), life: r.chance(500).then_some(90) }
            }
            15 => Body::Release { hold: some(&known.holds) },
            16 | 17 => {
                let hours = [-1, 0, 1, 47, 49].get(r.below(5)).copied().unwrap_or(0);
                Body::Record { amount: amount(&r), hours_ago: hours }
            }
            18..=20 => Body::Grant {
                amount: amount(&r),
                kind: r.below(4),
                hours: r.chance(400).then(|| 1 + r.next() % 40),
                recurs: r.chance(250),
                stamps: r.chance(200),
            },
            21 => Body::Void { grant: some(&known.grants) },
            22 => Body::Adjust { grant: some(&known.grants), by: if r.chance(500) { 3 } else { -3 } },
            23 => Body::Refund { charge: some(&known.charges), amount: r.chance(400).then_some(1) },
            24 | 25 => Body::Correct {
                charge: some(&known.charges),
                to: r.chance(700).then(|| if r.chance(300) { 0 } else { amount(&r) }),
            },
            26 => Body::ChangePlan {
                moves: r.chance(400),
                grant: r.chance(700).then(|| some(&known.recurring)),
                amount: amount(&r),
            },
            27 => Body::Settings {
                suspended: r.chance(150),
                consent: r.below(4),
                alerts: r.chance(600),
                plan: r.below(5),
            },
            28 => Body::Bank,
            29 => Body::Redeem,
            30 => Body::Late { kept: some(&known.kept), accept: r.chance(500) },
            31 => Body::TopUp { number: 1 + r.next() % 6, paid: r.chance(600) },
            32 if r.chance(300) => {
                self.coverage.fault("catalog changed");
                self.version += 1;
                Body::Catalog(self.version)
            }
            33 if r.chance(200) => {
                self.coverage.fault("pool changed");
                Body::Pool([None, Some(2), Some(7)].get(r.below(3)).copied().flatten())
            }
            34 => Body::Lift(r.below(9)),
            35 if r.chance(300) => Body::Dispute,
            _ => Body::Authorize {
                feature: "chat",
                user: Some(0),
                from: None,
                amount: amount(&r),
                now: false,
                least: None,
                consent: true,
                wait: r.chance(300).then_some(0),
                forges: false,
            },
        }
    }
}

pub(super) fn note(known: &mut Known, record: &Record) {
    let seq = record.seq;
    if let Event::Authorized { .. } = record.event {
        known.holds.push(seq);
    }
    if let Some(terms) = &record.opens {
        known.grants.push(seq);
        if terms.recurrence.is_some() {
            known.recurring.push(seq);
        }
    }
    if charge_of(record).is_some() {
        known.charges.push(seq);
    }
    if record.quarantined().is_some() {
        known.kept.push(seq);
    }
    // Old ones are asked for now and then, new ones mostly.
    for list in [&mut known.holds, &mut known.grants, &mut known.charges, &mut known.recurring] {
        if list.len() > 8 {
            list.remove(0);
        }
    }
}
