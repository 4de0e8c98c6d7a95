//! Callers, by the API key that they show.

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::record::Span;
use headworks_engine::Limited;

use crate::access::Access;
use crate::api::Api;
use crate::problem::{Kind, Problem};
use crate::unauthenticated::Network;

impl Api {
    /// The caller behind this API key, `hw_<id>_<secret><check code>`.
    ///
    /// # Errors
    /// When there is no key and one is needed, or it is not in force.
    pub fn access(&self, shown: Option<&str>, network: Network) -> Result<Access, Problem> {
        let refused = |detail: &str| Problem::new(Kind::Unauthenticated, detail);
        let Some(shown) = shown else {
            if self.is_open {
                return Ok(Access::everything());
            }
            return Err(refused(
                "send an API key as `Authorization: Bearer hw_…`; `headworks keys create` makes one",
            ));
        };
        let wrong = "the API key is not valid: wrong, expired or revoked";
        let text = shown.strip_prefix("hw_").ok_or_else(|| refused(wrong))?;
        let (keyring, text) = (self.engine.keyring(), text.trim_end());
        // A key that was not made here is dropped before anything is looked up.
        if !keyring.is_genuine(text) {
            return Err(refused(wrong));
        }
        let now = self.engine.clock().now();
        let Some(state) = keyring.check(text, now) else {
            return Err(match self.unauthenticated.note(network, Misdeed::InvalidKey, now) {
                Ok(()) => refused(wrong),
                Err(after) => Problem::too_many(after),
            });
        };
        state.live.note_use(now);
        let entered = state.enter(self.steady.now()).map_err(limited)?;
        Ok(Access::of(&state.key).within(entered))
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
