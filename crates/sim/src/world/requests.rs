//! The next requests of callers.

use std::sync::Arc;

use headworks_core::command::Command;
use headworks_core::record::{GrantId, HoldId, Path, Rule, Seq, Span};

use super::World;
use crate::catalog::{ACCOUNTS, MANUAL, SEATS};
use crate::figures;
use crate::op::{self, Body, From, Of, Whence};
use crate::random::Random;

impl World {
    /// A request, weighted to boundaries: amounts equal to the whole balance, holds that are about to end.
    pub(super) fn body(&mut self, account: usize) -> Body {
        let r = Arc::clone(&self.random);
        let known = self.known.entry(account).or_default();
        let some = |list: &[Seq]| r.pick(list).copied().unwrap_or(3);
        let one = |list: &[Of]| r.pick(list).copied().unwrap_or((3, "chat"));
        let now = self.clock.now();
        let hours = |h: u64| Span::from_secs(h * 3_600);
        let command = match r.below(54) {
            0..=9 | 36 | 37 => return self.request(&r),
            10..=13 => {
                let hold = one(&known.holds);
                op::settle(hold, amount_of(&r, hold.1))
            }
            14 => {
                let hold = one(&known.holds);
                op::extend(hold, amount_of(&r, hold.1), r.chance(500).then_some(90))
            }
            15 => Command::Release { hold: HoldId(one(&known.holds).0) },
            16 | 17 => {
                let ago = [None, Some(0), Some(1), Some(47), Some(49)].get(r.below(5)).copied().flatten();
                let all = ["chat", "chat", "gift", "owe", "bulk", "rent", "rent", "blend"];
                let feature = r.pick(&all).copied().unwrap_or("chat");
                op::record(feature, amount_of(&r, feature), ago.map(|h| now.before(hours(h))))
            }
            18..=20 => {
                let kind = op::Kind {
                    category: r.below(4),
                    expires_at: r.chance(400).then(|| now.after(hours(1 + r.next() % 40))),
                    recurs: r.chance(250).then(|| r.below(32)),
                    unit: [None, None, Some("stamps"), Some("notes")].get(r.below(4)).copied().flatten(),
                    only: r.chance(100).then_some("owe"),
                };
                op::grant(amount(&r), kind)
            }
            21 => Command::Void { grant: GrantId(some(&known.grants)), reason: None },
            22 => {
                let by = if r.chance(500) { 3 } else { -3 };
                op::adjust(some(&known.grants), by, r.chance(300))
            }
            23 | 38 => op::refund(one(&known.charges).0, r.chance(600).then(|| 1 + r.next() % 3)),
            24 | 25 => {
                let charge = one(&known.charges);
                let to = r.chance(700).then(|| if r.chance(300) { 0 } else { amount_of(&r, charge.1) });
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
            29 => Command::Redeem { reset: None, path: Path::default(), reason: None },
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
                self.coverage.fault("supply changed");
                return Body::Supply([None, Some(2), Some(7)].get(r.below(3)).copied().flatten());
            }
            34 => {
                let rule = Rule::ALL.get(r.below(9)).copied().unwrap_or(Rule::Velocity);
                Command::Lift { rule, key: None, reason: None }
            }
            35 if r.chance(300) => Command::Dispute { reason: None },
            42 if r.chance(300) => {
                let until = r.chance(500).then(|| now.after(hours(1 + r.next() % 60)));
                Command::Pause { until, reason: None }
            }
            42 => Command::Resume { reason: None },
            43 => op::pay(self.invoice(account)),
            45 | 46 => {
                let premium = r.chance(500).then(|| r.chance(400));
                let member = r.chance(700).then(|| r.chance(800).then(|| r.below(2)));
                op::seat(r.pick(&SEATS).copied().unwrap_or("s1"), premium, member)
            }
            48 => {
                let limits: Vec<&str> = MANUAL.into_iter().filter(|_| r.chance(500)).collect();
                op::close(&limits, r.below(2))
            }
            47 if r.chance(300) => {
                Command::RemoveSeat { seat: op::name(r.pick(&SEATS).copied().unwrap_or("s1")), reason: None }
            }
            49 | 50 => Command::Override(figures::any(&r, now)),
            51 => Command::RemoveOverride { id: some(&known.overrides), reason: None },
            52 => Command::AskIncrease(figures::any(&r, now)),
            53 => {
                let asked = some(&known.increases);
                let until = r.chance(300).then(|| now.after(hours(1 + r.next() % 40)));
                figures::answer(asked, r.chance(700), until)
            }
            40 | 41 => return self.usage(),
            39 => {
                op::cap(r.chance(500), [None, Some(3), Some(12), Some(40)].get(r.below(4)).copied().flatten())
            }
            _ => {
                let whence = Whence { user: Some(0), ..Whence::default() };
                let ask = op::authorize("chat", whence, amount(&r), None, false, true, None);
                return Body::Command(
                    Box::new(ask),
                    From { wait: r.chance(300).then_some(0), ..From::default() },
                );
            }
        };
        command.into()
    }

    /// An invoice of an account; 3 if it has none.
    fn invoice(&self, account: usize) -> Seq {
        let account = ACCOUNTS.get(account).map(|account| op::name(account));
        let log = account.and_then(|account| self.log(&account).ok()).unwrap_or_default();
        let closed = log.iter().filter(|record| record.event.kind() == "invoice_closed");
        let closed: Vec<Seq> = closed.map(|record| record.seq).collect();
        self.random.pick(&closed).copied().unwrap_or(3)
    }

    /// A request to decide.
    fn request(&mut self, r: &Random) -> Body {
        let feature = match self.swarm.mostly {
            Some(feature) if r.chance(700) => feature,
            _ => {
                let all = [
                    "chat", "chat", "gift", "gift", "draw", "task", "task", "fast", "secret", "owe", "owe",
                    "bulk", "rent", "rent", "blend", "blend",
                ];
                r.pick(&all).copied().unwrap_or("chat")
            }
        };
        let user = if r.chance(150) { None } else { Some(r.below(2)) };
        let team = r.chance(300).then_some(0);
        let from = r.chance(400).then(|| (r.below(3), u8::try_from(r.below(3)).unwrap_or(0)));
        let amount = match feature {
            "gift" | "chat" | "owe" | "bulk" | "rent" | "blend" => amount_of(r, feature),
            _ => 1,
        };
        let now = feature == "fast" || r.chance(400);
        let least = (feature == "chat" && r.chance(150)).then_some(1);
        let consent = r.chance(300);
        let wait = r.chance(500).then(|| u64::from(r.chance(500)) * 5);
        let forges = r.chance(30);
        // Some holds last beyond a boundary.
        let life = r.chance(200).then(|| 3_600 * (1 + r.next() % 23));
        let whence = Whence { team, user, key: from.map(|(key, _)| key) };
        let ask = op::authorize(feature, whence, amount, least, now, consent, life);
        Body::Command(Box::new(ask), From { network: from.map(|(_, network)| network), wait, forges })
    }
}

/// Amounts of a feature: bytes are cheap and numerous.
fn amount_of(r: &Random, feature: &str) -> u64 {
    match feature {
        "bulk" => [1, 300, 700, 1_000, 1_999, 2_001, 3_000].get(r.below(7)).copied().unwrap_or(1),
        "owe" | "gift" => [1, 2, 5, 8, 13, 30, 61].get(r.below(7)).copied().unwrap_or(1),
        "rent" | "blend" => [1, 5, 13, 20, 21, 40, 61].get(r.below(7)).copied().unwrap_or(1),
        _ => amount(r),
    }
}

/// Amounts weighted to boundaries: exactly the available amount, and one more.
fn amount(r: &Random) -> u64 {
    [1, 5, 10, 30, 60, 61, 100].get(r.below(7)).copied().unwrap_or(1)
}
