//! What an inventory makes of a cluster's files, for whoever writes it: no node is asked.

use crate::pgsql::haproxy;
use crate::pgsql::hba::{self, Target};
use crate::pgsql::members::Members;
use crate::{Context, FactSet, Material, Refusal};
use paddock_inventory::{Cluster, Inventory, Map};

/// A file as `pgsql.yml` would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFile {
    /// The member whose file it is, as in `pg-test-1`.
    pub instance: String,
    /// Where it is on the node. Services of a shared load balancer have the same path there.
    pub path: String,
    /// Its content, or why it would not be written.
    pub content: Result<String, Refusal>,
}

/// The HBA files of PostgreSQL and PgBouncer and the service files, member by member.
pub fn rendered(inventory: &Inventory, cluster: &Cluster) -> Vec<RenderedFile> {
    let (facts, material, extra_vars) = (FactSet::default(), Material::default(), Map::default());
    let ctx = Context { inventory, facts: &facts, material: &material, extra_vars: &extra_vars };
    let members = Members::of(&ctx, cluster);
    let mut out = Vec::new();
    for member in &members.all {
        let file = |path: String, content| RenderedFile { instance: member.name.clone(), path, content };
        for (path, target) in
            [("/pg/data/pg_hba.conf", Target::Postgres), ("/etc/pgbouncer/pgb_hba.conf", Target::PgBouncer)]
        {
            out.push(file(path.to_owned(), hba::render(&ctx, &members, member, target)));
        }
        let service = |name: &str| format!("/etc/haproxy/conf.d/{}-{name}.cfg", members.name);
        match haproxy::services(&members, member) {
            Ok(services) => {
                out.extend(services.into_iter().map(|one| file(service(&one.name), Ok(one.content))));
            }
            Err(refusal) => out.push(file(service("*"), Err(refusal))),
        }
    }
    out
}
