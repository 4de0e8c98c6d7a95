//! Use that is reported as a CloudEvent, in each of the modes that it may come in.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use headworks_core::record::Name;

/// Where events come from.
const SOURCE: &str = "/metering";

/// Use, and the mode that its event comes in. What comes in another mode is the same event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Usage {
    pub(crate) feature: &'static str,
    pub(crate) amount: u64,
    pub(crate) mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Structured,
    Batch,
    Binary,
    Base64,
}

impl Usage {
    /// The key of the event that reports use.
    pub(crate) fn key(number: u64) -> String {
        format!("event {SOURCE} e {number}")
    }

    /// The event that reports use, as it comes over HTTP: headers and body.
    pub(crate) fn event(&self, number: u64, account: &Name) -> (Vec<(&'static str, String)>, String) {
        let id = format!("e {number}");
        let Self { feature, amount, mode } = self;
        let meter = if *feature == "bulk" { "bytes" } else { "tokens" };
        let data = format!("{{\"{meter}\": {amount}, \"path\": \"user:ann\"}}");
        let attributes = |more: &str| {
            format!(
                "{{\"specversion\": \"1.0\", \"id\": \"{id}\", \"source\": \"{SOURCE}\", \"type\": \"{feature}\", \
                 \"subject\": \"{account}\", {more}}}"
            )
        };
        let kind = |kind: &str| vec![("content-type", kind.to_owned())];
        match mode {
            Mode::Structured => {
                (kind("application/cloudevents+json"), attributes(&format!("\"data\": {data}")))
            }
            Mode::Batch => {
                let event = attributes(&format!("\"data\": {data}"));
                (kind("application/cloudevents-batch+json"), format!("[{event}]"))
            }
            Mode::Base64 => {
                let data = format!("\"data_base64\": \"{}\"", BASE64_STANDARD.encode(data));
                (kind("application/cloudevents+json"), attributes(&data))
            }
            Mode::Binary => {
                let mut headers = kind("application/json");
                let id = id.replace(' ', "%20");
                headers.extend([
                    ("ce-specversion", "1.0".into()),
                    ("ce-id", id),
                    ("ce-source", SOURCE.into()),
                ]);
                headers.extend([("ce-type", (*feature).into()), ("ce-subject", account.to_string())]);
                (headers, data)
            }
        }
    }
}
