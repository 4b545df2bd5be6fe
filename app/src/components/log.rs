//! A job's output: lines in memory, of which only those in sight are in the document.

use crate::words::time;
use leptos::ev;
use leptos::html::Div;
use leptos::prelude::*;
use paddock_events::{Event, EventKind, Stream};

/// Height of a line in pixels; the style sheet has the same number.
const ROW: f64 = 20.0;
/// Lines kept; beyond, the oldest go and can be fetched again.
const MOST: usize = 60_000;
const DROPPED: usize = 20_000;
/// Lines that the server renders, for a page without its WASM.
const FIRST_RENDER: usize = 200;

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its event's number.
    pub seq: u64,
    at_us: i64,
    step: Option<u32>,
    host: String,
    stream: Stream,
    text: String,
}

impl LogLine {
    /// The line of an event, when it is one.
    pub fn of(event: &Event) -> Option<Self> {
        let EventKind::Line { step, host, stream, text } = &event.kind else { return None };
        Some(Self {
            seq: event.seq,
            at_us: event.at_us,
            step: *step,
            host: host.clone(),
            stream: *stream,
            text: text.clone(),
        })
    }

    fn class(&self) -> &'static str {
        match self.stream {
            Stream::Err => "row err",
            Stream::Engine => "row engine",
            Stream::Out => "row",
            Stream::Diff if self.text.starts_with("@@") => "row hunk",
            Stream::Diff if self.text.starts_with('+') => "row added",
            Stream::Diff if self.text.starts_with('-') => "row removed",
            Stream::Diff => "row diff",
        }
    }
}

/// The lines and what of them is wanted.
#[derive(Clone, Copy)]
pub struct Log {
    lines: StoredValue<Vec<LogLine>>,
    /// Indices of the lines that pass the filter.
    shown: StoredValue<Vec<usize>>,
    changed: RwSignal<u32>,
    /// How many lines came before the first one here.
    pub earlier: RwSignal<u64>,
    /// Only this host, when not empty.
    pub host: RwSignal<String>,
    /// Only lines that contain this.
    pub needle: RwSignal<String>,
    /// Only lines of this step.
    pub step: RwSignal<Option<u32>>,
}

impl Log {
    /// A log that begins with these lines.
    pub fn new(events: &[Event], earlier: u64) -> Self {
        let lines: Vec<LogLine> = events.iter().filter_map(LogLine::of).collect();
        let shown = (0..lines.len()).collect();
        Self {
            lines: StoredValue::new(lines),
            shown: StoredValue::new(shown),
            changed: RwSignal::new(0),
            earlier: RwSignal::new(earlier),
            host: RwSignal::new(String::new()),
            needle: RwSignal::new(String::new()),
            step: RwSignal::new(None),
        }
    }

    /// Adds newer lines.
    pub fn append(self, new: Vec<LogLine>) {
        if new.is_empty() {
            return;
        }
        let dropped = self.lines.try_update_value(|lines| {
            let from = lines.len();
            lines.extend(new);
            if lines.len() > MOST {
                lines.drain(..DROPPED);
                return true;
            }
            let fresh: Vec<usize> = (from..lines.len()).filter(|at| self.wants(&lines[*at])).collect();
            self.shown.update_value(|shown| shown.extend(fresh));
            false
        });
        if dropped == Some(true) {
            self.earlier.update(|earlier| *earlier += DROPPED as u64);
            self.filter();
        }
        self.changed.update(|changed| *changed = changed.wrapping_add(1));
    }

    /// Forgets all lines.
    pub fn clear(self) {
        self.lines.update_value(Vec::clear);
        self.earlier.set(0);
        self.filter();
    }

    /// Puts older lines before the first one.
    pub fn prepend(self, mut old: Vec<LogLine>, earlier: u64) {
        self.lines.update_value(|lines| {
            old.extend(std::mem::take(lines));
            *lines = old;
        });
        self.earlier.set(earlier);
        self.filter();
    }

    /// The event number of the first line here.
    pub fn first_seq(self) -> Option<u64> {
        self.lines.with_value(|lines| lines.first().map(|line| line.seq))
    }

    /// Applies the filter anew to all lines.
    fn filter(self) {
        let shown =
            self.lines.with_value(|lines| (0..lines.len()).filter(|at| self.wants(&lines[*at])).collect());
        self.shown.set_value(shown);
        self.changed.update(|changed| *changed = changed.wrapping_add(1));
    }

    fn wants(self, line: &LogLine) -> bool {
        self.host.with_untracked(|host| host.is_empty() || *host == line.host)
            && self.step.get_untracked().is_none_or(|step| line.step == Some(step))
            && self.needle.with_untracked(|needle| needle.is_empty() || contains(&line.text, needle))
    }

    /// How many lines pass the filter.
    pub fn len(self) -> usize {
        self.shown.with_value(Vec::len)
    }

    fn window(self, from: usize, to: usize) -> Vec<LogLine> {
        self.shown.with_value(|shown| {
            let shown = &shown[from.min(shown.len())..to.min(shown.len())];
            self.lines.with_value(|lines| shown.iter().filter_map(|at| lines.get(*at).cloned()).collect())
        })
    }
}

fn now_ms() -> f64 {
    web_sys::js_sys::Date::now()
}

fn contains(text: &str, needle: &str) -> bool {
    text.contains(needle) || text.to_lowercase().contains(&needle.to_lowercase())
}

/// The pane: host and text filter, follow or pause, and the lines in sight.
#[component]
pub fn LogPane(
    log: Log,
    /// Address and what to call it.
    hosts: Vec<(String, String)>,
    /// Fetches lines before the first one.
    #[prop(into)]
    on_earlier: Callback<()>,
) -> impl IntoView {
    let pane: NodeRef<Div> = NodeRef::new();
    let alive = RwSignal::new(false);
    let follow = RwSignal::new(true);
    let top = RwSignal::new(0.0);
    let height = RwSignal::new(600.0);

    let to_end = move || {
        if let Some(pane) = pane.get_untracked() {
            pane.set_scroll_top(pane.scroll_height());
        }
    };
    let measure = move || {
        if let Some(pane) = pane.get_untracked() {
            top.set(f64::from(pane.scroll_top()));
            height.set(f64::from(pane.client_height()));
        }
    };
    Effect::new(move |_| {
        alive.set(true);
        measure();
        let resized = window_event_listener(ev::resize, move |_| measure());
        on_cleanup(move || resized.remove());
    });
    Effect::new(move |before: Option<()>| {
        log.host.track();
        log.needle.track();
        log.step.track();
        if before.is_some() {
            log.filter();
        }
    });
    Effect::new(move |_| {
        log.changed.track();
        if alive.get() && follow.get() {
            // After the new height is in the document.
            request_animation_frame(to_end);
        }
    });
    // Until when a scroll counts as a person's. New lines, drawn rows and a resized window scroll, too, and must
    // not pause the log.
    let hand_until = StoredValue::new(0.0);
    let hand = move |ms: f64| hand_until.set_value(now_ms() + ms);
    let scrolled = move |_| {
        measure();
        let Some(pane) = pane.get_untracked() else { return };
        let below = f64::from(pane.scroll_height() - pane.client_height() - pane.scroll_top());
        if below < 2.0 * ROW {
            follow.maybe_update(|follow| !std::mem::replace(follow, true));
        } else if now_ms() < hand_until.get_value() {
            follow.maybe_update(|follow| std::mem::replace(follow, false));
        } else if follow.get_untracked() {
            request_animation_frame(to_end);
        }
    };
    let range = Memo::new(move |_| {
        log.changed.track();
        let count = log.len();
        if !alive.get() {
            return (count.saturating_sub(FIRST_RENDER), count, count);
        }
        // A screenful more on either side, so that quick scrolling meets no gap.
        let rows = (height.get() / ROW).ceil() as usize;
        let first = ((top.get() / ROW) as usize).min(count).saturating_sub(rows);
        (first, (first + 3 * rows + 2).min(count), count)
    });
    let rows = move || {
        log.changed.track();
        let (from, to, _) = range.get();
        log.window(from, to)
    };
    let names = StoredValue::new(hosts.clone());
    let name_of = move |host: &str| {
        let name =
            names.with_value(|names| names.iter().find(|(at, _)| at == host).map(|(_, name)| name.clone()));
        let name =
            name.unwrap_or_else(|| if host.is_empty() { "console".to_owned() } else { host.to_owned() });
        // The column has room for the instance; the choice above names its node, too.
        name.split(" (").next().unwrap_or_default().to_owned()
    };
    view! {
        <section class="log-box" aria-label="Output">
            <div class="log-bar">
                <label>
                    <span class="sr">"Host"</span>
                    <select prop:value=log.host on:change:target=move |event| log.host.set(event.target().value())>
                        <option value="">"All hosts"</option>
                        {hosts.into_iter().map(|(host, name)| view! { <option value=host>{name}</option> }).collect_view()}
                    </select>
                </label>
                <label class="grow">
                    <span class="sr">"Find in the output"</span>
                    <input
                        type="search" placeholder="Find in the output" prop:value=log.needle
                        on:input:target=move |event| log.needle.set(event.target().value())
                    />
                </label>
                <button
                    type="button" class="small" aria-pressed=move || follow.get().to_string()
                    on:click=move |_| { follow.update(|follow| *follow = !*follow); }
                >
                    {move || if follow.get() { "Pause" } else { "Follow" }}
                </button>
            </div>
            <div
                class="log" node_ref=pane tabindex="0" role="region" aria-label="Lines" on:scroll=scrolled
                on:wheel=move |_| hand(700.0) on:touchmove=move |_| hand(1_500.0)
                on:keydown=move |_| hand(700.0) on:pointerdown=move |_| hand(5_000.0)
            >
                <Show when=move || { log.earlier.get() > 0 }>
                    <button type="button" class="quiet small earlier" on:click=move |_| on_earlier.run(())>
                        {move || format!("Show earlier lines ({} more)", log.earlier.get())}
                    </button>
                </Show>
                <div style:height=move || format!("{}px", if alive.get() { range.get().0 as f64 * ROW } else { 0.0 })></div>
                <For each=rows key=|line| line.seq let:line>
                    <div class=line.class() data-seq=line.seq>
                        <span class="at">{time::clock(line.at_us)}</span>
                        <span class="on">{name_of(&line.host)}</span>
                        <span class="text">{line.text.clone()}</span>
                    </div>
                </For>
                <div style:height=move || {
                    let (_, to, count) = range.get();
                    format!("{}px", (count - to) as f64 * ROW)
                }></div>
                <Show when=move || range.get().2 == 0>
                    <p class="empty">"No lines yet."</p>
                </Show>
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64, host: &str, text: &str) -> LogLine {
        let kind =
            EventKind::Line { step: Some(1), host: host.into(), stream: Stream::Out, text: text.into() };
        LogLine::of(&Event { seq, at_us: 0, kind }).expect("a line")
    }

    fn seqs(log: Log) -> Vec<u64> {
        log.window(0, usize::MAX).iter().map(|line| line.seq).collect()
    }

    #[test]
    fn the_filter_holds_for_new_lines_and_for_older_ones() {
        let owner = Owner::new();
        owner.with(|| {
            let log = Log::new(&[], 1);
            log.append(vec![line(1, "a", "one"), line(2, "b", "two")]);
            log.host.set("b".into());
            log.filter();
            log.append(vec![line(3, "a", "three"), line(4, "b", "FOUR")]);
            log.prepend(vec![line(0, "b", "zero")], 0);
            assert_eq!(seqs(log), [0, 2, 4]);
            log.needle.set("four".into());
            log.filter();
            assert_eq!(seqs(log), [4]);
        });
    }

    #[test]
    fn a_long_log_drops_its_oldest_lines_and_says_how_many() {
        let owner = Owner::new();
        owner.with(|| {
            let log = Log::new(&[], 0);
            log.append((0..MOST as u64 + 1).map(|seq| line(seq, "a", "x")).collect());
            assert_eq!(log.earlier.get_untracked(), DROPPED as u64);
            assert_eq!((log.first_seq(), log.len()), (Some(DROPPED as u64), MOST + 1 - DROPPED));
        });
    }
}
