//! Compares the engine with the model, figure by figure.

use headworks_core::record::{Credits, Decision, Draw as Drawn, GrantId, Instant, Outcome, Reason, Source};

use super::book::{Draw, Payer};
use super::policy::Layer;
use super::run::Run;
use super::steps::Path;
use super::text::layer_name;

/// Where the two differ.
pub(super) type Compared = Result<(), String>;

pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: T, model: T) -> Compared {
    if engine == model {
        Ok(())
    } else {
        Err(format!("{what}: the engine has {engine:?}, the model {model:?}"))
    }
}

impl Run {
    /// The receipt of a use: who pays how much, in the order in which each came first.
    pub(super) fn same_draws(&self, place: usize, engine: &[Drawn]) -> Compared {
        let mut ours: Vec<(Option<Source>, String, i64, i64)> = Vec::new();
        for draw in &self.book.uses[place].draws {
            add(&mut ours, self.payer(draw), layer_name(draw.layer), draw.amount, draw.worth);
        }
        let mut theirs = Vec::new();
        for draw in engine {
            add(&mut theirs, Some(draw.source), draw.layer.to_string(), draw.amount, draw.worth);
        }
        same("draws", theirs, ours)
    }

    fn payer(&self, draw: &Draw) -> Option<Source> {
        Some(match draw.payer {
            Payer::Allowance => Source::Allowance,
            Payer::Grant(g) => Source::Grant(GrantId(self.book.grants[g].id), self.book.grants[g].category),
            Payer::Overdraft => Source::Overdraft,
            Payer::Postpaid(period) => Source::Postpaid(Instant::from_micros(period)),
            Payer::Debt => Source::Debt,
            Payer::Goodwill => Source::Goodwill,
        })
    }
}

fn add(
    list: &mut Vec<(Option<Source>, String, i64, i64)>,
    source: Option<Source>,
    layer: String,
    amount: i64,
    worth: i64,
) {
    let layer = if matches!(source, Some(Source::Debt | Source::Goodwill)) { String::new() } else { layer };
    if let Some(known) = list.iter_mut().find(|k| k.0 == source && k.1 == layer) {
        known.2 += amount;
        known.3 += worth;
        return;
    }
    list.push((source, layer, amount, worth));
}

pub(super) fn denied(decision: &Decision, reason: Option<Reason>) -> Compared {
    if decision.outcome != Outcome::Deny {
        return Err(format!("the model denies for {reason:?}, the engine {decision:?}"));
    }
    let of_sources = [
        Reason::SpendCap,
        Reason::MemberCap,
        Reason::MemberMissing,
        Reason::ConsentNever,
        Reason::AllowanceUsed,
        Reason::NoSeat,
        Reason::InsufficientCredits,
        Reason::InDebt,
        Reason::InvoiceUnpaid,
    ];
    match reason {
        Some(reason) => same("reason", decision.reason, reason),
        None if of_sources.contains(&decision.reason) => Ok(()),
        None => Err(format!("the model denies for want of sources, the engine for {:?}", decision.reason)),
    }
}

impl Run {
    /// Every figure that is shown.
    pub(super) fn compare(&self) -> Compared {
        let (account, book, now) = (&self.world.account, &self.book, self.now());
        let at = Instant::from_micros(now);
        same("available", account.available(at, None).nano(), book.available(now))?;
        same("held", account.held(None).nano(), book.held())?;
        let books = account.books;
        let figures =
            [books.issued, books.spent, books.breakage, books.goodwill, books.debt, books.overdraft];
        same(
            "issued, spent, breakage, goodwill, debt, overdraft",
            figures.map(Credits::nano),
            [book.issued, book.spent(), book.breakage, book.goodwill(), book.debt(), book.overdraft()],
        )?;
        self.compare_bills()?;
        let views = headworks_core::view::windows(self.world.ctx()).map_err(|e| e.to_string())?;
        for view in &views {
            let member = view.member.as_ref().map_or(Path::default(), Path::of);
            let used = self.shown(view.name.as_str(), member, now);
            if let Some(used) = used {
                same(&format!("used of {} of {:?}", view.name, view.member), view.used, used)?;
            }
        }
        Ok(())
    }

    pub(super) fn shown(&self, name: &str, member: Path, now: i64) -> Option<i64> {
        let policy = self.book.policy();
        if let Some(index) = name.strip_prefix('g') {
            let index: usize = index.parse().expect("a number");
            return self.book.counted(index, &policy.guards[index], member, now);
        }
        let (layer, window) = name.split_once('.').map_or((name, None), |(l, w)| (l, Some(w)));
        let layer: usize = layer[1..].parse().expect("a number");
        if let Some(window) = window {
            let windows = self.book.included(layer, member, now, false);
            let window: usize = window[1..].parse().expect("a number");
            return Some(windows[window]);
        }
        matches!(policy.layers[layer], Layer::Pool { .. }).then(|| self.book.pooled(layer, member, now))
    }
}
