//! Addresses and instance roles of a new cluster, as rows of a form.

use leptos::prelude::*;
use paddock_tongue::view;

/// A row: a key that stays while rows come and go, address, instance role.
type Line = (u32, RwSignal<String>, RwSignal<String>);

/// The rows of one form.
#[derive(Clone, Copy)]
pub struct Nodes {
    lines: RwSignal<Vec<Line>>,
    last_key: StoredValue<u32>,
}

fn line(key: u32, role: &str) -> Line {
    (key, RwSignal::new(String::new()), RwSignal::new(role.to_owned()))
}

impl Nodes {
    /// One primary, nothing filled in.
    pub fn new() -> Self {
        Self { lines: RwSignal::new(vec![line(0, "primary")]), last_key: StoredValue::new(0) }
    }

    /// What is filled in, in order of `pg_seq`.
    pub fn filled(self) -> Vec<(String, String)> {
        let lines = self.lines.get();
        let lines = lines.iter().map(|(_, addr, role)| (addr.get().trim().to_owned(), role.get()));
        lines.filter(|(addr, _)| !addr.is_empty()).collect()
    }

    fn add(self) {
        self.last_key.update_value(|key| *key += 1);
        self.lines.update(|lines| lines.push(line(self.last_key.get_value(), "replica")));
    }
}

/// The rows, with the inventory's free hosts as suggestions.
#[component]
pub fn NodeLines(nodes: Nodes, suggestions: &'static str) -> impl IntoView {
    view! {
        <fieldset>
            <legend>"Instances, in order of pg_seq"</legend>
            <For each=move || nodes.lines.get() key=|line| line.0 let((key, addr, role))>
                <div class="row">
                    <label class="grow">
                        <span class="sr">"Address"</span>
                        <input placeholder="10.10.10.12" prop:value=addr inputmode="decimal" list=suggestions autocomplete="off"
                            on:input:target=move |event| addr.set(event.target().value())/>
                    </label>
                    <label>
                        <span class="sr">"Instance role"</span>
                        <select prop:value=role on:change:target=move |event| role.set(event.target().value())>
                            {["primary", "replica", "offline"].map(|one| view! {
                                <option value=one selected=move || role.with(|role| role == one)>{one}</option>
                            })}
                        </select>
                    </label>
                    <button type="button" class="quiet small" aria-label="Remove this instance"
                        on:click=move |_| nodes.lines.update(|lines| lines.retain(|line| line.0 != key))>"Remove"</button>
                </div>
            </For>
            <button type="button" class="small" on:click=move |_| nodes.add()>"Add instance"</button>
        </fieldset>
    }
}

/// Suggestions for an address: the hosts that hold no instance yet.
#[component]
pub fn FreeHosts(id: &'static str, hosts: Vec<(String, String)>) -> impl IntoView {
    view! {
        <datalist id=id>
            {hosts.into_iter().map(|(addr, groups)| view! { <option value=addr label=groups></option> }).collect_view()}
        </datalist>
    }
}
