//! The console's certificate authority: one CA, server certificates under it, all kept in `pki/`.
//!
//! What exists is kept. A certificate is made anew when its names, its key or the CA have changed, or when it has
//! less than 30 days left. An existing `ca.key` and `ca.crt` (Pigsty's `files/pki/ca`) are taken as they are.

use crate::clock::now_s;
use crate::keeping::{KeyFiles, private_dir, private_file, read_if_there};
use crate::problems::{internal, problem};
use crate::ssh_keys::key_pair;
use paddock_events::{Problem, ProblemKind};
use paddock_playbooks::{Material, Need};
use rand::Rng as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// As Pigsty's: twenty years for the CA and for what it signs.
const DAYS: i64 = 7300;
const RENEW_BEFORE_S: i64 = 30 * 86_400;
const CA_NAME: &str = "pigsty-ca";

/// What a certificate was made for; kept beside it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    cn: String,
    sans: Vec<String>,
    /// SHA-256 of the key's and the CA's PEM.
    key: String,
    ca: String,
    until_s: i64,
}

/// Makes what is missing in `dir` and gives all values that the needs name.
pub(crate) fn ensure(dir: &Path, keys: &KeyFiles, needs: &[Need]) -> Result<Material, Problem> {
    private_dir(dir)?;
    let ca = Ca::open(dir)?;
    let mut material = Material::default();
    material.0.insert("ca.crt".into(), ca.crt.clone());
    for need in needs {
        match need {
            Need::Ca => {}
            Need::Certificate { name, key, cn, sans } => {
                let key_path = path_of(dir, key, "key")?;
                let key_pem = private_key(&key_path)?;
                let crt = ca.certificate(&path_of(dir, name, "crt")?, cn, sans, &key_pem)?;
                material.0.insert(format!("{key}.key"), key_pem);
                material.0.insert(format!("{name}.crt"), crt);
            }
            Need::SshKey { name } => {
                let comment = name.rsplit('/').next().unwrap_or(name);
                let (pair, _) = key_pair(&path_of(dir, name, "ssh")?, comment, Some(keys))?;
                material.0.insert(format!("{name}.ssh"), pair.private);
                material.0.insert(format!("{name}.pub"), pair.public);
            }
        }
    }
    Ok(material)
}

/// `dir/pgsql/pg-test-1.crt`; a name that would lead out of the directory is refused.
fn path_of(dir: &Path, name: &str, kind: &str) -> Result<PathBuf, Problem> {
    let good = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    if !name.split('/').all(good) {
        return Err(problem(
            "console/bad-key-name",
            ProblemKind::Request,
            format!("`{name}` cannot name a key"),
            "it would lead out of the key directory",
            "rename the cluster or instance",
        ));
    }
    let path = dir.join(format!("{name}.{kind}"));
    if let Some(parent) = path.parent() {
        private_dir(parent)?;
    }
    Ok(path)
}

fn fingerprint(pem: &str) -> String {
    Sha256::digest(pem.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(what: &Path, error: &rcgen::Error) -> Problem {
    internal(&format!("{} cannot be made", what.display()), error)
}

/// The private key at a path, made when missing (ECDSA P-256).
fn private_key(path: &Path) -> Result<String, Problem> {
    if let Some(pem) = read_if_there(path)? {
        return Ok(pem);
    }
    let pem = KeyPair::generate().map_err(|error| failed(path, &error))?.serialize_pem();
    private_file(path, &pem)?;
    Ok(pem)
}

fn named(cn: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "pigsty");
    name.push(DnType::CommonName, cn);
    params.distinguished_name = name;
    let now = OffsetDateTime::now_utc();
    // A day back: the nodes' clocks may be behind ours.
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(days);
    let mut serial: [u8; 16] = rand::rng().random();
    // Positive, as RFC 5280 asks.
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

struct Ca {
    crt: String,
    key: String,
}

impl Ca {
    fn open(dir: &Path) -> Result<Self, Problem> {
        let (key_path, crt_path) = (dir.join("ca.key"), dir.join("ca.crt"));
        match (read_if_there(&key_path)?, read_if_there(&crt_path)?) {
            (Some(key), Some(crt)) => Ok(Self { crt, key }),
            // Half of a CA is an accident; a new key beside an old certificate would break every node silently.
            (None, Some(_)) | (Some(_), None) => Err(problem(
                "console/half-a-ca",
                ProblemKind::World,
                format!("the CA in {} is not complete", dir.display()),
                "there is one of `ca.key` and `ca.crt` without the other",
                "restore the missing one from a backup; remove both only when no node trusts this CA yet",
            )),
            (None, None) => {
                let pair = KeyPair::generate().map_err(|error| failed(&key_path, &error))?;
                let mut params = named(CA_NAME, DAYS);
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
                params.key_usages = vec![
                    KeyUsagePurpose::KeyCertSign,
                    KeyUsagePurpose::CrlSign,
                    KeyUsagePurpose::DigitalSignature,
                ];
                let crt = params.self_signed(&pair).map_err(|error| failed(&crt_path, &error))?.pem();
                let key = pair.serialize_pem();
                private_file(&key_path, &key)?;
                private_file(&crt_path, &crt)?;
                tracing::info!("made the certificate authority `{CA_NAME}` in {}", dir.display());
                Ok(Self { crt, key })
            }
        }
    }

    fn certificate(&self, path: &Path, cn: &str, sans: &[String], key_pem: &str) -> Result<String, Problem> {
        let made_path = path.with_extension("crt.json");
        let mut made = Made {
            cn: cn.to_owned(),
            sans: sans.to_vec(),
            key: fingerprint(key_pem),
            ca: fingerprint(&self.crt),
            until_s: 0,
        };
        if let (Some(crt), Some(kept)) = (read_if_there(path)?, read_if_there(&made_path)?)
            && let Ok(kept) = serde_json::from_str::<Made>(&kept)
        {
            made.until_s = kept.until_s;
            if kept == made && kept.until_s > now_s() + RENEW_BEFORE_S {
                return Ok(crt);
            }
        }
        let signed = || -> Result<(String, i64), rcgen::Error> {
            let issuer = Issuer::from_ca_cert_pem(&self.crt, KeyPair::from_pem(&self.key)?)?;
            let mut params = named(cn, DAYS);
            params.subject_alt_names = CertificateParams::new(sans.to_vec())?.subject_alt_names;
            params.is_ca = IsCa::ExplicitNoCa;
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let until_s = params.not_after.unix_timestamp();
            Ok((params.signed_by(&KeyPair::from_pem(key_pem)?, &issuer)?.pem(), until_s))
        };
        let (crt, until_s) = signed().map_err(|error| failed(path, &error))?;
        made.until_s = until_s;
        let json =
            serde_json::to_string(&made).map_err(|error| internal("a certificate cannot be kept", &error))?;
        private_file(path, &crt)?;
        private_file(&made_path, &json)?;
        Ok(crt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn certificate(sans: &[&str]) -> Vec<Need> {
        vec![
            Need::Ca,
            Need::Certificate {
                name: "pgsql/pg-test-1".into(),
                key: "pgsql/pg-test".into(),
                cn: "pg-test-1".into(),
                sans: sans.iter().map(|san| (*san).to_owned()).collect(),
            },
            Need::SshKey { name: "ssh/pg-test-1".into() },
        ]
    }

    fn keys(dir: &tempfile::TempDir) -> KeyFiles {
        let key = paddock_store::SealKey::parse(&format!("{}=", "A".repeat(43)));
        KeyFiles::new(dir.path(), key.unwrap())
    }

    #[test]
    fn what_exists_is_kept_and_new_names_make_a_new_certificate_for_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let first = ensure(dir.path(), &keys(&dir), &certificate(&["localhost", "10.10.10.11"])).unwrap();
        assert_eq!(
            ensure(dir.path(), &keys(&dir), &certificate(&["localhost", "10.10.10.11"])).unwrap(),
            first
        );
        let second = ensure(dir.path(), &keys(&dir), &certificate(&["localhost", "10.10.10.12"])).unwrap();
        assert_ne!(second.get("pgsql/pg-test-1.crt"), first.get("pgsql/pg-test-1.crt"));
        for same in ["ca.crt", "pgsql/pg-test.key", "ssh/pg-test-1.ssh", "ssh/pg-test-1.pub"] {
            assert_eq!(second.get(same), first.get(same), "{same}");
        }
        assert!(!second.0.contains_key("ca.key"), "it never leaves the console");
    }

    #[cfg(unix)]
    #[test]
    fn all_of_it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), &keys(&dir), &certificate(&["localhost"])).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(dir.path()), 0o700);
        for file in ["ca.key", "ca.crt", "pgsql/pg-test.key", "ssh/pg-test-1.ssh"] {
            assert_eq!(mode(&dir.path().join(file)), 0o600, "{file}");
        }
    }

    #[test]
    fn openssl_takes_the_chain_the_name_and_the_years() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), &keys(&dir), &certificate(&["localhost", "10.10.10.11"])).unwrap();
        let openssl = |args: &[&str]| {
            let Ok(ran) = Command::new("openssl").args(args).current_dir(dir.path()).output() else {
                panic!("this test needs the `openssl` command");
            };
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
        };
        let verified = openssl(&[
            "verify",
            "-x509_strict",
            "-verify_ip",
            "10.10.10.11",
            "-CAfile",
            "ca.crt",
            "pgsql/pg-test-1.crt",
        ]);
        assert!(verified.contains("pgsql/pg-test-1.crt: OK"), "{verified}");
        let ca = openssl(&["x509", "-in", "ca.crt", "-noout", "-text"]);
        for part in ["CN = pigsty-ca", "CA:TRUE, pathlen:1"] {
            assert!(ca.contains(part), "{part} in {ca}");
        }
        let soon =
            openssl(&["x509", "-in", "ca.crt", "-noout", "-checkend", &(7299 * 86_400_i64).to_string()]);
        assert!(soon.contains("will not expire"), "{soon}");
    }

    #[test]
    fn half_a_ca_is_not_made_whole_by_guessing() {
        let dir = tempfile::tempdir().unwrap();
        ensure(dir.path(), &keys(&dir), &[Need::Ca]).unwrap();
        std::fs::remove_file(dir.path().join("ca.key")).unwrap();
        assert_eq!(ensure(dir.path(), &keys(&dir), &[Need::Ca]).unwrap_err().code, "console/half-a-ca");
    }

    #[test]
    fn a_name_does_not_lead_out_of_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let need = Need::SshKey { name: "ssh/../../x".into() };
        assert_eq!(ensure(dir.path(), &keys(&dir), &[need]).unwrap_err().code, "console/bad-key-name");
    }
}
