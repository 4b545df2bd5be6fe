//! One cluster: its head, its tabs, and what all of them share.

mod accounts;
mod backups;
mod config;
mod failovers;
mod forms;
mod incident;
mod members;
mod nodes_form;
mod operations;
mod overview;
mod restore;
mod timeline;

use super::jobs::JobTable;
use super::operate::refusal;
use super::title;
use crate::api::ApiError;
use crate::components::{Badge, ProblemBox, Tone, When, health, load, titled};
use crate::live::{Live, follow_cluster, leave};
use crate::words::member;
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use paddock_events::{
    ClusterPage, ClusterRow, ClusterTopology, MemberRole, MemberState, MemberTopology, Offer, Problem,
};
use paddock_tongue::{count, say, t, view};
use std::future::Future;

/// A part of the page; its name is in the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    Overview,
    Operations,
    Config,
    Backups,
    Failovers,
    Accounts,
    Jobs,
}

const TABS: [(Tab, &str, &str); 7] = [
    (Tab::Overview, "", t!("Overview")),
    (Tab::Operations, "operations", t!("Operations")),
    (Tab::Config, "config", t!("Config")),
    (Tab::Backups, "backups", t!("Backups")),
    (Tab::Failovers, "failovers", t!("Failovers")),
    (Tab::Accounts, "accounts", t!("Users & databases")),
    (Tab::Jobs, "jobs", t!("Jobs")),
];

/// What a tab reads when it is shown; none while another one is.
type TabData<T> = Resource<Option<Result<T, ApiError>>>;

/// What the tabs share: the page as it was sent, and what changes while it is open.
#[derive(Clone, Copy)]
struct Shown {
    page: StoredValue<ClusterPage>,
    row: RwSignal<ClusterRow>,
    topology: RwSignal<Option<ClusterTopology>>,
}

impl Shown {
    fn name(self) -> String {
        self.page.with_value(|page| page.row.name.clone())
    }

    fn offer(self, key: &str) -> Option<Offer> {
        self.page.with_value(|page| page.offers.iter().find(|offer| offer.key == key).cloned())
    }

    /// Why this person may not change the cluster now.
    fn locked(self) -> Option<Problem> {
        self.page.with_value(|page| refusal(&page.may_operate))
    }

    /// The newest picture; before the first look, the declared instances of which nothing is known.
    fn seen(self) -> ClusterTopology {
        self.topology.get().unwrap_or_else(|| self.row.with(unseen))
    }

    /// Address of the member that leads, else of the declared primary.
    fn leader_addr(self) -> Option<String> {
        let seen = self.topology.get_untracked();
        let leader = seen.as_ref().and_then(member::leader).map(|leader| leader.host.clone());
        leader.or_else(|| {
            self.row.with_untracked(|row| {
                row.instances.iter().find(|(_, _, role)| role == "primary").map(|(_, addr, _)| addr.clone())
            })
        })
    }

    fn is_standby(self) -> bool {
        self.topology.with(|seen| {
            seen.as_ref()
                .is_some_and(|seen| seen.members.iter().any(|one| one.role == MemberRole::StandbyLeader))
        })
    }
}

/// Takes a fresh picture into a row; what pictures do not tell stays.
fn refresh(row: &mut ClusterRow, seen: &ClusterTopology) {
    row.health = seen.health;
    row.reasons.clone_from(&seen.reasons);
    row.seen_at_us = Some(seen.at_us);
    row.leader = seen.leader().map(|leader| leader.instance.clone());
    if let Some(version) = seen.version() {
        version.clone_into(&mut row.version);
    }
    row.max_lag_bytes = seen.max_lag_bytes();
}

fn unseen(row: &ClusterRow) -> ClusterTopology {
    let member = |(instance, host, role): &(String, String, String)| MemberTopology {
        instance: instance.clone(),
        host: host.clone(),
        declared_role: Some(role.clone()),
        role: MemberRole::Unknown,
        state: MemberState::Unknown,
        timeline: None,
        lag_bytes: None,
        pending_restart: false,
        version: None,
        upstream: None,
        unreachable: None,
    };
    ClusterTopology {
        cluster: row.name.clone(),
        health: row.health,
        reasons: Vec::new(),
        members: row.instances.iter().map(member).collect(),
        services: Vec::new(),
        paused: false,
        at_us: 0,
    }
}

/// The page of `/clusters/:name`.
#[component]
pub fn ClusterView() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let name = move || params.with(|params| params.get("name")).unwrap_or_default();
    let tab = Memo::new(move |_| {
        let wanted = query.with(|query| query.get("tab")).unwrap_or_default();
        TABS.iter().find(|(_, key, _)| *key == wanted).map_or(Tab::Overview, |(tab, ..)| *tab)
    });
    let page = Resource::new_blocking(name, api::cluster);
    // Made here, whatever tab is shown: the server and the browser must make the same ones in the same order.
    let declared = tab_data(&[Tab::Operations, Tab::Accounts], tab, name, api::cluster_declared);
    let config = tab_data(&[Tab::Config], tab, name, api::cluster_config);
    let backups = tab_data(&[Tab::Backups], tab, name, api::cluster_backups);
    let failovers = tab_data(&[Tab::Failovers], tab, name, api::cluster_failovers);
    view! {
        <Title text=titled(move || title(&name()))/>
        {load(page, move |page| view! { <Cluster page tab declared config backups failovers/> }.into_any())}
    }
}

fn tab_data<T, Fut>(
    on: &'static [Tab],
    tab: Memo<Tab>,
    name: impl Fn() -> String + Send + Sync + 'static,
    fetch: impl Fn(String) -> Fut + Copy + Send + Sync + 'static,
) -> TabData<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    let wanted = Memo::new(move |_| on.contains(&tab.get()).then(&name));
    Resource::new_blocking(
        move || wanted.get(),
        move |wanted| async move {
            match wanted {
                Some(name) => Some(fetch(name).await),
                None => None,
            }
        },
    )
}

/// Shows what a tab has read: a calm line while it reads, the problem when it fails.
fn tab_load<T>(
    data: TabData<T>,
    waiting: &'static str,
    render: impl Fn(T) -> AnyView + Copy + Send + Sync + 'static,
) -> AnyView
where
    T: Clone + Send + Sync + 'static,
{
    view! {
        <Suspense fallback=move || view! { <p class="loading" role="status">{waiting}</p> }>
            {move || Suspend::new(async move {
                match data.await {
                    Some(Ok(value)) => render(value),
                    Some(Err(ApiError(problem))) => view! { <ProblemBox problem/> }.into_any(),
                    None => ().into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Cluster(
    page: ClusterPage,
    tab: Memo<Tab>,
    declared: TabData<paddock_events::ClusterDeclared>,
    config: TabData<paddock_events::ClusterConfig>,
    backups: TabData<paddock_events::ClusterBackups>,
    failovers: TabData<paddock_events::ClusterFailovers>,
) -> impl IntoView {
    let name = page.row.name.clone();
    let shown = Shown {
        row: RwSignal::new(page.row.clone()),
        topology: RwSignal::new(page.topology.clone()),
        page: StoredValue::new(page),
    };
    let live = Live::get();
    let followed = name.clone();
    Effect::new(move |_| {
        let id = follow_cluster(live, followed.clone(), move |seen| {
            shown.row.update(|row| refresh(row, &seen));
            shown.topology.set(Some(seen));
        });
        on_cleanup(move || leave(id));
    });
    view! {
        <p class="crumbs"><a href=paths::CLUSTERS>"Clusters"</a></p>
        <Head shown/>
        <nav class="tabs" aria-label="Sections">
            {TABS.map(|(one, key, label)| view! {
                <a href=paths::cluster_tab(&name, key) aria-current=move || (tab.get() == one).then_some("page")>{label}</a>
            })}
        </nav>
        {move || match tab.get() {
            Tab::Overview => view! { <overview::Overview shown/> }.into_any(),
            Tab::Operations => tab_load(declared, t!("Reading the inventory…"), move |declared| {
                view! { <operations::Operations shown declared/> }.into_any()
            }),
            Tab::Config => tab_load(config, t!("Asking a member for its configuration…"), move |config| {
                view! { <config::Config shown config/> }.into_any()
            }),
            Tab::Backups => tab_load(backups, t!("Asking the repository…"), move |backups| {
                view! { <backups::Backups shown backups/> }.into_any()
            }),
            Tab::Failovers => failovers::tab(shown, failovers),
            Tab::Accounts => tab_load(declared, t!("Reading the inventory…"), move |declared| {
                view! { <accounts::Accounts shown declared/> }.into_any()
            }),
            Tab::Jobs => {
                let rows = shown.page.with_value(|page| page.jobs.clone());
                view! { <h2 class="sr">"Jobs"</h2><JobTable rows/> }.into_any()
            }
        }}
    }
}

/// Name, health, why it is not healthy, and when that was seen.
#[component]
fn Head(shown: Shown) -> impl IntoView {
    let tags = move || {
        let row = shown.row.get();
        let (tone, word) = health(row.health);
        let paused = shown.topology.with(|seen| seen.as_ref().is_some_and(|seen| seen.paused));
        view! {
            <Badge tone text=word/>
            {shown.is_standby().then(|| view! { <Badge tone=Tone::Quiet text="standby cluster"/> })}
            {paused.then(|| view! { <Badge tone=Tone::Warn text="Patroni is paused"/> })}
            {(!row.drift.is_empty()).then(|| view! {
                <a href=paths::drift(&row.name)><Badge tone=Tone::Warn text=count!(row.drift.len(), "difference")/></a>
            })}
            {row.running_job.map(|job| view! {
                <a href=paths::job(job)><Badge tone=Tone::Busy text=say!("job {job} runs")/></a>
            })}
        }
    };
    let seen = move || match shown.row.with(|row| row.seen_at_us) {
        Some(at_us) => view! { "Seen "<When at_us=at_us/> }.into_any(),
        None => t!("Not looked at yet").into_any(),
    };
    let reasons = move || {
        let reasons = shown.row.with(|row| row.reasons.clone());
        let unreached = shown.topology.with(|seen| {
            seen.as_ref().is_some_and(|seen| seen.members.iter().any(|one| one.unreachable.is_some()))
        });
        (!reasons.is_empty()).then(|| {
            view! {
                <ul class="reasons">{reasons.into_iter().map(|why| view! { <li>{why}</li> }).collect_view()}</ul>
                {unreached.then(|| view! {
                    <p class="note">"Connections and host keys are checked on the page "<a href=paths::NODES>"Nodes"</a>"."</p>
                })}
            }
        })
    };
    view! {
        <div class="head">
            <h1>{shown.name()}</h1>
            <div class="tags">{tags}</div>
            <p class="seen">{seen}</p>
        </div>
        {reasons}
    }
}
