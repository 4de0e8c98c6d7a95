//! The gateway of `headworks serve`: its file, its place behind the server's connections, its end.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use headworks_engine::Engine;
use headworks_gateway::{BODY_BYTES_MAX, Gateway, Setup};
use headworks_mock_upstream::{MockUpstream, Options};
use headworks_server::{Edge, MakeEdge, Serving};
use headworks_terminal::{Outcome, tell};

use crate::arguments::MockUpstreamArguments;

/// `headworks mock-upstream`.
pub(crate) async fn mock_upstream(arguments: &MockUpstreamArguments) -> Outcome {
    let options = Options {
        output_tokens: arguments.output_tokens,
        tokens_per_second: arguments.tokens_per_second,
        first_token: Duration::from_millis(arguments.first_token_ms),
    };
    let listen = arguments.listen;
    let upstream = MockUpstream::start(listen, options);
    let upstream =
        upstream.await.map_err(|e| format!("cannot listen on {listen}: {e}; pass another --listen"))?;
    tell!("standing in for upstreams of models at http://{}; Ctrl-C ends it", upstream.address);
    tokio::signal::ctrl_c().await?;
    upstream.stop().await;
    Ok(())
}

/// How long the calls of a gateway have to settle once they are ended.
const SETTLED: Duration = Duration::from_secs(5);

/// A gateway, made once the server has the calls that it rests on.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<OnceLock<Arc<Gateway>>>);

/// Reads the file of a gateway.
pub(crate) fn read(file: &Path, engine: &Engine) -> Result<Setup, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let setup = Setup::parse(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let catalog = engine.catalog();
    for (model, feature) in setup.features() {
        if catalog.feature(feature.as_str()).is_none() {
            tracing::warn!(model, %feature, "the catalog in force has no such feature: calls of this model are refused until it has");
        }
    }
    Ok(setup)
}

impl Slot {
    /// The gateway as routes of a server.
    pub(crate) fn edge(&self, setup: Setup) -> MakeEdge {
        let slot = Arc::clone(&self.0);
        Box::new(move |api| {
            let gateway = Arc::clone(slot.get_or_init(|| Gateway::new(Arc::clone(api), setup)));
            let measured = Arc::clone(&gateway);
            let answer = move |access, request| {
                let gateway = Arc::clone(&gateway);
                async move { gateway.answer(access, request).await }
            };
            Edge::new(Gateway::routes(), BODY_BYTES_MAX, answer, Gateway::refuse)
                .measured_by(move |registry| measured.register(registry))
        })
    }

    /// Ends a server and its gateway: calls have three quarters of the drain time to end by themselves, and are then ended where they
    /// are.
    pub(crate) async fn shut_down(&self, serving: Serving, drain: Duration) {
        let Some(gateway) = self.0.get() else { return serving.shut_down().await };
        let mut ends = std::pin::pin!(serving.shut_down());
        let is_early = tokio::time::timeout(drain / 4 * 3, &mut ends).await.is_ok();
        gateway.shut_down(SETTLED).await;
        if !is_early {
            ends.await;
        }
    }
}
