//! The test clock: time that moves only on request.

use std::sync::Arc;

use headworks_engine::AdvanceError;
use headworks_wire as wire;
use wire::Scope;

use crate::access::Access;
use crate::api::Api;
use crate::problem::Problem;

impl Api {
    /// Show the time of the test clock.
    ///
    /// # Errors
    /// With a problem.
    pub fn test_clock(&self, access: &Access) -> Result<wire::TestClock, Problem> {
        access.everywhere(Scope::Admin)?;
        let clock = self.engine.clock();
        if !clock.is_test() {
            return Err(AdvanceError::NoTestClock.into());
        }
        Ok(wire::TestClock { now: clock.now() })
    }

    /// Move the test clock ahead; everything due on the way is stored when this answers.
    ///
    /// # Errors
    /// With a problem.
    pub async fn advance_test_clock(
        &self,
        access: &Access,
        ask: wire::AdvanceRequest,
    ) -> Result<wire::TestClock, Problem> {
        access.everywhere(Scope::Admin)?;
        let engine = Arc::clone(&self.engine);
        // On its own task: a caller that disconnects or times out does not cut it off.
        let moving = async move {
            match (ask.to, ask.by) {
                (Some(to), None) => Some(engine.advance_to(to).await),
                (None, Some(by)) => Some(engine.advance_by(by).await),
                (None, None) | (Some(_), Some(_)) => None,
            }
        };
        let moved = tokio::spawn(moving).await.map_err(Problem::failed)?;
        let now =
            moved.ok_or_else(|| Problem::invalid("give either `to`, an instant, or `by`, a duration"))??;
        Ok(wire::TestClock { now })
    }
}
