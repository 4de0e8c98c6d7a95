//! Abuse rules as operators see them, and reports from the operators' own systems.

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::catalog::{Mode, TierTerms};
use headworks_core::record::{Effect, IndexKey, Name, Operation, Rule, Tier, is_internal};
use headworks_core::waterfall::Context;

use crate::answer::{EngineError, Idempotency};
use crate::callers::Callers;
use crate::engine::Engine;

/// An account's abuse state, as operators see it.
#[derive(Clone, Debug)]
pub struct AbuseView {
    /// How far the account is trusted.
    pub tier: Tier,
    /// The terms of its tier.
    pub terms: TierTerms,
    /// Effects in force, each with the present mode of its rule.
    pub effects: Vec<(Effect, Mode)>,
    /// Penalty scores by key: thousandths of a point, and the level.
    pub penalties: Vec<(Option<Name>, u64, u8)>,
    /// The share of holds that expired, in millionths.
    pub expired: u64,
}

/// An account that abuse rules hold back now.
#[derive(Clone, Debug)]
pub struct HeldBack {
    /// The account.
    pub account: Name,
    /// The account's abuse state.
    pub abuse: AbuseView,
}

impl AbuseView {
    fn of(ctx: Context<'_>, callers: Option<&Callers>) -> Self {
        let rules = &ctx.catalog.abuse;
        let tier = rules.tier_of(ctx.account, ctx.now);
        let effects = ctx.account.effects(ctx.now).map(|e| (e.clone(), rules.mode(e.rule)));
        Self {
            tier,
            terms: rules.tier(tier).clone(),
            effects: effects.collect(),
            penalties: callers.map(|w| w.scores(ctx.now)).unwrap_or_default(),
            expired: ctx.account.hygiene().expired,
        }
    }

    /// Whether a rule has an effect; the penalty box counts if a key is at level 1 or above.
    fn holds_back(&self, rule: Option<Rule>) -> bool {
        let is_meant = |of: Rule| rule.is_none_or(|rule| rule == of);
        self.effects.iter().any(|(effect, _)| is_meant(effect.rule))
            || is_meant(Rule::Penalty) && self.penalties.iter().any(|(.., level)| *level > 0)
    }
}

impl Engine {
    /// Accounts in memory that `rule`, or any rule, holds back now or would hold back if enforced; at most `max`,
    /// latest effect first.
    #[must_use]
    pub fn held_back(&self, rule: Option<Rule>, max: usize) -> Vec<HeldBack> {
        let catalog = self.catalog();
        let clock = self.clock().now();
        let mut found = Vec::new();
        for shard in self.cache.shards() {
            for (name, slot) in shard.slots.iter().filter(|(name, _)| !is_internal(name)) {
                if slot.callers.is_none() && slot.account.effects(clock).next().is_none() {
                    continue;
                }
                let now = slot.account.tick(clock);
                let ctx = Context::new(&slot.account, &catalog, now);
                let abuse = AbuseView::of(ctx, slot.callers.as_deref());
                if abuse.holds_back(rule) {
                    found.push(HeldBack { account: name.clone(), abuse });
                }
            }
            drop(shard);
            let last = |held: &HeldBack| held.abuse.effects.iter().map(|(effect, _)| effect.since).max();
            found.sort_by(|a, b| last(b).cmp(&last(a)).then_with(|| a.account.cmp(&b.account)));
            found.truncate(max);
        }
        found
    }

    /// The present abuse state of an account.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn abuse(&self, account: &Name) -> Result<AbuseView, EngineError> {
        self.view_with_callers(account, |ctx, callers| Ok(AbuseView::of(ctx, callers))).await
    }

    /// Counts a misdeed reported by an operator's own systems, once for each key.
    ///
    /// # Errors
    /// When there is no such account, the key was used with a different report, or the store fails.
    pub async fn report(
        &self,
        account: &Name,
        key: &Idempotency,
        misdeed: Misdeed,
        of: Option<&Name>,
    ) -> Result<(), EngineError> {
        self.view(account, |_| Ok(())).await?;
        let reused = || EngineError::KeyReused(Operation::Abuse, key.text.clone());
        if self.is_known(account, IndexKey::of_key(account, Operation::Abuse, &key.text)).await? {
            return Err(reused());
        }
        let now = self.clock().now();
        if let Some(slot) = self.cache.lock(account).slots.get_mut(account)
            && let Some(first) = slot.callers.get_or_insert_default().first_report(key, now)
        {
            return if first.digest == key.digest { Ok(()) } else { Err(reused()) };
        }
        self.note_misdeed(account, of, misdeed);
        Ok(())
    }

    /// Counts a misdeed of a key, if the rule is on and the account is in memory.
    pub(crate) fn note_misdeed(&self, account: &Name, key: Option<&Name>, misdeed: Misdeed) {
        if !self.catalog().abuse.is_on(Rule::Penalty) {
            return;
        }
        let now = self.clock().now();
        if let Some(slot) = self.cache.lock(account).slots.get_mut(account) {
            slot.callers.get_or_insert_default().add(key, misdeed, now);
        }
    }
}
