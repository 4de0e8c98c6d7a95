//! Records that no command caused: the shadow has done the same by itself, and what refers to one finds the other.

use super::Shadow;
use super::counterparts::{closes, crossing, expiry_to_know, invoice};
use crate::command::Draft;
use crate::life;
use crate::record::{Event, GrantId, Record, Seq};

impl Shadow<'_> {
    /// A command that ends a hold, or makes it larger, has been run, or it has expired: with the last of them the hold is
    /// forgotten, and its end unless `record` is known by it.
    pub(super) fn release(&mut self, hold: Seq, record: Seq) {
        let Some(left) = self.wanted.get_mut(&hold) else { return };
        *left -= 1;
        if *left == 0 {
            self.wanted.remove(&hold);
            let end = self.numbers.remove(&hold).flatten().and_then(|own| self.kept.forget_hold(own));
            if let Some(end) = end.filter(|end| self.number(record) != Some(*end)) {
                self.forget(end);
            }
        }
    }

    fn forget(&mut self, own: Seq) {
        self.kept.forget(own);
        self.anew.forget(own);
    }

    /// A record that no command caused. The shadow has crossed the same boundaries by itself, and its holds have expired; it takes
    /// over observations of the engine; the rest moves nothing.
    pub(super) fn follow(&mut self, record: &Record) {
        if let Some((schedule, renews)) = crossing(&record.event) {
            let own = self.number(schedule.0);
            let own = own.and_then(|id| self.crossed.get(&(GrantId(id), record.effective_at, renews)));
            let own = own.copied();
            self.numbers.insert(record.seq, own);
        } else if let Some(invoice) = invoice(record) {
            self.numbers.insert(record.seq, self.invoices.get(&invoice).copied());
        } else if let Some(hold) = expiry_to_know(record) {
            let own = self.number(hold.0).and_then(|own| self.kept.expiry(own));
            self.numbered(record, own);
            self.release(hold.0, record.seq);
        } else if let Some(close) = closes(record) {
            let own = self.closes.remove(&close);
            self.numbered(record, own);
            if let Some(own) = own.filter(|own| self.number(record.seq) != Some(*own)) {
                self.forget(own);
            }
        } else if matches!(record.event, Event::Abuse(_)) && !life::wrote(&record.event) {
            self.append(Draft::new(record.event.clone()), record.recorded_at, false);
        }
    }
}
