//! Callers: their identity, their scopes, and the accounts they reach.

use std::sync::Arc;

use headworks_core::record::{ApiKey, Label, Name, is_internal};
use headworks_wire::Scope;

use crate::problem::{Kind, Problem};

/// The permissions of a caller.
#[derive(Clone, Debug)]
pub struct Access {
    key: Option<Name>,
    scopes: Vec<Scope>,
    accounts: Arc<[Label]>,
}

/// The scopes of a stored key.
pub(crate) fn scopes(key: &ApiKey) -> Vec<Scope> {
    Scope::ALL.into_iter().filter(|s| key.scopes.iter().any(|name| name.as_str() == s.as_str())).collect()
}

impl Access {
    /// Everything, for callers that need no key.
    pub(crate) fn everything() -> Self {
        Self { key: None, scopes: Scope::ALL.to_vec(), accounts: Arc::new([]) }
    }

    /// The permissions of a key in force.
    pub(crate) fn of(key: &ApiKey) -> Self {
        Self { key: Some(key.id.clone()), scopes: scopes(key), accounts: key.accounts.clone().into() }
    }

    /// The caller, for the ledger.
    #[must_use]
    pub fn actor(&self) -> Option<&Name> {
        self.key.as_ref()
    }

    /// Requires a scope, regardless of any account.
    ///
    /// # Errors
    /// When the caller does not have it.
    pub fn scope(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin) {
            return Ok(());
        }
        Err(Problem::new(
            Kind::WrongScope,
            format!("this needs an API key with the scope `{}`", scope.as_str()),
        ))
    }

    /// Requires a scope on an account. An account out of reach looks like one that does not exist.
    ///
    /// # Errors
    /// When the caller does not have it, or does not reach the account.
    pub fn on(&self, scope: Scope, account: &Name) -> Result<(), Problem> {
        self.scope(scope)?;
        if !is_internal(account) && self.reaches(account) {
            return Ok(());
        }
        Err(Problem::unknown_account(account.as_str()))
    }

    /// Requires a scope on everything the server holds.
    ///
    /// # Errors
    /// When the caller does not have it, or reaches some accounts only.
    pub fn everywhere(&self, scope: Scope) -> Result<(), Problem> {
        self.scope(scope)?;
        if self.accounts.is_empty() {
            return Ok(());
        }
        Err(Problem::new(Kind::WrongScope, "this needs an API key that reaches every account"))
    }

    /// The account with this name, if the caller has the scope on it.
    pub(crate) fn account(&self, scope: Scope, name: &str) -> Result<Name, Problem> {
        self.scope(scope)?;
        let name = Name::new(name).map_err(|_| Problem::unknown_account(name))?;
        self.on(scope, &name)?;
        Ok(name)
    }

    /// The patterns of the accounts that the caller reaches, in order.
    pub(crate) fn patterns(&self) -> Vec<&str> {
        let mut patterns: Vec<&str> = self.accounts.iter().map(Label::as_str).collect();
        patterns.sort_unstable();
        if patterns.is_empty() { vec!["*"] } else { patterns }
    }

    pub(crate) fn reaches(&self, account: &Name) -> bool {
        self.accounts.is_empty()
            || self.accounts.iter().any(|pattern| match pattern.as_str().strip_suffix('*') {
                Some(prefix) => account.as_str().starts_with(prefix),
                None => account.as_str() == pattern.as_str(),
            })
    }
}
