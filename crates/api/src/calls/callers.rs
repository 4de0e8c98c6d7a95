//! Callers, by the API key that they show.

use std::sync::Arc;

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::record::{AuditOutcome, Instant, Name, Span};
use headworks_engine::{Entered, Keyring, Limited};

use crate::access::Access;
use crate::api::Api;
use crate::audit_log::{Call, Trail};
use crate::problem::{Kind, Problem};

const WRONG: &str = "the API key is not valid: wrong, expired or revoked";

impl Api {
    /// The caller behind this API key, `hw_<id>_<secret><check code>`, for one call.
    ///
    /// # Errors
    /// When there is no key and one is needed, or it is not in force.
    pub fn access(&self, shown: Option<&str>, call: Call) -> Result<Access, Problem> {
        let refused = |detail: &str| Problem::new(Kind::Unauthenticated, detail);
        let Some(shown) = shown else {
            if self.is_open {
                return Ok(Access::everything(self.trail(call, None, None)));
            }
            self.audit_log.count_without_key();
            return Err(refused(
                "send an API key as `Authorization: Bearer hw_…`; `headworks keys create` makes one",
            ));
        };
        let (keyring, text) = (self.engine.keyring(), shown.strip_prefix("hw_").map(str::trim_end));
        // A key that was not made here is dropped before anything is looked up.
        let Some(text) = text.filter(|text| keyring.is_genuine(text)) else {
            self.audit_log.failed(&call, AuditOutcome::WrongKey, None);
            return Err(refused(WRONG));
        };
        let now = self.engine.clock().now();
        let Some(state) = keyring.check(text, now) else {
            self.note_invalid(&keyring, text, &call, now);
            return Err(match self.unauthenticated.note(call.network, Misdeed::InvalidKey, now) {
                Ok(()) => refused(WRONG),
                Err(after) => Problem::too_many(after),
            });
        };
        state.live.note_use(now);
        let (entered, reached) = state.enter(self.steady.now()).map_err(limited)?;
        if !reached.is_empty() {
            self.key_warnings.note(&state.key.id, &reached, now);
        }
        let trail = self.trail(call, Some(state.key.id.clone()), entered);
        Ok(Access::of(&state.key, trail).warned(reached))
    }

    pub(super) fn trail(&self, call: Call, key: Option<Name>, entered: Option<Entered>) -> Trail {
        Trail::new(Some(Arc::clone(&self.audit_log)), call, key, entered)
    }

    /// Notes a key that was made here and does not work any more. Its id is no secret.
    fn note_invalid(&self, keyring: &Keyring, text: &str, call: &Call, now: Instant) {
        let id = text.split_once('_').and_then(|(id, _)| Name::new(id).ok());
        let outcome = match id.as_ref().and_then(|id| keyring.get(id.as_str())) {
            None => AuditOutcome::RevokedKey,
            Some(state) if state.key.expires_at <= now => AuditOutcome::ExpiredKey,
            Some(_) => AuditOutcome::WrongKey,
        };
        self.audit_log.failed(call, outcome, id);
    }
}

/// Why a key is held up. Nothing of this reaches the ledger.
fn limited(limited: Limited) -> Problem {
    let (detail, after) = match limited {
        Limited::Rate(rate, after) => {
            let detail = format!("this API key may make {} requests in {}", rate.limit, rate.per);
            (detail, after)
        }
        Limited::Concurrent(most) => {
            (format!("this API key may have {most} requests answered at once"), Span::from_secs(1))
        }
    };
    let seconds = after.micros().div_ceil(1_000_000).max(1);
    let detail = format!("{detail}; try again in {seconds} s");
    Problem { after: Some(Span::from_secs(seconds)), ..Problem::new(Kind::KeyLimited, detail) }
}
