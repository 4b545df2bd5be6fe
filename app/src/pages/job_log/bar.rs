//! What is wanted of the output, and what one takes along: a form that also works without scripts.

use super::line::level;
use super::log::{Address, FIRST, Log};
use crate::api::ApiError;
use crate::components::ProblemBox;
use crate::paths;
use crate::words::size;
use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsValue;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use paddock_events::{LogFilter, Stream};
use paddock_tongue::{say, t, view};
use std::time::Duration;

/// How long after the last change the address follows.
const SETTLED: Duration = Duration::from_millis(250);
/// Lines that the clipboard gets at most.
const COPIED: u64 = 5_000;

/// What the address would say.
pub fn address_of(log: Log) -> Address {
    Address { filter: log.filter.get_untracked(), line: log.line.get_untracked(), row: None }
}

fn pairs(address: &Address) -> Vec<(&'static str, String)> {
    let LogFilter { find, host, step, level } = address.filter.clone();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let level = level.map(|level| level.as_str().to_owned()).unwrap_or_default();
    vec![
        ("find", find),
        ("host", host),
        ("step", step),
        ("level", level),
        ("line", number(address.line)),
        ("row", number(address.row)),
    ]
}

/// The address follows what is wanted, and what is wanted follows the address: by links, back and forward.
fn keep_address(log: Log) {
    let query = use_query_map();
    let asked =
        Memo::new(move |_| Address { row: None, ..query.with(|query| Address::read(|key| query.get(key))) });
    let written = StoredValue::new(address_of(log));
    Effect::new(move |before: Option<Address>| {
        let asked = asked.get();
        if before.is_some_and(|before| before != asked) && written.with_value(|written| *written != asked) {
            written.set_value(asked.clone());
            log.filter.maybe_update(|filter| std::mem::replace(filter, asked.filter.clone()) != asked.filter);
            log.line.set(asked.line);
        }
        asked
    });
    let (navigate, path) = (use_navigate(), use_location().pathname);
    let settle = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |before: Option<()>| {
        let address = Address { filter: log.filter.get(), line: log.line.get(), row: None };
        if before.is_none() || written.with_value(|written| *written == address) {
            return;
        }
        if let Some(earlier) = settle.get_value() {
            earlier.clear();
        }
        let navigate = navigate.clone();
        let go = move || {
            // Somebody may be on the way to another page already.
            if path.try_get_untracked().is_none_or(|path| path != paths::job(log.job())) {
                return;
            }
            written.set_value(address.clone());
            let to = paths::job_output(log.job(), &pairs(&address));
            navigate(&to, NavigateOptions { replace: true, scroll: false, ..Default::default() });
        };
        settle.set_value(set_timeout_with_handle(go, SETTLED).ok());
    });
}

/// Filters, follow, copy, download.
#[component]
pub fn Bar(log: Log, hosts: Vec<(String, String)>, steps: Vec<(String, String)>) -> impl IntoView {
    if !log.is_replayed() {
        keep_address(log);
    }
    let change = move |change: &dyn Fn(&mut LogFilter)| {
        log.line.set(None);
        log.filter.update(change);
    };
    let field = move |read: fn(&LogFilter) -> String| move || log.filter.with(read);
    let (host, step) = (field(|filter| filter.host.clone()), field(|filter| filter.step.clone()));
    let stream = field(|filter| filter.level.map(|level| level.as_str().to_owned()).unwrap_or_default());
    let count = move || {
        log.changed.track();
        let (count, total) = log.with(|sheet| (sheet.count, sheet.total));
        let lines = if total == 1 { t!("line") } else { t!("lines") };
        if log.filter.with(LogFilter::is_all) {
            format!("{} {lines}", size::grouped(total))
        } else {
            say!("{count} of {total} {lines}", count = size::grouped(count), total = size::grouped(total))
        }
    };
    let follow = log.follow;
    let option = |value: &str, name: &str, chosen: &dyn Fn() -> String| {
        let selected = untrack(chosen) == value;
        view! { <option value=value.to_owned() selected=selected>{name.to_owned()}</option> }
    };
    view! {
        <form class="log-bar" method="get" action=paths::job(log.job()) role="search" aria-label="Lines of the output"
            on:submit=move |event| event.prevent_default()>
            <label>
                <span class="sr">"Host"</span>
                <select name="host" prop:value=host on:change:target=move |event| change(&|filter| filter.host = event.target().value())>
                    <option value="">"All hosts"</option>
                    {hosts.iter().map(|(at, name)| option(at, name, &host)).collect_view()}
                </select>
            </label>
            <label>
                <span class="sr">"Step"</span>
                <select name="step" prop:value=step on:change:target=move |event| change(&|filter| filter.step = event.target().value())>
                    <option value="">"All steps"</option>
                    {steps.iter().map(|(id, name)| option(id, name, &step)).collect_view()}
                    {move || {
                        // One host's, as it is chosen among the stages.
                        let step = step();
                        step.parse::<u32>().is_ok().then(|| view! { <option value=step selected>"The selected step"</option> })
                    }}
                </select>
            </label>
            <label>
                <span class="sr">"Level"</span>
                <select name="level" prop:value=stream
                    on:change:target=move |event| change(&|filter| filter.level = Stream::parse(&event.target().value()))>
                    <option value="">"All levels"</option>
                    {Stream::ALL.map(|one| option(one.as_str(), level(one), &stream))}
                </select>
            </label>
            <label class="grow">
                <span class="sr">"Find in the output"</span>
                <input
                    type="search" name="find" placeholder="Find in the output"
                    value=log.filter.with_untracked(|filter| filter.find.clone())
                    prop:value=field(|filter| filter.find.clone())
                    on:input:target=move |event| change(&|filter| filter.find = event.target().value())
                />
            </label>
            <button type="submit" class="no-script">"Filter"</button>
            <span class="found num">{count}</span>
            <span class="sr" role="status">{move || if log.busy.get() { String::new() } else { untrack(count) }}</span>
            <span class="scripted">
                <button
                    type="button" class="small" aria-pressed=move || follow.get().to_string()
                    on:click=move |_| { follow.update(|follow| *follow = !*follow); }
                >
                    {move || if follow.get() { t!("Pause") } else { t!("Follow") }}
                </button>
                <Copy log/>
            </span>
            {(!log.is_replayed()).then(|| view! {
                <a class="button small" rel="external" download
                    href=move || log.filter.with(|filter| paths::log_text(log.job(), &pairs(&Address { filter: filter.clone(), ..Address::default() })))
                >"Download"</a>
            })}
        </form>
    }
}

/// Copies what the filter takes.
#[component]
fn Copy(log: Log) -> impl IntoView {
    let copy = Action::new_local(move |(): &()| async move {
        let (lines, text) = log.text(COPIED).await?;
        Ok::<_, ApiError>(if write(&text).await { Some(lines) } else { None })
    });
    let said = move || match copy.value().get() {
        Some(Ok(Some(COPIED..))) => say!("The last {lines} lines are copied", lines = size::grouped(COPIED)),
        Some(Ok(Some(1))) => t!("1 line is copied").to_owned(),
        Some(Ok(Some(lines))) => say!("{lines} lines are copied", lines = size::grouped(lines)),
        Some(Ok(None)) => t!("The browser did not let the page copy. Download the lines instead.").to_owned(),
        Some(Err(_)) | None => String::new(),
    };
    view! {
        <button type="button" class="small" disabled=copy.pending() on:click=move |_| { copy.dispatch(()); }>"Copy"</button>
        <span class="note" role="status">{said}</span>
        {move || copy.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
    }
}

/// Whether the text is in the clipboard now. Without a secure context there is none.
async fn write(text: &str) -> bool {
    let navigator = window().navigator();
    let clipboard = web_sys::js_sys::Reflect::get(&navigator, &JsValue::from_str("clipboard"));
    if !clipboard.is_ok_and(|clipboard| !clipboard.is_undefined()) {
        return false;
    }
    wasm_bindgen_futures::JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
}

/// Pages of rows, for browsers without scripts: all others scroll.
#[component]
pub fn Pages(log: Log, address: Address) -> impl IntoView {
    let (from, to) = log.first.get_value();
    let count = log.with(|sheet| sheet.count);
    let rows = u64::from(FIRST);
    let link = |row: u64, name: &'static str, there: bool| {
        let to = Address { row: Some(row), line: None, ..address.clone() };
        there.then(
            || view! { <a class="button small" href=paths::job_output(log.job(), &pairs(&to))>{name}</a> },
        )
    };
    let which = if count == 0 {
        String::new()
    } else {
        say!(
            "Lines {from} to {to} of {all}",
            from = size::grouped(from + 1),
            to = size::grouped(to),
            all = size::grouped(count)
        )
    };
    view! {
        <nav class="no-script log-pages" aria-label="Pages of the output">
            <span class="note num">{which}</span>
            {link(0, t!("First"), from > 0)}
            {link(from.saturating_sub(rows), t!("Previous"), from > 0)}
            {link(to, t!("Next"), to < count)}
            {link(count.saturating_sub(rows), t!("Last"), to < count)}
        </nav>
    }
}
