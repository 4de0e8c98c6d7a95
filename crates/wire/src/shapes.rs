//! Schemas of values that a request takes only in part: every rule that refuses them and that JSON Schema can state.
//!
//! Markers for the document alone: they are named where a field's own type admits more.

use headworks_core::record::{ID_LEN_MAX, Instant, Label};
use headworks_core::schema::{ID_RULE, id_pattern, key, text};
use headworks_core::text_schema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};

/// The kinds that are sent if a webhook names none: those that people should hear about.
pub const ALERTS: [&str; 18] = [
    "balance.low",
    "balance.empty",
    "balance.recovered",
    "hold.expired",
    "overshoot.refunded",
    "limit.warning",
    "key.warning",
    "increase.asked",
    "invoice.closed",
    "top_up.asked",
    "top_up.failed",
    "catalog.changed",
    "reconcile.failed",
    "abuse.began",
    "abuse.lifted",
    "payment.disputed",
    "webhook.gone",
    "webhook.parked",
];

/// The linked datasets, on request.
pub const DATASETS: [&str; 3] = ["usage", "charge", "movement"];

/// An `Idempotency-Key` header. One that begins with a quote ends with one.
#[derive(Debug)]
pub enum IdempotencyKey {}
text_schema!(
    IdempotencyKey,
    text("Printable UTF-8, at most 256 bytes in NFC, bare or in quotes.", "order-1071")
        .pattern(Some(format!("{}|{}", id_pattern("^\"", "", "\"$"), id_pattern("^", "\"", "$"))))
);

/// Credits above zero.
#[derive(Debug)]
pub enum PositiveCredits {}
text_schema!(
    PositiveCredits,
    text("Credits above zero, as an exact decimal with up to nine places.", "12.5")
        .pattern(Some(r"^(0{0,8}[1-9][0-9]{0,8}(\.[0-9]{1,9})?|0\.0{0,8}[1-9])$"))
);

/// Credits, not below zero.
#[derive(Debug)]
pub enum CreditsFromZero {}
text_schema!(
    CreditsFromZero,
    text("Credits from zero, as an exact decimal with up to nine places.", "12.5")
        .pattern(Some(r"^[0-9]{1,9}(\.[0-9]{1,9})?$"))
);

/// Credits other than zero.
#[derive(Debug)]
pub enum SomeCredits {}
text_schema!(
    SomeCredits,
    text("Credits other than zero, as an exact decimal with up to nine places.", "-12.5")
        .pattern(Some(r"^-?(0{0,8}[1-9][0-9]{0,8}(\.[0-9]{1,9})?|0\.0{0,8}[1-9])$"))
);

/// A part of a whole.
#[derive(Debug)]
pub enum Fraction {}
text_schema!(
    Fraction,
    text("A decimal from 0 to 1 with up to nine places.", "0.5")
        .pattern(Some(r"^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$"))
);

/// An object with this property and no other.
pub(crate) fn only(name: &str, schema: RefOr<Schema>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property(name, schema)
        .required(name)
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
}

/// A quantity of one meter.
#[derive(Debug)]
pub enum OneMeter {}
text_schema!(
    OneMeter,
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("A quantity of exactly one meter."))
        .property_names(Some(key("A meter", "tokens")))
        .additional_properties(Some(u64::schema()))
        .min_properties(Some(1))
        .max_properties(Some(1))
        .examples([serde_json::json!({"tokens": 100})])
);

/// Dimensions of a request.
#[derive(Debug)]
pub enum Dimensions {}
text_schema!(
    Dimensions,
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Dimensions that prices depend on, such as the model."))
        .property_names(Some(key("A dimension", "model")))
        .additional_properties(Some(Label::schema()))
        .max_properties(Some(64))
        .examples([serde_json::json!({"model": "large"})])
);

/// An address of IP.
#[derive(Debug)]
pub enum Address {}
text_schema!(
    Address,
    OneOfBuilder::new()
        .description(Some("An address of IPv4 or IPv6."))
        .item(text("IPv4", "192.0.2.7").format(Some(SchemaFormat::KnownFormat(KnownFormat::Ipv4))))
        .item(text("IPv6", "2001:db8::7").format(Some(SchemaFormat::KnownFormat(KnownFormat::Ipv6))))
);

/// An instant, or the beginning of a day.
#[derive(Debug)]
pub enum InstantOrDay {}
text_schema!(
    InstantOrDay,
    OneOfBuilder::new()
        .description(Some("An instant, or the beginning of a day."))
        .item(Instant::schema())
        .item(text("A day", "2026-10-01").format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))))
);

/// A place in a statement.
#[derive(Debug)]
pub enum StatementPlace {}
text_schema!(
    StatementPlace,
    text("`next` of the page before.", "1780315200000000.17").pattern(Some(r"^[0-9]{1,18}\.[0-9]{1,18}$"))
);

/// The hash of a catalog.
#[derive(Debug)]
pub enum CatalogHash {}
text_schema!(
    CatalogHash,
    text("A hash, or at least its first eight digits.", "0123abcd").pattern(Some("^[0-9a-f]{8,64}$"))
);

/// The name of an inbound caller.
#[derive(Debug)]
pub enum InboundName {}
text_schema!(
    InboundName,
    text("A name of at most 64 bytes.", "payments").pattern(Some(r"^[A-Za-z0-9_][A-Za-z0-9._:@+-]{0,63}$"))
);

/// The id of a new account.
#[derive(Debug)]
pub enum AccountName {}
text_schema!(
    AccountName,
    text(&format!("An id that does not begin with `_`. {ID_RULE}"), "acme")
        .pattern(Some(id_pattern("^", "_", "$")))
        .min_length(Some(1))
        .max_length(Some(ID_LEN_MAX))
);

/// A kind of event that webhooks send.
#[derive(Debug)]
pub enum EventKind {}
text_schema!(
    EventKind,
    text("A kind of event.", ALERTS[0]).enum_values(Some(ALERTS.into_iter().chain(DATASETS)))
);

/// Where requests to a receiver go.
#[derive(Debug)]
pub enum ReceiverUrl {}
text_schema!(
    ReceiverUrl,
    text("A URL without user, password and fragment.", "https://billing.example.com/headworks")
        .format(Some(SchemaFormat::Custom("uri".into())))
        .pattern(Some(r"^https?://[^\s/\\@#?]+([/?][^\s\\#]*)?$"))
        .max_length(Some(2048))
);

/// The number of a record.
#[derive(Debug)]
pub enum RecordNumber {}
text_schema!(
    RecordNumber,
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("The number of a record in its account's log."))
        .minimum(Some(0))
);
