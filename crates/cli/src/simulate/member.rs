//! One account of a simulated world: the real decision and the real fold, with what the engine does around them.
//!
//! Never reads a clock. What a server remembers of callers is kept for the account as a whole, since traces name no keys.

use headworks_core::abuse::penalty::Score;
use headworks_core::account::Account;
use headworks_core::capacity::Offer;
use headworks_core::catalog::Catalog;
use headworks_core::operation::{self, Authorize, Context, Decided, Draft, NewGrant};
use headworks_core::record::{
    Category, Conduct, Credits, Effect, Event, Instant, Rank, Rule, Seq, Settings, Span,
};

use super::trace::Client;
use crate::bench::Failed;

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
        let plan = client.plan.as_ref().or(catalog.default_plan.as_ref());
        let plan = plan.ok_or("the catalog has no default_plan and the trace names no plan")?.clone();
        let at = begins.before(Span::from_secs(1));
        let rank = Rank {
            class: client.class.clone(),
            cluster: client.cluster.clone(),
            weight: client.weight,
            floor: 0,
            max: None,
        };
        let settings = Settings { rank: Some(Box::new(rank)), ..Settings::new(plan, at) };
        let account = Account::empty(client.name.clone());
        let mut member = Self { account, score: Score::default(), effects: Vec::new() };
        let draft = operation::open(member.ctx(catalog, at), settings).map_err(|e| e.to_string())?;
        member.append(catalog, draft, at)?;
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
        let draft = operation::grant(self.ctx(catalog, now), &NewGrant::new(credits, category));
        self.append(catalog, draft.map_err(|e| e.to_string())?, now).map(drop)
    }

    /// What the account's next decision sees at `now`.
    pub(crate) fn ctx<'a>(&'a self, catalog: &'a Catalog, now: Instant) -> Context<'a> {
        let penalty = if catalog.abuse.is_on(Rule::Penalty) { self.score.level(now) } else { 0 };
        Context { penalty, ..Context::new(&self.account, catalog, self.account.tick(now)) }
    }

    /// Whether the ramp rule serves a request one class lower.
    pub(crate) fn is_demoted(
        &self,
        catalog: &Catalog,
        ask: &Authorize,
        now: Instant,
    ) -> Result<bool, Failed> {
        operation::is_demoted(self.ctx(catalog, now), ask).map_err(|e| e.to_string().into())
    }

    /// Decides a request; nothing is counted yet, but a refusal is remembered.
    pub(crate) fn decide(
        &mut self,
        catalog: &Catalog,
        ask: &Authorize,
        offers: &[Offer],
        now: Instant,
    ) -> Result<Decided, Failed> {
        let ctx = Context { offers, ..self.ctx(catalog, now) };
        let ask = operation::prepared(ctx, ask).map_err(|e| e.to_string())?;
        let decided = operation::authorize(ctx, &ask).map_err(|e| e.to_string())?;
        if let Decided::Denied(_, decision) = &decided
            && catalog.abuse.is_on(Rule::Penalty)
        {
            self.score.refused(decision.unblock.and_then(|u| u.at), now);
        }
        Ok(decided)
    }

    /// Appends a record, and those of effects that are due then.
    pub(crate) fn append(&mut self, catalog: &Catalog, draft: Draft, now: Instant) -> Result<Seq, Failed> {
        let seq = self.apply(draft, now)?;
        while let Some(draft) = operation::begin_effect(self.ctx(catalog, now)) {
            if let Event::Conduct(conduct) = &draft.event
                && let Conduct::Began(effect) = &**conduct
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
