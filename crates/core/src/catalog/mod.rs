//! The catalog: the operator's policy, compiled so that a decision looks up and never searches.
//!
//! Never changes in place: a reload replaces it as a whole or not at all.
//! C1 every name a catalog uses is defined in it, every price exact (`problems_name_line_and_fix`,
//! `a_meter_that_leaves_other_prices_open_is_refused`).

mod abuse;
mod changes;
mod check;
mod counted;
mod derived;
mod feature;
mod graduated;
mod growth;
mod named;
mod names;
mod nearest;
mod places;
mod plan;
mod policy;
mod problems;
mod seats;
mod share;
pub mod source;
mod supplies;
mod text;
mod told;
mod work;

pub use abuse::{Mode, Rules, TierTerms};
pub use changes::changes;
pub(crate) use feature::Prices;
pub use feature::{Feature, NoPrice};
pub(crate) use graduated::{FREE, Ladder, MeterPrice};
pub use nearest::{Unmatched, nearest};
pub use plan::Plan;
pub(crate) use plan::{
    Categories, Count, FACTOR_MAX, Guard, Layer, PRICE_FACTOR, Pool, Program, WindowTerms,
};
pub use policy::Catalog;
pub use problems::{ParseError, Problem, Problems};
pub use supplies::{COST_MAX, ClassTerms, Formula, Learn, SupplyDimension, SupplyTerms, WAIT_MAX, changed};
pub use text::{Format, TEXT_LEN_MAX};
pub use told::Told;
