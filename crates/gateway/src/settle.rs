//! The end of a call's hold: what was used, by whose word, and at whose price.

use std::collections::BTreeMap;

use headworks_core::capacity::controller::Answered;
use headworks_core::command::{Command, Correct};
use headworks_core::record::{Dimension, Dimensions, HoldId, Label, Name, Seq};
use headworks_core::waterfall::{AskedPart, Minimum, Quantities, Refusal};
use headworks_engine::{Answer, Caller, Effect, EngineError, Idempotency, Lease, Upstream as Facts};

use crate::estimate::TurnedOut;
use crate::held::Held;
use crate::media::Medium;
use crate::rates::Worth;
use crate::usage::{self, Classes, Report};

/// What has come of an output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    /// Bytes of text.
    pub(crate) text: u64,
    /// Pictures, or one if anything of a speech has come.
    pub(crate) pieces: u64,
}

impl Output {
    pub(crate) fn is_nothing(self) -> bool {
        self.text == 0 && self.pieces == 0
    }
}

impl Held {
    /// Ends the hold at zero.
    pub(crate) async fn release(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let hold = lease.hold();
        if let Err(e) = lease.release().await {
            tracing::warn!(account = %self.account, hold = hold.0, error = %e, "a hold is released later");
        }
    }

    /// The use as reported so far; what was not reported is counted, up to what is held.
    pub(crate) fn classes(&self, report: Option<&Report>, is_final: bool, output: Output) -> Classes {
        let mut classes = match (report, &self.worth) {
            (Some(report), _) if is_final => report.classes(),
            (report, None) => self.counted(report, output),
            (report, Some(worth)) => self.estimated(report, worth, output),
        };
        // These are known.
        let known = self.worth.as_ref().map(|worth| match worth.asked.medium {
            Medium::Pictures => ("images", output.pieces.min(worth.asked.pieces)),
            Medium::Speech => ("characters", if output.pieces > 0 { worth.asked.characters } else { 0 }),
            Medium::Sound => ("audio_seconds", 0),
        });
        classes.extend(known.filter(|(_, count)| *count > 0));
        classes
    }

    fn counted(&self, report: Option<&Report>, output: Output) -> Classes {
        let mut report = report.filter(|report| report.is_sane()).cloned().unwrap_or_default();
        report.input_tokens.get_or_insert_with(|| self.input());
        let counted = self.shared.learned.text(&self.model, output.text);
        let output = report.output_tokens.get_or_insert(0);
        *output = counted.min(self.output()).max(*output);
        report.classes()
    }

    /// What a call of images or audio has used that nobody reports: by its own measure, or in tokens if it is not sold by that.
    fn estimated(&self, report: Option<&Report>, worth: &Worth, output: Output) -> Classes {
        let medium = worth.asked.medium;
        if usage::meter(&self.meters, medium.measure()).is_some() {
            let seconds = if medium == Medium::Sound { worth.seconds } else { 0 };
            return vec![("audio_seconds", seconds)];
        }
        let mut report = report.filter(|report| report.is_sane()).cloned().unwrap_or_default();
        let counted = match worth.output {
            Some(all) => {
                let pieces = output.pieces.min(worth.asked.pieces);
                all.saturating_mul(pieces).checked_div(worth.asked.pieces).unwrap_or(0)
            }
            None => self.shared.learned.text(&self.model, output.text),
        };
        let written = report.output_tokens.get_or_insert(0);
        *written = counted.min(self.output()).max(*written);
        let inputs = if report.input_tokens.is_none() { self.inputs.as_slice() } else { &[] };
        let report = if let Some(made) = medium.made() { report.made(made) } else { report };
        [&report.classes(), inputs].concat()
    }

    /// Whether a report says what the call is sold by.
    pub(crate) fn is_reported(&self, report: Option<&Report>) -> bool {
        let Some(report) = report else { return false };
        let Some(worth) = &self.worth else { return report.is_whole(self.surface.has_output()) };
        let meters = &self.meters;
        let sells_seconds =
            worth.asked.medium == Medium::Sound && usage::meter(meters, "audio_seconds").is_some();
        let (has_tokens, has_seconds) = (report.is_whole(true), report.seconds.is_some() && report.is_sane());
        match (usage::sells_tokens(meters), sells_seconds) {
            (false, false) => has_tokens || has_seconds,
            (sells_tokens, sells_seconds) => (sells_tokens && has_tokens) || (sells_seconds && has_seconds),
        }
    }

    /// Ends the hold at what was used; the record of the charge. `is_reported`: an upstream says so; what was counted is never charged
    /// beyond the hold.
    pub(crate) async fn settle(
        &mut self,
        target: usize,
        report: Option<&Report>,
        classes: &Classes,
        is_reported: bool,
    ) -> Option<Seq> {
        let dimensions = self.turned_out(target, report, is_reported);
        let mut lease = self.lease.take();
        // What was counted is within the hold; a picture may have turned out dearer all the same.
        let is_picture = self.worth.as_ref().is_some_and(|worth| worth.asked.medium == Medium::Pictures);
        if let Some(lease) = lease.as_deref_mut().filter(|_| is_reported || is_picture) {
            self.hold_more(lease, classes, dimensions.as_ref()).await;
        }
        let mut quantities = usage::quantities(&self.meters, classes);
        for meter in &self.meters {
            if meter.as_str() != "requests" && quantities.iter().all(|(known, _)| known != meter) {
                quantities.push((meter.clone(), 0));
            }
        }
        let others = report.filter(|_| is_reported).map(Report::others).unwrap_or_default();
        let more = others.into_iter().map(|(model, classes)| self.other(model, &classes)).collect();
        let dimensions = dimensions.map(of_names);
        let hold = lease.as_ref().map(|lease| lease.hold()).or(self.late)?;
        let settled = match lease {
            Some(lease) => lease.settle_as(quantities, dimensions, more).await,
            None => self.settle_late(hold, quantities, dimensions, more).await,
        };
        match settled {
            Ok(Answer { effect: Effect::Recorded(record), replayed, .. }) => {
                if !replayed {
                    self.shared.metrics.charged(&self.model, classes, is_reported);
                }
                Some(record.seq)
            }
            Ok(_) | Err(EngineError::Refused(Refusal::HoldEnded { .. })) => None,
            Err(e) => {
                tracing::warn!(account = %self.account, hold = hold.0, error = %e, "a hold is settled later");
                None
            }
        }
    }

    /// Charges the use of a hold that has ended by itself: directly, or in the place of what it was charged at its end; once.
    async fn settle_late(
        &self,
        hold: HoldId,
        quantities: Quantities,
        dimensions: Option<Dimensions>,
        more: Vec<AskedPart>,
    ) -> Result<Answer, EngineError> {
        let engine = self.shared.api.engine();
        let (to, parts) = (quantities.clone(), Some(more.clone()).filter(|more| !more.is_empty()));
        let correct =
            Correct::To { quantities: to, dimensions: dimensions.clone(), more: parts, reprice: false };
        let settle = Command::Settle { hold, quantities, dimensions, more };
        let settled = engine.run(&self.account, None, Caller::default(), &settle).await;
        let Err(EngineError::Refused(Refusal::HoldEnded { by, how: "expired", .. })) = settled else {
            return settled;
        };
        let reason = Label::new("what the work used after its hold").ok();
        let correct = Command::Correct { charge: by, to: correct, reason };
        let text =
            Label::new(&format!("gateway work {}", hold.0)).unwrap_or_else(|_| unreachable!("a label"));
        let once = Idempotency { text, digest: [0; 16] };
        engine.run(&self.account, Some(&once), Caller::default(), &correct).await
    }

    /// What turned out larger or dearer than it was held is held as well, as far as anybody pays for it: limits are asked before a
    /// charge.
    async fn hold_more(
        &self,
        lease: &mut Lease,
        classes: &Classes,
        turned_out: Option<&BTreeMap<Name, Label>>,
    ) {
        let (meters, held) = (&self.meters, self.output_of(lease));
        let needs = usage::beyond(meters, classes, (self.input(), held), |meter| lease.covers(meter));
        let is_priced_otherwise = turned_out.is_some_and(|dimensions| {
            let mut others = dimensions.iter().filter(|(name, _)| name.as_str() != "usage");
            others.any(|(name, value)| self.dimensions.get(name) != Some(value))
        });
        let all = usage::quantities(meters, &usage::plain(classes));
        let (exact, needs) = if let Some(dimensions) = turned_out.filter(|_| is_priced_otherwise) {
            let dimensions = Some(of_names(dimensions.clone()));
            (lease.extend_beside(AskedPart { dimensions, quantities: all.clone() }).await, all)
        } else if needs.is_empty() {
            return;
        } else {
            (lease.extend(needs.clone(), None).await, needs)
        };
        if is_granted(&exact) {
            return;
        }
        // Not all of it: as much of each as there is.
        for (meter, quantity) in needs.into_iter().filter(|(_, quantity)| *quantity > 0) {
            let minimum = Minimum { meter: meter.clone(), quantity: 1 };
            let some = lease.extend([(meter, quantity)].into_iter().collect(), Some(minimum)).await;
            if let Err(e) = some {
                tracing::debug!(account = %self.account, hold = lease.hold().0, error = %e, "a hold was not extended");
            }
        }
    }

    /// What another model did for the same answer, at its own price.
    fn other(&self, model: &str, classes: &[(&'static str, u64)]) -> AskedPart {
        let sold = self.shared.setup.sold_as(model);
        let mut dimensions = self.dimensions.clone();
        if let Some(sold) = sold {
            dimensions.extend(sold.clone());
        } else if let (Ok(name), Ok(model)) = (Name::new("model"), Label::new(model)) {
            dimensions.insert(name, model);
        }
        dimensions.retain(|name, _| self.knows.contains(name));
        let quantities = usage::quantities(&self.meters, classes);
        AskedPart { dimensions: Some(of_names(dimensions)), quantities }
    }

    /// What the use is priced by, if that is not what it was held by.
    fn turned_out(
        &self,
        target: usize,
        report: Option<&Report>,
        is_reported: bool,
    ) -> Option<BTreeMap<Name, Label>> {
        let model = self.sold()?;
        let served = model.targets.get(target);
        let mut dimensions = self.dimensions.clone();
        if let Some(served) = served.filter(|served| served.dimensions != model.dimensions) {
            let known = served.dimensions.clone().into_iter().filter(|(name, _)| self.knows.contains(name));
            dimensions.extend(known);
        }
        for name in &self.knows {
            let value = match name.as_str() {
                "usage" => Some(if is_reported { "reported" } else { "estimated" }),
                other => report.and_then(|report| report.dimension(other)),
            };
            if let Some(value) = value.and_then(|value| Label::new(value).ok()) {
                dimensions.insert(name.clone(), value);
            }
        }
        (dimensions != self.dimensions).then_some(dimensions)
    }

    /// What is learned from a call that was served as a whole.
    pub(crate) fn learn(&self, report: &Report, text: u64, pieces: u64) {
        if let Some(worth) = &self.worth {
            let seconds = report.seconds.map(|seconds| seconds.0);
            self.shared.rates.note(&self.model, worth.asked, pieces, report.output_tokens, seconds);
        }
        let Some(output_tokens) = report.output_tokens else { return };
        let (input_tokens, _) = usage::totals(&report.classes());
        let of = TurnedOut { input: self.text, input_tokens, text, output_tokens };
        self.shared.learned.note(&self.model, &self.account, of);
    }

    /// Says to the supply that its upstream served the call.
    pub(crate) fn feed_served(&self) {
        if let Some(lease) = &self.lease
            && let Err(e) = lease.feed(Answered::Served, Facts::default())
        {
            tracing::debug!(error = %e, "a supply was not told of an answer");
        }
    }
}

fn of_names(dimensions: BTreeMap<Name, Label>) -> Dimensions {
    dimensions.into_iter().map(|(name, value)| Dimension::new(name, value)).collect()
}

fn is_granted(answer: &Result<Answer, EngineError>) -> bool {
    matches!(answer, Ok(Answer { effect: Effect::Recorded(_), .. }))
}
