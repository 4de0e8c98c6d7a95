//! Signed checkpoints: the holder of a statement can prove years later, without the server, what the ledger said.
//!
//! The form is the signed note of C2SP (as in Go's checksum database and transparency logs): an origin, the number of
//! records, the chain hash in base64, one line for the digest that is signed with it, then an Ed25519 signature by a named key.
//! Never signs anything but a checkpoint.
//! Source: <https://c2sp.org/signed-note> and <https://c2sp.org/tlog-checkpoint>.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use headworks_core::record::{Name, Seq};
use sha2::{Digest as _, Sha256};

use crate::render::hex;

/// The name of the key in notes.
const KEY_NAME: &str = "headworks";
/// Signature type Ed25519 in the C2SP format.
const ED25519: u8 = 1;

/// The server's signing key.
pub struct Signer(SigningKey);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signer").field(&self.public()).finish()
    }
}

/// The content of a checkpoint whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The account.
    pub account: String,
    /// The last record.
    pub seq: Seq,
    /// The chain hash after it.
    pub hash: Vec<u8>,
    /// The BLAKE3 digest of the content signed with it, in hexadecimal.
    pub digest: String,
}

fn key_id(public: &VerifyingKey) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(KEY_NAME.as_bytes());
    hash.update([b'\n', ED25519]);
    hash.update(public.as_bytes());
    let mut id = [0; 4];
    id.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    id
}

impl Signer {
    /// A key that lasts as long as the process.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn ephemeral() -> Result<Self, String> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|e| format!("no randomness: {e}"))?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    /// Reads the key in a file, or makes it there, readable by its owner alone.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds no key.
    pub fn in_file(path: &Path) -> Result<Self, String> {
        let fail = |e: std::io::Error| format!("{}: {e}", path.display());
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let bytes = STANDARD.decode(text.trim()).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
                let bytes = bytes.ok_or_else(|| {
                    format!(
                        "{}: not a signing key; restore it from a backup, or remove it to make a new one",
                        path.display()
                    )
                })?;
                Ok(Self(SigningKey::from_bytes(&bytes)))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                use std::os::unix::fs::OpenOptionsExt as _;
                let signer = Self::ephemeral()?;
                let mut file = std::fs::File::options()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(fail)?;
                file.write_all(STANDARD.encode(signer.0.to_bytes()).as_bytes()).map_err(fail)?;
                file.sync_all().map_err(fail)?;
                Ok(signer)
            }
            Err(e) => Err(fail(e)),
        }
    }

    /// The public key in the form that others need: `headworks+ID+KEY`.
    #[must_use]
    pub fn public(&self) -> String {
        let public = self.0.verifying_key();
        let key: Vec<u8> = [ED25519].into_iter().chain(*public.as_bytes()).collect();
        format!("{KEY_NAME}+{}+{}", hex(&key_id(&public)), STANDARD.encode(key))
    }

    /// A separate secret for each purpose and name; it cannot be computed without the key.
    pub(crate) fn derived(&self, purpose: &str, name: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(&self.0.to_bytes());
        hasher.update(name.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// Signs the head of an account's log together with a digest.
    #[must_use]
    pub fn sign(&self, account: &Name, seq: Seq, hash: &[u8; 32], digest: &str) -> String {
        let text =
            format!("headworks/account/{account}\n{seq}\n{}\nblake3 {digest}\n", STANDARD.encode(hash));
        let mut blob = key_id(&self.0.verifying_key()).to_vec();
        blob.extend_from_slice(&self.0.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {KEY_NAME} {}\n", STANDARD.encode(blob))
    }
}

/// Verifies a signed checkpoint with a public key as [`Signer::public`] writes it.
///
/// # Errors
/// When the key or the form is wrong, or the signature does not match; the text says which.
pub fn verify_checkpoint(note: &str, public: &str) -> Result<Checkpoint, String> {
    let mut parts = public.trim().splitn(3, '+');
    let bytes = match (parts.next(), parts.next(), parts.next()) {
        (Some(KEY_NAME), Some(_), Some(key)) => STANDARD.decode(key).ok(),
        _ => None,
    };
    let key = bytes.as_deref().and_then(<[u8]>::split_first).filter(|(kind, _)| **kind == ED25519);
    let key = key.and_then(|(_, key)| VerifyingKey::from_bytes(key.try_into().ok()?).ok());
    let key =
        key.ok_or("the public key is not of the form headworks+ID+KEY; `headworks signing-key` prints it")?;
    let malformed = "the checkpoint is not a signed note";
    let (text, signatures) = note.split_once("\n\n").ok_or(malformed)?;
    let text = format!("{text}\n");
    let ours = signatures.lines().filter_map(|l| l.strip_prefix("\u{2014} ")?.split_once(' '));
    let blob = ours
        .filter(|(name, _)| *name == KEY_NAME)
        .filter_map(|(_, blob)| STANDARD.decode(blob).ok())
        .find(|blob| blob.starts_with(&key_id(&key)))
        .ok_or("the checkpoint was not signed with this key")?;
    let signature = Signature::from_slice(blob.get(4..).unwrap_or_default()).map_err(|_| malformed)?;
    key.verify(text.as_bytes(), &signature)
        .map_err(|_| "the signature does not match: the checkpoint was altered")?;
    let mut lines = text.lines();
    let mut line = || lines.next().ok_or(malformed);
    let account = line()?.strip_prefix("headworks/account/").ok_or(malformed)?.to_owned();
    let seq = line()?.parse().map_err(|_| malformed)?;
    let hash = STANDARD.decode(line()?).map_err(|_| malformed)?;
    let digest = line()?.strip_prefix("blake3 ").ok_or(malformed)?.to_owned();
    Ok(Checkpoint { account, seq, hash, digest })
}

#[cfg(test)]
mod tests {
    use super::{Signer, verify_checkpoint};
    use ed25519_dalek::SigningKey;
    use headworks_core::record::Name;

    #[test]
    fn an_altered_checkpoint_is_refused() {
        // The key of RFC 8032, section 7.1, test 1.
        let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let bytes: Vec<u8> =
            (0..32).map(|i| u8::from_str_radix(&secret[2 * i..2 * i + 2], 16).expect("hex")).collect();
        let signer = Signer(SigningKey::from_bytes(&bytes.try_into().expect("32 bytes")));
        let public = signer.public();
        let account = Name::new("acme").expect("name");
        let note = signer.sign(&account, 7, &[9; 32], "abcd");
        let checked = verify_checkpoint(&note, &public).expect("it fits");
        assert_eq!((checked.account.as_str(), checked.seq, checked.digest.as_str()), ("acme", 7, "abcd"));
        for at in 0..note.len() {
            let mut altered = note.clone().into_bytes();
            altered[at] ^= 1;
            if let Ok(altered) = String::from_utf8(altered) {
                assert_ne!(verify_checkpoint(&altered, &public), Ok(checked.clone()), "byte {at}");
            }
        }
        let other = Signer::ephemeral().expect("random").public();
        assert_eq!(
            verify_checkpoint(&note, &other),
            Err("the checkpoint was not signed with this key".into())
        );
    }

    #[test]
    fn a_key_file_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("signing.key");
        let made = Signer::in_file(&path).expect("makes").public();
        assert_eq!(Signer::in_file(&path).expect("reads").public(), made);
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "nonsense").expect("writes");
        assert!(Signer::in_file(&path).is_err_and(|e| e.contains("not a signing key")));
    }
}
