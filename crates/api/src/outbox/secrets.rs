//! The secrets of webhooks and inbound callers: they sign outgoing events and incoming reports.
//!
//! X1 a secret is random, and stored encrypted: exports of the ledger hold no usable secret
//! (`a_sealed_secret_opens_for_its_owner_alone`). X2 a report takes the same work to refuse, whether its caller is known or
//! not (`an_unknown_caller_costs_as_much_as_a_known_one`).
//! Source: Standard Webhooks 1.0 for the headers and the signature; RFC 8439 for the encryption.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headworks_core::record::{Instant, Name, Sealed};
use headworks_engine::LiveSecrets;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

use crate::signing::Signer;

/// Signed reports are accepted for this long.
const TOLERANCE_SECS: u64 = 300;
/// The most signatures of one report that are looked at.
const SIGNATURES_MAX: usize = 8;
const SEAL: &str = "headworks.dev 2026 seal of stored secrets";
const SECRET_BYTES: usize = 32;

/// The text that Standard Webhooks sign: id, time and body.
fn mac(key: &[u8], id: &str, secs: i64, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{secs}.").as_bytes());
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// The owner of a secret.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// A webhook.
    Webhook(&'a Name),
    /// An inbound caller.
    Inbound(&'a Name),
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(name) => write!(f, "webhook {name}"),
            Self::Inbound(name) => write!(f, "inbound caller {name}"),
        }
    }
}

/// A secret was sealed with another signing key, or for another owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unopened;

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "its secret was stored under another signing.key; restore that file, or set `rotate_secret`",
        )
    }
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

/// Makes, seals and opens secrets.
pub struct Secrets {
    key: LessSafeKey,
    /// Secrets that nobody knows stand in for those that are not there.
    decoy: Name,
    decoys: Option<[Sealed; 2]>,
}

impl Secrets {
    pub(crate) fn new(signer: &Arc<Signer>) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &signer.derived(SEAL, ""));
        let key =
            LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has the algorithm's length")));
        let decoy = Name::new("_decoy").unwrap_or_else(|_| unreachable!("a word is a name"));
        let mut secrets = Self { key, decoy, decoys: None };
        let sealed = || secrets.fresh(Owner::Inbound(&secrets.decoy)).ok();
        secrets.decoys = sealed().zip(sealed()).map(|(one, other)| [one, other]);
        secrets
    }

    /// A new random secret, sealed for its owner.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn fresh(&self, owner: Owner<'_>) -> Result<Sealed, String> {
        let no_randomness = |e| format!("the system has no randomness to give: {e}");
        let (mut nonce, mut secret) = ([0; NONCE_LEN], vec![0; SECRET_BYTES]);
        getrandom::fill(&mut nonce).map_err(no_randomness)?;
        getrandom::fill(&mut secret).map_err(no_randomness)?;
        let aad = Aad::from(owner.to_string());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut secret)
            .map_err(|_| "the secret could not be sealed".to_owned())?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut secret);
        Ok(Sealed(sealed))
    }

    fn open(&self, owner: Owner<'_>, sealed: &Sealed) -> Result<Vec<u8>, Unopened> {
        let (nonce, text) = sealed.0.split_at_checked(NONCE_LEN).ok_or(Unopened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened)?;
        let mut text = text.to_vec();
        let open = self.key.open_in_place(nonce, Aad::from(owner.to_string()), &mut text);
        Ok(open.map_err(|_| Unopened)?.to_vec())
    }

    /// The newest secret of an owner, in the form of Standard Webhooks.
    pub fn shown(&self, owner: Owner<'_>, secrets: &LiveSecrets) -> Result<String, Unopened> {
        let newest = self.open(owner, secrets.newest.as_ref().ok_or(Unopened)?)?;
        Ok(format!("whsec_{}", STANDARD.encode(newest)))
    }

    /// The signature header of an event, with every live secret of a webhook.
    ///
    /// # Errors
    /// When a secret cannot be opened.
    pub fn sign(
        &self,
        webhook: &Name,
        secrets: &LiveSecrets,
        (id, secs): (&str, i64),
        body: &str,
    ) -> Result<String, Unopened> {
        let sign = |sealed| -> Result<String, Unopened> {
            let key = self.open(Owner::Webhook(webhook), sealed)?;
            let code = mac(&key, id, secs, body.as_bytes()).ok_or(Unopened)?;
            Ok(format!("v1,{}", STANDARD.encode(code)))
        };
        // One that was stored under an earlier signing key is known to nobody any more.
        let signatures: Vec<String> = secrets.all().map(sign).filter_map(Result::ok).collect();
        if signatures.is_empty() { Err(Unopened) } else { Ok(signatures.join(" ")) }
    }

    /// Whether a body was recently signed with a live secret of this inbound caller; `None`: there is no such caller.
    pub fn verify(
        &self,
        caller: Option<(&Name, &LiveSecrets)>,
        (id, secs, signatures): (&str, i64, &str),
        body: &[u8],
        now: Instant,
    ) -> Signed {
        let slots = caller.map_or([None, None], |(_, live)| [live.newest.as_ref(), live.previous.as_ref()]);
        let mut codes = Vec::with_capacity(slots.len());
        for (n, slot) in slots.into_iter().enumerate() {
            // Always two, so that nothing can be learnt from the time.
            let decoy = || Some((Owner::Inbound(&self.decoy), self.decoys.as_ref()?.get(n)?));
            let known = slot.zip(caller).map(|(sealed, (name, _))| (Owner::Inbound(name), sealed));
            let Some((owner, sealed)) = known.or_else(decoy) else { continue };
            let code = self.open(owner, sealed).ok().and_then(|key| mac(&key, id, secs, body));
            codes.extend(code.filter(|_| slot.is_some()).map(blake3::Hash::from_bytes));
        }
        let given = signatures.split(' ').take(SIGNATURES_MAX);
        let mut given = given.filter_map(|s| {
            let code: [u8; 32] = STANDARD.decode(s.strip_prefix("v1,")?).ok()?.try_into().ok()?;
            Some(blake3::Hash::from_bytes(code))
        });
        // Values of this type are compared in constant time.
        if !given.any(|given| codes.contains(&given)) {
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
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use headworks_core::record::{Instant, Name, Sealed};
    use headworks_engine::LiveSecrets;

    use super::{Owner, Secrets, Signed, Unopened, mac};
    use crate::signing::Signer;

    fn secrets() -> Secrets {
        Secrets::new(&Arc::new(Signer::ephemeral().expect("random")))
    }

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    fn live(newest: &Sealed, previous: Option<&Sealed>) -> LiveSecrets {
        LiveSecrets { newest: Some(newest.clone()), previous: previous.cloned() }
    }

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The example that the libraries of Standard Webhooks share.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signed = mac(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = STANDARD.encode(signed.expect("any key fits"));
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let (ours, others) = (secrets(), secrets());
        let a = name("a");
        let sealed = ours.fresh(Owner::Webhook(&a)).expect("random");
        let secret = ours.shown(Owner::Webhook(&a), &live(&sealed, None)).expect("opens");
        let bytes = STANDARD.decode(secret.strip_prefix("whsec_").expect("prefix")).expect("base64");
        assert_eq!(bytes.len(), 32);
        assert!(
            !sealed.0.windows(8).any(|part| bytes.windows(8).any(|of| of == part)),
            "nothing of it shows"
        );
        // Not for an inbound caller of the same name, not for another webhook, not under another signing key.
        for (owner, by) in
            [(Owner::Inbound(&a), &ours), (Owner::Webhook(&name("b")), &ours), (Owner::Webhook(&a), &others)]
        {
            assert_eq!(by.shown(owner, &live(&sealed, None)), Err(Unopened), "{owner}");
        }
        let again = ours.fresh(Owner::Webhook(&a)).expect("random");
        assert_ne!(ours.shown(Owner::Webhook(&a), &live(&again, None)).expect("opens"), secret);
    }

    #[test]
    fn a_report_is_signed_with_a_live_secret() {
        let (by, payments, now) = (secrets(), name("payments"), Instant::from_micros(1_000_000_000));
        let [first, second, third] = [(); 3].map(|()| by.fresh(Owner::Inbound(&payments)).expect("random"));
        let sign = |sealed: &Sealed, secs| {
            let key = by.open(Owner::Inbound(&payments), sealed).expect("opens");
            format!("v1,{}", STANDARD.encode(mac(&key, "id", secs, b"body").expect("any key fits")))
        };
        let live = live(&third, Some(&second));
        let check = |signature: &str, secs, caller| by.verify(caller, ("id", secs, signature), b"body", now);
        let known = Some((&payments, &live));
        for (sealed, is) in [(&first, Signed::Wrong), (&second, Signed::Now), (&third, Signed::Now)] {
            assert_eq!(check(&sign(sealed, 1_000), 1_000, known), is);
        }
        assert_eq!(check(&sign(&third, 1_300), 1_300, known), Signed::Now);
        assert_eq!(check(&sign(&third, 1_301), 1_301, known), Signed::Stale);
        assert_eq!(check(&sign(&third, 1_000), 1_001, known), Signed::Wrong);
        assert_eq!(check(&sign(&third, 1_000), 1_000, None), Signed::Wrong);
        // A signature among others counts, but not behind a flood of them.
        let flood = |n| format!("{}{}", "v1,AAAA ".repeat(n), sign(&third, 1_000));
        assert_eq!(check(&flood(7), 1_000, known), Signed::Now);
        assert_eq!(check(&flood(8), 1_000, known), Signed::Wrong);
    }

    #[test]
    fn an_unknown_caller_costs_as_much_as_a_known_one() {
        // The work is the opened secrets and the codes over the body: two, for anybody.
        let (by, payments) = (secrets(), name("payments"));
        let sealed = by.fresh(Owner::Inbound(&payments)).expect("random");
        let body = vec![0; 1 << 16];
        let best = |caller: Option<(&Name, &LiveSecrets)>| {
            let took = (0..20).map(|_| {
                let begun = std::time::Instant::now();
                assert_eq!(
                    by.verify(caller, ("id", 0, "v1,"), &body, Instant::from_micros(0)),
                    Signed::Wrong
                );
                begun.elapsed()
            });
            took.min().expect("some")
        };
        let (unknown, known) = (best(None), best(Some((&payments, &live(&sealed, None)))));
        let (less, more) = (unknown.min(known), unknown.max(known));
        assert!(more < less * 3 / 2, "{unknown:?} and {known:?}");
    }
}
