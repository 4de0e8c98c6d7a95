//! Commands that use something: authorize, extend, settle, release, record.

use std::collections::BTreeMap;

use headworks_core::command::{Command, Extend};
use headworks_core::record::{Dimension, HoldId, Label, Name};
use headworks_core::waterfall::{Authorize, Minimum, Request};

use super::{Malformed, invalid};
use crate::quantities::{Quantities, pairs};
use crate::reference::Reference;
use crate::requests::{
    AuthorizeRequest, ExtendRequest, RecordRequest, ReleaseRequest, Settle, SettleRequest,
};

fn minimum(min: Option<&Quantities>) -> Result<Option<Minimum>, Malformed> {
    let Some(min) = min else { return Ok(None) };
    let mut meters = min.iter();
    match (meters.next(), meters.next()) {
        (Some((meter, quantity)), None) => Ok(Some(Minimum { meter: meter.clone(), quantity: *quantity })),
        _ => invalid("`min` names exactly one meter: the one that may shrink"),
    }
}

pub(super) fn dimensions(named: &BTreeMap<Name, Label>) -> impl Iterator<Item = Dimension> {
    named.iter().map(|(name, value)| Dimension::new(name.clone(), value.clone()))
}

fn hold(reference: &Reference) -> Result<HoldId, Malformed> {
    match reference {
        Reference::Record(_, seq) => Ok(HoldId(*seq)),
        Reference::Denial(..) => Err(Malformed::UnknownHold("a denial opens no hold".to_owned())),
    }
}

impl AuthorizeRequest {
    /// The request as the core takes it.
    ///
    /// # Errors
    /// When `min` names several meters, or none.
    pub fn authorize(&self) -> Result<Authorize, Malformed> {
        Ok(Authorize {
            request: Request {
                path: self.path.clone(),
                dimensions: dimensions(&self.dimensions).collect(),
                consented: self.consent,
                ..Request::new(self.feature.clone(), pairs(&self.quantities))
            },
            minimum: minimum(self.min.as_ref())?,
            life: self.life,
            settle_now: self.settle == Settle::Now,
        })
    }
}

impl ExtendRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When it names no hold, or `min` names several meters.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Extend(Extend {
            hold: hold(&self.hold)?,
            quantities: pairs(&self.quantities),
            minimum: minimum(self.min.as_ref())?,
            life: self.life,
            progress: self.progress.as_ref().map(pairs),
            consented: self.consent,
        }))
    }
}

impl SettleRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When it names no hold.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Settle {
            hold: hold(&self.hold)?,
            quantities: pairs(&self.quantities),
            dimensions: self.dimensions.as_ref().map(|named| dimensions(named).collect()),
        })
    }
}

impl ReleaseRequest {
    /// The command of this request.
    ///
    /// # Errors
    /// When it names no hold.
    pub fn command(&self) -> Result<Command, Malformed> {
        Ok(Command::Release { hold: hold(&self.hold)? })
    }
}

impl RecordRequest {
    /// The command of this request.
    #[must_use]
    pub fn command(&self) -> Command {
        let request = Request {
            path: self.path.clone(),
            dimensions: dimensions(&self.dimensions).collect(),
            consented: self.consent,
            ..Request::new(self.feature.clone(), pairs(&self.quantities))
        };
        Command::Record { request, at: self.effective_at }
    }
}
