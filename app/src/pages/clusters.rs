//! The fleet: all clusters, with what one looks for at night. Filter, order and groups are in the address.

mod keys;
mod row;
mod table;

use crate::components::{Tone, load};
use crate::live::{Live, follow_fleet, leave};
use crate::words::fleet::{self, GROUPINGS, LEVELS, Wanted};
use crate::{api, paths};
use leptos::ev;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use paddock_events::{ClusterRow, FleetPage, HealthLevel};
use paddock_tongue::view;
use std::sync::Arc;
use std::time::Duration;

/// How long after the last keystroke the address follows the filter.
const SETTLED: Duration = Duration::from_millis(250);

/// A row that many may hold. Two are equal when they are the same one: comparing thousands by content takes too long.
#[derive(Clone)]
struct Shared(Arc<ClusterRow>);

impl AsRef<ClusterRow> for Shared {
    fn as_ref(&self) -> &ClusterRow {
        &self.0
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What the parts of the page share.
#[derive(Clone, Copy)]
struct Fleet {
    /// By name.
    rows: RwSignal<Vec<Shared>>,
    /// The filter as it is typed.
    typed: RwSignal<String>,
    /// What the address asks for, with that filter.
    wanted: Memo<Wanted>,
    /// What is shown of them, in order.
    lines: Memo<Vec<fleet::Line>>,
    /// What is seen of the table; none before the page lives.
    view: RwSignal<Option<table::View>>,
    /// The row that the keyboard was on last: it may have left the document meanwhile.
    left: StoredValue<Option<String>>,
    /// The focus is on its way there.
    moving: StoredValue<bool>,
    /// When the page was made, for ages before the browser's clock runs.
    at_us: i64,
}

impl Fleet {
    /// The row of a cluster.
    fn row(self, name: &str) -> Option<Shared> {
        self.rows.with(|rows| {
            let at = rows.binary_search_by(|row| row.0.name.as_str().cmp(name)).ok()?;
            Some(rows[at].clone())
        })
    }

    /// Takes rows that have changed, or all of them.
    fn take(self, new: Vec<ClusterRow>, whole: bool) {
        self.rows.update(|rows| {
            if whole {
                rows.clear();
            }
            for row in new {
                match rows.binary_search_by(|one| one.0.name.cmp(&row.name)) {
                    Ok(at) => rows[at] = Shared(Arc::new(row)),
                    Err(at) => rows.insert(at, Shared(Arc::new(row))),
                }
            }
        });
    }
}

/// The page of `/`; it takes live rows of the fleet.
#[component]
pub fn ClustersView() -> impl IntoView {
    let page = Resource::new_blocking(|| (), |()| api::fleet());
    view! {
        <Title text="Clusters"/>
        {load(page, |page| view! { <Whole page/> }.into_any())}
    }
}

#[component]
fn Whole(page: FleetPage) -> impl IntoView {
    let FleetPage { rows, at_us } = page;
    let rows: Vec<Shared> = rows.into_iter().map(|row| Shared(Arc::new(row))).collect();
    let rows = RwSignal::new(rows);
    let query = use_query_map();
    let asked = Memo::new(move |_| query.with(|query| Wanted::read(|key| query.get(key))));
    let typed = RwSignal::new(asked.with_untracked(|asked| asked.text.clone()));
    // Back, forward and links change the address, and with it the filter.
    Effect::new(move |before: Option<String>| {
        let text = asked.with(|asked| asked.text.clone());
        let own = typed.with_untracked(|typed| typed.trim() == text);
        if before.is_some_and(|before| before != text) && !own {
            typed.set(text.clone());
        }
        text
    });
    let wanted = Memo::new(move |_| Wanted { text: typed.get(), ..asked.get() });
    let lines = Memo::new(move |_| rows.with(|rows| wanted.with(|wanted| fleet::lines(rows, wanted))));
    let fleet = Fleet {
        rows,
        typed,
        wanted,
        lines,
        view: RwSignal::new(None),
        left: StoredValue::new(None),
        moving: StoredValue::new(false),
        at_us,
    };
    let live = Live::get();
    Effect::new(move |_| {
        let id = follow_fleet(live, at_us, move |rows, whole| fleet.take(rows, whole));
        on_cleanup(move || leave(id));
    });
    let none = Memo::new(move |_| rows.with(Vec::is_empty));
    view! {
        <div class="head fleet-head">
            <h1>"Clusters"</h1>
            <Levels fleet/>
            <a class="button" href=format!("{}#add", paths::INVENTORY)>"Add cluster"</a>
        </div>
        {move || match none.get() {
            true => view! { <Nothing/> }.into_any(),
            false => view! { <Bar fleet/><table::Table fleet/> }.into_any(),
        }}
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <div class="empty-state">
            <h2>"No cluster is declared yet"</h2>
            <p>"Clusters are declared in the inventory. Add one there, save, then press Create on its page."</p>
            <a class="button primary" href=format!("{}#add", paths::INVENTORY)>"Add the first cluster"</a>
        </div>
    }
}

/// How many clusters there are of each health; each is a filter.
#[component]
fn Levels(fleet: Fleet) -> impl IntoView {
    let counts = Memo::new(move |_| fleet.rows.with(|rows| fleet::counts(rows)));
    let level = move |(at, level): (usize, HealthLevel)| {
        let (tone, _) = crate::components::health(level);
        let (class, sign) = tone.look();
        let count = Memo::new(move |_| counts.with(|counts| counts[at]));
        let word = fleet::word(level).replace('-', " ");
        // Few fleets have these.
        let seldom = level == HealthLevel::NotCreated;
        let class = move || match (count.get(), seldom) {
            (0, true) => "level gone".to_owned(),
            (0, false) => format!("level {} none", Tone::Quiet.look().0),
            _ => format!("level {class}"),
        };
        view! {
            <a class=class data-noscroll="" href=move || paths::clusters(&fleet.wanted.with(|wanted| wanted.only(level).pairs()))
                aria-current=move || fleet.wanted.with(|wanted| wanted.is_only(level)).then_some("true")>
                <span class="sign" aria-hidden="true">{sign}</span>
                <b class="num">{move || count.get()}</b>" "{word}
            </a>
        }
    };
    view! { <nav class="levels" aria-label="By health">{LEVELS.into_iter().enumerate().map(level).collect_view()}</nav> }
}

/// Filter, groups, and how many are shown.
#[component]
fn Bar(fleet: Fleet) -> impl IntoView {
    let typed = fleet.typed;
    let (navigate, path) = (use_navigate(), use_location().pathname);
    let go = move || {
        // Somebody may be on the way to another page already.
        if path.get_untracked() != paths::CLUSTERS {
            return;
        }
        let wanted = fleet.wanted.get_untracked();
        let address = paths::clusters(&Wanted { page: 1, ..wanted }.pairs());
        navigate(&address, NavigateOptions { replace: true, scroll: false, ..Default::default() });
    };
    let pending = StoredValue::new(None::<TimeoutHandle>);
    let settle = move || {
        if let Some(earlier) = pending.get_value() {
            earlier.clear();
        }
        pending.set_value(set_timeout_with_handle(go.clone(), SETTLED).ok());
    };
    // The page may be left before the address has followed.
    on_cleanup(move || {
        if let Some(pending) = pending.try_get_value().flatten() {
            pending.clear();
        }
    });
    let put = {
        let settle = settle.clone();
        move |text: String| {
            typed.set(text);
            settle();
        }
    };
    let clear = put.clone();
    let on_key = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "Escape" if !typed.with_untracked(String::is_empty) => {
            event.prevent_default();
            clear(String::new());
        }
        "ArrowDown" | "Enter" => {
            event.prevent_default();
            keys::step(fleet, 1);
        }
        _ => {}
    };
    let said = move || {
        let all = fleet.rows.with(Vec::len);
        let found =
            fleet.lines.with(|lines| lines.iter().filter(|line| matches!(line, fleet::Line::Row(_))).count());
        fleet::shown(found, all)
    };
    let hidden = move |name: &'static str, value: fn(&Wanted) -> String| {
        move || {
            let value = fleet.wanted.with(value);
            (!value.is_empty()).then(|| view! { <input type="hidden" name=name value=value/> })
        }
    };
    view! {
        <div class="fleet-bar">
            <form method="get" action=paths::CLUSTERS role="search" on:submit=|event| event.prevent_default()>
                <label>
                    <span class="sr">"Filter clusters"</span>
                    <input id=keys::FILTER name="q" type="search" autocomplete="off" spellcheck="false"
                        placeholder="Name, address, health:bad, version:17, is:drift"
                        value=typed.get_untracked() prop:value=typed aria-keyshortcuts="/"
                        on:input:target=move |event| put(event.target().value()) on:keydown=on_key/>
                </label>
                {move || match fleet.view.with(Option::is_none) {
                    true => view! { <button class="small">"Filter"</button> }.into_any(),
                    false => view! { <kbd aria-hidden="true">"/"</kbd> }.into_any(),
                }}
                {hidden("sort", Wanted::sort)}
                {hidden("group", |wanted| wanted.group_key().to_owned())}
            </form>
            <p class="note num" role="status">{said}</p>
            <nav class="choice" aria-label="Group by">
                <span aria-hidden="true">"Group"</span>
                {GROUPINGS.map(|(group, _, label)| view! {
                    <a data-noscroll="" aria-current=move || fleet.wanted.with(|wanted| wanted.group == group).then_some("true")
                        href=move || paths::clusters(&fleet.wanted.with(|wanted| Wanted { group, page: 1, ..wanted.clone() }.pairs()))>
                        {label}
                    </a>
                })}
            </nav>
        </div>
    }
}
