//! The lines in sight.

use super::bar::{Bar, Pages, address_of};
use super::line::LogLine;
use super::log::Log;
use super::scroll::{self, Drawn, ROW};
use crate::components::ProblemBox;
use crate::paths;
use crate::words::{ansi::Piece, time};
use leptos::ev;
use leptos::html::Div;
use leptos::prelude::*;
use paddock_events::LogPlace;
use paddock_tongue::{say, t, view};
use std::time::Duration;

/// New lines are drawn so often at most: nobody reads faster, and the page stays free for who uses it.
const DRAW: Duration = Duration::from_millis(100);

/// A row in the document.
#[derive(Clone)]
struct Row {
    number: u64,
    /// None: it is on its way.
    line: Option<LogLine>,
    /// It is linked to.
    marked: bool,
    /// Grows with what is sought: the same line looks different then.
    turn: u32,
}

impl Row {
    /// Two rows of one key look the same.
    fn key(&self) -> (bool, u64, bool, u32) {
        let (here, id) = self.line.as_ref().map_or((false, self.number), |line| (true, line.seq));
        (here, id, self.marked, self.turn)
    }
}

fn now_ms() -> f64 {
    web_sys::js_sys::Date::now()
}

/// What is wanted, and the lines in sight: virtual, so that a million of them are as smooth as a hundred.
#[component]
pub fn LogPane(
    log: Log,
    /// Address and what to call it.
    hosts: Vec<(String, String)>,
    /// Id and what to call it.
    steps: Vec<(String, String)>,
) -> impl IntoView {
    let pane: NodeRef<Div> = NodeRef::new();
    let alive = RwSignal::new(false);
    let follow = log.follow;
    let top = RwSignal::new(0_u64);
    let height = RwSignal::new(600_u64);
    let pixels = |pixels: i32| u64::try_from(pixels).unwrap_or(0);

    let to_end = move || {
        if let Some(pane) = pane.get_untracked() {
            pane.set_scroll_top(pane.scroll_height());
        }
    };
    let measure = move || {
        if let Some(pane) = pane.get_untracked() {
            top.maybe_update(|top| std::mem::replace(top, pixels(pane.scroll_top())) != *top);
            let tall = pixels(pane.client_height());
            height.maybe_update(|height| std::mem::replace(height, tall) != *height);
        }
    };
    Effect::new(move |_| {
        alive.set(true);
        measure();
        let resized = window_event_listener(ev::resize, move |_| {
            measure();
            if follow.get_untracked() {
                request_animation_frame(to_end);
            }
        });
        on_cleanup(move || resized.remove());
    });
    Effect::new(move |before: Option<_>| {
        let now = (log.filter.get(), log.line.get());
        if let Some((filter, line)) = before {
            match now.1 {
                Some(seq) if line != now.1 || filter != now.0 => log.ask(LogPlace::Line(seq)),
                None if filter != now.0 && follow.get_untracked() => log.ask(LogPlace::End),
                None if filter != now.0 => log.ask(LogPlace::Row(0)),
                _ => {}
            }
        }
        now
    });
    let planned = StoredValue::new(false);
    Effect::new(move |before: Option<()>| {
        log.grown.track();
        if before.is_some()
            && planned.try_update_value(|planned| std::mem::replace(planned, true)) == Some(false)
        {
            set_timeout(
                move || {
                    // The page may have been left in the meantime.
                    if planned.try_update_value(|planned| *planned = false).is_some() {
                        log.draw();
                    }
                },
                DRAW,
            );
        }
    });
    Effect::new(move |_| {
        log.changed.track();
        if alive.get() && follow.get() {
            // After the new height is in the document, before it is painted.
            request_animation_frame(to_end);
        }
    });
    Effect::new(move |_| {
        let (true, Some(row)) = (alive.get(), log.go_to.get()) else { return };
        follow.set(false);
        request_animation_frame(move || {
            let (Some(pane), Some(view)) = (pane.get_untracked(), height.try_get_untracked()) else { return };
            let to = scroll::position(row, log.with(|sheet| sheet.count), view);
            pane.set_scroll_top(i32::try_from(to).unwrap_or(i32::MAX));
            log.go_to.set(None);
            measure();
        });
    });
    // Until when a scroll counts as a person's. New lines, drawn rows and a resized window scroll, too, and must
    // not pause the log.
    let hand_until = StoredValue::new(0.0);
    let hand = move |ms: f64| hand_until.set_value(now_ms() + ms);
    let scrolled = move |_| {
        measure();
        let Some(pane) = pane.get_untracked() else { return };
        let below = pixels(pane.scroll_height() - pane.client_height() - pane.scroll_top());
        if below < 2 * ROW {
            if now_ms() < hand_until.get_value() {
                follow.maybe_update(|follow| !std::mem::replace(follow, true));
            }
        } else if now_ms() < hand_until.get_value() {
            follow.maybe_update(|follow| std::mem::replace(follow, false));
        } else if follow.get_untracked() {
            request_animation_frame(to_end);
        }
    };
    let count = Memo::new(move |_| {
        log.changed.track();
        log.with(|sheet| sheet.count)
    });
    let drawn = Memo::new(move |_| {
        let count = count.get();
        if !alive.get() {
            let (from, to) = log.first.get_value();
            return Drawn { from, to, top: 0 };
        }
        let view = height.get();
        let top = if follow.get() { u64::MAX } else { top.get() };
        scroll::drawn(count, top, view, view / ROW)
    });
    Effect::new(move |_| {
        log.changed.track();
        let Drawn { from, to, .. } = drawn.get();
        if alive.get() {
            log.fetch(from, to);
        }
    });
    let find = Memo::new(move |before: Option<&(u32, String)>| {
        let find = log.filter.with(|filter| filter.find.clone());
        let turn = before.map_or(0, |(turn, old)| turn + u32::from(*old != find));
        (turn, find)
    });
    let rows = move || {
        log.changed.track();
        let Drawn { from, to, .. } = drawn.get();
        let (turn, line) = (find.with(|(turn, _)| *turn), log.line.get());
        let row = |number| {
            let here = log.with(|sheet| sheet.get(number).cloned());
            let marked = line.is_some() && here.as_ref().map(|line| line.seq) == line;
            Row { number, line: here, marked, turn }
        };
        (from..to).map(row).collect::<Vec<_>>()
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
    let row = move |Row { line, marked, .. }: Row| match line {
        None => view! { <div class="row away">"…"</div> }.into_any(),
        Some(line) => {
            let class = if marked { format!("{} marked", line.class()) } else { line.class().to_owned() };
            let pieces = find.with_untracked(|(_, find)| line.pieces(find));
            view! {
                <div class=class data-seq=line.seq>
                    <a class="at" href=paths::job_line(log.job(), line.seq) data-noscroll=""
                        title=say!("{at}: a link to this line", at = time::utc(line.at_us))>
                        {time::clock(line.at_us)}
                    </a>
                    <span class="on">{name_of(&line.host)}</span>
                    <span class="text">{pieces.into_iter().map(piece).collect_view()}</span>
                </div>
            }
            .into_any()
        }
    };
    let empty = move || {
        let all = log.filter.with(|filter| filter.is_all());
        (count.get() == 0).then_some(if all { t!("No lines yet.") } else { t!("No line fits.") })
    };
    view! {
        <section class="log-box" aria-label="Output">
            <Bar log hosts steps/>
            {move || log.problem.get().map(|problem| view! { <ProblemBox problem/> })}
            <div
                class="log" node_ref=pane tabindex="0" role="region" aria-label="Lines" on:scroll=scrolled
                aria-busy=move || log.busy.get().to_string()
                on:wheel=move |_| hand(700.0) on:touchmove=move |_| hand(1_500.0)
                on:keydown=move |_| hand(700.0) on:pointerdown=move |_| hand(5_000.0)
            >
                <div class="lines" style=move || if alive.get() { px("height", scroll::tall(count.get())) } else { String::new() }>
                    <div class:rows=true class:placed=alive style=move || if alive.get() { px("top", drawn.get().top) } else { String::new() }>
                        <For each=rows key=Row::key let:one>{row(one)}</For>
                    </div>
                </div>
                {move || empty().map(|text| view! { <p class="empty">{text}</p> })}
            </div>
            <Pages log address=address_of(log)/>
        </section>
    }
}

fn px(name: &str, pixels: u64) -> String {
    format!("{name}:{pixels}px")
}

fn piece(Piece { text, class, hit }: Piece) -> AnyView {
    match (hit, class.is_empty()) {
        (true, _) => view! { <mark class=class>{text}</mark> }.into_any(),
        (false, false) => view! { <span class=class>{text}</span> }.into_any(),
        (false, true) => text.into_any(),
    }
}
