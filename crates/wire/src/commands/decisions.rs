//! Commands that use something: authorize, extend, settle, release, record.

use std::collections::BTreeMap;

use headworks_core::command::{Command, Extend};
use headworks_core::record::{Dimension, Dimensions, HoldId, Label, Name, PARTS_MAX};
use headworks_core::waterfall::{AskedPart, Authorize, Minimum, Request};

use super::{Malformed, invalid};
use crate::few::Few;
use crate::quantities::{Quantities, pairs};
use crate::reference::Reference;
use crate::requests::{
    AuthorizeRequest, ExtendRequest, PartRequest, RecordRequest, ReleaseRequest, Settle, SettleRequest,
};

fn minimum(min: Option<&Quantities>) -> Result<Option<Minimum>, Malformed> {
    let Some(min) = min else { return Ok(None) };
    let mut meters = min.iter();
    match (meters.next(), meters.next()) {
        (Some((meter, quantity)), None) => Ok(Some(Minimum { meter: meter.clone(), quantity: *quantity })),
        _ => invalid("`min` names exactly one meter: the one that may shrink"),
    }
}

fn dimensions(named: &BTreeMap<Name, Label>) -> impl Iterator<Item = Dimension> {
    named.iter().map(|(name, value)| Dimension::new(name.clone(), value.clone()))
}

/// The first part of a use and those after it, as a request names them: in `parts`, or the one in its own fields.
pub(super) struct Named {
    pub(super) dimensions: Option<Dimensions>,
    pub(super) quantities: headworks_core::waterfall::Quantities,
    pub(super) more: Vec<AskedPart>,
    /// They are in `parts`.
    pub(super) has_parts: bool,
}

pub(super) fn named(
    own: Option<&BTreeMap<Name, Label>>,
    quantities: &Quantities,
    parts: Option<&Few<PartRequest, PARTS_MAX>>,
) -> Result<Named, Malformed> {
    let dimensions = |named: &BTreeMap<Name, Label>| dimensions(named).collect::<Dimensions>();
    let Some(Few(parts)) = parts else {
        let (dimensions, quantities) = (own.map(dimensions), pairs(quantities));
        return Ok(Named { dimensions, quantities, more: Vec::new(), has_parts: false });
    };
    if own.is_some_and(|own| !own.is_empty()) || !quantities.is_empty() {
        return invalid("`parts` stands instead of `dimensions` and `quantities`; name these in each part");
    }
    let asked = |part: &PartRequest| AskedPart {
        dimensions: part.dimensions.as_ref().map(dimensions),
        quantities: pairs(&part.quantities),
    };
    let mut parts = parts.iter().map(asked);
    let Some(AskedPart { dimensions, quantities }) = parts.next() else {
        return invalid("`parts` is empty; name at least one, or leave it out");
    };
    Ok(Named { dimensions, quantities, more: parts.collect(), has_parts: true })
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
        let Named { dimensions, quantities, more, .. } =
            named(Some(&self.dimensions), &self.quantities, self.parts.as_ref())?;
        Ok(Authorize {
            request: Request {
                path: self.path.clone(),
                dimensions: dimensions.unwrap_or_default(),
                consented: self.consent,
                more,
                ..Request::new(self.feature.clone(), quantities)
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
        let Named { dimensions, quantities, more, .. } = named(None, &self.quantities, self.parts.as_ref())?;
        if dimensions.is_some() {
            return invalid("the first part of an extension is that of its hold; name no dimensions in it");
        }
        Ok(Command::Extend(Extend {
            hold: hold(&self.hold)?,
            quantities,
            more,
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
        let Named { dimensions, quantities, more, .. } =
            named(self.dimensions.as_ref(), &self.quantities, self.parts.as_ref())?;
        Ok(Command::Settle { hold: hold(&self.hold)?, quantities, dimensions, more })
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
    ///
    /// # Errors
    /// When it names parts and quantities beside them.
    pub fn command(&self) -> Result<Command, Malformed> {
        let Named { dimensions, quantities, more, .. } =
            named(Some(&self.dimensions), &self.quantities, self.parts.as_ref())?;
        let request = Request {
            path: self.path.clone(),
            dimensions: dimensions.unwrap_or_default(),
            consented: self.consent,
            more,
            ..Request::new(self.feature.clone(), quantities)
        };
        Ok(Command::Record { request, at: self.effective_at })
    }
}
