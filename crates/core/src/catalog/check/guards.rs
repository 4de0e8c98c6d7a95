//! Guards: the units they count, and their features.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::draft::Draft;
use super::walk::Check;
use super::windows::window;
use crate::catalog::abuse::Mode;
use crate::catalog::feature::Feature;
use crate::catalog::names::is_requests;
use crate::catalog::plan::{Count, Guard, WindowTerms};
use crate::catalog::share::Share;
use crate::catalog::source::{CapCounts, GuardSource, OneOrSeveral, WindowSource};
use crate::record::{Levels, Name, Unit, own_unit};

/// The most values of one dimension of a guard.
const VALUES_MAX: usize = 1_000;

/// Puts a guard into the programs of the features it counts.
pub(super) fn add_guard<'a>(shape: &'a GuardSource, draft: &mut Draft<'_>, check: &mut Check<'a>) {
    let features = draft.scope(shape.features.as_ref(), check);
    let window = check.key("window", |c| window(&shape.window, &Unit::Requests, c));
    let count = count(shape, &features, check);
    let Some(window) = window else { return };
    let features = capped(&shape.window, features, check);
    check_recorded(&window, &features, check);
    let level = shape.per.unwrap_or(Levels::ACCOUNT);
    if !features.is_empty() {
        draft.add_window(&shape.name, level, &window);
    }
    let enforced_for = enforced_for(shape.mode, shape.accounts_percent, check);
    let when = when(shape, &features, check);
    if shape.mode == Some(Mode::Off) {
        return;
    }
    let guard = Arc::new(Guard { name: shape.name.clone(), level, count, window, when, enforced_for });
    let work = check.work();
    for feature in work.each(features) {
        draft.add_guard(feature, &guard);
    }
}

/// The percentage of accounts that a guard is enforced for.
pub(super) fn enforced_for(mode: Option<Mode>, percent: Option<u8>, check: &mut Check<'_>) -> Share {
    let is_written = percent.is_some();
    let percent = percent.unwrap_or(100);
    if percent > 100 {
        check.wrong_at("accounts_percent", "more than every account", "write 0 to 100");
    }
    match mode {
        Some(Mode::Observe | Mode::Off) => {
            if is_written {
                let what = "what is not enforced is enforced for no share of the accounts";
                check.wrong_at("accounts_percent", what, "remove it, or write mode = \"enforce\"");
            }
            Share::NONE
        }
        Some(Mode::Enforce) | None => Share::percent(percent),
    }
}

/// The dimensions that a guard is about, with their values in order.
fn when<'a>(
    shape: &'a GuardSource,
    features: &[&Feature],
    check: &mut Check<'a>,
) -> Vec<(Name, Vec<String>)> {
    check.key("when", |c| {
        let one = |(name, values): (&'a Name, &'a OneOrSeveral<String>)| {
            if !features.is_empty() && !features.iter().any(|feature| feature.has_dimension(name)) {
                let what = format_args!("no feature of the guard has the dimension `{name}`");
                c.wrong_at(name.as_str(), what, "name one that prices depend on, or list it in the feature");
            }
            let mut values = values.all().to_vec();
            if values.is_empty() || values.len() > VALUES_MAX {
                let what = format_args!("{} values, from 1 to {VALUES_MAX} are possible", values.len());
                c.wrong_at(name.as_str(), what, "list the values that the guard is about");
            }
            values.sort_unstable();
            values.dedup();
            (name.clone(), values)
        };
        shape.when.iter().map(one).collect()
    })
}

/// A cap counts one unit of credits: features priced in another do not pass it. Other guards count them all.
fn capped<'f>(window: &WindowSource, features: Vec<&'f Feature>, check: &mut Check<'_>) -> Vec<&'f Feature> {
    let unit = match window {
        WindowSource::SpendCap { unit, .. } => own_unit(unit.as_ref()),
        WindowSource::Rate { .. }
        | WindowSource::Sliding { .. }
        | WindowSource::Fixed { .. }
        | WindowSource::FirstUse { .. }
        | WindowSource::Growth { .. }
        | WindowSource::Size { .. }
        | WindowSource::Concurrency { .. } => return features,
    };
    let is_empty = features.is_empty();
    let priced: Vec<_> = features.into_iter().filter(|f| f.credit_unit.as_ref() == unit).collect();
    if !is_empty && priced.is_empty() {
        check.wrong(
            "no feature of the cap is priced in its unit of credits",
            "write the features' credit_unit as its `unit`",
        );
    }
    priced
}

/// Features that are not recorded have no windows that must survive a restart.
fn check_recorded<'a>(window: &WindowTerms, features: &[&Feature], check: &mut Check<'a>) {
    if matches!(window, WindowTerms::Free(terms) if terms.is_volatile()) {
        return;
    }
    for feature in features.iter().filter(|f| !f.ledger) {
        check.wrong(
            format_args!(
                "feature `{}` is not recorded, so only windows of at most 60 s can guard it",
                feature.name
            ),
            "shorten the window, or list the guard's features without it",
        );
    }
}

fn count<'a>(shape: &'a GuardSource, features: &[&Feature], check: &mut Check<'a>) -> Count {
    let (always, word) = match shape.window {
        WindowSource::Concurrency { .. } => (Count::Slot, "open holds"),
        WindowSource::SpendCap { counts: CapCounts::Credits, .. } => (Count::Spend, "credits"),
        WindowSource::SpendCap { counts: CapCounts::Price, .. } => (Count::Price, "the price"),
        WindowSource::Size { .. } => return size(shape.count.as_ref(), features, check),
        WindowSource::Rate { .. }
        | WindowSource::Sliding { .. }
        | WindowSource::Fixed { .. }
        | WindowSource::Growth { .. }
        | WindowSource::FirstUse { .. } => return written_count(shape.count.as_ref(), features, check),
    };
    if shape.count.is_some() {
        let what = format_args!("this window always counts {word}");
        check.wrong_at("count", what, "remove `count`");
    }
    always
}

fn size<'a>(count: Option<&'a OneOrSeveral<Name>>, features: &[&Feature], check: &mut Check<'a>) -> Count {
    let counted = written_count(count, features, check);
    if let Count::Meters(meters) = counted {
        return Count::Size(meters);
    }
    check.wrong("the size of a request is counted in meters", "write `count` with a meter, or several");
    counted
}

fn written_count<'a>(
    count: Option<&'a OneOrSeveral<Name>>,
    features: &[&Feature],
    check: &mut Check<'a>,
) -> Count {
    let meters: SmallVec<[Name; 1]> = match count {
        None => return Count::Requests,
        Some(OneOrSeveral::One(one)) if is_requests(one) => return Count::Requests,
        Some(OneOrSeveral::One(one)) => [one.clone()].into_iter().collect(),
        Some(OneOrSeveral::Several(list)) => list.iter().cloned().collect(),
    };
    check.key("count", |c| {
        if meters.is_empty() {
            c.wrong("counts nothing", "write requests or a meter");
        }
        let mut unknown: SmallVec<[&Name; 1]> = meters.iter().collect();
        for feature in features {
            unknown.retain(|meter| !feature.meters.contains(meter));
        }
        for meter in unknown {
            c.wrong(
                format_args!("no feature of the guard has the meter `{meter}`"),
                "write count = \"requests\", or a list of their meters",
            );
        }
    });
    Count::Meters(meters)
}
