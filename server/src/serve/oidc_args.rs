//! Settings of sign-in by a provider. The client's secret is in a file or in the environment: others see a command line.

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use paddock_console::{OidcGiven, OidcSettings};
use serde::Deserialize;
use std::env::VarError;
use std::path::PathBuf;

const SECRET: &str = "PADDOCK_OIDC_CLIENT_SECRET";

/// Flags of sign-in by a provider.
#[derive(Debug, Default, Args)]
pub(crate) struct OidcArgs {
    /// OpenID Connect provider by which people may sign in: https://login.example/realms/ops
    #[arg(long = "oidc-issuer", env = "PADDOCK_OIDC_ISSUER")]
    issuer: Option<String>,
    /// How the provider knows the console.
    #[arg(long = "oidc-client-id", env = "PADDOCK_OIDC_CLIENT_ID")]
    client_id: Option<String>,
    /// File with the client's secret. Or PADDOCK_OIDC_CLIENT_SECRET, the secret itself.
    #[arg(long = "oidc-client-secret-file", env = "PADDOCK_OIDC_CLIENT_SECRET_FILE")]
    client_secret_file: Option<PathBuf>,
    /// What to ask for besides openid, with blanks between. Without it: profile email
    #[arg(long = "oidc-scopes", env = "PADDOCK_OIDC_SCOPES", value_delimiter = ' ')]
    scopes: Option<Vec<String>>,
    /// The ID token's claim with the groups. Without it: groups
    #[arg(long = "oidc-groups-claim", env = "PADDOCK_OIDC_GROUPS_CLAIM")]
    groups_claim: Option<String>,
    /// The ID token's claim with the name. Without it: preferred_username
    #[arg(long = "oidc-name-claim", env = "PADDOCK_OIDC_NAME_CLAIM")]
    name_claim: Option<String>,
    /// What stands on the button behind "Sign in with".
    #[arg(long = "oidc-label", env = "PADDOCK_OIDC_LABEL")]
    label: Option<String>,
    /// What a group may do: 'dba=operator:pg-prod-*', without a pattern everything. Again, or with ; between, for more.
    #[arg(long = "oidc-grant", env = "PADDOCK_OIDC_GRANTS", value_delimiter = ';')]
    grants: Option<Vec<String>>,
}

/// `[oidc]` of the settings file, and all of it after precedence.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcFile {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    scopes: Option<Vec<String>>,
    groups_claim: Option<String>,
    name_claim: Option<String>,
    label: Option<String>,
    grants: Option<Vec<String>>,
}

impl OidcArgs {
    /// Flags and environment over the file.
    pub(crate) fn over(self, file: OidcFile) -> OidcFile {
        OidcFile {
            issuer: self.issuer.or(file.issuer),
            client_id: self.client_id.or(file.client_id),
            client_secret_file: self.client_secret_file.or(file.client_secret_file),
            scopes: self.scopes.or(file.scopes),
            groups_claim: self.groups_claim.or(file.groups_claim),
            name_claim: self.name_claim.or(file.name_claim),
            label: self.label.or(file.label),
            grants: self.grants.or(file.grants),
        }
    }
}

impl OidcFile {
    /// The provider; none when none is named.
    pub(crate) fn settings(&self, public_url: Option<&str>) -> Result<Option<OidcSettings>> {
        let secret = match std::env::var(SECRET) {
            Ok(secret) => Some(secret),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => bail!("{SECRET} is not a secret that a provider gives"),
        };
        self.settings_with(public_url, secret)
    }

    fn settings_with(
        &self,
        public_url: Option<&str>,
        from_environment: Option<String>,
    ) -> Result<Option<OidcSettings>> {
        let Some(issuer) = &self.issuer else {
            if self.client_id.is_some() || self.client_secret_file.is_some() || self.grants.is_some() {
                bail!("there are settings for sign-in by a provider, and no provider: give --oidc-issuer");
            }
            return Ok(None);
        };
        let client_secret = match (&self.client_secret_file, from_environment) {
            (Some(path), None) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the client's secret {}", path.display()))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            (None, Some(secret)) => secret,
            (None, None) => {
                bail!("the client's secret is missing: give --oidc-client-secret-file, or {SECRET}")
            }
            (Some(path), Some(_)) => {
                bail!("{SECRET} is set, and so is oidc.client_secret_file ({}): give one", path.display())
            }
        };
        let public_url = public_url.context(
            "sign-in by a provider leads back to the console: give --public-url, the address that browsers have",
        )?;
        let given = OidcGiven {
            issuer: issuer.clone(),
            client_id: self.client_id.clone().unwrap_or_default(),
            client_secret,
            public_url: public_url.to_owned(),
            scopes: self.scopes.clone().unwrap_or_default(),
            groups_claim: self.groups_claim.clone(),
            name_claim: self.name_claim.clone(),
            label: self.label.clone(),
            grants: self.grants.clone().unwrap_or_default(),
        };
        OidcSettings::new(given).map(Some).map_err(|problem| anyhow!("{problem}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::config::{Config, ServeArgs};
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn said(dir: &Path, words: &[&str], secret: Option<&str>) -> Result<String, String> {
        let file = dir.join("paddock.toml").display().to_string();
        let fixed = ["paddock", "--config", &file, "--state-dir", "state"];
        let line = Line::try_parse_from(fixed.iter().chain(words)).map_err(|error| error.to_string())?;
        let config = Config::read(line.args).map_err(|error| format!("{error:#}"))?;
        let settings = config.oidc.settings_with(config.public_url.as_deref(), secret.map(str::to_owned));
        settings.map(|settings| format!("{settings:?}")).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_provider_is_set_up_by_file_flags_and_a_secret_that_is_in_neither() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "C4nary-secret\n").unwrap();
        let secret = dir.path().join("secret").display().to_string();
        let file = |text: &str| std::fs::write(dir.path().join("paddock.toml"), text).unwrap();
        file("");
        assert_eq!(said(dir.path(), &[], None).unwrap(), "None");
        file(&format!(
            "public_url = \"https://console.example\"\n[oidc]\nissuer = \"https://login.example\"\nclient_id = \"paddock\"\nclient_secret_file = \"{secret}\"\nlabel = \"Example\"\ngrants = [\"dba=operator:pg-a\"]\n"
        ));
        let from_file = said(dir.path(), &[], None).unwrap();
        for part in
            ["https://login.example", "https://console.example/sign-in/oidc/callback", "Example", "pg-a"]
        {
            assert!(from_file.contains(part), "{part}: {from_file}");
        }
        assert!(!from_file.contains("C4nary"));
        let flags = [
            "--oidc-label",
            "Other",
            "--oidc-grant",
            "a=viewer;b=admin",
            "--oidc-grant",
            "c=viewer:pg-c",
            "--oidc-scopes",
            "groups x",
        ];
        let over = said(dir.path(), &flags, None).unwrap();
        assert!(over.contains("Other") && over.contains("pg-c") && !over.contains("pg-a"), "{over}");
        assert!(over.contains("\"groups\"") && over.contains("\"x\""), "{over}");
    }

    #[test]
    fn what_is_missing_or_given_twice_is_said() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("paddock.toml"), "").unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        let secret = dir.path().join("secret").display().to_string();
        let issuer = ["--oidc-issuer", "https://login.example", "--oidc-client-id", "paddock"];
        let check = |words: &[&str], environment: Option<&str>, why: &str| {
            let refused = said(dir.path(), words, environment).unwrap_err();
            assert!(refused.contains(why), "{words:?}: {refused}");
        };
        check(&["--oidc-client-id", "paddock"], None, "no provider");
        check(&issuer, None, "secret is missing");
        check(&issuer, Some("x"), "--public-url");
        let file = [&issuer[..], &["--oidc-client-secret-file", &secret]].concat();
        check(&file, Some("x"), "give one");
        let missing = [&issuer[..], &["--oidc-client-secret-file", "/no/such/file"]].concat();
        check(&missing, None, "cannot read the client's secret");
        let public = [&issuer[..], &["--public-url", "https://console.example"]].concat();
        check(&public, Some("x"), "no group has a grant");
        // A secret is no flag.
        check(&["--oidc-client-secret", "x"], None, "unexpected argument");
        check(
            &["--oidc-issuer", "http://login.example", "--public-url", "https://console.example"],
            Some("x"),
            "neither https://",
        );
    }
}
