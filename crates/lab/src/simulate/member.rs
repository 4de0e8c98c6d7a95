//! One account of a simulated world: the real decision and the real fold, with the engine's part around them.
//!
//! Never reads a clock. The server's memory of callers is kept for the account as a whole, since traces name no keys.

use headworks_core::abuse::penalty::Score;
use headworks_core::account::Account;
use headworks_core::capacity::Offer;
use headworks_core::catalog::Catalog;
use headworks_core::command::{self, Command, Draft, History, NewGrant, Patch, Setting, Step};
use headworks_core::life;
use headworks_core::record::{
    AbuseEvent, Category, Credits, Effect, Event, Instant, Rank, Rule, Seq, Span, Unblock,
};
use headworks_core::unblock;
use headworks_core::waterfall::{Authorize, Context, Live, prepare};
use headworks_terminal::Failed;

use super::traffic::Client;

/// An account of a simulated world.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) account: Account,
    score: Score,
    /// Effects of abuse rules that have begun.
    pub(crate) effects: Vec<Effect>,
}

impl Member {
    /// Opens the account a second before `begins`.
    pub(crate) fn open(catalog: &Catalog, client: &Client, begins: Instant) -> Result<Self, Failed> {
        let at = begins.before(Span::from_secs(1));
        let rank = Rank {
            class: client.class.clone(),
            cluster: client.cluster.clone(),
            weight: client.weight,
            floor: 0,
            max: None,
        };
        let patch =
            Patch { plan: client.plan.clone(), rank: Setting::Set(Box::new(rank)), ..Patch::default() };
        let account = Account::empty(client.name.clone());
        let mut member = Self { account, score: Score::default(), effects: Vec::new() };
        member.run(catalog, &Command::Open(patch), at)?;
        Ok(member)
    }

    /// Adds credits.
    pub(crate) fn grant(
        &mut self,
        catalog: &Catalog,
        credits: Credits,
        category: Category,
        now: Instant,
    ) -> Result<(), Failed> {
        self.run(catalog, &Command::Grant(NewGrant::new(credits, category)), now)
    }

    /// Runs a command that decides nothing, and appends its record.
    pub(crate) fn run(&mut self, catalog: &Catalog, command: &Command, now: Instant) -> Result<(), Failed> {
        let step = command::run(self.ctx(catalog, now), command, &History::new());
        let draft = step.map_err(|e| e.to_string())?.into_draft().ok_or("nothing was recorded")?;
        self.append(catalog, draft, now).map(drop)
    }

    fn ctx<'a>(&'a self, catalog: &'a Catalog, now: Instant) -> Context<'a> {
        Context::new(&self.account, catalog, self.account.tick(now))
    }

    /// Whether the ramp rule serves a request one class lower.
    pub(crate) fn is_demoted(
        &self,
        catalog: &Catalog,
        ask: &Authorize,
        now: Instant,
    ) -> Result<bool, Failed> {
        let ctx = self.ctx(catalog, now);
        let prepared = prepare(ctx, ask).map_err(|e| e.to_string())?;
        Ok(prepared.wanted(ctx).is_some_and(|wanted| wanted.is_demoted))
    }

    /// Decides a request; nothing is counted yet, but a refusal is remembered.
    pub(crate) fn decide(
        &mut self,
        catalog: &Catalog,
        ask: &Authorize,
        offers: &[Offer],
        now: Instant,
    ) -> Result<Step, Failed> {
        let has_penalties = catalog.abuse.is_on(Rule::Penalty);
        let penalty = if has_penalties { self.score.level(now) } else { 0 };
        let ctx = Context { live: Some(Live { offers, penalty }), ..self.ctx(catalog, now) };
        let command = Command::Authorize(ask.clone());
        let step = command::run(ctx, &command, &History::new());
        let step = step.map_err(|e| e.to_string())?;
        let ctx = Context { live: Some(Live { offers: &[], penalty }), ..self.ctx(catalog, now) };
        let step = if has_penalties { unblock::told(ctx, &command, step) } else { step };
        if let Step::Deny(_, decision) = &step
            && has_penalties
        {
            self.score.refused(0, decision.unblock.as_ref().and_then(Unblock::at), now);
        }
        Ok(step)
    }

    /// Appends a record and its automatic consequences.
    pub(crate) fn append(&mut self, catalog: &Catalog, draft: Draft, now: Instant) -> Result<Seq, Failed> {
        let seq = self.apply(draft, now)?;
        while let Some(draft) = life::next(self.ctx(catalog, now)) {
            if let Event::Abuse(abuse) = &draft.event
                && let AbuseEvent::Began(effect) = &**abuse
            {
                self.effects.push(effect.clone());
            }
            self.apply(draft, now)?;
        }
        Ok(seq)
    }

    fn apply(&mut self, draft: Draft, now: Instant) -> Result<Seq, Failed> {
        let record = draft.into_record(&self.account, self.account.tick(now), None, None);
        self.account.apply(&record, [0; 32]).map_err(|e| e.to_string())?;
        Ok(record.seq)
    }
}
