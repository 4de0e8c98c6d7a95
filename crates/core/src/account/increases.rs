//! Requests for higher limits, and their answers.

use alloc::string::String;
use alloc::vec::Vec;

use super::rare::{Answer, INCREASES_MAX, Increase};
use super::state::Account;
use crate::record::{Label, Override, Record, Seq};

impl Account {
    /// A request for a higher limit, by its name.
    pub(crate) fn increase(&self, id: Seq) -> Option<&Increase> {
        self.rare().increases.iter().find(|increase| increase.id == id)
    }

    /// How many requests for higher limits wait for an answer.
    pub(crate) fn increases_waiting(&self) -> usize {
        self.rare().increases.iter().filter(|increase| increase.answer.is_none()).count()
    }

    pub(super) fn ask_increase(&mut self, record: &Record, terms: &Override) {
        self.rare_mut().increases.push(Increase {
            id: record.seq,
            terms: terms.clone(),
            asked_by: record.actor.clone(),
            asked_at: record.recorded_at,
            answer: None,
        });
    }

    pub(super) fn answer_increase(
        &mut self,
        record: &Record,
        asked: Seq,
        approved: bool,
        reason: Option<&Label>,
    ) -> Result<(), String> {
        let all = &mut self.rare_mut().increases;
        let waiting = all.iter_mut().find(|increase| increase.id == asked && increase.answer.is_none());
        waiting.ok_or("no such request for a higher limit waits")?.answer = Some(Answer {
            by: record.seq,
            approved,
            answered_by: record.actor.clone(),
            at: record.recorded_at,
            reason: reason.cloned(),
        });
        // The oldest answer is forgotten; the log still has it.
        let answers: Vec<(Seq, Seq)> =
            all.iter().filter_map(|i| i.answer.as_ref().map(|answer| (answer.by, i.id))).collect();
        if answers.len() > INCREASES_MAX
            && let Some((_, oldest)) = answers.iter().min()
        {
            all.retain(|increase| increase.id != *oldest);
        }
        Ok(())
    }
}
