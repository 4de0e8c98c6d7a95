//! Receivers of webhooks, and the events that they have received.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use headworks_api::outbox::{Answer, Call, Sender, Status, StripeCall, Surroundings};
use headworks_core::record::{Name, Seq, Server, Webhook, WebhookFormat};
use headworks_engine::{Engine, EngineError, Hook};
use percent_encoding::percent_decode_str;

use super::waiting::poll_until;
use crate::coverage::Coverage;
use crate::op::name;
use crate::random::Random;

/// One receives everything, one is Stripe, and one is made and removed repeatedly.
pub(super) const NAMES: [&str; 3] = ["all", "stripe", "fro"];

/// The events that a receiver has received.
#[derive(Default)]
pub(super) struct Receiver {
    /// By id and by the webhook that sent it, as several webhooks may have had the same name.
    pub(super) got: BTreeMap<(Seq, String), String>,
    /// The newest record of each account that it has received.
    pub(super) newest: BTreeMap<(Seq, Name), Seq>,
    pub(super) wrong: Option<String>,
}

/// A webhook that is followed.
pub(super) struct Followed {
    pub(super) sender: Sender,
    pub(super) receiver: RefCell<Receiver>,
}

pub(super) struct Deliveries {
    pub(super) now: Instant,
    pub(super) followed: BTreeMap<&'static str, Followed>,
    pub(super) asked: u64,
}

impl Default for Deliveries {
    fn default() -> Self {
        let follow = |of| {
            let sender = Sender::new(name(of));
            (of, Followed { sender, receiver: RefCell::default() })
        };
        Self { now: Instant::now(), followed: NAMES.into_iter().map(follow).collect(), asked: 0 }
    }
}

impl Deliveries {
    /// The process has ended, and its senders with it.
    pub(super) fn begin_again(&mut self) {
        for (of, followed) in &mut self.followed {
            followed.sender = Sender::new(name(of));
        }
    }
}

/// The text of a call, without the parts that may differ when it is resent: calls to
/// Stripe leave out times that are too old.
pub(super) fn text(call: &Call) -> String {
    match call {
        Call::Event(_, text) => text.clone(),
        Call::Stripe(StripeCall::Event { name, identifier, customer, value, .. }) => {
            format!("{name} {identifier} {customer} {value}")
        }
        Call::Stripe(StripeCall::Cancel { name, identifier }) => format!("{name} {identifier} cancelled"),
    }
}

/// The account and record of an id: `Zo%C3%AB~12/charge`.
pub(super) fn record_of(id: &str) -> Option<(Name, Seq)> {
    let (account, rest) = id.rsplit_once('~')?;
    let seq = rest.split('/').next()?.parse().ok()?;
    Some((name(&percent_decode_str(account).decode_utf8().ok()?), seq))
}

impl Receiver {
    fn take(&mut self, made: Seq, call: &Call, coverage: &Coverage) {
        let (id, text) = (call.id(), text(call));
        if let Some(known) = self.got.get(&(made, id.clone())) {
            coverage.fault("delivered twice");
            if *known != text {
                self.wrong = Some(format!("{id} came as {known}, and then as {text}"));
            }
            return;
        }
        // A cancelled event is an older one.
        let is_new = !matches!(call, Call::Stripe(StripeCall::Cancel { .. }));
        if let Some((account, seq)) = record_of(&id).filter(|_| is_new) {
            let newest = self.newest.entry((made, account)).or_insert(0);
            if *newest > seq {
                self.wrong = Some(format!("{id} came after an event of record {newest}"));
            }
            *newest = seq;
        }
        self.got.insert((made, id), text);
    }
}

pub(super) struct Around<'a> {
    pub(super) now: Instant,
    pub(super) made: Seq,
    pub(super) random: &'a Random,
    pub(super) coverage: &'a Coverage,
    pub(super) receiver: &'a RefCell<Receiver>,
    /// Everything is taken.
    pub(super) is_calm: bool,
}

impl Around<'_> {
    /// What the receiver answers.
    pub(super) fn answer(&self, webhook: &Webhook, call: &Call) -> Answer {
        let take = || self.receiver.borrow_mut().take(self.made, call, self.coverage);
        let not_now = || Answer::NotNow("not now".into(), self.random.chance(300).then_some(Duration::ZERO));
        if self.is_calm {
            take();
            return Answer::Taken;
        }
        match self.random.below(100) {
            0..=9 => not_now(),
            10..=17 => {
                self.coverage.fault("webhook answer lost");
                take();
                not_now()
            }
            18..=22 if webhook.format == WebhookFormat::StripeMeterEvents => {
                self.coverage.fault("webhook refused");
                Answer::Refused("refused".into())
            }
            23 => {
                self.coverage.fault("webhook gone");
                Answer::Gone
            }
            _ => {
                take();
                Answer::Taken
            }
        }
    }
}

impl Surroundings for Around<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn write(&self, engine: &Engine, what: Server) -> Option<Result<(), EngineError>> {
        poll_until(engine, engine.note_webhook(what))
    }

    fn note(&self, _: &Hook, change: impl FnOnce(&mut Status)) {
        change(&mut Status::default());
    }
}
