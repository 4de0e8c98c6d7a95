//! The waterfall: guards first, then sources in the plan's order, each paying what it can.
//!
//! Never changes anything: everything is computed before the first effect, and a refusal carries none.
//! F1 of several refusals the first in [`Reason`]'s order is told (`reasons_in_order`).
//! F2 draws add up to the price, or nothing is drawn (`model_agrees`).
//! F3 an indivisible request is paid whole by one source (`requests_are_paid_whole`).
//! Units: nano-credits; allowances in their feature's [`Unit`].

use alloc::vec::Vec;

use crate::account::{Account, HOLDS_MAX};
use crate::catalog::{Catalog, Plan, Program, Window};
use crate::operation::Context;
use crate::record::{
    Basis, Consent, Credits, Decision, Draws, Instant, Level, Name, Place, Priced, Reason, Terms, Verdict,
    Visit, Wall,
};
use crate::window::{Room, Used};

mod close;
pub(crate) mod conduct;
mod guards;
mod need;
mod sources;

pub(crate) use need::{Need, keep_front, left_after};

/// What the use is for; it decides which guards apply and whether they may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A new hold.
    Hold,
    /// A charge without a hold.
    Charge,
    /// More for an open hold: the request itself has been counted.
    Grow,
    /// Use that has happened: counted, never refused.
    Happened,
}

/// Everything a decision looks at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a, 'p> {
    pub(crate) account: &'a Account,
    pub(crate) plan: &'a Plan,
    pub(crate) program: &'a Program,
    pub(crate) usage: &'a Priced<'p>,
    pub(crate) mode: Mode,
    /// The caller agrees to paid sources.
    pub(crate) consented: bool,
    pub(crate) now: Instant,
    pub(crate) catalog: &'a Catalog,
    /// The level of the penalty box that the caller is in.
    pub(crate) penalty: u8,
    /// Whether the request needs room in a capacity pool.
    pub(crate) in_pool: bool,
}

impl<'a, 'p> Scene<'a, 'p> {
    pub(crate) fn new(
        ctx: Context<'a>,
        plan: &'a Plan,
        program: &'a Program,
        usage: &'a Priced<'p>,
        mode: Mode,
        consented: bool,
    ) -> Self {
        let Context { account, catalog, now, offers, penalty } = ctx;
        let in_pool = !offers.is_empty();
        Self { account, plan, program, usage, mode, consented, now, catalog, penalty, in_pool }
    }
}

/// The first refusal in order of precedence, and when every refusal so far is over.
#[derive(Clone, Copy)]
struct Refusal {
    reason: Reason,
    wall: Wall,
    at: Option<Instant>,
}

/// A run through the waterfall.
pub(crate) struct Run<'a, 'p> {
    scene: Scene<'a, 'p>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) draws: Draws,
    pub(crate) need: Need,
    refusal: Option<Refusal>,
    price: Credits,
    /// Credits that spend caps leave.
    budget: i64,
    spent: i64,
    asked: i64,
    consent: Consent,
    /// When the allowances alone could pay the whole.
    allowance_at: Option<Instant>,
    sells: bool,
}

/// Decides one request. `None` when its price is out of range.
pub(crate) fn decide(scene: Scene<'_, '_>) -> Option<Decision> {
    let mut run = Run::new(scene, Need::of(scene.usage)?);
    run.visit_account();
    run.visit_conduct();
    run.visit_guards();
    if run.refusal.is_none() {
        run.visit_sources();
        run.close();
        run.visit_held_share();
    }
    Some(run.finish())
}

/// Draws sources for use beyond a hold, guards aside.
pub(crate) fn draw_more<'a, 'p>(scene: Scene<'a, 'p>, need: Need) -> Run<'a, 'p> {
    let mut run = Run::new(scene, need);
    run.visit_spend_caps();
    run.visit_sources();
    run.close();
    run
}

impl<'a, 'p> Run<'a, 'p> {
    fn new(scene: Scene<'a, 'p>, need: Need) -> Self {
        let settings = &scene.account.settings;
        let of_path =
            scene.usage.path.segments().iter().filter_map(|s| settings.segment(s.level, &s.name)?.consent);
        let own = settings.consent.unwrap_or(scene.plan.consent);
        let consent = of_path.fold(own, Consent::max);
        Self {
            scene,
            visits: Vec::with_capacity(scene.program.guards.len() + scene.program.layers.len() + 2),
            draws: Draws::new(),
            price: Credits::from_nano(need.credits),
            need,
            refusal: None,
            budget: i64::MAX,
            spent: 0,
            asked: 0,
            consent,
            allowance_at: None,
            sells: false,
        }
    }

    fn refuse(&mut self, reason: Reason, wall: Wall, at: Option<Instant>) {
        self.refusal = Some(match self.refusal {
            None => Refusal { reason, wall, at },
            // Every refusal must be over: the latest instant counts, and "never" beats all.
            Some(first) => {
                let at = first.at.zip(at).map(|(a, b)| a.max(b));
                if reason < first.reason { Refusal { reason, wall, at } } else { Refusal { at, ..first } }
            }
        });
    }

    /// Suspension, bounds and debt.
    fn visit_account(&mut self) {
        let Scene { account, usage, mode, .. } = self.scene;
        if mode == Mode::Happened {
            return;
        }
        if account.settings.suspended {
            self.refuse_at_account(Level::Account, Reason::Suspended, Wall::Operator);
        }
        for segment in usage.path.segments() {
            if account.settings.segment(segment.level, &segment.name).is_some_and(|s| s.suspended) {
                self.refuse_at_account(segment.level, Reason::Suspended, Wall::Path(segment.level));
            }
        }
        if mode == Mode::Hold && account.holds.len() >= HOLDS_MAX {
            self.refuse_at_account(Level::Account, Reason::AccountFull, Wall::Operator);
        }
        if mode != Mode::Grow && account.books_of(usage.credit_unit).debt.is_positive() {
            self.refuse_at_account(Level::Account, Reason::InDebt, Wall::Path(Level::Account));
        }
    }

    fn refuse_at_account(&mut self, level: Level, reason: Reason, wall: Wall) {
        self.visits.push(Visit {
            place: Place::Account,
            name: self.scene.account.id.clone(),
            level,
            verdict: Verdict::Refused(reason),
            terms: None,
            before: 0,
            cost: 0,
            basis: Basis::None,
        });
        self.refuse(reason, wall, None);
    }

    /// The window of a guard or layer for the member the request comes from.
    fn look(&self, name: &Name, level: Level, window: &Window) -> (Option<&'a Used>, Terms, Room) {
        let Scene { account, usage, now, .. } = self.scene;
        let used = account.window(name, level, usage.path.at(level));
        let terms = window.terms(used, now, account.settings.billing_anchor);
        (used, terms, terms.room(used, now))
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}
