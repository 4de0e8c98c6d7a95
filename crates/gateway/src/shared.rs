//! What all calls of a gateway share: what is sold, who serves it, and what was learned of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headworks_api::{Access, Api, Kind, Problem};
use headworks_core::record::{Label, Level, Name, Path, Segment, Seq, Span};
use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::asked::Asked;
use crate::attempts::Attempts;
use crate::denial::{Refused, Why};
use crate::estimate::Learned;
use crate::job::PURPOSE;
use crate::media::Medium;
use crate::metrics::Metrics;
use crate::rates::Rates;
use crate::setup::{Model, Protocol, Setup, Target, Upstream};
use crate::upstream::Requests;

/// The most calls at once.
pub(crate) const CALLS_MAX: u32 = 16_384;
/// The caller agrees to paid sources.
const CONSENT: &str = "x-headworks-consent";
/// The service tier that batches are priced by; no call says of itself that it is one.
pub(crate) const BATCH_TIER: &str = "batch";
/// A part of the caller's own: where in its place the call belongs.
const SESSION: &str = "x-headworks-session";

/// Memory for answers that come as a whole, in parts.
const ANSWER_PARTS: usize = (256 << 20) / ANSWER_PART;
/// A part, in bytes; an answer that is no longer takes none.
const ANSWER_PART: usize = 64 << 10;

/// What all calls share.
pub(crate) struct Shared {
    pub(crate) api: Arc<Api>,
    pub(crate) setup: Setup,
    pub(crate) clients: Vec<Requests>,
    pub(crate) learned: Learned,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Rates,
    pub(crate) attempts: Attempts,
    /// Memory for answers that come as a whole.
    pub(crate) answers: Arc<Semaphore>,
    /// Places for calls.
    pub(crate) calls: Arc<Semaphore>,
    /// Whether the gateway ends.
    pub(crate) stop: watch::Sender<bool>,
    /// What names of work in the background are sealed with.
    pub(crate) seal: [u8; 32],
    /// Holds of work in the background that is asked for until it is over, and bytes of its text that were passed on.
    pub(crate) looked_at: Mutex<HashMap<(Name, Seq), u64>>,
}

/// What a feature has that a model is sold as.
pub(crate) struct Sold {
    pub(crate) meters: Vec<Name>,
    /// Its dimensions.
    pub(crate) knows: Vec<Name>,
    pub(crate) hold_life_max: Span,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("setup", &self.setup).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(api: Arc<Api>, setup: Setup) -> Self {
        let clients = setup.upstreams.iter().map(Requests::new).collect();
        Self {
            seal: api.secret(PURPOSE),
            api,
            setup,
            clients,
            learned: Learned::default(),
            metrics: Metrics::default(),
            rates: Rates::default(),
            attempts: Attempts::default(),
            answers: Arc::new(Semaphore::new(ANSWER_PARTS)),
            calls: Arc::new(Semaphore::new(usize::try_from(CALLS_MAX).unwrap_or(usize::MAX))),
            stop: watch::Sender::new(false),
            looked_at: Mutex::default(),
        }
    }

    /// A place for a call, if there is one.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(&self.calls).try_acquire_owned().map_err(|_| {
            let why = "too many model calls are running; try again soon";
            Refused::of_problem(&Problem::new(Kind::Overloaded, why))
        })
    }

    /// Whether there is memory for an answer of this length, at once or soon. Short ones always have some.
    pub(crate) async fn room(
        &self,
        length: usize,
        room: &mut Option<OwnedSemaphorePermit>,
        soon: Duration,
    ) -> bool {
        let wanted = if length <= ANSWER_PART { 0 } else { length.div_ceil(ANSWER_PART) };
        let more = wanted.saturating_sub(room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        let Ok(more) = u32::try_from(more) else { return false };
        if more == 0 {
            return true;
        }
        let taken = Arc::clone(&self.answers).acquire_many_owned(more);
        let Ok(Ok(taken)) = tokio::time::timeout(soon, taken).await else { return false };
        match room {
            Some(room) => room.merge(taken),
            None => *room = Some(taken),
        }
        true
    }

    /// A target of a model, by its place, with its upstream.
    pub(crate) fn served_by<'s>(
        &'s self,
        model: &'s Model,
        place: usize,
    ) -> Option<(&'s Target, &'s Upstream, &'s Requests)> {
        let target = model.targets.get(place)?;
        Some((target, self.setup.upstreams.get(target.upstream)?, self.clients.get(target.upstream)?))
    }

    /// A model that a caller may use.
    pub(crate) fn model(&self, access: &Access, name: &str) -> Result<&Model, Refused> {
        let found = self.setup.models.get(name).filter(|_| access.may_use(name));
        found.ok_or_else(|| {
            let message =
                format!("there is no model `{name}` for this key; GET /v1/models lists those that there are");
            Refused::new(Why::NotFound, "model_not_found", message)
        })
    }

    /// The feature that a model is sold as.
    pub(crate) fn sold(&self, model: &Model) -> Result<Sold, Refused> {
        let catalog = self.api.engine().catalog();
        let Some(feature) = catalog.feature(model.feature.as_str()) else {
            tracing::error!(model = model.name, feature = %model.feature, "the catalog does not know the feature of a model");
            let message = format!(
                "the model `{}` is not for sale now: the operator's catalog lacks its feature",
                model.name
            );
            return Err(Refused::new(Why::Internal, "unknown_feature", message));
        };
        let (meters, knows) = (feature.meters.clone(), feature.dimensions().to_vec());
        Ok(Sold { meters, knows, hold_life_max: feature.hold_life_max })
    }

    /// The targets of a model that speak a protocol, in the order to try them: one by weight first, then the others as listed.
    pub(crate) fn targets(&self, model: &Model, protocol: Protocol) -> Vec<usize> {
        let speaks = |place: &usize| {
            let upstream =
                model.targets.get(*place).and_then(|target| self.setup.upstreams.get(target.upstream));
            upstream.is_some_and(|upstream| upstream.protocol == protocol)
        };
        let mut places: Vec<usize> = (0..model.targets.len()).filter(speaks).collect();
        let weight = |place: &usize| model.targets.get(*place).map_or(0, |target| u64::from(target.weight));
        let all: u64 = places.iter().map(weight).sum();
        if places.len() > 1 && all > 0 {
            let mut draw = random() % all;
            let first = places.iter().position(|place| {
                let weight = weight(place);
                let is_drawn = draw < weight;
                draw = draw.saturating_sub(weight);
                is_drawn
            });
            let first = places.remove(first.unwrap_or(0));
            places.insert(0, first);
        }
        places
    }
}

/// The place of a call, with the session that the caller names.
pub(crate) fn place(access: &Access, headers: &HeaderMap) -> Result<(Name, Path), Refused> {
    let (account, path) = access.place().map_err(|problem| Refused::of_problem(&problem))?;
    let mut sessions = headers.get_all(SESSION).iter();
    let Some(session) = sessions.next() else { return Ok((account, path)) };
    let name = Some(session)
        .filter(|_| sessions.next().is_none())
        .and_then(|session| session.to_str().ok())
        .and_then(|text| Name::id(text).ok())
        .ok_or_else(|| {
            Refused::new(
                Why::Invalid,
                "invalid_session",
                format!("`{SESSION}` is not a name of up to 256 bytes"),
            )
        })?;
    Ok((account, path.with(Segment { level: Level::Session, name })))
}

/// Whether the caller agrees to paid sources.
pub(crate) fn consents(headers: &HeaderMap) -> bool {
    headers.get(CONSENT).is_some_and(|value| value.as_bytes() == b"true")
}

/// What a hold is priced by: the model's dimensions, and those of the request that the feature knows.
pub(crate) fn held_dimensions(asked: &Asked<'_>, model: &Model, known: &[Name]) -> BTreeMap<Name, Label> {
    let mut dimensions = model.dimensions_of(known);
    // Of pictures, the model's dimensions say what a request leaves open.
    let is_picture = asked.surface.medium() == Some(Medium::Pictures);
    for name in asked.surface.dimensions() {
        let Some(known) = known.iter().find(|known| known.as_str() == *name) else { continue };
        let value = asked.dimension(name).filter(|value| !["auto", BATCH_TIER].contains(&value.as_str()));
        if let Some(value) = value.and_then(|value| Label::new(&value).ok())
            && (is_picture || !dimensions.contains_key(known))
        {
            dimensions.insert(known.clone(), value);
        }
    }
    dimensions
}

/// A number that nobody needs to be unable to guess.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
