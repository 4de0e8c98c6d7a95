//! Work that an upstream does in the background: its name carries what its hold is, so that nothing about it has to be stored.
//!
//! J1 a name is good for the account alone that it was given to, and cannot be made up (`a_name_is_good_for_its_account_alone`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headworks_core::record::{HoldId, Label, Name};
use serde::{Deserialize, Serialize};

use crate::denial::{Refused, Why};
use crate::surface::Surface;

/// What a name is followed by.
const SEAL: &str = ".hw";
/// Bytes of a seal's mac.
const MAC: usize = 16;

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

impl Sealed {
    pub(crate) fn hold(&self) -> Option<HoldId> {
        self.hold.map(HoldId)
    }
}

/// The mac of a name: nobody without the key can make one.
fn mac(key: &[u8; 32], (kind, account): (Kind, &Name), id: &str, sealed: &[u8]) -> [u8; MAC] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in [kind.path().as_bytes(), account.as_str().as_bytes(), id.as_bytes(), sealed] {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    let mut mac = [0; MAC];
    hasher.finalize_xof().fill(&mut mac);
    mac
}

impl Job {
    /// Its name for its account.
    pub(crate) fn name(&self, key: &[u8; 32]) -> String {
        // A struct of texts and numbers is always JSON.
        let mut sealed = serde_json::to_vec(&self.of).unwrap_or_default();
        let mac = mac(key, (self.kind, &self.account), &self.id, &sealed);
        sealed.extend_from_slice(&mac);
        format!("{}{SEAL}{}", self.id, URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The surface of the calls that it is made of.
    pub(crate) fn surface(&self) -> Surface {
        let endpoint = self.of.requests.as_ref().map(|requests| requests.endpoint.as_str());
        Surface::ALL
            .into_iter()
            .find(|surface| Some(surface.path()) == endpoint)
            .unwrap_or(Surface::Responses)
    }

    /// Whether a name looks like one that was given here.
    pub(crate) fn is_name(name: &str) -> bool {
        name.contains(SEAL)
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
        let (id, sealed) = name.rsplit_once(SEAL)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (sealed, given) = sealed.split_last_chunk::<MAC>()?;
        // Compared in the same time however much is right.
        let is_ours = blake3::Hash::from(wide(*given)) == blake3::Hash::from(wide(mac(key, of, id, sealed)));
        let sealed = serde_json::from_slice(sealed).ok().filter(|_| is_ours)?;
        Some(Self { kind: of.0, account: of.1.clone(), id: id.to_owned(), of: sealed })
    }
}

fn wide(mac: [u8; MAC]) -> [u8; 32] {
    let mut wide = [0; 32];
    wide.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
    wide
}

#[cfg(test)]
mod tests {
    use headworks_core::record::Name;

    use super::{Job, Kind, Sealed};

    #[test]
    fn a_name_is_good_for_its_account_alone() {
        let [acme, other] = ["acme", "other"].map(|name| Name::new(name).expect("a name"));
        let of = Sealed {
            model: "m".into(),
            upstream: "u.hw".into(),
            hold: Some(7),
            input: 9,
            consented: true,
            dimensions: [].into(),
            requests: None,
        };
        let job = Job { kind: Kind::Response, account: acme.clone(), id: "resp_1.hwx".into(), of };
        let name = job.name(&[1; 32]);
        assert!(Job::is_name(&name) && !Job::is_name("resp_1"));
        assert_eq!(Job::of_name(&[1; 32], (Kind::Response, &acme), &name).expect("its own"), job);
        assert!(Job::of_name(&[1; 32], (Kind::Response, &other), &name).is_err());
        assert!(Job::of_name(&[2; 32], (Kind::Response, &acme), &name).is_err());
        assert!(Job::of_name(&[1; 32], (Kind::Batch, &acme), &name).is_err());
        // A name with another id, another hold, cut short, or with anything changed.
        let dear = Job { id: "resp_2".into(), ..job.clone() }.name(&[2; 32]);
        let swapped = format!("resp_2{}", name.trim_start_matches("resp_1.hwx"));
        for wrong in [dear, swapped, "resp_1".into(), "resp_1.hw".into(), ".hw".into(), String::new()] {
            assert!(Job::of_name(&[1; 32], (Kind::Response, &acme), &wrong).is_err(), "{wrong}");
        }
        for at in 0..name.len() {
            let mut bytes = name.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(bytes).expect("ASCII");
            // The last digit may have bits that mean nothing.
            let is_same =
                Job::of_name(&[1; 32], (Kind::Response, &acme), &wrong).is_ok_and(|found| found == job);
            assert!(Job::of_name(&[1; 32], (Kind::Response, &acme), &wrong).is_err() || is_same, "{wrong}");
        }
    }
}
