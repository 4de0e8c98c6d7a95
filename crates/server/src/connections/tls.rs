//! TLS: certificates from files, read again when they change.
//!
//! T1 a file that cannot be used changes nothing: the certificate in force stays, and the log says why
//! (`certificates_are_read_again`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto, version};

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// The files of a server's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Certificates of the authorities that clients must have theirs from, PEM; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

/// The contents of the files, to see whether they have changed.
type Contents = Vec<Vec<u8>>;

/// The identity in force.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    now: Mutex<(Arc<ServerConfig>, Contents)>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// With the file that cannot be used, and why.
    pub(crate) fn open(files: TlsFiles) -> Result<Arc<Self>, String> {
        let contents = contents(&files)?;
        let config = identity(&files, &contents)?;
        Ok(Arc::new(Self { files, now: Mutex::new((config, contents)) }))
    }

    /// For one handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner).0))
    }

    /// Looks at the files once: whether they have changed and are in force.
    fn look(&self) -> Result<bool, String> {
        let contents = contents(&self.files)?;
        if contents == self.now.lock().unwrap_or_else(PoisonError::into_inner).1 {
            return Ok(false);
        }
        let config = identity(&self.files, &contents)?;
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (config, contents);
        Ok(true)
    }

    /// Reads the files again whenever they change, until this is dropped.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut last = String::new();
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            match self.look() {
                Ok(true) => {
                    last.clear();
                    tracing::info!(file = %self.files.certificate.display(), "the new certificate is in force");
                }
                Ok(false) => {}
                Err(why) if why == last => {}
                Err(why) => {
                    tracing::error!(%why, "the new certificate cannot be used; the one in force stays");
                    last = why;
                }
            }
        }
    }
}

fn contents(files: &TlsFiles) -> Result<Contents, String> {
    let read = |file: &Path| std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()));
    [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()]
        .into_iter()
        .flatten()
        .map(|file| read(file))
        .collect()
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|e| format!("{}: {e}", file.display()))?;
    if all.is_empty() {
        return Err(format!("{}: there is no certificate in PEM", file.display()));
    }
    Ok(all)
}

fn identity(files: &TlsFiles, contents: &Contents) -> Result<Arc<ServerConfig>, String> {
    let [certificate, key, client_ca @ ..] = contents.as_slice() else { return Err("no files".into()) };
    let chain = certificates(&files.certificate, certificate)?;
    let at_key = |e: String| format!("{}: {e}", files.key.display());
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| at_key(e.to_string()))?;
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|e| e.to_string())?;
    let builder = match (&files.client_ca, client_ca) {
        (Some(file), [pem]) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(file, pem)? {
                roots.add(root).map_err(|e| format!("{}: {e}", file.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|e| format!("{}: {e}", file.display()))?)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| format!("{} with {}: {e}", files.certificate.display(), files.key.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::generate_simple_self_signed;

    use super::{Tls, TlsFiles};

    fn write(dir: &Path, parts: &[&str]) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        for part in parts {
            let text = if *part == "key" { made.signing_key.serialize_pem() } else { made.cert.pem() };
            std::fs::write(dir.join(part), text).expect("writes");
        }
    }

    #[test]
    fn certificates_are_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let files = TlsFiles { certificate: at("cert"), key: at("key"), client_ca: None };
        let refused = Tls::open(files.clone()).expect_err("there are no files");
        assert!(refused.contains("cert"), "{refused}");
        write(dir.path(), &["cert", "key"]);
        let tls = Tls::open(files).expect("opens");
        assert_eq!(tls.look(), Ok(false));
        // Half of a change, as between two writes: nothing changes, until the other half is there.
        write(dir.path(), &["cert"]);
        let refused = tls.look().expect_err("the key is not the certificate's");
        assert!(refused.contains("cert") && refused.contains("key"), "{refused}");
        write(dir.path(), &["cert", "key"]);
        assert_eq!(tls.look(), Ok(true));
        std::fs::write(at("key"), "no key").expect("writes");
        assert!(tls.look().expect_err("no key").contains("key"));
    }
}
