//! What callers ask for next.

use std::sync::Arc;

use headworks_core::command::Command;
use headworks_core::record::{GrantId, HoldId, Path, Rule, Seq, Span};

use super::World;
use crate::op::{self, Body, From};
use crate::random::Random;

impl World<'_> {
    /// A request, weighted to boundaries: amounts that are just all there is, holds that are about to end.
    pub(super) fn body(&mut self, account: usize) -> Body {
        let r = Arc::clone(&self.random);
        let known = self.known.entry(account).or_default();
        let some = |list: &[Seq]| r.pick(list).copied().unwrap_or(3);
        let now = self.clock.now();
        let hours = |h: u64| Span::from_secs(h * 3_600);
        let command = match r.below(36) {
            0..=9 => return self.request(&r),
            10..=13 => op::settle(some(&known.holds), amount(&r)),
            14 => op::extend(some(&known.holds), amount(&r), r.chance(500).then_some(90)),
            15 => Command::Release { hold: HoldId(some(&known.holds)) },
            16 | 17 => {
                let ago = [None, Some(0), Some(1), Some(47), Some(49)].get(r.below(5)).copied().flatten();
                op::record(amount(&r), ago.map(|h| now.before(hours(h))))
            }
            18..=20 => {
                let (amount, kind) = (amount(&r), r.below(4));
                let expires_at = r.chance(400).then(|| now.after(hours(1 + r.next() % 40)));
                let recurs = r.chance(250);
                op::grant(amount, kind, expires_at, recurs, r.chance(200))
            }
            21 => Command::Void { grant: GrantId(some(&known.grants)), reason: None },
            22 => op::adjust(some(&known.grants), if r.chance(500) { 3 } else { -3 }),
            23 => op::refund(some(&known.charges), r.chance(400).then_some(1)),
            24 | 25 => {
                let charge = some(&known.charges);
                let to = r.chance(700).then(|| if r.chance(300) { 0 } else { amount(&r) });
                op::correct(charge, to)
            }
            26 => {
                let (moves, grant) = (r.chance(400), r.chance(700).then(|| some(&known.recurring)));
                op::change_plan(moves, grant, amount(&r))
            }
            27 => {
                let (suspended, consent) = (r.chance(150), r.below(4));
                let alerts = r.chance(600);
                op::settings(suspended, consent, alerts, r.below(5))
            }
            28 => op::bank(),
            29 => Command::Redeem { token: None, path: Path::default() },
            30 => {
                let kept = some(&known.kept);
                if r.chance(500) {
                    Command::AcceptLate { kept }
                } else {
                    Command::DiscardLate { kept, reason: None }
                }
            }
            31 => {
                let number = 1 + r.next() % 6;
                op::top_up(number, r.chance(600))
            }
            32 if r.chance(300) => {
                self.coverage.fault("catalog changed");
                self.version += 1;
                return Body::Catalog(self.version);
            }
            33 if r.chance(200) => {
                self.coverage.fault("pool changed");
                return Body::Pool([None, Some(2), Some(7)].get(r.below(3)).copied().flatten());
            }
            34 => {
                let rule = Rule::ALL.get(r.below(9)).copied().unwrap_or(Rule::Velocity);
                Command::Lift { rule, key: None, reason: None }
            }
            35 if r.chance(300) => Command::Dispute { reason: None },
            _ => {
                let ask = op::authorize("chat", (Some(0), None), amount(&r), None, false, true);
                return Body::Command(
                    Box::new(ask),
                    From { wait: r.chance(300).then_some(0), ..From::default() },
                );
            }
        };
        command.into()
    }

    /// A request to decide.
    fn request(&mut self, r: &Random) -> Body {
        let feature = ["chat", "chat", "gift", "gift", "draw", "task", "task", "fast", "secret"];
        let feature = feature.get(r.below(9)).copied().unwrap_or("chat");
        let user = if r.chance(150) { None } else { Some(r.below(2)) };
        let from = r.chance(400).then(|| (r.below(3), u8::try_from(r.below(3)).unwrap_or(0)));
        let amount = if feature == "gift" || feature == "chat" { amount(r) } else { 1 };
        let now = feature == "fast" || r.chance(400);
        let least = (feature == "chat" && r.chance(150)).then_some(1);
        let consent = r.chance(300);
        let wait = r.chance(500).then(|| u64::from(r.chance(500)) * 5);
        let forges = r.chance(30);
        let ask = op::authorize(feature, (user, from.map(|(key, _)| key)), amount, least, now, consent);
        Body::Command(Box::new(ask), From { network: from.map(|(_, network)| network), wait, forges })
    }
}

/// Amounts weighted to boundaries: just what there is, and one more.
fn amount(r: &Random) -> u64 {
    [1, 5, 10, 30, 60, 61, 100].get(r.below(7)).copied().unwrap_or(1)
}
