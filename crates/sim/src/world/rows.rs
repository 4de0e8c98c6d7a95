//! A file of events that is being imported.

use std::collections::BTreeSet;

use headworks_engine::{Answer, EngineError};

use crate::op::Op;

/// A file, and its rows noted as answered.
#[derive(Default)]
pub(super) struct Import {
    pub(super) rows: Vec<Op>,
    noted: BTreeSet<u64>,
    pub(super) refused: BTreeSet<u64>,
}

impl Import {
    pub(super) fn of(rows: Vec<Op>) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Whether every row is answered.
    pub(super) fn is_done(&self) -> bool {
        self.left().next().is_none()
    }

    /// The rows without an answer.
    pub(super) fn left(&self) -> impl Iterator<Item = &Op> {
        self.rows.iter().filter(|row| !self.noted.contains(&row.key))
    }

    /// The process ends; its notes may be lost.
    pub(super) fn begin_again(&mut self, is_lost: bool) {
        if is_lost {
            self.noted.clear();
        }
    }

    pub(super) fn answered(&mut self, op: &Op, answer: &Result<Answer, EngineError>) {
        if !self.rows.contains(op) {
            return;
        }
        match answer {
            Ok(_) => {
                self.noted.insert(op.key);
            }
            Err(EngineError::Refused(_)) => {
                self.noted.insert(op.key);
                self.refused.insert(op.key);
            }
            Err(_) => {}
        }
    }
}
