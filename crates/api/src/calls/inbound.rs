//! Inbound callers: making, showing and removing them; the reports that they sign.
//!
//! V1 a caller who cannot sign learns nothing: an unknown name, a wrong purpose and an account out of reach get one answer,
//! after the same work (`an_unsigned_caller_learns_nothing`).

use std::sync::Arc;

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::record::{AuditKind, AuditOutcome, Id, Inbound, Label, Name, Purpose, is_internal};
use headworks_engine::{EngineError, InboundCaller, SecretAsk, reaches, wall};
use headworks_wire as wire;
use wire::Scope;

use crate::access::{Access, check_patterns};
use crate::api::Api;
use crate::audit_log::{Call, Trail};
use crate::idempotency::{Key, REPORTED};
use crate::outbox::{Owner, Signed};
use crate::problem::{Kind, Problem};

/// The longest name, so that it can stand in a record as its actor.
const NAME_BYTES_MAX: usize = 64;

/// The headers of a signed call, as defined by Standard Webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
}

/// A report whose signature matches: by whom, and its id.
#[derive(Clone, Debug)]
pub struct Report {
    caller: Arc<InboundCaller>,
    id: Label,
    trail: Arc<Trail>,
}

impl Report {
    /// The account, if the caller reaches it. One out of reach looks like one that does not exist.
    fn on<'a>(&self, account: &'a Name) -> Result<&'a Name, Problem> {
        let is_in_reach = !is_internal(account) && reaches(&self.caller.inbound.accounts, account);
        self.trail.saw(AuditKind::Administration, is_in_reach, Some(account));
        if is_in_reach { Ok(account) } else { Err(Problem::unknown_account(account.as_str())) }
    }

    /// The caller, for the ledger.
    fn actor(&self) -> Option<Name> {
        self.trail.key.clone()
    }

    /// Its idempotency key: callers number their reports independently of each other.
    fn key(&self) -> Result<Key, Problem> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.caller.inbound.name.as_str().as_bytes());
        hasher.update(b"/");
        hasher.update(self.id.as_str().as_bytes());
        let text = format!("{REPORTED}{}", hasher.finalize().to_hex());
        Ok(Key::Reported(Label::new(&text).map_err(Problem::failed)?))
    }
}

fn name_of(name: &str) -> Result<Name, Problem> {
    let name = Name::new(name).map_err(|e| Problem::invalid(format!("the inbound caller's name: {e}")))?;
    if name.as_str().len() > NAME_BYTES_MAX {
        let detail = format!("the inbound caller's name has at most {NAME_BYTES_MAX} bytes");
        return Err(Problem::invalid(detail));
    }
    Ok(name)
}

impl Api {
    /// Make or replace an inbound caller.
    ///
    /// # Errors
    /// With a problem.
    pub async fn set_inbound(
        &self,
        access: &Access,
        name: &str,
        key: Key,
        mut ask: wire::InboundRequest,
    ) -> Result<wire::ChangedInbound, Problem> {
        access.everywhere(Scope::Admin)?;
        let name = name_of(name)?;
        if ask.purposes.is_empty() {
            return Err(Problem::invalid("`purposes`: name at least one of top_ups, signals"));
        }
        check_patterns(&ask.accounts).map_err(Problem::invalid)?;
        ask.purposes.sort_unstable();
        ask.purposes.dedup();
        let key = key.required_of(None, None, &("inbound", &name, &ask))?;
        let fresh = self.board.secrets().fresh(Owner::Inbound(&name)).map_err(Problem::failed)?;
        let secrets = SecretAsk { fresh, rotates: ask.rotate_secret, ends_previous: ask.end_previous_secret };
        let inbound = Inbound {
            name: name.clone(),
            purposes: ask.purposes,
            accounts: ask.accounts.into_iter().map(Label::from).collect(),
        };
        let set = self.engine.set_inbound(inbound, secrets, (&key, access.actor())).await?;
        let inbound = self.shown_inbound(&*self.inbound_caller(name.as_str())?);
        Ok(wire::ChangedInbound { inbound, replayed: set.replayed })
    }

    /// List the inbound callers.
    ///
    /// # Errors
    /// With a problem.
    pub fn inbounds(&self, access: &Access) -> Result<wire::Inbounds, Problem> {
        access.everywhere(Scope::Admin)?;
        let inbounds = self.engine.inbounds();
        Ok(wire::Inbounds { inbound: inbounds.values().map(|caller| self.shown_inbound(caller)).collect() })
    }

    /// Show an inbound caller and the secret that it signs with.
    ///
    /// # Errors
    /// With a problem.
    pub fn inbound(&self, access: &Access, name: &str) -> Result<wire::Inbound, Problem> {
        access.everywhere(Scope::Admin)?;
        Ok(self.shown_inbound(&*self.inbound_caller(name)?))
    }

    /// Remove an inbound caller; its secrets sign nothing any more.
    ///
    /// # Errors
    /// With a problem.
    pub async fn remove_inbound(&self, access: &Access, name: &str, key: Key) -> Result<(), Problem> {
        access.everywhere(Scope::Admin)?;
        let name = name_of(name)?;
        let key = key.required_of(None, None, &("remove inbound", &name))?;
        self.engine.remove_inbound(&name, (&key, access.actor())).await?;
        Ok(())
    }

    /// The report whose body was recently signed by an inbound caller. Ask for it before parsing the body.
    ///
    /// # Errors
    /// When it was not signed, or its caller makes no such reports.
    pub fn signed(
        &self,
        name: &str,
        purpose: Purpose,
        call: Call,
        shown: Signature<'_>,
        body: &[u8],
    ) -> Result<Report, Problem> {
        let bad = || {
            let detail = "the signature does not match; sign `id.timestamp.body` with the inbound caller's secret \
                          and the current time";
            Problem::new(Kind::BadSignature, detail)
        };
        let now = self.engine.clock().now();
        let inbounds = self.engine.inbounds();
        let caller = inbounds.get(name);
        let actor = Name::new(&format!("inbound:{name}")).ok().filter(|_| caller.is_some());
        let note = || self.audit_log.failed(&call, AuditOutcome::WrongSignature, actor.clone());
        let refused = || {
            note();
            match self.unauthenticated.note(call.network, Misdeed::ForgedWebhook, now) {
                Ok(()) => bad(),
                Err(after) => Problem::too_many(after),
            }
        };
        let secs = shown.timestamp.and_then(|text| text.parse().ok()).ok_or_else(refused)?;
        let (id, signature) = shown.id.zip(shown.signature).ok_or_else(refused)?;
        // The caller's timestamp is wall-clock time, even if the server runs on a test clock.
        let live = caller.map(|caller| (&caller.inbound.name, &caller.secrets));
        match self.board.secrets().verify(live, (id, secs, signature), body, wall()) {
            Signed::Now => {}
            Signed::Stale => {
                note();
                return Err(bad());
            }
            Signed::Wrong => return Err(refused()),
        }
        let caller = Arc::clone(caller.ok_or_else(refused)?);
        let trail = self.trail(call, actor, None);
        if !caller.inbound.purposes.contains(&purpose) {
            trail.saw(AuditKind::Administration, false, None);
            let detail = match purpose {
                Purpose::TopUps => "this inbound caller does not have the purpose `top_ups`",
                Purpose::Signals => "this inbound caller does not have the purpose `signals`",
            };
            return Err(Problem::new(Kind::WrongScope, detail));
        }
        // What is signed is `id.timestamp.body`: a dot in the id would let one signature be read in two ways.
        if id.contains('.') {
            return Err(Problem::invalid("webhook-id: an id has no `.` (Standard Webhooks)"));
        }
        let id = Label::new(id).map_err(|e| Problem::invalid(format!("webhook-id: {e}")))?;
        Ok(Report { caller, id, trail: Arc::new(trail) })
    }

    /// Report a payment system's observation about an account, signed by an inbound caller.
    ///
    /// # Errors
    /// With a problem.
    pub async fn signed_signal(&self, report: &Report, ask: &wire::SignedSignal) -> Result<(), Problem> {
        let account = report.on(&ask.account)?;
        // Each id takes effect once. A retry is signed again, with a new timestamp, and is the same event.
        let key = report.key()?.required_of(None, None, ask)?;
        self.note(account, &key, report.actor().as_ref(), &ask.report).await
    }

    /// Report the outcome of a top-up's payment, signed by an inbound caller.
    ///
    /// # Errors
    /// With a problem.
    pub async fn signed_top_up(
        &self,
        report: &Report,
        ask: &wire::SignedTopUp,
    ) -> Result<wire::Change, Problem> {
        let account = report.on(&ask.account)?;
        self.confirm(account, ask.number, &ask.payment, Key::Missing, report.actor().as_ref()).await
    }

    fn inbound_caller(&self, name: &str) -> Result<Arc<InboundCaller>, Problem> {
        let name = name_of(name)?;
        let caller = self.engine.inbounds().get(&name).cloned();
        caller.ok_or_else(|| EngineError::UnknownInbound(name).into())
    }

    fn shown_inbound(&self, caller: &InboundCaller) -> wire::Inbound {
        let InboundCaller { inbound, secrets } = caller;
        wire::Inbound {
            name: inbound.name.clone(),
            purposes: inbound.purposes.clone(),
            accounts: inbound.accounts.iter().map(Id::from).collect(),
            secret: self.board.secrets().shown(Owner::Inbound(&inbound.name), secrets).ok(),
            has_previous_secret: secrets.previous.is_some(),
        }
    }
}
