//! `[[notify]]` of the settings file. What is secret is in files of its own.

use anyhow::{Context as _, Result, anyhow, bail};
use paddock_console::{NotifyGiven, NotifySettings};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One destination.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotifyFile {
    name: String,
    kind: String,
    url: Option<String>,
    /// For an address that is itself a secret.
    url_file: Option<PathBuf>,
    secret_file: Option<PathBuf>,
    user: Option<String>,
    from: Option<String>,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    clusters: Vec<String>,
}

/// All destinations, with what their files say.
pub(crate) fn read(files: &[NotifyFile], public_url: Option<&str>) -> Result<Vec<NotifySettings>> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for one in files {
        if !names.insert(&one.name) {
            bail!("two destinations of notifications are called `{}`", one.name);
        }
        let url = match (&one.url, &one.url_file) {
            (Some(url), None) => url.clone(),
            (None, Some(path)) => line_of(path)?,
            (None, None) | (Some(_), Some(_)) => {
                bail!("notify `{}`: give url or url_file, one of them", one.name)
            }
        };
        let given = NotifyGiven {
            name: one.name.clone(),
            kind: one.kind.clone(),
            url,
            secret: one.secret_file.as_deref().map(line_of).transpose()?,
            user: one.user.clone(),
            from: one.from.clone(),
            to: one.to.clone(),
            events: one.events.clone(),
            clusters: one.clusters.clone(),
            public_url: public_url.map(str::to_owned),
        };
        all.push(NotifySettings::new(given).map_err(|problem| anyhow!("{problem}"))?);
    }
    Ok(all)
}

fn line_of(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}
