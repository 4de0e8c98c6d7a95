//! Bodies: read within a length, a time, and the memory that all bodies share.
//!
//! B1 a body that says it is too long is refused before any of it is read; one that turns out too long, as soon as it is
//! (`a_length_is_refused_before_it_is_read`). B2 all bodies and answers in memory stay within one budget, those of one caller
//! within a quarter of it, those of unauthenticated callers within a sixteenth (`nobody_takes_the_whole_budget`). B3 a slow body
//! is refused before anything is done with it (`slow_silent_and_oversized_clients_harm_nobody_else`). B4 a caller's body that does
//! not fit beside its others waits unread, and is read once it does (`a_body_waits_for_the_callers_others`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use headworks_api::{Kind, Problem};
use headworks_core::record::Name;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::attached::Attached;
use crate::problem::Failure;

/// Largest body of an operation, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
/// Largest batch of events, in bytes.
pub(crate) const EVENTS_BYTES_MAX: usize = 8 << 20;
/// Largest signed report of a caller without a key, in bytes.
pub(crate) const SIGNED_BYTES_MAX: usize = 64 << 10;
/// Parts up to this length are not counted for their caller, only for all.
const SMALL: usize = 16 << 10;
/// The header of an answer whose request has brought the caller's key to a mark of its limits.
const KEY_WARNING: HeaderName = HeaderName::from_static("headworks-key-warning");
/// How long no part of a body may come.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a body waits until those of its caller leave room for it.
const TURN: Duration = Duration::from_secs(5);

/// The longest body that a route takes: an extension of its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LengthMax(pub(crate) usize);

/// Whose memory it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Nobody has shown a key.
    Unauthenticated,
    /// The caller with this key; `None` where none is needed.
    Caller(Option<Name>),
}

/// The memory that bodies share.
#[derive(Debug)]
pub(crate) struct Budget {
    most: usize,
    used: Mutex<Used>,
    /// A caller with more than a little has given some back.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    /// Of owners with more than a little: what is here, and what is announced.
    large: HashMap<Owner, usize>,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, used: Mutex::default(), freed: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes in memory.
    pub(crate) fn used(&self) -> usize {
        self.lock().all
    }

    /// A part of the budget, empty at first.
    pub(crate) fn part(self: &Arc<Self>, owner: Owner) -> Part {
        Part { budget: Arc::clone(self), owner, bytes: 0, announced: 0 }
    }
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    budget: Arc<Budget>,
    owner: Owner,
    bytes: usize,
    /// The length that it will have, as far as it is known: it counts for its caller from the start, and for all as it comes.
    announced: usize,
}

impl Part {
    /// The most of this owner.
    fn share(&self) -> usize {
        match self.owner {
            Owner::Unauthenticated => self.budget.most / 16,
            Owner::Caller(_) => self.budget.most / 4,
        }
    }

    /// Takes more, if there is so much for this owner.
    fn grow(&mut self, bytes: usize) -> bool {
        let share = self.share();
        self.take_if(bytes, |budget, all, own| all <= budget.most && own <= share)
    }

    /// Keeps room for a body of this length among those of its caller, once there is. Those without a key share their
    /// part with others who have none: what they announce is not believed.
    async fn announce(&mut self, length: usize, until: Instant) -> bool {
        let counted = self.counted(length);
        if counted == 0 || self.owner == Owner::Unauthenticated {
            return true;
        }
        let (budget, share) = (Arc::clone(&self.budget), self.share());
        loop {
            let freed = budget.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            {
                let mut used = budget.lock();
                let own = used.large.get(&self.owner).copied().unwrap_or(0) + counted;
                if own <= share {
                    used.large.insert(self.owner.clone(), own);
                    self.announced = length;
                    return true;
                }
            }
            if timeout_at(until, freed).await.is_err() {
                return false;
            }
        }
    }

    /// Takes more in any case.
    fn take(&mut self, bytes: usize) {
        self.take_if(bytes, |_, _, _| true);
    }

    /// Takes more if what is then in use, by all and by this owner, is right.
    fn take_if(&mut self, bytes: usize, is_right: impl FnOnce(&Budget, usize, usize) -> bool) -> bool {
        let more = self.counted((self.bytes + bytes).max(self.announced)) - self.counted(self.length());
        let mut used = self.budget.lock();
        let own = used.large.get(&self.owner).copied().unwrap_or(0) + more;
        if !is_right(&self.budget, used.all + bytes, own) {
            return false;
        }
        used.all += bytes;
        if more > 0 {
            used.large.insert(self.owner.clone(), own);
        }
        drop(used);
        self.bytes += bytes;
        true
    }

    fn length(&self) -> usize {
        self.bytes.max(self.announced)
    }

    /// How much of a length counts for its owner. Small parts of unauthenticated callers do: there may be many such callers.
    fn counted(&self, bytes: usize) -> usize {
        if bytes > SMALL || self.owner == Owner::Unauthenticated { bytes } else { 0 }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut used = self.budget.lock();
        used.all -= self.bytes;
        let counted = self.counted(self.length());
        if counted == 0 {
            return;
        }
        if let Some(own) = used.large.get_mut(&self.owner) {
            *own -= counted;
            if *own == 0 {
                used.large.remove(&self.owner);
            }
        }
        drop(used);
        self.budget.freed.notify_waiters();
    }
}

/// The memory that one request may take: an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    budget: Arc<Budget>,
    /// When the whole body must be here.
    until: Instant,
    own: Arc<Own>,
}

/// What becomes known of a request while it is answered.
#[derive(Debug, Default)]
struct Own {
    owner: OnceLock<Owner>,
    /// The parts that the request holds until it is answered.
    held: Mutex<Vec<Part>>,
    /// The warning that its answer carries.
    warning: OnceLock<HeaderValue>,
}

impl Allowance {
    pub(crate) fn new(budget: &Arc<Budget>, until: Instant) -> Self {
        Self { budget: Arc::clone(budget), until, own: Arc::default() }
    }

    /// The caller has shown a key, or needs none.
    pub(crate) fn own(&self, key: Option<&Name>) {
        // A request has one caller.
        let _ = self.own.owner.set(Owner::Caller(key.cloned()));
    }

    /// The answer is to carry a warning of the caller's key.
    pub(crate) fn warn(&self, warning: HeaderValue) {
        let _ = self.own.warning.set(warning);
    }

    /// An answer with its warning, if there is one.
    pub(crate) fn warned(&self, mut answer: Response) -> Response {
        if let Some(warning) = self.own.warning.get() {
            answer.headers_mut().insert(KEY_WARNING, warning.clone());
        }
        answer
    }

    fn part(&self) -> Part {
        self.budget.part(self.own.owner.get().cloned().unwrap_or(Owner::Unauthenticated))
    }

    fn hold(&self, part: Part) {
        self.own.held.lock().unwrap_or_else(PoisonError::into_inner).push(part);
    }

    /// Counts an answer until its caller has taken it. There may be no room for a large one; where something has been done,
    /// it is answered all the same.
    pub(crate) fn answer(&self, answer: Response, is_read: bool) -> Response {
        let length = answer.body().size_hint().lower();
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if bytes <= SMALL {
            return answer;
        }
        let mut part = self.part();
        if !part.grow(bytes) {
            if is_read {
                let detail = "too many large answers are being sent; take those first, or ask for less";
                return Failure::new(Kind::Overloaded, detail).into_response();
            }
            part.take(bytes);
        }
        // Held until the body is dropped.
        answer.map(|body| {
            Body::new(Attached::new(body, move || {
                let _held = &part;
            }))
        })
    }
}

fn too_large(most: usize) -> Failure {
    let most = if most >= 1 << 20 { format!("{} MiB", most >> 20) } else { format!("{} KiB", most >> 10) };
    Failure::new(
        Kind::BodyTooLarge,
        format!("the body is larger than the {most} that this route takes; send less at once"),
    )
}

fn too_many() -> Failure {
    Failure::new(Kind::Overloaded, "too many large bodies are being read; try again soon")
}

fn too_slow() -> Failure {
    Failure::new(Kind::RequestTimeout, "the body did not arrive in time, and nothing was done; send it again")
}

/// Reads a body of at most `most` bytes, passing each part to `see` as it comes, which may refuse the rest.
pub(crate) async fn read(
    request: Request,
    most: usize,
    mut see: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Bytes, Failure> {
    let (parts, mut body) = request.into_parts();
    // More digits than fit are a length as well.
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    let length = length.map_or(0, |length| length.parse().unwrap_or(usize::MAX));
    if length > most {
        return Err(too_large(most));
    }
    let Some(allowance) = parts.extensions.get::<Allowance>() else {
        return Err(Failure(Problem::internal()));
    };
    let mut part = allowance.part();
    if length > part.share() {
        let detail = format!(
            "the server's memory (`--memory-max`) has {} KiB for all bodies of one caller; send less at once",
            part.share() >> 10
        );
        return Err(Failure::new(Kind::BodyTooLarge, detail));
    }
    if !part.announce(length, allowance.until.min(Instant::now() + TURN)).await {
        return Err(too_many());
    }
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    loop {
        let soon = allowance.until.min(Instant::now() + SILENCE);
        let Some(frame) = timeout_at(soon, body.frame()).await.map_err(|_| too_slow())? else { break };
        let frame =
            frame.map_err(|e| Failure::new(Kind::MalformedBody, format!("the body ended early: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > most {
            return Err(too_large(most));
        }
        if !part.grow(data.len()) {
            return Err(too_many());
        }
        see(&data)?;
        // Most bodies come in one part, which is used as it is.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                // Memory that is promised is taken only as it is filled.
                rest.reserve_exact(length);
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    allowance.hold(part);
    Ok(if rest.is_empty() { first } else { rest.into() })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use headworks_core::record::Name;

    use tokio::time::Instant;

    use super::{Allowance, Budget, Owner, SILENCE, TURN, read};

    fn caller(name: &str) -> Owner {
        Owner::Caller(Some(Name::new(name).expect("a name")))
    }

    #[test]
    fn nobody_takes_the_whole_budget() {
        let budget = Budget::new(1 << 20);
        let part = |owner: &Owner| budget.part(owner.clone());
        let (mut one, mut two) = (part(&caller("a")), part(&caller("a")));
        assert!(one.grow(10 << 10) && one.grow(190 << 10) && two.grow(50 << 10));
        assert!(!two.grow(10 << 10), "one caller has a quarter, with all its bodies");
        let (mut small, mut other) = (part(&caller("a")), part(&caller("b")));
        assert!(small.grow(16 << 10), "small bodies are those of all");
        assert!(other.grow(256 << 10));
        let (mut anonymous, mut another) = (part(&Owner::Unauthenticated), part(&Owner::Unauthenticated));
        assert!(anonymous.grow(40 << 10) && another.grow(24 << 10) && !another.grow(1));
        assert_eq!(budget.used(), (200 + 50 + 16 + 256 + 40 + 24) << 10);
        drop((one, anonymous));
        assert!(two.grow(200 << 10) && another.grow(40 << 10));
        drop((two, small, other, another));
        assert_eq!(budget.used(), 0);
        assert!(budget.lock().large.is_empty());
        // All of them together have the whole.
        let parts: Vec<_> = (0..5).map(|n| part(&caller(&format!("c{n}")))).collect();
        let grown = parts.into_iter().map(|mut part| (part.grow(256 << 10), part)).collect::<Vec<_>>();
        assert_eq!(grown.iter().filter(|(grown, _)| *grown).count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_the_callers_others() {
        let budget = Budget::new(1 << 20);
        let soon = || Instant::now() + TURN;
        let [mut one, mut two, mut three] = [(); 3].map(|()| budget.part(caller("a")));
        assert!(one.announce(200 << 10, soon()).await);
        assert_eq!(budget.used(), 0, "what is only announced is in nobody's memory");
        // It waits for its turn, and no longer than that.
        assert!(!two.announce(100 << 10, soon()).await);
        let others = async {
            tokio::time::sleep(TURN / 2).await;
            drop(one);
        };
        let (turn, ()) = tokio::join!(two.announce(100 << 10, soon()), others);
        assert!(turn && two.grow(60 << 10) && two.grow(40 << 10));
        assert!(three.announce(156 << 10, soon()).await && !two.grow(1), "announced, so taken");
        // Small ones and those of others have room at once.
        let (mut small, mut other) = (budget.part(caller("a")), budget.part(caller("b")));
        assert!(
            small.announce(16 << 10, Instant::now()).await && other.announce(256 << 10, Instant::now()).await
        );
        drop((two, three, small, other));
        assert!(budget.lock().large.is_empty() && budget.used() == 0);
        // Announcing costs those without a key nothing, and gives them nothing.
        let mut liars = [(); 100].map(|()| budget.part(Owner::Unauthenticated));
        for liar in &mut liars {
            assert!(liar.announce(64 << 10, Instant::now()).await);
        }
        assert!(budget.part(Owner::Unauthenticated).grow(64 << 10));
    }

    #[tokio::test]
    async fn a_length_is_refused_before_it_is_read() {
        let status = |says: &'static str, has: usize| async move {
            let body = Body::from(vec![b' '; has]);
            let mut request =
                Request::builder().header("content-length", says).body(body).expect("a request");
            request.extensions_mut().insert(Allowance::new(&Budget::new(1 << 20), Instant::now() + SILENCE));
            let mut seen = 0;
            let read = read(request, 1_024, |part| {
                seen += part.len();
                Ok(())
            })
            .await;
            (read.map(|bytes| bytes.len()).map_err(|f| f.0.kind.word()), seen)
        };
        assert_eq!(status("1024", 1_024).await, (Ok(1_024), 1_024));
        assert_eq!(status("1025", 0).await, (Err("body_too_large"), 0));
        assert_eq!(status("7", 1_025).await, (Err("body_too_large"), 0));
        assert_eq!(status("99999999999999999999", 3).await, (Err("body_too_large"), 0));
    }
}
