//! Callers: their identity, their scopes, and the accounts they reach; and what each act needs.
//!
//! Every check is noted here for the audit log, so that no call can forget it.
//!
//! Q1 an act that creates value for an account, or changes how rules treat it, needs the scope `operator`; an act that concerns
//! others than the named account needs a key that reaches every account
//! (`a_limited_key_creates_no_value_and_touches_no_other_account`).

use std::sync::Arc;

use headworks_core::record::{
    ApiKey, AuditEntry, AuditKind, Id, Incident, Instant, KeyGateway, Label, Level, Name, Path, Segment,
    is_internal,
};
use headworks_engine::{Reached, reaches};
use headworks_wire::Scope;

use crate::audit_log::Trail;
use crate::problem::{Kind, Problem};

/// The requirement of an act: a scope, on one account or on everything that the server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    scope: Scope,
    is_everywhere: bool,
}

impl From<Scope> for Need {
    fn from(scope: Scope) -> Self {
        Self { scope, is_everywhere: false }
    }
}

/// The acts of callers with the scope `admin`, `operator` or `catalog`. docs/http.md has the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    OpenAccount,
    ChangeAccount,
    VoidGrant,
    /// The plan, the billing anchor of an open account, its suspension, its tier, its capacity, hourly caps.
    SetTerms,
    Grant,
    Adjust,
    Refund,
    PayInvoice,
    Correct,
    ConfirmTopUp,
    ChangePlan,
    BankReset,
    ClosePeriods,
    DecideLateUse,
    LiftEffect,
    /// The identity behind an account, which it shares with others.
    SetCluster,
    /// Free credits, which count against a budget of all accounts.
    GrantFree,
    Reprice,
    RunIncident,
    CheckCatalog,
    WhatIf,
    ManageKeys,
}

impl From<Act> for Need {
    fn from(act: Act) -> Self {
        let (scope, is_everywhere) = match act {
            Act::OpenAccount | Act::ChangeAccount | Act::VoidGrant => (Scope::Admin, false),
            Act::SetTerms
            | Act::Grant
            | Act::Adjust
            | Act::Refund
            | Act::PayInvoice
            | Act::Correct
            | Act::ConfirmTopUp
            | Act::ChangePlan
            | Act::BankReset
            | Act::ClosePeriods
            | Act::DecideLateUse
            | Act::LiftEffect => (Scope::Operator, false),
            Act::SetCluster | Act::GrantFree | Act::Reprice | Act::RunIncident => (Scope::Operator, true),
            Act::CheckCatalog | Act::WhatIf => (Scope::Catalog, true),
            Act::ManageKeys => (Scope::Admin, true),
        };
        Self { scope, is_everywhere }
    }
}

/// The permissions of a caller, for one request. The request is over when the last copy is dropped.
#[derive(Clone, Debug)]
pub struct Access {
    scopes: Vec<Scope>,
    accounts: Arc<[Label]>,
    trail: Arc<Trail>,
    reached: Vec<Reached>,
    gateway: Option<KeyGateway>,
}

/// The most patterns of accounts that a caller has.
const PATTERNS_MAX: usize = 1_000;

/// Refuses more patterns of accounts than a caller may have.
pub(crate) fn check_patterns(accounts: &[Id]) -> Result<(), String> {
    if accounts.len() > PATTERNS_MAX {
        return Err(format!("`accounts` has more than {PATTERNS_MAX} entries"));
    }
    let has_meaning = |pattern: &&Id| {
        let rest = pattern.as_str().strip_suffix('*').unwrap_or(pattern.as_str());
        !rest.is_empty() && !rest.contains('*')
    };
    if let Some(wrong) = accounts.iter().find(|pattern| !has_meaning(pattern)) {
        return Err(format!(
            "`accounts`: `{wrong}` is neither an account nor the beginning of some, such as `acme*`; leave `accounts` out for all"
        ));
    }
    Ok(())
}

/// The scopes of a stored key.
pub(crate) fn scopes(key: &ApiKey) -> Vec<Scope> {
    Scope::ALL.into_iter().filter(|s| key.scopes.iter().any(|name| name.as_str() == s.as_str())).collect()
}

impl Access {
    /// Everything, for callers that need no key.
    pub(crate) fn everything(trail: Trail) -> Self {
        Self {
            scopes: Scope::ALL.to_vec(),
            accounts: Arc::new([]),
            trail: Arc::new(trail),
            reached: Vec::new(),
            gateway: None,
        }
    }

    /// The permissions of a key in force.
    pub(crate) fn of(key: &ApiKey, trail: Trail) -> Self {
        Self {
            scopes: scopes(key),
            accounts: key.accounts.clone().into(),
            trail: Arc::new(trail),
            reached: Vec::new(),
            gateway: key.gateway.clone(),
        }
    }

    /// The same, with the marks of the key's limits that the request has reached.
    pub(crate) fn warned(self, reached: Vec<Reached>) -> Self {
        Self { reached, ..self }
    }

    /// The marks of the key's limits that the request has reached.
    #[must_use]
    pub fn reached(&self) -> &[Reached] {
        &self.reached
    }

    /// The caller, for the ledger.
    #[must_use]
    pub fn actor(&self) -> Option<&Name> {
        self.trail.key.as_ref()
    }

    fn has(&self, scope: Scope) -> bool {
        let admin_has = match scope {
            Scope::Decide | Scope::Record | Scope::Read | Scope::Admin => true,
            // Only a key that was made for it has a place there.
            Scope::Gateway => false,
            Scope::Operator | Scope::Catalog => self.accounts.is_empty(),
        };
        self.scopes.contains(&scope) || (admin_has && self.scopes.contains(&Scope::Admin))
    }

    /// Notes a check: all refusals, what is administrative, and reads of accounts that are not the key's only one.
    fn note(&self, scope: Scope, is_granted: bool, account: Option<&Name>) {
        let (kind, is_noted) = match scope {
            Scope::Decide | Scope::Record | Scope::Gateway => (AuditKind::Decision, !is_granted),
            Scope::Read => {
                let of_others = account.is_some_and(|account| self.only() != Some(account.as_str()));
                (AuditKind::Read, !is_granted || of_others)
            }
            Scope::Admin | Scope::Operator | Scope::Catalog => (AuditKind::Administration, true),
        };
        if is_noted {
            self.trail.saw(kind, is_granted, account);
        }
    }

    /// The one account that the caller reaches, if its key names exactly one.
    fn only(&self) -> Option<&str> {
        match &*self.accounts {
            [one] => Some(one.as_str()).filter(|pattern| !pattern.ends_with('*')),
            _ => None,
        }
    }

    /// An entry of the audit log that the request begins an incident.
    pub(crate) fn begins(&self, incident: Incident, at: Instant) -> AuditEntry {
        self.trail.begins(incident, at)
    }

    /// Notes a read of the data of several accounts.
    pub(crate) fn note_list(&self) {
        if self.only().is_none() {
            self.trail.saw(AuditKind::Read, true, None);
        }
    }

    fn check(&self, Need { scope, is_everywhere }: Need) -> Result<(), Problem> {
        let detail = if !self.has(scope) {
            format!("this needs an API key with the scope `{}`", scope.as_str())
        } else if is_everywhere && !self.accounts.is_empty() {
            "this needs an API key that reaches every account".into()
        } else {
            return Ok(());
        };
        Err(Problem::new(Kind::WrongScope, detail))
    }

    /// Requires a scope, regardless of any account.
    ///
    /// # Errors
    /// When the caller does not have it.
    pub fn scope(&self, scope: Scope) -> Result<(), Problem> {
        self.may(scope)
    }

    /// Whether the caller may do an act, without asking to do it.
    pub(crate) fn could(&self, act: Act) -> bool {
        self.check(act.into()).is_ok()
    }

    /// Requires what an act needs, regardless of any account.
    ///
    /// # Errors
    /// When the caller does not have the scope, or reaches some accounts only and the act concerns others.
    pub(crate) fn may(&self, need: impl Into<Need>) -> Result<(), Problem> {
        let need = need.into();
        let checked = self.check(need);
        self.note(need.scope, checked.is_ok(), None);
        checked
    }

    /// The same for a part of a request.
    pub(crate) fn may_set(&self, act: Act, part: &str) -> Result<(), Problem> {
        self.may(act)
            .map_err(|problem| Problem { detail: format!("`{part}`: {}", problem.detail), ..problem })
    }

    /// Requires a scope on an account. An account out of reach looks like one that does not exist.
    ///
    /// # Errors
    /// When the caller does not have it, or does not reach the account.
    pub fn on(&self, need: impl Into<Need>, account: &Name) -> Result<(), Problem> {
        let need = need.into();
        let checked = self.check(need).and_then(|()| {
            let is_in_reach = !is_internal(account) && self.reaches(account);
            is_in_reach.then_some(()).ok_or_else(|| Problem::unknown_account(account.as_str()))
        });
        self.note(need.scope, checked.is_ok(), Some(account));
        checked
    }

    /// Requires a scope on everything the server holds.
    ///
    /// # Errors
    /// When the caller does not have it, or reaches some accounts only.
    pub fn everywhere(&self, scope: Scope) -> Result<(), Problem> {
        self.may(Need { scope, is_everywhere: true })
    }

    /// The account that pays for the caller's use through the gateway, and the place in it, both by the key alone.
    ///
    /// # Errors
    /// When the key is not for the gateway.
    pub fn place(&self) -> Result<(Name, Path), Problem> {
        self.may(Scope::Gateway)?;
        let account = self.only().and_then(|account| Name::id(account).ok());
        let (Some(account), Some(key)) = (account, self.actor()) else {
            let detail = "this needs an API key with the scope `gateway` and one account";
            return Err(Problem::new(Kind::WrongScope, detail));
        };
        let path = self.gateway.as_ref().and_then(|gateway| gateway.path.clone()).unwrap_or_default();
        let is_named = path.at(Level::Key).is_some();
        let own = || path.with(Segment { level: Level::Key, name: key.clone() });
        Ok((account, if is_named { path } else { own() }))
    }

    /// Whether the caller's key may use this model through the gateway.
    #[must_use]
    pub fn may_use(&self, model: &str) -> bool {
        let models = self.gateway.as_ref().and_then(|gateway| gateway.models.as_ref());
        models.is_none_or(|models| models.iter().any(|m| m.as_str() == model))
    }

    /// The account with this name, if the caller has the scope on it.
    pub(crate) fn account(&self, need: impl Into<Need>, name: &str) -> Result<Name, Problem> {
        let need = need.into();
        let Ok(name) = Name::id(name) else {
            self.may(need)?;
            return Err(Problem::unknown_account(name));
        };
        self.on(need, &name)?;
        Ok(name)
    }

    /// The patterns of the accounts that the caller reaches, in order.
    pub(crate) fn patterns(&self) -> Vec<&str> {
        let mut patterns: Vec<&str> = self.accounts.iter().map(Label::as_str).collect();
        patterns.sort_unstable();
        if patterns.is_empty() { vec!["*"] } else { patterns }
    }

    pub(crate) fn reaches(&self, account: &Name) -> bool {
        reaches(&self.accounts, account)
    }
}

#[cfg(test)]
mod tests {
    use headworks_core::record::{ApiKey, Instant, Label, Name};
    use headworks_wire::Scope;

    use super::{Access, Act};
    use crate::audit_log::{Call, Trail};

    fn access(scopes: &[Scope], accounts: &[&str]) -> Access {
        let key = ApiKey {
            id: Name::new("k").expect("a name"),
            hash: [0; 32],
            scopes: scopes.iter().map(|s| Name::new(s.as_str()).expect("a name")).collect(),
            accounts: accounts.iter().map(|a| Label::new(a).expect("a label")).collect(),
            expires_at: Instant::NEVER,
            note: None,
            limits: None,
            gateway: None,
        };
        Access::of(&key, Trail::new(None, Call::default(), None, None))
    }

    #[test]
    fn a_scope_has_what_the_document_says() {
        let own = [Act::OpenAccount, Act::ChangeAccount, Act::VoidGrant];
        let operators = [
            Act::SetTerms,
            Act::Grant,
            Act::Adjust,
            Act::Refund,
            Act::PayInvoice,
            Act::Correct,
            Act::ConfirmTopUp,
            Act::ChangePlan,
            Act::BankReset,
            Act::ClosePeriods,
            Act::DecideLateUse,
            Act::LiftEffect,
        ];
        let of_all = [Act::SetCluster, Act::GrantFree, Act::Reprice, Act::RunIncident];
        let catalogs = [Act::CheckCatalog, Act::WhatIf];
        // The scopes, whether the key is limited, and whether it may do each of these groups, and manage keys.
        for (scopes, is_limited, may) in [
            (&[Scope::Admin][..], false, [true, true, true, true, true]),
            (&[Scope::Admin], true, [true, false, false, false, false]),
            (&[Scope::Operator], false, [false, true, true, false, false]),
            (&[Scope::Operator], true, [false, true, false, false, false]),
            (&[Scope::Catalog], false, [false, false, false, true, false]),
            (&[Scope::Catalog], true, [false; 5]),
            (&[Scope::Admin, Scope::Operator, Scope::Catalog], true, [true, true, false, false, false]),
            (&[Scope::Decide, Scope::Record, Scope::Read], false, [false; 5]),
        ] {
            let access = access(scopes, if is_limited { &["acme*"] } else { &[] });
            let groups = [&own[..], &operators, &of_all, &catalogs, &[Act::ManageKeys]];
            for (acts, may) in groups.into_iter().zip(may) {
                for act in acts {
                    assert_eq!(access.may(*act).is_ok(), may, "{scopes:?} {is_limited} {act:?}");
                }
            }
        }
        let document = include_str!("../../../docs/http.md");
        for scope in Scope::ALL {
            assert!(document.contains(&format!("\n| `{}` |", scope.as_str())), "{scope:?}");
        }
    }
}
