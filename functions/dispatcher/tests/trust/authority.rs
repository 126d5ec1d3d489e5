//! Certificates, made when they are needed: none is kept that could expire or be found.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a receiver shows, and the key to it.
pub(crate) struct Credential {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Somebody who signs certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = common_name("An authority of a test");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// For these names and addresses, at any time.
    pub(crate) fn issue(&self, names: &[&str]) -> Credential {
        self.sign(named(names))
    }

    /// For these names, between the starts of two years.
    pub(crate) fn issue_for_years(&self, names: &[&str], first: i32, last: i32) -> Credential {
        let mut params = named(names);
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 1, 1);
        self.sign(params)
    }

    /// For a name where names were written before 2000.
    pub(crate) fn issue_common_name(&self, name: &str) -> Credential {
        let mut params = named(&[]);
        params.distinguished_name = common_name(name);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Credential {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Credential { certificate, key: secret(&key) }
    }
}

/// Signed by nobody else.
pub(crate) fn self_signed(name: &str) -> Credential {
    let key = KeyPair::generate().unwrap();
    let certificate = named(&[name]).self_signed(&key).unwrap().der().clone();
    Credential { certificate, key: secret(&key) }
}

fn named(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut whole = DistinguishedName::new();
    whole.push(DnType::CommonName, name);
    whole
}

fn secret(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}
