//! An inventory text as it stands in the editor: what files it means for a member, and where each value is from.

use crate::declared::free_hosts;
use crate::inventory::check_size;
use crate::masking::{mask, secrets_of};
use crate::policy::{Action, Target};
use crate::problems::internal;
use crate::reach::shown;
use crate::{Actor, Console};
use paddock_events::{
    DeclaredCluster, InventoryQuery, InventoryViews, Problem, RenderedText, ResolvedValue, TextProblem,
};
use paddock_inventory::{
    Cluster, Finding, Instance, InstanceRole, Inventory, Level, NodeAddr, Resolved, flow, masked,
};
use paddock_playbooks::{DEFAULTS, Refusal, RenderedFile, rendered_files};
use std::collections::{BTreeMap, BTreeSet};

impl Console {
    /// Files and values of one cluster of a text that need not be saved, beside what the saved revision gives.
    pub async fn view_inventory(
        &self,
        actor: &Actor,
        text: String,
        query: InventoryQuery,
    ) -> Result<InventoryViews, Problem> {
        self.gate(actor, Action::See, Target::Everything, "an inventory text").await?;
        check_size(&text)?;
        let saved = self.current().await?.map(|current| current.inventory);
        // What is compared is what this person is shown: a masked line must not look changed, nor be shown by its file.
        let whole = actor.may(Action::Edit, Target::Everything);
        let masked = saved.as_ref().filter(|_| !whole).map(|saved| shown(actor, saved));
        let task = tokio::task::spawn_blocking(move || {
            let (inventory, findings) = Inventory::read(text);
            if inventory.is_broken() {
                return InventoryViews { broken: Some(broken(&findings)), ..InventoryViews::default() };
            }
            match masked {
                Some(masked) => views(&inventory, Some(&Inventory::read(masked).0), &query),
                None => views(&inventory, saved.as_deref(), &query),
            }
        });
        task.await.map_err(|error| internal("the inventory could not be read", &error))
    }
}

fn views(inventory: &Inventory, saved: Option<&Inventory>, query: &InventoryQuery) -> InventoryViews {
    let primary = |cluster: &Cluster| {
        cluster
            .instances
            .iter()
            .find(|one| one.role == InstanceRole::Primary)
            .or(cluster.instances.first())
            .cloned()
    };
    let clusters = inventory.clusters().values();
    let mut views = InventoryViews {
        clusters: clusters
            .map(|one| DeclaredCluster {
                name: one.name.to_string(),
                primary: primary(one).map(|primary| primary.addr.to_string()),
            })
            .collect(),
        free_hosts: free_hosts(inventory),
        ..InventoryViews::default()
    };
    let chosen = query.cluster.parse().ok().and_then(|name| inventory.cluster(&name));
    let Some(cluster) = chosen.or_else(|| inventory.clusters().values().next()) else { return views };
    views.cluster = cluster.name.to_string();
    views.instances = cluster.instances.iter().map(|one| (one.id.seq, one.id.to_string())).collect();
    let one = cluster.instances.iter().find(|one| Some(one.id.seq) == query.instance);
    if let Some(member) = one.cloned().or_else(|| primary(cluster)) {
        views.member = member.id.to_string();
        views.files = files(inventory, saved, cluster, &member);
    }
    let secrets = secrets_of(inventory);
    views.values = values(inventory, cluster, one);
    views.values.iter_mut().for_each(|row| row.value = mask(&row.value, &secrets));
    views
}

fn files(
    inventory: &Inventory,
    saved: Option<&Inventory>,
    cluster: &Cluster,
    member: &Instance,
) -> Vec<RenderedText> {
    let secrets = secrets_of(inventory);
    let before = saved.and_then(|saved| {
        let cluster = saved.cluster(&cluster.name)?;
        let addr = cluster.instances.iter().find(|one| one.id == member.id)?.addr;
        Some((secrets_of(saved), rendered_files(saved, cluster, addr)))
    });
    let (old_secrets, before) = before.unwrap_or_default();
    let mut old: BTreeMap<String, String> = before
        .into_iter()
        .filter_map(|file| Some((file.path, mask(&file.content.ok()?, &old_secrets))))
        .collect();
    let mut out: Vec<RenderedText> = rendered_files(inventory, cluster, member.addr)
        .into_iter()
        .map(|RenderedFile { path, parameters, content }| RenderedText {
            saved: old.remove(&path),
            text: match content {
                Ok(text) => Ok(mask(&text, &secrets)),
                Err(refusal) => Err(placed(inventory, member.addr, parameters, &refusal, &secrets)),
            },
            path,
        })
        .collect();
    // What the text takes away; where the services do not render at all, nothing is known to go.
    if out.iter().all(|file| file.text.is_ok()) {
        out.extend(old.into_iter().map(|(path, saved)| RenderedText {
            path,
            text: Ok(String::new()),
            saved: Some(saved),
        }));
    }
    out
}

/// A refusal with the place in the text: where the rule or service that it names stands, else where its parameter does.
fn placed(
    inventory: &Inventory,
    addr: NodeAddr,
    parameters: [&str; 2],
    refusal: &Refusal,
    secrets: &BTreeSet<String>,
) -> TextProblem {
    let vars = inventory.vars(addr);
    let said = format!("{} {}", refusal.what, refusal.why);
    let spans: Vec<_> = parameters.iter().filter_map(|name| vars.get(name)?.span).collect();
    let named = said.split('`').skip(1).step_by(2).filter(|word| !word.is_empty());
    let found = named.flat_map(|word| spans.iter().map(move |span| (word, span))).find_map(|(word, span)| {
        let written = inventory.text().get(span.start..span.end)?;
        let above = written[..written.find(word)?].matches('\n').count();
        let line = span.line + u32::try_from(above).ok()?;
        Some((line, if above == 0 { span.column } else { 1 }))
    });
    TextProblem {
        what: refusal.what.clone(),
        why: mask(&refusal.why, secrets),
        place: found.or_else(|| spans.first().map(|span| (span.line, span.column))),
    }
}

/// The values of one member, or of all: a row for each value that members have.
fn values(inventory: &Inventory, cluster: &Cluster, one: Option<&Instance>) -> Vec<ResolvedValue> {
    let members: Vec<&Instance> = one.map_or_else(|| cluster.instances.iter().collect(), |one| vec![one]);
    let mut rows: BTreeMap<String, Vec<(String, ResolvedValue)>> = BTreeMap::new();
    for member in &members {
        let vars = inventory.vars(member.addr);
        let set = vars.iter().map(|(name, resolved)| row(name, resolved));
        let unset =
            DEFAULTS.iter().filter(|(name, _)| vars.get(name).is_none()).map(|(name, value)| ResolvedValue {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                origin: "built-in default".into(),
                place: None,
                member: None,
            });
        for row in set.chain(unset) {
            rows.entry(row.name.clone()).or_default().push((member.id.to_string(), row));
        }
    }
    rows.into_values()
        .flat_map(|mut rows| {
            let same = rows.len() == members.len() && rows.windows(2).all(|two| two[0].1 == two[1].1);
            if same {
                rows.truncate(1);
            }
            rows.into_iter()
                .map(move |(member, row)| ResolvedValue { member: (!same).then_some(member), ..row })
        })
        .collect()
}

fn row(name: &str, resolved: &Resolved) -> ResolvedValue {
    ResolvedValue {
        name: name.to_owned(),
        value: flow(&masked(name, &resolved.value)),
        origin: origin(&resolved.level),
        place: resolved.span.map(|span| (span.line, span.column)),
        member: None,
    }
}

/// A level as a person reads it.
pub(crate) fn origin(level: &Level) -> String {
    match level {
        Level::Default => "built-in default".into(),
        Level::Global => "all.vars".into(),
        Level::Group(group) => format!("group {}", group.0),
        Level::Host(group) => format!("host in {}", group.0),
        Level::Extra => "extra vars".into(),
    }
}

/// Why a text cannot be looked into: it is not YAML.
pub(crate) fn broken(findings: &[Finding]) -> TextProblem {
    let first = findings.first();
    TextProblem {
        what: "the text cannot be read as YAML".into(),
        why: first.map_or_else(String::new, |first| first.message.clone()),
        place: first.map(|first| (first.span.line, first.span.column)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:\n  vars: { pg_version: 15, pg_admin_password: Sup3rSecret }\n  children:\n    pg-a:\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_seq: 2, pg_role: replica, pg_weight: 50 }\n      vars:\n        pg_cluster: pg-a\n        pg_hba_rules:\n          - { title: app, user: app, db: app, addr: 10.9.0.0/16, auth: ssl }\n          - { title: odd one, user: Sup3rSecret, db: app, addr: world, auth: ssl }\n";

    fn look(text: &str, saved: &str, instance: Option<u32>) -> InventoryViews {
        let query = InventoryQuery { cluster: "pg-a".into(), instance };
        views(&Inventory::read(text).0, Some(&Inventory::read(saved).0), &query)
    }

    #[test]
    fn a_file_stands_beside_what_the_saved_revision_has_and_shows_no_secret() {
        let seen = look(&TEXT.replace("10.9.0.0", "10.8.0.0"), TEXT, None);
        assert_eq!(seen.member, "pg-a-1");
        let hba = &seen.files[0];
        assert!(hba.text.as_ref().unwrap().contains("10.8.0.0/16"));
        assert!(hba.saved.as_ref().unwrap().contains("10.9.0.0/16"));
        assert!(!format!("{seen:?}").contains("Sup3rSecret"));
        let rest = &seen.files[1..];
        assert!(rest.iter().all(|file| file.text.as_ref().ok() == file.saved.as_ref()), "{rest:?}");
    }

    #[test]
    fn a_service_that_is_gone_is_shown_as_gone_and_a_new_one_has_no_past() {
        let with = format!("{TEXT}        pg_services: [{{ name: extra, port: 5440 }}]\n");
        let gone = look(TEXT, &with, None);
        let file = gone.files.iter().find(|file| file.path.ends_with("pg-a-extra.cfg")).unwrap();
        assert_eq!((file.text.as_deref(), file.saved.is_some()), (Ok(""), true));
        let new = look(&with, TEXT, None);
        let file = new.files.iter().find(|file| file.path.ends_with("pg-a-extra.cfg")).unwrap();
        assert!(file.saved.is_none() && file.text.is_ok());
    }

    #[test]
    fn what_does_not_render_names_its_line() {
        let seen = look(&TEXT.replace("addr: world", "addr: moon"), TEXT, None);
        let problem = seen.files[0].text.as_ref().unwrap_err();
        assert_eq!(problem.place.map(|place| place.0), Some(12), "{problem:?}");
        assert!(problem.why.contains("moon"));
        let seen = look(&format!("{TEXT}        pg_services:\n          - {{ name: extra }}\n"), TEXT, None);
        let problem = seen.files.last().unwrap().text.as_ref().unwrap_err();
        assert_eq!(problem.place.map(|place| place.0), Some(14), "{problem:?}");
    }

    #[test]
    fn each_value_says_where_it_is_from_and_members_that_differ_are_told_apart() {
        let seen = look(TEXT, TEXT, None);
        let rows = |name: &str| {
            let rows = seen.values.iter().filter(|row| row.name == name);
            rows.map(|row| {
                (row.value.as_str(), row.origin.as_str(), row.place.map(|at| at.0), row.member.as_deref())
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(rows("pg_version"), [("15", "all.vars", Some(2), None)]);
        assert_eq!(rows("pg_cluster"), [("pg-a", "group pg-a", Some(9), None)]);
        assert_eq!(rows("pg_port"), [("5432", "built-in default", None, None)]);
        assert_eq!(
            rows("pg_weight"),
            [
                ("100", "built-in default", None, Some("pg-a-1")),
                ("50", "host in pg-a", Some(7), Some("pg-a-2"))
            ]
        );
        assert!(!rows("pg_admin_password")[0].0.contains("Sup3r"));
        let one = look(TEXT, TEXT, Some(2));
        assert_eq!(one.member, "pg-a-2");
        assert!(one.values.iter().all(|row| row.member.is_none()));
    }
}
