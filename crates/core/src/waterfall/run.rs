//! One run through the waterfall: the state that the steps share.

use alloc::vec::Vec;

use super::context::{Context, Live};
use super::need::Need;
use crate::account::{Account, Books, Hold};
use crate::capacity::Offer;
use crate::catalog::{Catalog, Plan, Program, WindowTerms};
use crate::record::{
    Consent, Credits, Draws, HabitKind, Instant, Levels, Name, Outcome, Path, Priced, Reason, Seq, Terms,
    Unit, Visit, Wall,
};
use crate::window::{Room, Used};

/// The purpose of the use; it decides which guards apply and whether they may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode<'a> {
    /// A new hold.
    Hold,
    /// A charge without a hold.
    Charge,
    /// Growth of an open hold: the request itself has been counted.
    Grow(&'a Hold),
    /// Use that happened at this instant: counted, never refused.
    Happened(Instant),
}

/// Everything a decision looks at besides the use.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) account: &'a Account,
    pub(crate) catalog: &'a Catalog,
    pub(crate) now: Instant,
    pub(crate) plan: &'a Plan,
    /// The plan's program for the feature; `None` if the plan does not include it.
    pub(crate) program: Option<&'a Program>,
    pub(crate) mode: Mode<'a>,
    /// The caller agrees to paid sources.
    pub(crate) consented: bool,
    /// The offers of supplies for the request.
    pub(crate) offers: &'a [Offer],
    /// The level of the penalty box that the caller is in.
    pub(crate) penalty: u8,
    /// Nano-credits of a hypothetical purchase.
    pub(crate) bought: i64,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        ctx: Context<'a>,
        plan: &'a Plan,
        program: Option<&'a Program>,
        mode: Mode<'a>,
        consented: bool,
    ) -> Self {
        let Context { account, catalog, now, live } = ctx;
        let Live { offers, penalty } = live.unwrap_or_default();
        Self { account, catalog, now, plan, program, mode, consented, offers, penalty, bought: 0 }
    }
}

impl Scene<'_> {
    /// How far below zero the account may go on this path.
    pub(crate) fn overdraft_limit(self, path: &Path) -> Credits {
        let overdraft = self.program.and_then(Program::overdraft);
        overdraft.map_or(Credits::ZERO, |(layer, limit)| self.lends(layer, limit, path).0)
    }

    /// The limit of an overdraft on this path, and the override it comes from.
    pub(super) fn lends(self, layer: &Name, limit: Credits, path: &Path) -> (Credits, Option<Seq>) {
        let own = self.account.overriding(layer.as_str(), path, self.now);
        own.map_or((limit, None), |by| (Credits::from_nano(by.terms.figure.most()), Some(by.id)))
    }
}

/// A plan's program for a feature that it does not include: no guards, no sources.
static NOTHING: Program =
    Program { unit: Unit::Credits, credit_unit: None, guards: Vec::new(), layers: Vec::new() };

/// The first refusal in order of precedence.
#[derive(Clone, Copy)]
pub(super) struct Stopped {
    pub(super) reason: Reason,
    pub(super) wall: Wall,
}

/// How long the checks before the sources will go on refusing a request, on the present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Until {
    /// Nothing refuses it there.
    Now,
    /// Not before this instant.
    At(Instant),
    /// Until holds end.
    HoldsEnd,
    /// Time does not help.
    Never,
}

impl From<Option<Instant>> for Until {
    fn from(at: Option<Instant>) -> Self {
        at.map_or(Self::Never, Self::At)
    }
}

/// Why a request that everything else allows gets no room.
#[derive(Clone, Copy)]
pub(super) struct Postponed {
    pub(super) outcome: Outcome,
    pub(super) reason: Reason,
    /// When there is room, as far as is known.
    pub(super) at: Option<Instant>,
}

/// A window as a request finds it.
pub(super) struct Looked<'a> {
    pub(super) used: Option<&'a Used>,
    pub(super) terms: Terms,
    pub(super) room: Room,
    pub(super) overridden_by: Option<Seq>,
}

/// A run through the waterfall.
pub(crate) struct Run<'a, 'p> {
    pub(super) scene: Scene<'a>,
    pub(super) usage: &'a Priced<'p>,
    pub(super) program: &'a Program,
    pub(crate) visits: Vec<Visit>,
    pub(crate) draws: Draws,
    pub(crate) need: Need<'a>,
    /// The need before anything is paid, if an allowance pays all of it or nothing.
    pub(super) whole: Option<Need<'a>>,
    pub(super) stopped: Option<Stopped>,
    pub(super) price: Credits,
    /// Credits that spend caps leave.
    pub(super) budget: i64,
    pub(super) spent: i64,
    /// Postpaid credits that only unpaid invoices keep back.
    pub(super) behind_invoices: i64,
    /// Credits of paid sources that still need consent.
    pub(super) asked: i64,
    /// The strictest consent of the account and the path.
    pub(super) consent: Consent,
    /// How long something before the sources refuses it.
    pub(crate) until: Until,
    /// Debt blocks use that takes credits.
    pub(super) in_debt: bool,
    pub(super) postponed: Option<Postponed>,
}

impl<'a, 'p> Run<'a, 'p> {
    #[inline]
    pub(super) fn new(scene: Scene<'a>, usage: &'a Priced<'p>, need: Need<'a>) -> Self {
        let settings = &scene.account.settings;
        let of_path =
            usage.path.segments().iter().filter_map(|s| settings.segment(s.level, &s.name)?.consent);
        let own = settings.consent.unwrap_or(scene.plan.consent);
        let consent = of_path.fold(own, Consent::max);
        let program = scene.program.unwrap_or(&NOTHING);
        Self {
            scene,
            usage,
            program,
            visits: Vec::with_capacity(program.len() + 2),
            draws: Draws::new(),
            price: Credits::from_nano(need.credits()),
            whole: need.whole(),
            need,
            stopped: None,
            budget: i64::MAX,
            spent: 0,
            behind_invoices: 0,
            asked: 0,
            consent,
            until: Until::Now,
            in_debt: false,
            postponed: None,
        }
    }

    /// The books, with the hypothetical purchase: it repays debt first, then overdraft that no hold has set aside.
    pub(super) fn books(&self) -> Books {
        let Scene { account, bought, .. } = self.scene;
        let unit = self.usage.credit_unit;
        let books = account.books_of(unit);
        if bought == 0 {
            return books;
        }
        let debt = books.debt.nano().min(bought);
        let repayable = (books.overdraft.nano() - account.overdraft_held(unit).nano()).max(0);
        let overdraft = repayable.min(bought - debt);
        let less = |owed: Credits, repaid: i64| Credits::from_nano(owed.nano() - repaid);
        Books { debt: less(books.debt, debt), overdraft: less(books.overdraft, overdraft), ..books }
    }

    /// The rest of the hypothetical purchase, once it has repaid the debt.
    pub(super) fn bought(&self) -> i64 {
        let before = self.scene.account.books_of(self.usage.credit_unit);
        let after = self.books();
        let repaid =
            before.debt.nano() - after.debt.nano() + before.overdraft.nano() - after.overdraft.nano();
        self.scene.bought - repaid
    }

    /// Refuses it before sources are checked: every such refusal must be over.
    pub(super) fn refuse_until(&mut self, reason: Reason, wall: Wall, until: impl Into<Until>) {
        self.until = self.until.max(until.into());
        self.refuse(reason, wall);
    }

    pub(super) fn refuse(&mut self, reason: Reason, wall: Wall) {
        if self.stopped.is_none_or(|first| reason < first.reason) {
            self.stopped = Some(Stopped { reason, wall });
        }
    }

    /// Whether it has happened, so that nothing refuses it.
    pub(super) fn has_happened(&self) -> bool {
        matches!(self.scene.mode, Mode::Happened(_))
    }

    /// Whether it happened in the current cell of the habit. Use reported later than that is no evidence about today.
    pub(super) fn is_in_cell(&self, kind: HabitKind) -> bool {
        !matches!(self.scene.mode, Mode::Happened(at) if at < kind.start(self.scene.now))
    }

    /// Whether it happened in a window whose use is no longer known: one that ended longer ago than ended windows are kept, or one
    /// that opens at the first use and may have been opened by use of which nothing is left.
    pub(super) fn is_forgotten(&self, window: &WindowTerms, looked: &Looked<'_>) -> bool {
        let Scene { now, catalog, mode, .. } = self.scene;
        let Mode::Happened(at) = mode else { return false };
        let is_past = |instant| now.since(instant) > catalog.late_horizon;
        let Terms::Period { start, end, .. } = looked.terms else { return is_past(at) };
        let is_known = || looked.used.and_then(Used::period).is_some_and(|p| p.around(start, now).is_some());
        is_past(end) || is_past(at) && matches!(window, WindowTerms::FirstUse { .. }) && !is_known()
    }

    /// Whether a window of a guard still counts use of that instant.
    pub(super) fn reaches(&self, terms: &Terms) -> bool {
        match self.scene.mode {
            Mode::Happened(at) => terms.reaches(at, self.scene.now),
            Mode::Hold | Mode::Charge | Mode::Grow(_) => true,
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        self.stopped.is_some()
    }

    /// The window of a guard or layer for the member the request comes from.
    pub(super) fn look(&self, name: &Name, level: Levels, window: &WindowTerms) -> Looked<'a> {
        let Scene { account, now, .. } = self.scene;
        let used = account.window(name, level, self.usage.path);
        let billing = account.billing();
        let terms = match self.scene.mode {
            Mode::Happened(at) if at < now => window.terms_then(used, (at, now), billing),
            Mode::Hold | Mode::Charge | Mode::Grow(_) | Mode::Happened(_) => window.terms(used, now, billing),
        };
        let (terms, overridden_by) = self.scene.plan.own_terms(account, (name, terms), self.usage.path, now);
        Looked { used, terms, room: terms.room(used, now), overridden_by }
    }
}
