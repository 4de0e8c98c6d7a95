//! Values of arguments: each is checked as it is parsed, with a message that says what was expected.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use headworks_api::outbox::parse_block;
use headworks_core::record::{
    AuditKind, Category, Consent, Credits, CreditsByUnit, Every, Id, Instant, KeyRate, Label, Name, Path,
    Proration, Rule, Segment, Span, Tier,
};
use headworks_server::ForwardedHeader;
use headworks_terminal::values::{parsed, word};
use headworks_wire::{Reference, Scope, SignalKind};
use ipnet::IpNet;

/// An account, a segment or an idempotency key, in NFC.
pub(super) fn id(text: &str) -> Result<Id, String> {
    parsed(text)
}

pub(super) fn name(text: &str) -> Result<Name, String> {
    parsed(text)
}

pub(super) fn credits(text: &str) -> Result<Credits, String> {
    parsed(text)
}

pub(super) fn instant(text: &str) -> Result<Instant, String> {
    parsed(text)
}

/// One address or a block of them: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    parse_block(text.trim())
}

/// The header in which proxies write where a request comes from.
pub(super) fn forwarded_header() -> impl TypedValueParser<Value = ForwardedHeader> {
    PossibleValuesParser::new(["x-forwarded-for", "forwarded"]).map(|name| match name.as_str() {
        "forwarded" => ForwardedHeader::Forwarded,
        _ => ForwardedHeader::XForwardedFor,
    })
}

/// How many requests in a time: `100/1s`.
pub(super) fn key_rate(text: &str) -> Result<KeyRate, String> {
    let parts = text.split_once('/').and_then(|(limit, per)| Some((limit.parse().ok()?, per.parse().ok()?)));
    let (limit, per) = parts.ok_or("write a number of requests and a time, such as 100/1s or 5000/1h")?;
    Ok(KeyRate { limit, per })
}

/// A number of bytes: `1073741824`, `1024MiB`, `1GiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a number of bytes, or of KiB, MiB or GiB, such as 512MiB".into()),
    };
    let number = digits.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    number.filter(|n| *n > 0).ok_or_else(|| "write a number of bytes above 0, such as 512MiB".into())
}

pub(super) fn span(text: &str) -> Result<Span, String> {
    parsed(text)
}

pub(super) fn path(text: &str) -> Result<Path, String> {
    parsed(text)
}

pub(super) fn reference(text: &str) -> Result<Reference, String> {
    parsed(text)
}

pub(super) fn segment(text: &str) -> Result<Segment, String> {
    parsed(text)
}

pub(super) fn label(text: &str) -> Result<Label, String> {
    Label::new(text).map_err(|e| e.to_string())
}

pub(super) fn scope(text: &str) -> Result<Scope, String> {
    word(text)
}

pub(super) fn audit_kind(text: &str) -> Result<AuditKind, String> {
    word(text)
}

pub(super) fn category(text: &str) -> Result<Category, String> {
    word(text)
}

pub(super) fn every(text: &str) -> Result<Every, String> {
    word(text)
}

pub(super) fn proration(text: &str) -> Result<Proration, String> {
    word(text)
}

/// The tiers, for help.
pub(super) const TIERS: &str = "anonymous|verified|paid|established|contract";

pub(super) fn tier(text: &str) -> Result<Tier, String> {
    word(text)
}

pub(super) fn rule(text: &str) -> Result<Rule, String> {
    word(text)
}

pub(super) fn signal(text: &str) -> Result<SignalKind, String> {
    word(text)
}

pub(super) fn consent(text: &str) -> Result<Consent, String> {
    word(text)
}

fn pair<'a>(text: &'a str, like: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=').ok_or_else(|| format!("write it like {like}"))
}

pub(super) fn quantity(text: &str) -> Result<(Name, u64), String> {
    let (meter, n) = pair(text, "output_tokens=500")?;
    Ok((parsed(meter)?, n.parse().map_err(|_| format!("`{n}` is not a whole number from 0 up"))?))
}

pub(super) fn dimension(text: &str) -> Result<(Name, Label), String> {
    let (name, value) = pair(text, "model=large")?;
    Ok((parsed(name)?, label(value)?))
}

/// A cap of a segment: `user:alice=50`, or by unit of credits `user:alice=usd=50,coins=900`.
pub(super) fn cap(text: &str) -> Result<(Segment, CreditsByUnit), String> {
    let (segment, cap) = pair(text, "user:alice=50 or user:alice=usd=50")?;
    if !cap.contains('=') {
        return Ok((parsed(segment)?, CreditsByUnit::One(parsed(cap)?)));
    }
    let mut amounts = Vec::new();
    for amount in cap.split(',') {
        let (unit, amount) = pair(amount, "usd=50")?;
        amounts.push((parsed(unit)?, parsed(amount)?));
    }
    Ok((parsed(segment)?, CreditsByUnit::each(amounts)))
}
