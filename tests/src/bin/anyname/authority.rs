//! A certificate authority of its own: a certificate for every name that is asked for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use ring::digest::{SHA256, digest};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The name in the certificate of whoever asks for none.
const NAMELESS: &str = "nameless.example";

/// Makes certificates. All have the same key, so that a client can be told to trust that one.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority and writes its certificate to a file, for clients.
    pub(crate) fn new(file: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "End-to-end tests");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let pem = certificate.pem();
        std::fs::write(file, pem).with_context(|| format!("cannot write {}", file.display()))?;
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, key: KeyPair::generate()?, made: Mutex::default() })
    }

    /// The fingerprint of the servers' key: SHA-256 of its `SubjectPublicKeyInfo`, in base64
    /// (RFC 7469, 2.4).
    pub(crate) fn fingerprint(&self) -> String {
        use rcgen::PublicKeyData as _;
        STANDARD.encode(digest(&SHA256, &self.key.subject_public_key_info()))
    }

    fn certificate(&self, name: &str) -> Result<Arc<CertifiedKey>> {
        let mut made = self.made.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        if let Some(found) = made.get(name) {
            return Ok(Arc::clone(found));
        }
        let params = CertificateParams::new(vec![name.to_owned()])?;
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(anyhow::Error::msg)?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key));
        made.insert(name.to_owned(), Arc::clone(&certified));
        Ok(certified)
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let made = self.certificate(hello.server_name().unwrap_or(NAMELESS));
        made.inspect_err(|error| eprintln!("certificate: {error:#}")).ok()
    }
}
