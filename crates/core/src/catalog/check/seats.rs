//! Seats of a plan: each figure is of a limit that counts for one member.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use super::walk::Check;
use crate::catalog::plan::{Plan, Seats, WindowTerms};
use crate::catalog::source::SeatsSource;
use crate::record::{Figure, Level, Name, Terms};

/// Most types of seats of a plan.
const KINDS_MAX: usize = 64;

pub(super) fn seats<'a>(shape: &'a SeatsSource, plan: &Plan, check: &mut Check<'a>) -> Seats {
    let mut kinds = BTreeMap::new();
    check.key("types", |c| {
        if shape.types.len() > KINDS_MAX {
            let what = format_args!("{} types, at most {KINDS_MAX} are possible", shape.types.len());
            return c.wrong(what, "remove some");
        }
        let work = c.work();
        for (kind, limits) in work.each(&shape.types) {
            let mut figures = BTreeMap::new();
            c.key(kind.as_str(), |c| {
                for (limit, figure) in work.each(limits) {
                    c.key(limit.as_str(), |c| {
                        if let Some(figure) = figure_of(plan, limit, &figure.0, c) {
                            figures.insert(limit.clone(), figure);
                        }
                    });
                }
            });
            kinds.insert(kind.clone(), figures);
        }
    });
    Seats { required: shape.required, kinds }
}

/// A figure of a type of seats, as a number and as written.
fn figure_of(plan: &Plan, limit: &Name, text: &str, check: &mut Check<'_>) -> Option<(i64, String)> {
    let Some((is_credits, window)) = plan.limit(limit) else {
        check.wrong(
            format_args!("the plan has no limit `{limit}`"),
            "write a guard, `allowance.window` or a pool of the plan",
        );
        return None;
    };
    if plan.counts_for(limit).is_none_or(|levels| levels.innermost() < Level::User) {
        check.wrong(
            format_args!(
                "`{limit}` is not the limit of one member, so seats of several types would share it"
            ),
            "name a limit that counts per user, seat, key or session",
        );
        return None;
    }
    let Some(figure) = Figure::written(text, is_credits) else {
        let fix =
            if is_credits { "write credits such as \"160\"" } else { "write a whole number such as 100" };
        check.wrong(format_args!("`{text}` is no figure of `{limit}`"), fix);
        return None;
    };
    if let Some(WindowTerms::Free(terms)) = window {
        let terms = Figure::Limit(figure).on(*terms);
        if matches!(terms, Terms::Rate { limit: 0, .. }) || !terms.is_exact() {
            check.wrong(
                format_args!("`{text}` is no rate that can be counted exactly"),
                "a rate is above zero, and limit × period small enough to count exactly",
            );
            return None;
        }
    }
    Some((figure, text.to_string()))
}
