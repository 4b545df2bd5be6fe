//! The browser's clock as a signal: empty on the server and in the first render, so that both are equal.

use crate::words::time;
use leptos::prelude::*;
use paddock_tongue::{say, view};
use std::time::Duration;

/// Now, as the browser has it.
#[derive(Clone, Copy)]
pub struct Clock {
    now: RwSignal<Option<i64>>,
}

impl Clock {
    /// Puts a ticking clock into context.
    pub fn provide() {
        let now = RwSignal::new(None);
        Effect::new(move |_| {
            let read = move || now.set(Some(now_us()));
            read();
            set_interval(read, Duration::from_secs(1));
        });
        provide_context(Self { now });
    }

    /// The one from context.
    pub fn get() -> Self {
        expect_context()
    }

    /// Now, in microseconds since the epoch; none before the page lives.
    pub fn now_us(self) -> Option<i64> {
        self.now.get()
    }
}

/// Whether the part of a page that asks lives. The code of most pages arrives when the clock already goes: what is hydrated then must
/// still begin with the server's words, for these are what stands there, and are only replaced by others.
fn lives() -> RwSignal<bool> {
    let lives = RwSignal::new(false);
    Effect::new(move |_| lives.set(true));
    lives
}

/// How many minutes east of UTC the viewer was, or will be, at a moment: zones change with the seasons. None before the page
/// lives, so that it begins as the server wrote it.
fn east_min(at_us: i64, lives: RwSignal<bool>) -> i32 {
    if !lives.get() {
        return 0;
    }
    let date = web_sys::js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at_us as f64 / 1_000.0));
    -date.get_timezone_offset() as i32
}

fn now_us() -> i64 {
    (web_sys::js_sys::Date::now() * 1_000.0) as i64
}

/// A moment: UTC at first, "5 min ago" once the page lives, UTC still in its tooltip.
#[component]
pub fn When(#[prop(into)] at_us: Signal<i64>) -> impl IntoView {
    let clock = Clock::get();
    let lives = lives();
    let text = move || match clock.now_us().filter(|_| lives.get()) {
        Some(now) => time::ago(at_us.get(), now),
        None => time::utc(at_us.get()),
    };
    view! { <time datetime=move || time::iso(at_us.get()) title=move || time::utc(at_us.get())>{text}</time> }
}

/// A moment to come: UTC at first, "in 3 h 58 min" once the page lives, UTC still in its tooltip.
#[component]
pub fn Until(at_us: i64) -> impl IntoView {
    let clock = Clock::get();
    let lives = lives();
    let text = move || match clock.now_us().filter(|_| lives.get()) {
        Some(now) => time::ahead(at_us, now),
        None => say!("at {time}", time = time::utc(at_us)),
    };
    view! { <time datetime=time::iso(at_us) title=time::utc(at_us)>{text}</time> }
}

/// A moment by the viewer's clock, with its zone; in UTC at first and in its tooltip.
#[component]
pub fn Moment(at_us: i64) -> impl IntoView {
    let lives = lives();
    let text = move || time::zoned(at_us, east_min(at_us, lives));
    view! { <time class="num" datetime=time::iso(at_us) title=time::utc(at_us)>{text}</time> }
}

/// The time of day of a moment, beside one that names day and zone.
#[component]
pub fn TimeOfDay(at_us: i64) -> impl IntoView {
    let lives = lives();
    let text = move || time::clock(time::shifted(at_us, east_min(at_us, lives)));
    view! { <time class="num" datetime=time::iso(at_us) title=time::utc(at_us)>{text}</time> }
}

/// How long something has been going on; a dash before the page lives.
#[component]
pub fn Since(from_us: i64) -> impl IntoView {
    let clock = Clock::get();
    let lives = lives();
    let text = move || {
        clock
            .now_us()
            .filter(|_| lives.get())
            .map_or("–".to_owned(), |now| time::duration(time::between_ms(from_us, now) / 1_000 * 1_000))
    };
    view! { <span class="num">{text}</span> }
}
