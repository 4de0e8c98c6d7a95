//! Accounts: opening, changing, reading.

use std::sync::Arc;

use headworks_core::record::{CREDITS, Event, Id, Instant, Name, Record, Span, is_internal, own_unit};
use headworks_core::waterfall::{Context, Refusal};
use headworks_core::{account, view};
use headworks_engine::{Answer, Effect, EngineError};
use headworks_wire as wire;
use wire::{Reference, Scope};

use super::page_size;
use super::terms::changing;
use crate::access::Access;
use crate::api::Api;
use crate::idempotency::Key;
use crate::lane::Stop;
use crate::problem::Problem;
use crate::render;

fn shown(ctx: Context<'_>) -> wire::Account {
    let account = ctx.account;
    let settings = &account.settings;
    let shown = render::account(&account.id, settings, account.opened_at, (account.seq, &account.chain));
    let plan_to_come = as_shown(ctx, |ctx| ctx.account.rare().plan_to_come.clone());
    let to_come = plan_to_come.map(|(seq, planned)| wire::PlanToCome {
        id: Reference::Record(account.id.clone(), seq),
        at: planned.at,
        plan: planned.plan,
        reason: planned.reason,
    });
    let paused = account.pause().map(|pause| wire::Pause {
        id: Reference::Record(account.id.clone(), pause.id),
        since: pause.since,
        until: pause.until,
        reason: pause.reason.clone(),
    });
    wire::Account { plan_to_come: to_come, paused, ..shown }
}

/// Reads an account with its instants to come: those of one that is paused without a planned end are as if it resumed now.
pub(super) fn as_shown<T>(ctx: Context<'_>, read: impl FnOnce(Context<'_>) -> T) -> T {
    match view::as_if_resumed(ctx) {
        Some(account) => read(Context { account: &account, ..ctx }),
        None => read(ctx),
    }
}

/// The units that an account has, the default one first; the catalog's units if it has none.
fn units_of(ctx: Context<'_>) -> Vec<Option<&Name>> {
    let mut units: Vec<_> = ctx.account.units().filter(|unit| ctx.account.has_books_in(*unit)).collect();
    if units.is_empty() {
        units.push(ctx.catalog.credit_unit());
    }
    units
}

fn unit_name(unit: Option<&Name>) -> String {
    unit.map_or_else(|| CREDITS.to_owned(), Name::to_string)
}

fn balances_of(ctx: Context<'_>, asked: Option<&Name>) -> wire::Balances {
    let units = units_of(ctx);
    let shown = match asked {
        Some(unit) => vec![own_unit(Some(unit))],
        None => units.clone(),
    };
    let mut balances = shown.into_iter().map(|unit| balances_in(ctx, unit));
    wire::Balances {
        at: ctx.now,
        units: units.into_iter().map(unit_name).collect(),
        first: balances.next().unwrap_or_else(|| balances_in(ctx, None)),
        other_units: balances.collect(),
    }
}

fn balances_in(ctx: Context<'_>, unit: Option<&Name>) -> wire::UnitBalances {
    let account = ctx.account;
    let books = account.books_of(unit);
    let grant = |g: &account::Grant| wire::Grant {
        id: Reference::Record(account.id.clone(), g.id.0),
        category: g.terms.category,
        priority: g.terms.priority,
        unit: unit_name(unit),
        amount: g.terms.amount,
        remaining: g.remaining,
        held: g.held,
        effective_from: g.terms.effective_from,
        expires_at: Some(g.terms.expires_at).filter(|at| *at < Instant::NEVER),
        features: g.terms.features.to_vec(),
        reference: g.terms.reference.clone(),
    };
    let schedule = |s: &account::Schedule| {
        let recurrence = s.terms.recurrence.as_ref()?;
        Some(wire::Schedule {
            id: Reference::Record(account.id.clone(), s.id.0),
            current: Reference::Record(account.id.clone(), s.current.0),
            amount: s.terms.amount,
            unit: unit_name(unit),
            every: recurrence.every,
            zone: recurrence.zone.clone(),
            began_at: s.began_at,
            next_at: s.next_at,
            until: Some(recurrence.until).filter(|at| *at < Instant::NEVER),
        })
    };
    let schedules = account.rare().schedules.iter().filter(|s| s.terms.unit.as_ref() == unit);
    wire::UnitBalances {
        unit: unit_name(unit),
        available: account.available(ctx.now, unit),
        held: account.held(unit),
        spent: books.spent,
        issued: books.issued,
        breakage: books.breakage,
        goodwill: books.goodwill,
        debt: books.debt,
        overdraft: books.overdraft,
        postpaid: account.lent(unit),
        grants: account
            .grants
            .iter()
            .filter(|g| !g.voided && g.terms.unit.as_ref() == unit)
            .map(grant)
            .collect(),
        schedules: schedules.filter_map(schedule).collect(),
    }
}

impl Api {
    /// Open an account.
    ///
    /// # Errors
    /// With a problem.
    pub async fn open_account(
        &self,
        access: &Access,
        key: Key,
        mut ask: wire::OpenAccountRequest,
    ) -> Result<wire::ChangedAccount, Problem> {
        let act = self.opening(&ask);
        access.may(act)?;
        if is_internal(&ask.id) {
            return Err(Problem::invalid("names that begin with _ are the server's own"));
        }
        access.on(act, &ask.id)?;
        self.may_open(access, &ask)?;
        let key = key.of(ask.idempotency_key.take(), Some(ask.id.to_string()), &ask)?;
        self.left(&self.run(access, &ask.id, key.as_ref(), &ask.command()).await?).await
    }

    /// Change an account's plan and settings.
    ///
    /// # Errors
    /// With a problem.
    pub async fn change_account(
        &self,
        access: &Access,
        id: &str,
        key: Key,
        mut ask: wire::ChangeAccountRequest,
    ) -> Result<wire::ChangedAccount, Problem> {
        let account = access.account(changing(&ask), id)?;
        self.may_change(access, &account, &ask).await?;
        let key = key.of(ask.idempotency_key.take(), None, &ask)?;
        self.left(&self.run(access, &account, key.as_ref(), &ask.command()).await?).await
    }

    /// List the accounts that the caller reaches, by name.
    ///
    /// # Errors
    /// With a problem.
    pub async fn accounts(&self, access: &Access, page: &wire::Page) -> Result<wire::Accounts, Problem> {
        access.scope(Scope::Read)?;
        access.note_list();
        let after = page.after.as_deref().map(Name::id).transpose();
        let after = after.map_err(|e| Problem::invalid(format!("`after`: {e}")))?;
        let max = page_size(page.max);
        // One more than is shown tells whether there are others.
        let mut names = Vec::new();
        for pattern in access.patterns() {
            let last = names.last().or(after.as_ref()).cloned();
            names.extend(self.matching(pattern, last.as_ref(), max + 1 - names.len()).await?);
            if names.len() > max {
                break;
            }
        }
        let is_cut = names.len() > max;
        names.truncate(max);
        let next = names.last().filter(|_| is_cut).map(Id::from);
        Ok(wire::Accounts { accounts: names.into_iter().map(Id).collect(), next })
    }

    /// At most `max` accounts of a pattern, after one of them; reads no others.
    async fn matching(&self, pattern: &str, after: Option<&Name>, max: usize) -> Result<Vec<Name>, Problem> {
        let prefix = pattern.strip_suffix('*');
        // A beginning need not be an id itself: it may end in a blank.
        let first = Name::from_stored(prefix.unwrap_or(pattern).as_bytes());
        let Some(first) = first.filter(|name| !is_internal(name)) else {
            // The pattern of every account, or of none.
            return if prefix == Some("") {
                Ok(self.engine.accounts(after, max).await?)
            } else {
                Ok(Vec::new())
            };
        };
        let mut names = Vec::new();
        let is_next = after.is_none_or(|after| *after < first);
        if is_next && !self.engine.stored_records(&first, 1, 1).await?.is_empty() {
            names.push(first.clone());
        }
        if let Some(prefix) = prefix {
            let from = after.filter(|after| **after > first).unwrap_or(&first);
            let more = self.engine.accounts(Some(from), max.saturating_sub(names.len())).await?;
            names.extend(more.into_iter().take_while(|name| name.as_str().starts_with(prefix)));
        }
        names.truncate(max);
        Ok(names)
    }

    /// Show an account.
    ///
    /// # Errors
    /// With a problem.
    pub async fn account(&self, access: &Access, id: &str) -> Result<wire::Account, Problem> {
        let account = access.account(Scope::Read, id)?;
        Ok(self.engine.view(&account, |ctx| Ok(shown(ctx))).await?)
    }

    /// Show an account's credits, now or as planned.
    ///
    /// # Errors
    /// With a problem.
    pub async fn balances(
        &self,
        access: &Access,
        id: &str,
        moment: wire::Moment,
    ) -> Result<wire::Balances, Problem> {
        let account = access.account(Scope::Read, id)?;
        let at = moment.at.unwrap_or_default();
        let read = |ctx: Context<'_>| Ok(as_shown(ctx, |ctx| balances_of(ctx, moment.unit.as_ref())));
        Ok(self.engine.view_at(&account, at, read).await?)
    }

    /// Show a balance as of two instants: events up to one, as known at the other.
    ///
    /// # Errors
    /// With a problem.
    pub async fn balance_as_of(
        &self,
        access: &Access,
        id: &str,
        as_of: wire::AsOf,
    ) -> Result<wire::BalanceAsOf, Problem> {
        let account = access.account(Scope::Read, id)?;
        let (now, unit) = self.after_all(&account, as_of.unit).await?;
        let (effective_at, recorded_at) =
            (as_of.effective_at.unwrap_or(now), as_of.recorded_at.unwrap_or(now));
        let (engine, of) = (Arc::clone(&self.engine), unit.clone());
        let read = move |stop: &Stop| {
            stop.run(engine.balance_as_of(&account, effective_at, recorded_at, of.as_ref()))
        };
        let balance = self.lanes.reads.run(access, read).await?;
        Ok(wire::BalanceAsOf { effective_at, recorded_at, unit: unit_name(unit.as_ref()), balance })
    }

    /// Show an account's windows.
    ///
    /// # Errors
    /// With a problem.
    pub async fn windows(&self, access: &Access, id: &str) -> Result<wire::Windows, Problem> {
        let account = access.account(Scope::Read, id)?;
        let read = |ctx: Context<'_>| {
            let windows = as_shown(ctx, view::windows).map_err(|e: Refusal| EngineError::Refused(e))?;
            Ok(wire::Windows {
                at: ctx.now,
                windows: windows.iter().map(|w| render::window(&ctx.account.id, w)).collect(),
                volumes: ctx.account.volumes().iter().map(render::volume).collect(),
            })
        };
        Ok(self.engine.view(&account, read).await?)
    }

    /// Show an account's open holds.
    ///
    /// # Errors
    /// With a problem.
    pub async fn holds(&self, access: &Access, id: &str) -> Result<wire::Holds, Problem> {
        let account = access.account(Scope::Read, id)?;
        let read = |ctx: Context<'_>| {
            let holds = ctx.account.holds.iter().map(|h| render::hold(&ctx.account.id, h)).collect();
            Ok(wire::Holds { at: ctx.now, holds })
        };
        Ok(self.engine.view(&account, read).await?)
    }

    /// Read an account's log.
    ///
    /// # Errors
    /// With a problem.
    pub async fn records(
        &self,
        access: &Access,
        id: &str,
        page: wire::RecordsPage,
    ) -> Result<wire::Records, Problem> {
        let account = access.account(Scope::Read, id)?;
        let max = page_size(page.max);
        let (engine, from) = (Arc::clone(&self.engine), page.from.unwrap_or(1).max(1));
        let read = move |stop: &Stop| {
            let stored = stop.run(engine.records(&account, from, max))?;
            let mut records = Vec::with_capacity(stored.len());
            for s in &stored {
                let record = Record::from_bytes(&s.bytes).map_err(Problem::failed)?;
                records.push(render::record_answer(&account, &record, &s.bytes, &s.hash));
            }
            let next = stored.last().filter(|_| stored.len() == max).map(|last| last.seq + 1);
            Ok(wire::Records { records, next })
        };
        self.lanes.reads.run(access, read).await
    }

    /// The account as a request left it, even if the request is repeated after other changes.
    async fn left(&self, answer: &Answer) -> Result<wire::ChangedAccount, Problem> {
        let Effect::Recorded(record) = &answer.effect else { return Err(Problem::internal()) };
        let (Event::Opened(settings) | Event::Changed { settings, .. }) = &record.event else {
            return Err(Problem::internal());
        };
        let opened_at = self.engine.view(&answer.account, |ctx| Ok(ctx.account.opened_at)).await?;
        let stored = self.engine.records(&answer.account, record.seq, 1).await?;
        let stored = stored.first().ok_or_else(Problem::internal)?;
        let account = render::account(&answer.account, settings, opened_at, (stored.seq, &stored.hash));
        Ok(wire::ChangedAccount { account, replayed: answer.replayed })
    }

    /// An instant after everything recorded for an account, whose own time may be ahead of a stopped clock; and the unit
    /// of credits that is requested, or the account's first.
    pub(super) async fn after_all(
        &self,
        account: &Name,
        unit: Option<Name>,
    ) -> Result<(Instant, Option<Name>), Problem> {
        let read = |ctx: Context<'_>| {
            let first = units_of(ctx).into_iter().next().flatten().cloned();
            Ok((ctx.now.max(ctx.account.recorded_at), first))
        };
        let (last, first) = self.engine.view(account, read).await?;
        let unit = unit.map_or(first, |unit| own_unit(Some(&unit)).cloned());
        Ok((last.after(Span::from_micros(1)), unit))
    }
}
