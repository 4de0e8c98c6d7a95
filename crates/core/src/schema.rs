//! The schemas of values that are written as text, for documents that describe the API and the catalog.

extern crate std;

use alloc::string::String;

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};

use crate::catalog::source::Decimal;
use crate::record::{
    Credits, CreditsByUnit, ID_LEN_MAX, Id, Instant, Label, Level, Levels, NAME_LEN_MAX, Name, Path, Periods,
    Segment, Span,
};

/// A text with a description, an example and bounds.
#[must_use]
pub fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .examples([serde_json::Value::from(example)])
}

/// Gives a type this schema under its own name.
#[macro_export]
macro_rules! text_schema {
    ($type:ident, $schema:expr) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }
        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($type))
            }
        }
    };
}

/// A name as the key of a map.
#[must_use]
pub fn key(what: &str, example: &str) -> ObjectBuilder {
    text(what, example).pattern(Some(r"^[A-Za-z0-9_][A-Za-z0-9._:@+-]{0,127}$"))
}

/// What ids do not have, as the inside of a class of characters. Those beyond U+FFFF and unassigned ones are left to the description.
const UNSEEN: &str = r"\u0000-\u001F\u007F-\u00A0\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uE000-\uF8FF\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\uFFFE\uFFFF";

/// The pattern of an id that does not begin with one of `not_first`, between two other patterns.
#[must_use]
pub fn id_pattern(before: &str, not_first: &str, after: &str) -> String {
    let rest = alloc::format!("([^{UNSEEN}]*[^{UNSEEN} ])");
    let one_dot = alloc::format!(r"\.([^{UNSEEN} .]|[^{UNSEEN}.]{rest})");
    alloc::format!(r"{before}([^{UNSEEN} .{not_first}]{rest}?|{one_dot}|\.\.{rest}){after}")
}

/// The rule of ids in words.
pub const ID_RULE: &str = "Printable UTF-8 of at most 256 bytes in NFC, which it is put in. Refused: control, invisible, directing, \
     private-use and unassigned characters, blanks other than the space, a space at either end, `.` and `..`.";

text_schema!(
    Id,
    text(ID_RULE, "auth0|5f7c")
        .pattern(Some(id_pattern("^", "", "$")))
        .min_length(Some(1))
        .max_length(Some(ID_LEN_MAX))
);
text_schema!(
    Name,
    text("An identifier: letters, digits and . _ : @ + -, beginning with a letter, a digit or _.", "acme")
        .pattern(Some(r"^[A-Za-z0-9_][A-Za-z0-9._:@+-]*$"))
        .min_length(Some(1))
        .max_length(Some(NAME_LEN_MAX))
);
text_schema!(
    Label,
    text("Printable text of at most 128 bytes.", "meta/llama-3")
        .pattern(Some(r"^[^\u0000-\u001F\u007F-\u009F]+$"))
        .min_length(Some(1))
        .max_length(Some(NAME_LEN_MAX))
);
text_schema!(
    Credits,
    text("Credits as an exact decimal with up to nine places.", "12.5")
        .pattern(Some(r"^-?([0-9]{1,9}|[0-8][0-9]{9}|9[01][0-9]{8})(\.[0-9]{1,9})?$"))
);
text_schema!(
    Instant,
    text("An instant of RFC 3339.", "2026-06-01T12:00:00Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
text_schema!(
    Span,
    text("A duration: 30s, 5h, 7d, 1m 30s or PT5H; at most 100 years.", "5h").pattern(Some(span_pattern()))
);
text_schema!(
    Path,
    OneOfBuilder::new()
        .description(Some(
            "A place inside an account: organization, cost center, team, user, seat, key and session, in this order, each at most once; as \
             a text or as a list. The server answers with a list where a name has a slash, which separates the segments of a text."
        ))
        .item(
            text("The segments, separated by slashes.", "team:research/user:alice").pattern(Some(path_pattern()))
        )
        .item(
            ArrayBuilder::new()
                .items(<Segment as utoipa::PartialSchema>::schema())
                .max_items(Some(Level::BELOW_ACCOUNT.len()))
                .examples([serde_json::json!(["team:org/acme", "user:alice"])])
        )
);
text_schema!(
    Levels,
    OneOfBuilder::new()
        .description(Some("A level of the path, or several together, with one counter for each combination of their members."))
        .item(<Level as utoipa::PartialSchema>::schema())
        .item(
            ArrayBuilder::new()
                .items(
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .enum_values(Some(Level::BELOW_ACCOUNT.map(Level::as_str)))
                )
                .min_items(Some(1))
                .max_items(Some(Level::BELOW_ACCOUNT.len()))
                .unique_items(true)
                .examples([serde_json::json!(["team", "user"])])
        )
);
text_schema!(
    Segment,
    text(
        "A place in a path: its level, and an id of at most 256 bytes in NFC by the rule of accounts.",
        "team:research"
    )
    .pattern(Some(id_pattern(
        &alloc::format!("^({}):", Level::BELOW_ACCOUNT.map(Level::as_str).join("|")),
        "",
        "$"
    )))
);
text_schema!(
    Decimal,
    OneOfBuilder::new()
        .description(Some("An exact decimal in quotes, or a whole number."))
        .item(text("An exact decimal.", "1.25").pattern(Some(r"^[0-9]{1,18}(\.[0-9]{1,18})?$")))
        .item(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)))
);
text_schema!(
    Periods,
    text(
        "hour (UTC), day, week (from Monday), month, quarter, year, or several such as `2 weeks`; `life` never ends, `manual` when it is closed.",
        "month"
    )
    .pattern(Some("^(hour|day|week|month|quarter|year|life|manual|([2-9]|[1-9][0-9]{1,2}|1000) (hours|days|weeks|months|years))$"))
);
text_schema!(
    CreditsByUnit,
    OneOfBuilder::new()
        .description(Some(
            "Credits by unit. One figure is in the unit that all features are priced in, or in `credits` if there are several."
        ))
        .item(cap())
        .item(
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .property_names(Some(key("A unit", "usd")))
                .additional_properties(Some(cap()))
                .examples([serde_json::json!({"usd": "40"})])
        )
);

/// Credits that something is limited to.
fn cap() -> ObjectBuilder {
    text("Credits as an exact decimal with up to nine places, from 0.", "12.5")
        .pattern(Some(r"^([0-9]{1,9}|[0-8][0-9]{9}|9[01][0-9]{8})(\.[0-9]{1,9})?$"))
}

/// Segments in the order of their levels, each at most once.
fn path_pattern() -> String {
    let levels = Level::BELOW_ACCOUNT.map(Level::as_str);
    let beginning_with = |(at, first): (usize, &&str)| {
        let rest = levels[at + 1..].iter().fold(String::new(), |all, level| all + "(/" + level + ":N)?");
        alloc::format!("|^{first}:N{rest}$")
    };
    let all: String = levels.iter().enumerate().map(beginning_with).collect();
    alloc::format!("^${all}").replace('N', &alloc::format!("[^{UNSEEN}/]+"))
}

/// Each unit at most once, the largest first; or the form of ISO 8601.
fn span_pattern() -> String {
    let units = ["d", "h", "m", "s", "ms", "µs"];
    let beginning_with = |at: usize| {
        let rest = units[at + 1..].iter().fold(String::new(), |all, unit| all + "( [0-9]{1,3}" + unit + ")?");
        alloc::format!("^[0-9]{{1,4}}{}{rest}$|", units[at])
    };
    (0..units.len()).fold(String::new(), |all, at| all + &beginning_with(at)) + "^36500d$|^PT[0-9]{1,4}[HMS]$"
}
