//! What the tabs of a cluster's page and the nodes page ask for, and what their forms declare.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{
    ClusterBackups, ClusterConfig, ClusterDeclared, ClusterFailovers, ConfigChange, ConfigPreview, NewClone,
    NewInstance, NodesPage, ReachPage, RevisionId,
};

/// Users, databases and what the forms need, as the inventory declares them.
#[server(name = CallClusterDeclared, prefix = "/api/app", endpoint = "cluster-declared", input = GetUrl)]
pub async fn cluster_declared(name: String) -> Result<ClusterDeclared, ApiError> {
    answer(console().cluster_declared(&actor()?, &name).await)
}

/// The dynamic configuration, read from a member.
#[server(name = CallClusterConfig, prefix = "/api/app", endpoint = "cluster-config", input = GetUrl)]
pub async fn cluster_config(name: String) -> Result<ClusterConfig, ApiError> {
    answer(console().cluster_config(&actor()?, &name).await)
}

/// What a change would make of the configuration; nothing is changed.
#[server(name = CallConfigPreview, prefix = "/api/app", endpoint = "config-preview", input = Json)]
pub async fn preview_config(name: String, change: ConfigChange) -> Result<ConfigPreview, ApiError> {
    answer(console().preview_config(&actor()?, &name, change).await)
}

/// The backups in the repository, and what the inventory says of them.
#[server(name = CallClusterBackups, prefix = "/api/app", endpoint = "cluster-backups", input = GetUrl)]
pub async fn cluster_backups(name: String) -> Result<ClusterBackups, ApiError> {
    answer(console().cluster_backups(&actor()?, &name).await)
}

/// Who led when: Patroni's history, and what the console saw.
#[server(name = CallClusterFailovers, prefix = "/api/app", endpoint = "cluster-failovers", input = GetUrl)]
pub async fn cluster_failovers(name: String) -> Result<ClusterFailovers, ApiError> {
    answer(console().cluster_failovers(&actor()?, &name).await)
}

/// Declares one more instance as a revision.
#[server(name = CallDeclareInstance, prefix = "/api/app", endpoint = "declare-instance", input = Json)]
pub async fn declare_instance(form: NewInstance) -> Result<RevisionId, ApiError> {
    answer(console().declare_instance(&actor()?, form).await)
}

/// Declares a cluster to be cloned as a revision.
#[server(name = CallDeclareClone, prefix = "/api/app", endpoint = "declare-clone", input = Json)]
pub async fn declare_clone(form: NewClone) -> Result<RevisionId, ApiError> {
    answer(console().declare_clone(&actor()?, form).await)
}

/// Hosts of the inventory that contain `needle`.
#[server(name = CallNodes, prefix = "/api/app", endpoint = "nodes", input = GetUrl)]
pub async fn nodes(needle: String) -> Result<NodesPage, ApiError> {
    answer(console().nodes(&actor()?, &needle).await)
}

/// Signs in to the hosts that contain `needle`.
#[server(name = CallReachNodes, prefix = "/api/app", endpoint = "reach-nodes", input = Json)]
pub async fn reach_nodes(needle: String) -> Result<ReachPage, ApiError> {
    answer(console().reach_nodes(&actor()?, &needle).await)
}

/// Records a node's host key, whose fingerprint was compared.
#[server(name = CallTrustHostKey, prefix = "/api/app", endpoint = "trust-host-key", input = Json)]
pub async fn trust_host_key(addr: String, fingerprint: String) -> Result<(), ApiError> {
    answer(console().trust_host_key(&actor()?, &addr, &fingerprint).await)
}
