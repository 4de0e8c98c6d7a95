//! Idempotency keys: where they come from, and how a request must match an earlier one with the same key.

use headworks_core::record::{Id, Label};
use headworks_engine::Idempotency;
use headworks_wire as wire;
use serde::Serialize;

use crate::problem::{Kind, Problem};

/// The idempotency key that a protocol carries outside the request itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// It carries this one.
    Given(Id),
    /// The server made it from a signed report: no caller can send one that is equal.
    Reported(Label),
    /// It could have carried one and did not, so the request must have its own.
    Missing,
    /// It has no room for one: each request is a new one.
    Unknown,
}

/// The beginning of keys of signed reports.
pub(crate) const REPORTED: &str = "inbound ";

/// The beginning of keys of incidents.
const INCIDENT: &str = "incident ";

/// The key of an incident's acts: no caller can send one that is equal.
pub(crate) fn of_incident(id: &str, request: &impl Serialize) -> Result<Idempotency, Problem> {
    let text = Label::new(&format!("{INCIDENT}{id}")).map_err(|e| Problem::invalid(e.to_string()))?;
    Ok(Idempotency { text, digest: digest(request)? })
}

impl Key {
    /// The key of a request: its own, else the one beside it, else `natural`; none where the protocol has none.
    ///
    /// The digest is that of the request as parsed, so that spelling and order of fields do not matter.
    pub(crate) fn of(
        self,
        own: Option<Id>,
        natural: Option<String>,
        request: &impl Serialize,
    ) -> Result<Option<Idempotency>, Problem> {
        let text = match (own, self, natural) {
            (Some(key), ..) | (None, Self::Given(key), _) => {
                if let Some(own) = [REPORTED, INCIDENT].into_iter().find(|own| key.as_str().starts_with(own))
                {
                    let detail = format!("an idempotency key does not begin with `{own}`; choose another");
                    return Err(Problem::new(Kind::IdempotencyKeyInvalid, detail));
                }
                Label::from(key)
            }
            (None, Self::Reported(key), _) => key,
            (None, Self::Missing | Self::Unknown, Some(natural)) => made(&natural)?,
            (None, Self::Missing, None) => {
                return Err(Problem::new(
                    Kind::IdempotencyKeyRequired,
                    "send an Idempotency-Key header or `idempotency_key`: a new one for each new request, the same for its retries",
                ));
            }
            (None, Self::Unknown, None) => return Ok(None),
        };
        Ok(Some(Idempotency { text, digest: digest(request)? }))
    }

    /// The same for reported use. Consent to paid sources is not compared.
    pub(crate) fn of_record(self, ask: &mut wire::RecordRequest) -> Result<Option<Idempotency>, Problem> {
        let consent = std::mem::take(&mut ask.consent);
        let key = self.of(ask.idempotency_key.take(), None, ask)?;
        ask.consent = consent;
        Ok(key)
    }

    /// The same, for calls that change the server itself: those always have one.
    pub(crate) fn required_of(
        self,
        own: Option<Id>,
        natural: Option<String>,
        request: &impl Serialize,
    ) -> Result<Idempotency, Problem> {
        let key = if self == Self::Unknown { Self::Missing } else { self };
        key.of(own, natural, request)?.ok_or_else(Problem::internal)
    }
}

/// A key that the server makes from the names in a request: those names if they fit into a label, otherwise their hash.
fn made(natural: &str) -> Result<Label, Problem> {
    let hash = || format!("names {}", blake3::hash(natural.as_bytes()).to_hex());
    let made = Label::new(natural).or_else(|_| Label::new(&hash()));
    made.map_err(|e| Problem::new(Kind::IdempotencyKeyInvalid, e.to_string()))
}

/// The digest of a request as parsed.
fn digest(request: &impl Serialize) -> Result<[u8; 16], Problem> {
    let canonical = serde_json::to_vec(request).map_err(|e| Problem::invalid(e.to_string()))?;
    let mut digest = [0; 16];
    digest.copy_from_slice(blake3::hash(&canonical).as_bytes().get(..16).unwrap_or(&[0; 16]));
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use headworks_core::record::Id;

    use super::{Key, Kind};

    #[test]
    fn a_key_is_the_requests_own_or_the_one_beside_it() {
        let id = |text: &str| text.parse::<Id>().expect("an id");
        let given = || Key::Given(id("beside"));
        let natural = || Some("natural".to_owned());
        let rows = [
            (given(), Some(id("own")), natural(), Ok(Some("own"))),
            (given(), None, natural(), Ok(Some("beside"))),
            (Key::Missing, None, natural(), Ok(Some("natural"))),
            (Key::Missing, None, None, Err(Kind::IdempotencyKeyRequired)),
            (Key::Missing, Some(id("own")), None, Ok(Some("own"))),
            // Protocols without keys, such as those of Envoy and Redis.
            (Key::Unknown, None, None, Ok(None)),
            (Key::Unknown, None, natural(), Ok(Some("natural"))),
        ];
        for (key, own, natural, expected) in rows {
            let is = key.clone().of(own, natural, &"request").map_err(|p| p.kind);
            assert_eq!(
                is.map(|k| k.map(|k| k.text.to_string())),
                expected.map(|k| k.map(str::to_owned)),
                "{key:?}"
            );
        }
        let digest =
            |request: &str| Key::Given(id("k")).of(None, None, &request).expect("a key").expect("one").digest;
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
        assert_eq!(
            Key::Unknown.required_of(None, None, &"a").map_err(|p| p.kind),
            Err(Kind::IdempotencyKeyRequired)
        );
    }
}
