//! What the text in the editor means: the files of a member, and each value with its origin.

use super::asked::answer_of;
use super::{Draft, changed_lines};
use crate::api;
use crate::api::ApiError;
use crate::components::{Badge, ProblemBox, Tone, ticked};
use crate::words::change::{Mark, change};
use leptos::prelude::*;
use paddock_events::{InventoryQuery, InventoryViews, RenderedText, ResolvedValue, TextProblem};
use paddock_tongue::{say, t, view};

/// Where the editor shall go.
pub type Jump = RwSignal<Option<(u32, u32)>>;

/// Which of the two views is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What is rendered from the text.
    Files,
    /// Parameters and where they are from.
    Values,
}

/// Where the panel below looks: which view is open, of which cluster and member, and which file.
#[derive(Clone, Copy)]
pub struct Look {
    open: RwSignal<Option<View>>,
    cluster: RwSignal<String>,
    instance: RwSignal<Option<u32>>,
    /// How the file's path ends; the first file, when none ends so.
    file: RwSignal<String>,
}

impl Look {
    /// Nothing is open.
    pub fn new() -> Self {
        Self {
            open: RwSignal::new(None),
            cluster: RwSignal::new(String::new()),
            instance: RwSignal::new(None),
            file: RwSignal::new(String::new()),
        }
    }

    /// Shows the file of a cluster whose path ends so; an empty end shows its files.
    pub fn at(self, cluster: String, file: String) {
        self.instance.set(None);
        self.cluster.set(cluster);
        self.file.set(file);
        self.open.set(Some(View::Files));
        if let Some(panel) = document().get_element_by_id(PANEL) {
            panel.scroll_into_view();
        }
    }
}

/// The panel's heading.
const PANEL: &str = "views-title";

/// What the last answer was; an answer to an older question is dropped.
pub fn views_of(
    draft: Draft,
    query: impl Fn() -> Option<InventoryQuery> + Copy + 'static,
) -> RwSignal<Option<Result<InventoryViews, ApiError>>> {
    answer_of(draft, query, api::view_inventory)
}

/// The panel below the editor. It asks for nothing before a view is opened.
#[component]
pub fn Views(draft: Draft, jump: Jump, look: Look) -> impl IntoView {
    let Look { open, cluster, instance, file } = look;
    let answer = views_of(draft, move || {
        // A saved text is the one to compare with from then on.
        draft.base.track();
        let query = InventoryQuery { cluster: cluster.get(), instance: instance.get() };
        open.get().map(|_| query)
    });
    let button = move |view: View, word: &'static str| {
        let is_open = move || open.get() == Some(view);
        view! {
            <button type="button" aria-expanded=move || is_open().to_string()
                on:click=move |_| open.update(|open| *open = (*open != Some(view)).then_some(view))>{word}</button>
        }
    };
    let seen = Memo::new(move |_| answer.get().and_then(Result::ok).unwrap_or_default());
    let known = Memo::new(move |_| seen.with(|seen| (seen.clusters.clone(), seen.cluster.clone())));
    let members = Memo::new(move |_| seen.with(|seen| seen.instances.clone()));
    let clusters = move || {
        let (clusters, chosen) = known.get();
        let options = clusters.into_iter().map(|one| {
            let selected = one.name == chosen;
            view! { <option value=one.name.clone() selected=selected>{one.name.clone()}</option> }
        });
        options.collect_view()
    };
    let options = move || {
        let options = members.get().into_iter().map(|(seq, name)| {
            let selected = instance.get_untracked() == Some(seq);
            view! { <option value=seq.to_string() selected=selected>{name}</option> }
        });
        options.collect_view()
    };
    let body = move || {
        let view = open.get()?;
        Some(match answer.with(|answer| answer.as_ref().map(|answer| answer.as_ref().err().cloned())) {
            None => view! { <p class="note" role="status">"Reading the text…"</p> }.into_any(),
            Some(Some(ApiError(problem))) => view! { <ProblemBox problem/> }.into_any(),
            Some(None) => view! { <Seen view seen jump file/> }.into_any(),
        })
    };
    view! {
        <section class="views" aria-labelledby=PANEL>
            <div class="row">
                <h2 id=PANEL>"What the text means"</h2>
                {button(View::Files, t!("Rendered files"))}
                {button(View::Values, t!("Resolved values"))}
            </div>
            <Show when=move || open.get().is_some()>
                <div class="row choose">
                    <label>
                        "Cluster"
                        <select on:change:target=move |event| {
                            instance.set(None);
                            cluster.set(event.target().value());
                        }>{clusters}</select>
                    </label>
                    <label>
                        "Member"
                        <select on:change:target=move |event| instance.set(event.target().value().parse().ok())>
                            <option value="" selected=move || instance.get().is_none()>
                                {move || if open.get() == Some(View::Files) { t!("the primary") } else { t!("all members") }}
                            </option>
                            {options}
                        </select>
                    </label>
                </div>
            </Show>
            {body}
        </section>
    }
}

#[component]
fn Seen(view: View, seen: Memo<InventoryViews>, jump: Jump, file: RwSignal<String>) -> impl IntoView {
    let none = Memo::new(move |_| seen.with(|seen| seen.cluster.is_empty()));
    let broken = Memo::new(move |_| seen.with(|seen| seen.broken.clone()));
    move || {
        if let Some(problem) = broken.get() {
            return view! { <Placed problem jump/> }.into_any();
        }
        match view {
            _ if none.get() => view! { <p class="empty">"The text declares no cluster."</p> }.into_any(),
            View::Files => view! { <Files seen jump chosen=file/> }.into_any(),
            View::Values => view! { <Values seen jump/> }.into_any(),
        }
    }
}

/// A problem with the place in the text as a jump into the editor.
#[component]
pub fn Placed(problem: TextProblem, jump: Jump) -> impl IntoView {
    let place = problem.place.map(|place| {
        view! {
            <p><button type="button" class="small" on:click=move |_| jump.set(Some(place))>
                {say!("Go to line {line}", line = place.0)}
            </button></p>
        }
    });
    view! {
        <div class="problem" role="status">
            <p class="what">{ticked(&problem.what)}</p>
            <p class="why">{ticked(&problem.why)}</p>
            {place}
        </div>
    }
}

/// What a file's badge says: what changes against the saved revision.
pub fn standing(file: &RenderedText) -> (Tone, String) {
    let (now, saved) = match (&file.text, &file.saved) {
        (Err(_), _) => return (Tone::Bad, t!("cannot be rendered").to_owned()),
        (Ok(_), None) => return (Tone::Warn, "new".to_owned()),
        (Ok(now), Some(_)) if now.is_empty() => return (Tone::Warn, t!("removed").to_owned()),
        (Ok(now), Some(saved)) => (now, saved),
    };
    let lines = change(saved, now);
    let count = |mark| lines.iter().filter(|line| line.0 == mark).count();
    match (count(Mark::Added), count(Mark::Removed)) {
        (0, 0) => (Tone::Quiet, t!("as saved").to_owned()),
        (added, removed) => (Tone::Warn, format!("+{added} −{removed}")),
    }
}

#[component]
fn Files(seen: Memo<InventoryViews>, jump: Jump, chosen: RwSignal<String>) -> impl IntoView {
    let shown = Memo::new(move |_| {
        seen.with(|seen| {
            let wanted = seen.files.iter().find(|file| {
                chosen.with(|chosen| !chosen.is_empty() && file.path.ends_with(chosen.as_str()))
            });
            wanted.or(seen.files.first()).cloned()
        })
    });
    let names = move || {
        let files = seen.with(|seen| seen.files.clone());
        let names = files.into_iter().map(|file| {
            let (tone, word) = standing(&file);
            let path = file.path.clone();
            let pressed = move || shown.with(|shown| shown.as_ref().is_some_and(|shown| shown.path == path));
            let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
            view! {
                <li><button type="button" class="quiet" aria-pressed=move || pressed().to_string()
                    on:click=move |_| chosen.set(file.path.clone())>
                    <code>{name}</code>" "<Badge tone text=word/>
                </button></li>
            }
        });
        names.collect_view()
    };
    let file = move || {
        let file = shown.get()?;
        let member = seen.with(|seen| seen.member.clone());
        let changed = file.saved.clone().zip(file.text.clone().ok()).filter(|(saved, now)| saved != now);
        let difference = changed.map(|(saved, now)| {
            view! {
                <h3>"What changes against the saved revision"</h3>
                {changed_lines(&saved, &now)}
            }
        });
        let whole = match file.text {
            Err(problem) => view! { <Placed problem jump/> }.into_any(),
            Ok(text) if text.is_empty() => ().into_any(),
            Ok(text) => {
                let whole = difference.is_some().then(|| view! { <h3>"The whole file"</h3> });
                view! { {whole}<pre role="group" tabindex="0" aria-label="File">{text}</pre> }.into_any()
            }
        };
        Some(view! {
            <div class="file">
                <p class="note"><code>{file.path}</code>{say!(" on {member}")}</p>
                {difference}
                {whole}
            </div>
        })
    };
    view! {
        <div class="rendered">
            <ul aria-label="Files">{names}</ul>
            {file}
        </div>
    }
}

/// Rows whose parameter, value or origin has the words.
pub fn matching(rows: &[ResolvedValue], words: &str) -> Vec<ResolvedValue> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let has = |row: &&ResolvedValue| {
        let member = row.member.as_deref().unwrap_or_default();
        let line = format!("{} {} {} {member}", row.name, row.value, row.origin).to_lowercase();
        words.iter().all(|word| line.contains(word.as_str()))
    };
    rows.iter().filter(has).cloned().collect()
}

#[component]
fn Values(seen: Memo<InventoryViews>, jump: Jump) -> impl IntoView {
    let words = RwSignal::new(String::new());
    let set = RwSignal::new(false);
    let rows = Memo::new(move |_| {
        let mut rows = seen.with(|seen| words.with(|words| matching(&seen.values, words)));
        rows.retain(|row| !set.get() || row.place.is_some());
        rows
    });
    let count = move || {
        let all = seen.with(|seen| seen.values.len());
        say!("{shown} of {all}", shown = rows.with(Vec::len))
    };
    let drawn = move || {
        let rows = rows.get().into_iter().map(|row| {
            let place = row.place.map(|(line, column)| {
                view! {
                    " "
                    <button type="button" class="quiet small" on:click=move |_| jump.set(Some((line, column)))>
                        {say!("line {line}")}
                    </button>
                }
            });
            let member = row.member.map(|member| view! { " "<span class="chip">{member}</span> });
            view! {
                <tr>
                    <th scope="row"><code>{row.name}</code>{member}</th>
                    <td class="value"><code>{row.value}</code></td>
                    <td class:unset=row.place.is_none()>{row.origin}{place}</td>
                </tr>
            }
        });
        rows.collect_view()
    };
    view! {
        <div class="row choose" role="search">
            <label class="grow">
                <span class="sr">"Filter the values"</span>
                <input type="search" placeholder="Parameter, value or origin" autocomplete="off"
                    on:input:target=move |event| words.set(event.target().value())/>
            </label>
            <label class="tick">
                <input type="checkbox" on:change:target=move |event| set.set(event.target().checked())/>
                "Without defaults"
            </label>
            <span class="note" role="status">{count}</span>
        </div>
        <div class="table-box" tabindex="0">
            <table class="values" aria-label="Resolved values">
                <thead><tr>
                    <th scope="col">"Parameter"</th><th scope="col">"Value"</th><th scope="col">"From"</th>
                </tr></thead>
                <tbody>{drawn}</tbody>
            </table>
        </div>
        <Show when=move || rows.with(Vec::is_empty)><p class="empty">"No value matches the filter."</p></Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: Result<&str, &str>, saved: Option<&str>) -> String {
        let problem = |why: &str| TextProblem { what: "no".into(), why: why.into(), place: None };
        let text = text.map(str::to_owned).map_err(problem);
        standing(&RenderedText { path: "/f".into(), text, saved: saved.map(str::to_owned) }).1
    }

    #[test]
    fn a_files_badge_says_what_becomes_of_it() {
        assert_eq!(file(Ok("a\nb\n"), Some("a\nb\n")), "as saved");
        assert_eq!(file(Ok("a\nc\nd\n"), Some("a\nb\n")), "+2 −1");
        assert_eq!(file(Ok("a\n"), None), "new");
        assert_eq!(file(Ok(""), Some("a\n")), "removed");
        assert_eq!(file(Err("bad"), Some("a\n")), "cannot be rendered");
    }

    #[test]
    fn values_are_found_by_all_of_the_words() {
        let row = |name: &str, value: &str, origin: &str| ResolvedValue {
            name: name.into(),
            value: value.into(),
            origin: origin.into(),
            place: None,
            member: None,
        };
        let rows = [row("pg_port", "5432", "built-in default"), row("pg_version", "15", "group pg-a")];
        assert_eq!(matching(&rows, "").len(), 2);
        assert_eq!(matching(&rows, "PG group")[0].name, "pg_version");
        assert!(matching(&rows, "port group").is_empty());
    }
}
