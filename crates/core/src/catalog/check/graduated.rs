//! Graduated prices: steps that rise, volumes whose prices agree on their periods.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::cell::RefCell;

use super::walk::Check;
use super::windows::calendar;
use crate::catalog::graduated::Ladder;
use crate::catalog::source::{Anchor, FeatureSource, GraduatedSource, PriceSource};
use crate::record::{Name, Periods, Price, PriceStep};

/// The most prices above the first.
const STEPS_MAX: usize = 32;
/// The most volumes of a catalog: an account keeps the use of each.
const VOLUMES_MAX: usize = 64;

/// What the prices that count in a volume agree on.
#[derive(PartialEq, Eq)]
struct Shared<'a> {
    every: Periods,
    zone: Option<&'a str>,
    anchor: Option<Anchor>,
    unit: Option<&'a Name>,
}

/// The volumes of a catalog so far.
#[derive(Default)]
pub(super) struct Volumes<'a>(RefCell<BTreeMap<Name, Shared<'a>>>);

/// The prices above the first of a meter, if the price has any.
pub(super) fn ladder<'a>(
    (name, feature): (&'a Name, &'a FeatureSource),
    (source, meter): (&'a PriceSource, &'a Name),
    volumes: &Volumes<'a>,
    check: &mut Check<'a>,
) -> Option<Arc<Ladder>> {
    let of: &'a GraduatedSource = source.graduated.get(meter)?;
    check.key("graduated", |c| {
        c.key(meter.as_str(), |c| {
            let steps = c.key("steps", |c| steps(of, source.per.unwrap_or(1), c));
            let own = || Name::new(&alloc::format!("{name}.{meter}")).ok();
            let Some(volume) = of.volume.clone().or_else(own) else {
                let what = "the names of feature and meter together are too long for the name of a volume";
                c.wrong(what, "write volume = \"…\"");
                return None;
            };
            let shared = Shared {
                every: of.every,
                zone: of.zone.as_deref(),
                anchor: of.anchor,
                unit: feature.credit_unit.as_ref(),
            };
            if of.every == Periods::Manual {
                c.wrong_at(
                    "every",
                    "periods of a volume are not closed by hand",
                    "write a calendar unit, or life",
                );
            }
            let known = &mut *volumes.0.borrow_mut();
            let count = known.len();
            match known.get(&volume) {
                Some(other) if *other != shared => {
                    let what = format_args!(
                        "another price counts in `{volume}` by other periods, or in another unit of credits"
                    );
                    c.wrong(what, "write the same every, zone and anchor, or a `volume` of its own");
                }
                None if count == VOLUMES_MAX => {
                    let what = format_args!("a catalog has at most {VOLUMES_MAX} volumes");
                    c.wrong(what, "let several prices count in one `volume`");
                    return None;
                }
                None => {
                    known.insert(volume.clone(), shared);
                }
                Some(_) => {}
            }
            let calendar = calendar(of.every, of.zone.as_ref(), of.anchor, c)?;
            Some(Arc::new(Ladder { volume, calendar, steps }))
        })
    })
}

fn steps<'a>(of: &'a GraduatedSource, per: u64, check: &mut Check<'a>) -> alloc::vec::Vec<PriceStep> {
    if of.steps.is_empty() || of.steps.len() > STEPS_MAX {
        let what = format_args!("from 1 to {STEPS_MAX} steps are possible");
        check.wrong(what, "write for example steps = [{ above = 1_000_000, credits = \"8\" }]");
    }
    if !of.steps.is_sorted_by(|a, b| a.above < b.above)
        || of.steps.first().is_some_and(|step| step.above == 0)
    {
        let fix =
            "write the smallest first, each once, above zero; `credits` has the price of the first units";
        check.wrong("the positions do not rise from 1", fix);
    }
    let one = |(i, step): (usize, &'a crate::catalog::source::PriceStepSource)| {
        let text = step.credits.0.as_str();
        let price = Price::for_units(text, per).unwrap_or_else(|e| {
            check.item(i, |c| {
                c.wrong_at("credits", format_args!("`{text}` for {per} units is not a price"), e);
            });
            Price::default()
        });
        PriceStep { above: step.above, nano: price.nano() }
    };
    of.steps.iter().take(STEPS_MAX).enumerate().map(one).collect()
}
