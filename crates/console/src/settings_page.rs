//! What the console is set to, for the settings page: what whoever started it says, and what is decided here. No secret.

use crate::failovers::KEPT_DAYS;
use crate::notify::{delivered, failing};
use crate::policy::{Action, Target};
use crate::problems::from_store;
use crate::sessions::IDLE_S;
use crate::{Actor, Console};
use paddock_events::{DestinationRow, Problem, SettingGroup, SettingRow, SettingsPage};

const BUILT_IN: &str = "built in";

fn row(name: &str, value: impl Into<String>, from: &str, key: &str) -> SettingRow {
    SettingRow { name: name.to_owned(), value: value.into(), from: from.to_owned(), key: key.to_owned() }
}

impl Console {
    /// For admins: paths of this machine are in it.
    pub async fn settings_page(&self, actor: &Actor) -> Result<SettingsPage, Problem> {
        self.gate(actor, Action::Settings, Target::Everything, "the settings").await?;
        let settings = &self.inner.settings;
        let mut groups = settings.stated.clone();
        groups.push(SettingGroup { title: "Sign-in".into(), rows: self.sign_in_rows() });
        let written = self.approval_policy_is_written().await?;
        let from = if written { "the policy page" } else { BUILT_IN };
        let rows = vec![row("Policy in force", self.approval_policy().await?.summary(), from, "")];
        groups.push(SettingGroup { title: "Approvals".into(), rows });
        groups.push(SettingGroup { title: "Looking at clusters".into(), rows: look_rows() });
        groups.push(SettingGroup { title: "Kept".into(), rows: kept_rows() });
        let mut destinations = Vec::new();
        for to in &settings.notify {
            let read = async |name: String| self.inner.store.setting(&name).await.map_err(from_store);
            let (kind, events, clusters) = to.words();
            destinations.push(DestinationRow {
                name: to.name().to_owned(),
                kind: kind.to_owned(),
                events,
                clusters,
                delivered_us: read(delivered(to.name())).await?.and_then(|text| text.parse().ok()),
                failing: read(failing(to.name())).await?.filter(|why| !why.is_empty()),
            });
        }
        Ok(SettingsPage { groups, destinations })
    }

    fn sign_in_rows(&self) -> Vec<SettingRow> {
        let mut rows = vec![
            row(
                "A session ends",
                format!("{} days after the sign-in", Self::SESSION_S / 86_400),
                BUILT_IN,
                "",
            ),
            row("It ends unused", format!("after {} h", IDLE_S / 3_600), BUILT_IN, ""),
        ];
        match &self.inner.settings.provider {
            None => rows.push(row("Provider (OpenID Connect)", "none", BUILT_IN, "")),
            Some(provider) => {
                rows.push(row("Provider (OpenID Connect)", provider.issuer(), "settings, [oidc]", "issuer"));
                rows.push(row("It leads back to", provider.redirect(), "settings", "public_url"));
                rows.push(row("Groups and their grants", provider.grants(), "settings, [oidc]", "grants"));
                rows.push(row(
                    "The client's secret",
                    "given, not shown",
                    "a file of its own, or the environment",
                    "",
                ));
            }
        }
        rows
    }
}

fn look_rows() -> Vec<SettingRow> {
    vec![
        row("A cluster whose page is open", "every second", BUILT_IN, ""),
        row("While somebody watches the fleet", "every 1 to 10 s, by its size", BUILT_IN, ""),
        row("While nobody does", "every 5 to 30 s, by its size", BUILT_IN, ""),
        row("A cluster without a leader", "every second", BUILT_IN, ""),
        row("Repositories of backups", "every 10 min, and after each job", BUILT_IN, ""),
    ]
}

fn kept_rows() -> Vec<SettingRow> {
    vec![
        row("Jobs with their logs, plans, revisions", "for ever", BUILT_IN, ""),
        row("Audit log", "for ever, as one chain", BUILT_IN, ""),
        row(
            "What was seen of a cluster",
            format!("{KEPT_DAYS} days, its newest 5,000 changes"),
            BUILT_IN,
            "",
        ),
        row("Lags of replicas", "30 min, in memory", BUILT_IN, ""),
        row("Notifications that were not taken", "a day", BUILT_IN, ""),
    ]
}
