//! Work that an upstream does in the background: its name carries what its hold is, so that nothing about it has to be stored.
//!
//! J1 a name is good for the account alone that it was given to, and cannot be made up (`a_name_is_good_for_its_account_alone`). J2 it shows
//! nothing of what is in it: who knows a name of another account knows no name of the upstream's (`a_name_shows_nothing`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headworks_core::record::{HoldId, Label, Name};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::denial::{Refused, Why};
use crate::surface::Surface;
use crate::usage::Classes;

/// What keys of seals are made for.
pub(crate) const PURPOSE: &str = "headworks gateway job 2026-11";

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Response,
    Batch,
    /// A file of requests, or of answers to them.
    File,
}

impl Kind {
    /// What its names begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Response => "resp_hw",
            Self::Batch => "batch_hw",
            Self::File => "file_hw",
        }
    }

    /// The path at which it is asked for.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Response => "/v1/responses/",
            Self::Batch => "/v1/batches/",
            Self::File => "/v1/files/",
        }
    }
}

/// Work in the background, as its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) account: Name,
    /// The upstream's own name for it.
    pub(crate) id: String,
    pub(crate) of: Sealed,
}

/// What is sealed into its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// The model as callers name it.
    pub(crate) model: String,
    /// The upstream that does it.
    pub(crate) upstream: String,
    /// The record of its hold; none: its feature is not recorded.
    pub(crate) hold: Option<u64>,
    /// What its hold is priced by.
    pub(crate) dimensions: BTreeMap<Name, Label>,
    /// Tokens of input that are held.
    pub(crate) input: u64,
    /// The user agreed to paid sources.
    pub(crate) consented: bool,
    /// The requests of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<Counted>,
}

/// The requests in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// The path that all of them are for.
    pub(crate) endpoint: String,
    pub(crate) count: u64,
    /// Tokens of their input, and of their longest outputs.
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl Counted {
    /// What so many of them count as, on average.
    pub(crate) fn share(&self, of: u64) -> Classes {
        let share = |all: u64| {
            let share = u128::from(all) * u128::from(of) / u128::from(self.count.max(1));
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        vec![("input_tokens", share(self.input)), ("output_tokens", share(self.output))]
    }
}

impl Sealed {
    pub(crate) fn hold(&self) -> Option<HoldId> {
        self.hold.map(HoldId)
    }
}

/// The cipher of names.
fn cipher(key: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key);
    LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key has the algorithm's length")))
}

/// What a name is bound to besides its content.
fn bound_to((kind, account): (Kind, &Name)) -> Aad<Vec<u8>> {
    Aad::from([kind.prefix().as_bytes(), account.as_str().as_bytes()].join(&0))
}

impl Job {
    /// Its name for its account; the same each time, as its nonce follows from what is sealed.
    pub(crate) fn name(&self, key: &[u8; 32]) -> String {
        // A struct of texts and numbers is always JSON.
        let mut sealed = serde_json::to_vec(&(&self.id, &self.of)).unwrap_or_default();
        let bound = bound_to((self.kind, &self.account));
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(bound.as_ref()).update(&[0]).update(&sealed);
        let mut nonce = [0; NONCE_LEN];
        hasher.finalize_xof().fill(&mut nonce);
        let sealing = Nonce::assume_unique_for_key(nonce);
        if cipher(key).seal_in_place_append_tag(sealing, bound, &mut sealed).is_err() {
            unreachable!("a name is shorter than the cipher takes");
        }
        format!("{}{}", self.kind.prefix(), URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The surface of the calls that it is made of.
    pub(crate) fn surface(&self) -> Surface {
        let endpoint = self.of.requests.as_ref().map(|requests| requests.endpoint.as_str());
        Surface::ALL
            .into_iter()
            .find(|surface| Some(surface.path()) == endpoint)
            .unwrap_or(Surface::Responses)
    }

    /// Whether the name of a response looks like one that was given here.
    pub(crate) fn is_name(name: &str) -> bool {
        name.starts_with(Kind::Response.prefix())
    }

    /// The work that a name of an account means.
    ///
    /// # Errors
    /// When it was not given to this account.
    pub(crate) fn of_name(key: &[u8; 32], of: (Kind, &Name), name: &str) -> Result<Self, Refused> {
        Self::read(key, of, name).ok_or_else(|| {
            let message = format!(
                "there is no `{name}` here for this account; only background responses, batches and their files can be asked for later"
            );
            Refused::new(Why::NotFound, "not_found", message)
        })
    }

    fn read(key: &[u8; 32], of: (Kind, &Name), name: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(name.strip_prefix(of.0.prefix())?).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let opened = cipher(key)
            .open_in_place(Nonce::assume_unique_for_key(*nonce), bound_to(of), &mut sealed)
            .ok()?;
        let (id, sealed) = serde_json::from_slice(opened).ok()?;
        Some(Self { kind: of.0, account: of.1.clone(), id, of: sealed })
    }
}

#[cfg(test)]
mod tests {
    use headworks_core::record::Name;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Job, Kind, Sealed};

    #[test]
    fn a_name_is_good_for_its_account_alone() {
        let [acme, other] = ["acme", "other"].map(|name| Name::new(name).expect("a name"));
        let of = Sealed {
            model: "m".into(),
            upstream: "u".into(),
            hold: Some(7),
            input: 9,
            consented: true,
            dimensions: [].into(),
            requests: None,
        };
        let job = Job { kind: Kind::Response, account: acme.clone(), id: "resp_1".into(), of };
        let name = job.name(&[1; 32]);
        assert!(Job::is_name(&name) && !Job::is_name("resp_1"));
        assert_eq!(name, job.name(&[1; 32]));
        assert_eq!(Job::of_name(&[1; 32], (Kind::Response, &acme), &name).expect("its own"), job);
        assert!(Job::of_name(&[1; 32], (Kind::Response, &other), &name).is_err());
        assert!(Job::of_name(&[2; 32], (Kind::Response, &acme), &name).is_err());
        let as_batch = name.replacen("resp", "batch", 1);
        assert!(Job::of_name(&[1; 32], (Kind::Batch, &acme), &as_batch).is_err());
        for wrong in ["resp_1", "resp_hw", "", "resp_hw....", "batch_hw"] {
            assert!(Job::of_name(&[1; 32], (Kind::Response, &acme), wrong).is_err(), "{wrong}");
        }
        for at in 0..name.len() {
            let mut bytes = name.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(bytes).expect("ASCII");
            // The last digit may have bits that mean nothing.
            let found = Job::of_name(&[1; 32], (Kind::Response, &acme), &wrong);
            assert!(found.is_err() || found.is_ok_and(|found| found == job), "{wrong}");
        }
    }

    #[test]
    fn a_name_shows_nothing() {
        let account = Name::new("acme").expect("a name");
        let of = |id: &str| {
            let of = Sealed {
                model: "model".into(),
                upstream: "upstream".into(),
                hold: Some(7),
                input: 9,
                consented: true,
                dimensions: [].into(),
                requests: None,
            };
            Job { kind: Kind::File, account: account.clone(), id: id.into(), of }.name(&[1; 32])
        };
        let (one, two) = (of("file-1"), of("file-2"));
        let shown = URL_SAFE_NO_PAD.decode(one.trim_start_matches("file_hw")).expect("base64");
        let shown = String::from_utf8_lossy(&shown);
        assert!(!shown.contains("upstream") && !shown.contains("file-1"), "{shown}");
        // Names that differ a little have nothing in common but their beginning.
        assert_ne!(one[7..27], two[7..27]);
    }
}
