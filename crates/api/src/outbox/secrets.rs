//! The secrets of webhooks: they sign outgoing events and incoming reports.
//!
//! Source: Standard Webhooks 1.0 for the headers and the signature.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headworks_core::record::{Instant, Webhook};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::signing::Signer;

/// Signed confirmations are accepted for this long.
const TOLERANCE_SECS: u64 = 300;
const SECRET: &str = "headworks.dev 2026 webhook secret";

/// The text that Standard Webhooks sign: id, time and body.
fn mac(key: &[u8], id: &str, secs: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{secs}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// The result of checking a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Signed with a known secret, just now.
    Now,
    /// Signed with a known secret; the time is too far off.
    Stale,
    /// Not signed with a known secret.
    Wrong,
}

/// Derives the secrets of webhooks.
pub struct Secrets(Arc<Signer>);

impl Secrets {
    pub(crate) fn new(signer: Arc<Signer>) -> Self {
        Self(signer)
    }

    /// The secret that a webhook's receiver verifies signatures with, in the form of Standard Webhooks.
    pub fn secret(&self, webhook: &Webhook) -> String {
        format!("whsec_{}", STANDARD.encode(self.key(webhook, webhook.rotation)))
    }

    fn key(&self, webhook: &Webhook, rotation: u32) -> [u8; 32] {
        let name =
            if rotation == 0 { webhook.name.to_string() } else { format!("{}#{rotation}", webhook.name) };
        self.0.derived(SECRET, &name)
    }

    /// One code for each valid secret: the latest, and the one before it.
    fn macs(
        &self,
        webhook: &Webhook,
        id: &str,
        secs: i64,
        body: &[u8],
    ) -> impl Iterator<Item = Hmac<Sha256>> {
        let rotations = [Some(webhook.rotation), webhook.rotation.checked_sub(1)].into_iter().flatten();
        rotations.filter_map(move |rotation| mac(&self.key(webhook, rotation), id, secs, body))
    }

    /// The signature header of a body, with every valid secret.
    pub fn sign(&self, webhook: &Webhook, id: &str, secs: i64, body: &str) -> String {
        let macs = self.macs(webhook, id, secs, body.as_bytes());
        let signatures: Vec<String> =
            macs.map(|mac| format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))).collect();
        signatures.join(" ")
    }

    /// Whether a body was recently signed with a valid secret of this webhook.
    pub fn verify(
        &self,
        webhook: &Webhook,
        (id, secs, signatures): (&str, i64, &str),
        body: &[u8],
        now: Instant,
    ) -> Signed {
        let mut given = signatures.split(' ').filter_map(|s| STANDARD.decode(s.strip_prefix("v1,")?).ok());
        let fits =
            |given: Vec<u8>| self.macs(webhook, id, secs, body).any(|mac| mac.verify_slice(&given).is_ok());
        if !given.any(fits) {
            Signed::Wrong
        } else if (now.micros() / 1_000_000).abs_diff(secs) > TOLERANCE_SECS {
            Signed::Stale
        } else {
            Signed::Now
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mac;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::Mac as _;

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The example that the libraries of Standard Webhooks share.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signed = mac(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = STANDARD.encode(signed.expect("any key fits").finalize().into_bytes());
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
