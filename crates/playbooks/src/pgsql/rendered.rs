//! The files of one member as a text declares them, before anybody plans with it.

use crate::params::flag;
use crate::pgsql::haproxy;
use crate::pgsql::hba::{self, Target};
use crate::pgsql::members::Members;
use crate::{Context, FactSet, Material, Refusal};
use paddock_inventory::{Cluster, Inventory, Map, NodeAddr};

/// A file, or why it cannot be rendered.
#[derive(Clone, Debug)]
pub struct RenderedFile {
    /// Where it lies on the node; for services that cannot be rendered, their directory.
    pub path: String,
    /// The parameters that it is rendered from.
    pub parameters: [&'static str; 2],
    /// Its text.
    pub content: Result<String, Refusal>,
}

/// HBA files of PostgreSQL and PgBouncer, and the HAProxy file of each service, as this member's variables say.
pub fn rendered_files(inventory: &Inventory, cluster: &Cluster, addr: NodeAddr) -> Vec<RenderedFile> {
    let (facts, material, extra_vars) = (FactSet::default(), Material::default(), Map::default());
    let ctx = Context { inventory, facts: &facts, material: &material, extra_vars: &extra_vars };
    let members = Members::of(&ctx, cluster);
    let Some(member) = members.at(addr) else { return Vec::new() };
    let hba = |target, path: &str, parameters| RenderedFile {
        path: path.to_owned(),
        parameters,
        content: hba::render(&ctx, &members, member, target),
    };
    let mut files =
        vec![hba(Target::Postgres, "/pg/data/pg_hba.conf", ["pg_hba_rules", "pg_default_hba_rules"])];
    if flag(&member.vars, "pgbouncer_enabled", true) {
        let parameters = ["pgb_hba_rules", "pgb_default_hba_rules"];
        files.push(hba(Target::PgBouncer, "/etc/pgbouncer/pgb_hba.conf", parameters));
    }
    let parameters = ["pg_services", "pg_default_services"];
    match haproxy::services(&members, member) {
        Ok(services) => files.extend(services.into_iter().map(|service| RenderedFile {
            path: format!("/etc/haproxy/conf.d/{}-{}.cfg", members.name, service.name),
            parameters,
            content: Ok(service.content),
        })),
        Err(refusal) => {
            let path = "/etc/haproxy/conf.d".to_owned();
            files.push(RenderedFile { path, parameters, content: Err(refusal) });
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(rules: &str) -> Vec<RenderedFile> {
        let text = format!(
            "all:\n  children:\n    pg-a:\n      hosts:\n        10.0.0.1: {{ pg_seq: 1, pg_role: primary }}\n        10.0.0.2: {{ pg_seq: 2, pg_role: replica }}\n      vars:\n        pg_cluster: pg-a\n        pg_hba_rules: {rules}\n"
        );
        let inventory = Inventory::read(text).0;
        let cluster = inventory.cluster(&"pg-a".parse().unwrap()).unwrap();
        rendered_files(&inventory, cluster, "10.0.0.2".parse().unwrap())
    }

    #[test]
    fn a_members_files_are_rendered_from_the_text_alone() {
        let files = render("[{ title: app, user: app, db: app, addr: 10.9.0.0/16, auth: ssl }]");
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), 6, "{paths:?}");
        let hba = files[0].content.as_ref().unwrap();
        assert!(hba.contains("pg-a-2") && hba.contains("10.9.0.0/16"), "{hba}");
        let primary = files.iter().find(|file| file.path.ends_with("/pg-a-primary.cfg")).unwrap();
        assert!(primary.content.as_ref().unwrap().contains("server pg-a-1 10.0.0.1:6432"));
    }

    #[test]
    fn a_rule_that_cannot_be_rendered_spoils_its_own_file_only() {
        let files = render("[{ title: odd, addr: moon, auth: pwd }]");
        let why = &files[0].content.as_ref().unwrap_err().why;
        assert!(why.contains("`odd`") && why.contains("moon"), "{why}");
        assert!(files[1..].iter().all(|file| file.content.is_ok()));
    }
}
