//! Use reported as a CloudEvent, in several spellings of the same event.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use headworks_core::record::Name;
use serde_json::{Value, json};

/// The source of the events.
const SOURCE: &str = "/metering";

/// Use, and the spelling of its event. Another spelling is the same event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Usage {
    pub(crate) feature: &'static str,
    pub(crate) amount: u64,
    pub(crate) spelling: Spelling,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spelling {
    /// The usual spelling.
    Plain,
    /// The data in base64.
    Base64,
    /// The id in percent encoding, as some senders write headers.
    Percent,
    /// Quantities as strings, as in tables.
    Texts,
}

impl Usage {
    /// The key of the event that reports use.
    pub(crate) fn key(number: u64) -> String {
        format!("event {SOURCE} e {number}")
    }

    /// The event that reports use.
    pub(crate) fn event(&self, number: u64, account: &Name) -> Value {
        let Self { feature, amount, spelling } = self;
        let meter = if *feature == "bulk" { "bytes" } else { "tokens" };
        let quantity = if *spelling == Spelling::Texts { json!(amount.to_string()) } else { json!(amount) };
        let data = json!({meter: quantity, "path": "user:ann"});
        let id = format!("e {number}");
        let id = if *spelling == Spelling::Percent { id.replace(' ', "%20") } else { id };
        let (name, data) = match spelling {
            Spelling::Base64 => ("data_base64", json!(BASE64_STANDARD.encode(data.to_string()))),
            Spelling::Plain | Spelling::Percent | Spelling::Texts => ("data", data),
        };
        json!({"specversion": "1.0", "id": id, "source": SOURCE, "type": feature, "subject": account, name: data})
    }
}
