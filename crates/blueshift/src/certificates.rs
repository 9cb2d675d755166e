//! The certificates of the local Redshift: a CA of this user's own, made once, and a leaf under it.
//!
//! Clients learn of the CA by a bundle, the system's CAs plus ours, that `SSL_CERT_FILE` names: what
//! they could reach before they still reach. Everything lies in the user's cache; private keys are
//! readable by nobody else. Knows nothing of Redshift: a rustls configuration is handed out.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// How long the CA is valid; whoever imported it somewhere keeps it that long.
const CA_VALID: Duration = Duration::days(3650);
/// How long a leaf is valid, the longest that TLS clients accept of public ones.
const LEAF_VALID: Duration = Duration::days(397);
/// A certificate with less than this left is replaced.
const RENEWED_BEFORE: Duration = Duration::days(30);
/// Clocks of containers may be behind.
const VALID_SINCE: Duration = Duration::days(1);

/// The names every leaf has.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where systems keep their CAs in one file: Debian, Fedora, SUSE, Alpine and macOS.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The file with all that is secret.
const STORE: &str = "certificates.json";
/// The CA's certificate alone, for `sslrootcert`.
const CA: &str = "ca.pem";
/// The system's CAs and ours.
const BUNDLE: &str = "bundle.pem";

/// What a server of this machine needs to speak TLS, and its clients to trust it.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// For the server.
    pub server: Arc<ServerConfig>,
    /// For its clients: a PEM file with the system's CAs and ours.
    pub bundle: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The cache cannot be used.
    #[error("cannot {verb} {path}", path = path.display())]
    Folder {
        /// What was tried.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// The TLS library refuses what was made.
    #[error("cannot use the certificate")]
    Use(#[from] rustls::Error),
}

/// What is kept between starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Store {
    ca: Kept,
    leaf: Kept,
    /// The names the leaf is for.
    names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    certificate_pem: String,
    key_pem: String,
    /// Seconds since 1970.
    expires: i64,
}

/// Finds or makes the certificates in `folder`, for a server that listens on `host`.
///
/// # Errors
/// If the folder cannot be used, or cryptography fails.
pub fn ensure(
    folder: &Path,
    host: IpAddr,
    now: OffsetDateTime,
) -> Result<Certificates, CertificateError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
        .map_err(problem("make", folder))?;
    // Two kits that start for the first time at once would each make a CA, and one would lose.
    let lock = folder.join("lock");
    let held = open(&lock, 0o600).map_err(problem("open", &lock))?;
    held.lock().map_err(problem("lock", &lock))?;
    let path = folder.join(STORE);
    let kept = std::fs::read(&path).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let store = renewed(kept.as_ref(), &names(host), now)?;
    if kept.as_ref() != Some(&store) {
        let json = serde_json::to_vec_pretty(&store).expect("plain texts are JSON");
        write(&path, &json, 0o600)?;
    }
    write(&folder.join(CA), store.ca.certificate_pem.as_bytes(), 0o644)?;
    let bundle = folder.join(BUNDLE);
    let bundled = with_system_cas(&store.ca.certificate_pem, system_bundle(&bundle));
    write(&bundle, &bundled, 0o644)?;
    Ok(Certificates { server: Arc::new(server_config(&store.leaf)?), bundle })
}

/// A leaf for the usual names, and for `host` if it is another one.
fn names(host: IpAddr) -> Vec<String> {
    let mut names: Vec<String> = NAMES.map(str::to_owned).into();
    if !host.is_loopback() && !host.is_unspecified() {
        names.push(host.to_string());
    }
    names
}

/// What is kept, as far as it is good for `names` at `now`; the rest is made anew.
fn renewed(
    kept: Option<&Store>,
    names: &[String],
    now: OffsetDateTime,
) -> Result<Store, CertificateError> {
    let lasts = |certificate: &Kept, for_at_least: Duration| {
        (now + for_at_least).unix_timestamp() < certificate.expires
    };
    // No leaf may outlive its CA.
    let ca = kept.map(|kept| &kept.ca).filter(|ca| lasts(ca, LEAF_VALID + RENEWED_BEFORE));
    if let (Some(kept), Some(_)) = (kept, ca)
        && lasts(&kept.leaf, RENEWED_BEFORE)
        && names.iter().all(|name| kept.names.contains(name))
    {
        return Ok(kept.clone());
    }
    let ca = ca.cloned().map_or_else(|| make_ca(now), Ok)?;
    let leaf = make_leaf(&ca, names, now)?;
    Ok(Store { ca, leaf, names: names.to_vec() })
}

fn ca_params(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::OrganizationName, "Blueshift");
    params.distinguished_name.push(DnType::CommonName, "Blueshift local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - VALID_SINCE;
    params.not_after = now + CA_VALID;
    params
}

fn make_ca(now: OffsetDateTime) -> Result<Kept, CertificateError> {
    let key = KeyPair::generate()?;
    let params = ca_params(now);
    let certificate_pem = params.self_signed(&key)?.pem();
    let expires = params.not_after.unix_timestamp();
    Ok(Kept { certificate_pem, key_pem: key.serialize_pem(), expires })
}

fn make_leaf(ca: &Kept, names: &[String], now: OffsetDateTime) -> Result<Kept, CertificateError> {
    // Of the issuer only its name and key go into a leaf, so its dates need not be read back.
    let issuer = Issuer::new(ca_params(now), KeyPair::from_pem(&ca.key_pem)?);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - VALID_SINCE;
    params.not_after = now + LEAF_VALID;
    let certificate_pem = params.signed_by(&key, &issuer)?.pem();
    let expires = params.not_after.unix_timestamp();
    Ok(Kept { certificate_pem, key_pem: key.serialize_pem(), expires })
}

fn server_config(leaf: &Kept) -> Result<ServerConfig, CertificateError> {
    let unreadable = |what: &str| rustls::Error::General(format!("the kept {what} is no PEM"));
    let certificate = CertificateDer::from_pem_slice(leaf.certificate_pem.as_bytes())
        .map_err(|_| unreadable("certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())
        .map_err(|_| unreadable("private key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(config)
}

/// The CAs that programs here trust without us: those `SSL_CERT_FILE` names, unless it names
/// `ours` already, else the system's.
#[expect(clippy::disallowed_methods, reason = "OpenSSL's variable, not a setting of ours")]
fn system_bundle(ours: &Path) -> Vec<u8> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from).filter(|file| file != ours);
    let known = SYSTEM_BUNDLES.iter().map(PathBuf::from);
    named.into_iter().chain(known).find_map(|file| std::fs::read(file).ok()).unwrap_or_default()
}

fn with_system_cas(ca_pem: &str, mut system: Vec<u8>) -> Vec<u8> {
    if !system.is_empty() && !system.ends_with(b"\n") {
        system.push(b'\n');
    }
    system.extend_from_slice(ca_pem.as_bytes());
    system
}

/// Writes beside and renames, so that nobody reads half a file; leaves an unchanged file alone.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), CertificateError> {
    if std::fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    open(&beside, mode)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(problem("write", path))
}

/// Nobody may have opened a secret before it is hidden, so files are made with their mode.
fn open(path: &Path, mode: u32) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)
}

fn problem(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CertificateError {
    let path = path.to_owned();
    move |source| CertificateError::Folder { verb, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::os::unix::fs::PermissionsExt;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn store(folder: &Path) -> Store {
        serde_json::from_slice(&std::fs::read(folder.join(STORE)).unwrap()).unwrap()
    }

    #[test]
    fn a_second_start_reuses_what_the_first_made_and_keys_stay_private() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("certificates");
        let now = OffsetDateTime::now_utc();
        let first = ensure(&folder, LOOPBACK, now).unwrap();
        let made = store(&folder);
        ensure(&folder, LOOPBACK, now + Duration::days(300)).unwrap();
        assert_eq!(store(&folder), made);
        assert_eq!(mode(&folder.join(STORE)), 0o600);
        assert_eq!((mode(&first.bundle), mode(&folder.join(CA))), (0o644, 0o644));
        let bundle = std::fs::read_to_string(&first.bundle).unwrap();
        assert!(bundle.ends_with(&made.ca.certificate_pem), "ours comes last");
    }

    #[test]
    fn a_leaf_is_renewed_before_it_expires_and_the_ca_with_room_for_it() {
        let now = OffsetDateTime::now_utc();
        let names = names(LOOPBACK);
        let made = renewed(None, &names, now).unwrap();
        let after = |days: i64| {
            let later = renewed(Some(&made), &names, now + Duration::days(days)).unwrap();
            (later.ca == made.ca, later.leaf == made.leaf)
        };
        assert_eq!(after(366), (true, true));
        assert_eq!(after(368), (true, false));
        assert_eq!(after(3650 - 430), (true, false));
        assert_eq!(after(3650 - 420), (false, false));
    }

    #[test]
    fn another_host_gets_a_leaf_of_its_own_under_the_same_ca() {
        let now = OffsetDateTime::now_utc();
        let made = renewed(None, &names(LOOPBACK), now).unwrap();
        let host = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        let other = renewed(Some(&made), &names(host), now).unwrap();
        assert_eq!(other.names, ["localhost", "127.0.0.1", "::1", "192.0.2.7"]);
        assert_eq!((other.ca == made.ca, other.leaf == made.leaf), (true, false));
        assert_eq!(renewed(Some(&other), &names(LOOPBACK), now).unwrap(), other);
        assert_eq!(names(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), NAMES);
    }

    #[test]
    fn a_damaged_store_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(STORE), "{\"ca\":").unwrap();
        ensure(folder.path(), LOOPBACK, OffsetDateTime::now_utc()).unwrap();
        assert!(!store(folder.path()).ca.certificate_pem.is_empty());
    }

    #[test]
    fn the_bundle_keeps_its_pieces_apart() {
        let bundle = |system: &str| with_system_cas("ours\n", system.as_bytes().to_vec());
        assert_eq!(bundle("theirs"), b"theirs\nours\n");
        assert_eq!(bundle("theirs\n"), b"theirs\nours\n");
        assert_eq!(bundle(""), b"ours\n");
    }
}
