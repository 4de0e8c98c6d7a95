//! Erasing personal data from records without breaking the chain.
//!
//! An erased record keeps the chain hash that it had, so that everything after it still follows; a later record of the same
//! log has the digest of its present content, so that nobody can pass off an altered record as an erased one.
//! R1 names are replaced by pseudonyms that are the same throughout one erasure, so windows and caps of a member stay
//! apart (`an_erased_log_folds_and_reconciles`). R2 amounts, prices and instants never change.

use alloc::format;
use alloc::vec::Vec;

use super::{AbuseEvent, CycleEvent, Denials, Dimension, Effect, Erased, Event, Late, Record, Use};
use crate::record::{Label, Level, Name, Path, Segment, Settings};

/// The personal data to erase.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Segments of paths, such as `user:alice`.
    pub segments: Vec<Segment>,
    /// Dimensions, by name and value.
    pub dimensions: Vec<Dimension>,
    /// Random, thrown away afterwards: pseudonyms cannot be computed again.
    pub secret: [u8; 32],
}

impl Erasure {
    fn pseudonym(&self, kind: &str, text: &str) -> alloc::string::String {
        let hash = blake3::keyed_hash(&self.secret, format!("{kind}\0{text}").as_bytes());
        format!("erased-{}", hash.to_hex().get(..16).unwrap_or_default())
    }

    fn segment(&self, segment: &mut Segment) -> bool {
        let found = self.segments.contains(segment);
        if found && let Ok(name) = Name::new(&self.pseudonym(segment.level.as_str(), segment.name.as_str())) {
            segment.name = name;
        }
        found
    }

    fn key(&self, key: &mut Name) -> bool {
        let mut segment = Segment { level: Level::Key, name: key.clone() };
        let found = self.segment(&mut segment);
        *key = segment.name;
        found
    }

    fn path(&self, path: &mut Path) -> bool {
        path.segments_mut().iter_mut().fold(false, |any, segment| self.segment(segment) | any)
    }

    fn dimensions(&self, dimensions: &mut [Dimension]) -> bool {
        let mut any = false;
        for dimension in dimensions.iter_mut().filter(|d| self.dimensions.contains(d)) {
            if let Ok(value) = Label::new(&self.pseudonym(dimension.name.as_str(), dimension.value.as_str()))
            {
                dimension.value = value;
                any = true;
            }
        }
        any
    }

    fn usage(&self, usage: &mut Use) -> bool {
        let of_parts = usage.more.iter_mut().fold(false, |any, p| self.dimensions(&mut p.dimensions) | any);
        self.path(&mut usage.path) | self.dimensions(&mut usage.dimensions) | of_parts
    }

    fn settings(&self, settings: &mut Settings) -> bool {
        let any = settings.segments.iter_mut().fold(false, |any, s| self.segment(&mut s.segment) | any);
        settings.segments.sort_by(|a, b| a.segment.cmp(&b.segment));
        any
    }

    fn denials(&self, denials: &mut Denials) -> bool {
        denials.recent.iter_mut().fold(false, |any, d| self.usage(&mut d.usage) | any)
    }

    fn event(&self, event: &mut Event) -> bool {
        match event {
            Event::Opened(settings) | Event::Changed { settings, .. } => self.settings(settings),
            Event::Authorized { usage, .. } => self.usage(usage),
            Event::Extended { usage, progress, .. } => {
                let of_progress = progress.as_mut().is_some_and(|p| self.usage(p));
                self.usage(usage) | of_progress
            }
            Event::Settled { charge, .. }
            | Event::Expired { charge: Some(charge), .. }
            | Event::Charged { charge, .. }
            | Event::Corrected { charge, .. } => self.usage(&mut charge.usage),
            Event::Refunded { path, .. } => self.path(path),
            Event::Denied(denials) => self.denials(denials),
            Event::Late(Late::Quarantined(late)) => {
                let of_parts =
                    late.more.iter_mut().fold(false, |any, p| self.dimensions(&mut p.dimensions) | any);
                self.path(&mut late.path) | self.dimensions(&mut late.dimensions) | of_parts
            }
            Event::Cycle(cycle) => match &mut **cycle {
                CycleEvent::Redeemed { path, .. } | CycleEvent::PeriodsClosed { path, .. } => self.path(path),
                CycleEvent::PlanChanged(change) => self.settings(&mut change.settings),
                CycleEvent::RolledOver(_)
                | CycleEvent::Renewed { .. }
                | CycleEvent::Ended(_)
                | CycleEvent::Banked(_)
                | CycleEvent::PlanPlanned(_)
                | CycleEvent::PlanWithdrawn { .. }
                | CycleEvent::RenewalStopped { .. }
                | CycleEvent::OverrideEnded(_)
                | CycleEvent::OverrideRemoved { .. }
                | CycleEvent::IncreaseDenied { .. }
                | CycleEvent::SeatRemoved { .. }
                | CycleEvent::Paused(_)
                | CycleEvent::PauseEnded(_)
                | CycleEvent::Resumed { .. }
                | CycleEvent::InvoiceOpened(_)
                | CycleEvent::InvoiceClosed(_)
                | CycleEvent::InvoicePaid { .. }
                | CycleEvent::VolumeClosed(_) => false,
                CycleEvent::SeatSet(seat) => seat.member.as_mut().is_some_and(|member| self.segment(member)),
                CycleEvent::Overridden(terms) | CycleEvent::IncreaseAsked(terms) => {
                    self.path(&mut terms.path)
                }
            },
            Event::Abuse(abuse) => match &mut **abuse {
                AbuseEvent::Began(Effect { key: Some(key), .. })
                | AbuseEvent::Lifted { key: Some(key), .. } => self.key(key),
                AbuseEvent::Began(_)
                | AbuseEvent::Lifted { .. }
                | AbuseEvent::Disputed(_)
                | AbuseEvent::FreeGrant { .. } => false,
            },
            Event::Released(_)
            | Event::Expired { charge: None, .. }
            | Event::Granted
            | Event::GrantExpired(_)
            | Event::Voided { .. }
            | Event::Adjusted { .. }
            | Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Late(Late::Discarded { .. })
            | Event::Alert(_)
            | Event::Server(_)
            | Event::Erased { .. } => false,
        }
    }

    /// Erases from a record whose chain hash is known; returns its new digest if anything was erased.
    pub fn erase(&self, record: &mut Record, hash: [u8; 32]) -> Option<Erased> {
        if !self.event(&mut record.event) {
            return None;
        }
        record.erased = Some(hash.into());
        Some(Erased::of(record))
    }
}

impl Erased {
    /// A record that has been erased, as it stands.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self { seq: record.seq, digest: *blake3::hash(&record.to_bytes()).as_bytes() }
    }
}
