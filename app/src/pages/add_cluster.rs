//! The form for a new cluster: a template fills it, and it shows the change of the text before it is made.

use super::inventory::{Draft, changed_lines, views_of};
use crate::api;
use crate::api::ApiError;
use crate::components::ProblemBox;
use crate::words::ends;
use leptos::prelude::*;
use paddock_events::{ClusterTemplate, InventoryQuery, NewCluster};
use paddock_tongue::{say, t, view};

/// A row of the form: a key that stays while rows come and go, address, instance role.
type InstanceRow = (u32, RwSignal<String>, RwSignal<String>);

/// Free nodes that are offered as buttons; the address fields suggest all.
const OFFERED: usize = 12;

/// What the form begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Template {
    Single,
    Available,
    Offline,
    Standby,
    Delayed,
    PointInTime,
    Citus,
}

impl Template {
    const ALL: [Self; 7] = [
        Self::Single,
        Self::Available,
        Self::Offline,
        Self::Standby,
        Self::Delayed,
        Self::PointInTime,
        Self::Citus,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Single => t!("Single instance"),
            Self::Available => t!("High availability"),
            Self::Offline => t!("With an offline instance"),
            Self::Standby => t!("Standby clone"),
            Self::Delayed => t!("Delayed standby"),
            Self::PointInTime => t!("Point-in-time clone"),
            Self::Citus => t!("Citus"),
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Single => t!("One primary. It is not available while its node is down."),
            Self::Available => t!("A primary and two replicas; any of them can take over."),
            Self::Offline => {
                t!("A primary, a replica, and an instance for analysis and ETL that takes no other reads.")
            }
            Self::Standby => {
                t!("A cluster whose primary follows another cluster, in that one's major version.")
            }
            Self::Delayed => {
                t!("A standby cluster that replays changes only after a delay: time to notice a mistake.")
            }
            Self::PointInTime => {
                t!(
                    "Declares the cluster here, in its source's major version. Its data are restored from the source's operations afterwards."
                )
            }
            Self::Citus => {
                t!(
                    "Each instance becomes a cluster of its own, numbered from 0: the first is the coordinator, the others are workers. Add replicas to each later."
                )
            }
        }
    }

    fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Single | Self::Delayed | Self::PointInTime => &["primary"],
            Self::Available => &["primary", "replica", "replica"],
            Self::Offline => &["primary", "replica", "offline"],
            Self::Standby => &["primary", "replica"],
            Self::Citus => &["primary", "primary", "primary"],
        }
    }

    /// It is made from another cluster.
    fn has_source(self) -> bool {
        matches!(self, Self::Standby | Self::Delayed | Self::PointInTime)
    }
}

/// Fills in a cluster, previews the change, puts it into the text.
#[component]
pub fn AddCluster(
    draft: Draft,
    adding: RwSignal<bool>,
    /// New cluster and its source, where the data are still to be restored.
    to_restore: RwSignal<Option<(String, String)>>,
) -> impl IntoView {
    let template = RwSignal::new(Template::Available);
    let last_key = StoredValue::new(0_u32);
    let row = move |role: &str| {
        last_key.update_value(|key| *key += 1);
        (last_key.get_value(), RwSignal::new(String::new()), RwSignal::new(role.to_owned()))
    };
    let fresh = move |template: Template| template.roles().iter().map(|role| row(role)).collect::<Vec<_>>();
    let rows: RwSignal<Vec<InstanceRow>> = RwSignal::new(fresh(Template::Available));
    let field = || RwSignal::new(String::new());
    let (name, version, database, owner) = (field(), field(), field(), field());
    let (source, delay) = (field(), RwSignal::new("1h".to_owned()));
    let seen = views_of(draft, || Some(InventoryQuery::default()));
    let clusters = Memo::new(move |_| {
        seen.with(|seen| match seen {
            Some(Ok(seen)) => seen.clusters.clone(),
            Some(Err(_)) | None => Vec::new(),
        })
    });
    let hosts = Memo::new(move |_| {
        seen.with(|seen| match seen {
            Some(Ok(seen)) => seen.free_hosts.clone(),
            Some(Err(_)) | None => Vec::new(),
        })
    });
    let choose = move |new: Template| {
        let typed: Vec<String> =
            rows.with_untracked(|rows| rows.iter().map(|(_, at, _)| at.get_untracked()).collect());
        let made = fresh(new);
        // Addresses that were typed stay.
        for ((_, at, _), typed) in made.iter().zip(typed) {
            at.set(typed);
        }
        rows.set(made);
        template.set(new);
    };
    let form = move || {
        let primary = |name: &str| {
            clusters.with_untracked(|all| all.iter().find(|one| one.name == name)?.primary.clone())
        };
        let from = source.get_untracked();
        let upstream = primary(&from).unwrap_or_default();
        let template = template.get_untracked();
        NewCluster {
            name: name.get_untracked().trim().to_owned(),
            instances: rows.with_untracked(|rows| {
                let filled = rows
                    .iter()
                    .map(|(_, at, role)| (at.get_untracked().trim().to_owned(), role.get_untracked()));
                filled.filter(|(at, _)| !at.is_empty()).collect()
            }),
            version: version.get_untracked().trim().to_owned(),
            database: database.get_untracked().trim().to_owned(),
            owner: owner.get_untracked().trim().to_owned(),
            password: String::new(),
            template: match template {
                Template::Single | Template::Available | Template::Offline => ClusterTemplate::Plain,
                Template::Standby => ClusterTemplate::Standby { upstream, delay: String::new() },
                Template::Delayed => ClusterTemplate::Standby { upstream, delay: delay.get_untracked() },
                Template::PointInTime => ClusterTemplate::PointInTime { source: from },
                Template::Citus => ClusterTemplate::Citus,
            },
        }
    };
    let preview = Action::new(move |(): &()| {
        let form = form();
        let made = (form.name.clone(), form.template.clone());
        let answer = api::preview_new_cluster(draft.outgoing(), form);
        async move { answer.await.map(|text| (text, made)) }
    });
    let shown = move || {
        preview.value().get().map(|answer| match answer {
            Ok((text, (name, made))) => {
                let lines = changed_lines(&draft.text.get_untracked(), &ends::normal(&text));
                let put = move |_| {
                    draft.put(&text);
                    to_restore.set(match &made {
                        ClusterTemplate::PointInTime { source } => Some((name.clone(), source.clone())),
                        ClusterTemplate::Plain | ClusterTemplate::Standby { .. } | ClusterTemplate::Citus => {
                            None
                        }
                    });
                    adding.set(false);
                };
                view! {
                    <h3>"What changes in the text"</h3>
                    {lines}
                    <div class="row">
                        <button type="button" class="primary" on:click=put>"Put into the text"</button>
                        <span class="note">"Then look at the findings and save."</span>
                    </div>
                }
                .into_any()
            }
            Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
        })
    };
    let take = move |addr: String| {
        let empty = rows.with_untracked(|rows| {
            rows.iter().find(|(_, at, _)| at.with_untracked(|at| at.trim().is_empty())).map(|row| row.1)
        });
        match empty {
            Some(at) => at.set(addr),
            None => {
                let new =
                    row(if template.get_untracked() == Template::Citus { "primary" } else { "replica" });
                new.1.set(addr);
                rows.update(|rows| rows.push(new));
            }
        }
    };
    let offered = move || {
        let taken: Vec<String> =
            rows.with(|rows| rows.iter().map(|(_, at, _)| at.get().trim().to_owned()).collect());
        let free: Vec<_> = hosts.get().into_iter().filter(|(addr, _)| !taken.contains(addr)).collect();
        if free.is_empty() {
            return ().into_any();
        }
        let more = free.len().saturating_sub(OFFERED);
        let buttons = free.into_iter().take(OFFERED).map(|(addr, groups)| {
            let taken = addr.clone();
            view! {
                <button type="button" class="small" on:click=move |_| take(taken.clone())>
                    {addr}<span class="sr">" is free. "</span>" "<small>{groups}</small>
                </button>
            }
        });
        view! {
            <div class="row free">
                <span class="note">"Free nodes:"</span>
                {buttons.collect_view()}
                {(more > 0).then(|| view! { <span class="note">{say!("and {more} more; type to find one")}</span> })}
            </div>
        }
        .into_any()
    };
    let citus = move || template.get() == Template::Citus;
    view! {
        <form class="card add-cluster" aria-label="Add cluster" on:submit=move |event| { event.prevent_default(); preview.dispatch(()); }>
            <h2>"Add cluster"</h2>
            <div class="fields">
                <label>
                    "Template"
                    <select on:change:target=move |event| {
                        let word = event.target().value();
                        if let Some(chosen) = Template::ALL.into_iter().find(|one| one.word() == word) {
                            choose(chosen);
                        }
                    }>
                        {Template::ALL.map(|one| view! {
                            <option value=one.word() selected=one == Template::Available>{one.word()}</option>
                        })}
                    </select>
                </label>
                <Show when=move || template.get().has_source()>
                    <label>
                        {move || if template.get() == Template::PointInTime { t!("Source cluster") } else { t!("Upstream cluster") }}
                        <select required on:change:target=move |event| source.set(event.target().value())>
                            <option value="">"choose one"</option>
                            {move || clusters.get().into_iter().map(|one| {
                                let label = one.primary.map_or_else(|| one.name.clone(), |at| format!("{} ({at})", one.name));
                                let selected = source.with_untracked(|source| *source == one.name);
                                view! { <option value=one.name selected=selected>{label}</option> }
                            }).collect_view()}
                        </select>
                    </label>
                </Show>
                <Show when=move || template.get() == Template::Delayed>
                    <Field label="Delay" value=delay example="1h" required=true/>
                </Show>
            </div>
            <p class="note">{move || template.get().note()}</p>
            <div class="fields">
                <Field label="Cluster name" value=name example="pg-test" required=true/>
                <Field label="PostgreSQL version" value=version example="as the inventory says" required=false/>
                <Show when=move || !template.get().has_source()>
                    <Field label="First database" value=database example="none" required=false/>
                    <Field label="Its owner" value=owner example="none" required=false/>
                </Show>
            </div>
            <fieldset>
                <legend>{move || if citus() { t!("Coordinator, then workers") } else { t!("Instances, in order of pg_seq") }}</legend>
                <For each=move || rows.get() key=|row| row.0 let((key, at, role))>
                    <div class="row">
                        <label class="grow">
                            <span class="sr">"Address"</span>
                            <input placeholder="10.10.10.11" prop:value=at inputmode="decimal" list="free-for-new" autocomplete="off"
                                on:input:target=move |event| at.set(event.target().value())/>
                        </label>
                        <Show when=move || !citus()>
                            <label>
                                <span class="sr">"Instance role"</span>
                                <select prop:value=role on:change:target=move |event| role.set(event.target().value())>
                                    {["primary", "replica", "offline"].map(|one| view! {
                                        <option value=one selected=move || role.with(|role| role == one)>{one}</option>
                                    })}
                                </select>
                            </label>
                        </Show>
                        <button type="button" class="quiet small" aria-label="Remove this instance"
                            on:click=move |_| rows.update(|rows| rows.retain(|row| row.0 != key))>"Remove"</button>
                    </div>
                </For>
                <datalist id="free-for-new">
                    {move || hosts.get().into_iter().map(|(addr, groups)| view! { <option value=addr label=groups></option> }).collect_view()}
                </datalist>
                {offered}
                <button type="button" class="small" on:click=move |_| {
                    let new = row(if citus() { "primary" } else { "replica" });
                    rows.update(|rows| rows.push(new));
                }>"Add instance"</button>
            </fieldset>
            <div class="row">
                <button disabled=move || preview.pending().get()>"Preview"</button>
                <button type="button" class="quiet" on:click=move |_| adding.set(false)>"Close"</button>
            </div>
            {shown}
        </form>
    }
}

#[component]
fn Field(
    label: &'static str,
    value: RwSignal<String>,
    example: &'static str,
    required: bool,
) -> impl IntoView {
    view! {
        <label>
            {label}
            <input prop:value=value placeholder=example required=required autocomplete="off"
                on:input:target=move |event| value.set(event.target().value())/>
        </label>
    }
}
