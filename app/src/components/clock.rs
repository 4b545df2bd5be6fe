//! The browser's clock as a signal: empty on the server and in the first render, so that both are equal.

use crate::words::time;
use leptos::prelude::*;
use paddock_tongue::{say, view};
use std::time::Duration;

/// Now, in microseconds since the epoch; none before the page lives.
#[derive(Clone, Copy)]
pub struct Clock(RwSignal<Option<i64>>);

impl Clock {
    /// Puts a ticking clock into context.
    pub fn provide() {
        let now = RwSignal::new(None);
        Effect::new(move |_| {
            let read = move || now.set(Some(now_us()));
            read();
            set_interval(read, Duration::from_secs(1));
        });
        provide_context(Self(now));
    }

    /// The one from context.
    pub fn get() -> Self {
        expect_context()
    }

    /// Now; none before the page lives.
    pub fn now_us(self) -> Option<i64> {
        self.0.get()
    }
}

fn now_us() -> i64 {
    (web_sys::js_sys::Date::now() * 1_000.0) as i64
}

/// A moment: UTC at first, "5 min ago" once the page lives, UTC still in its tooltip.
#[component]
pub fn When(#[prop(into)] at_us: Signal<i64>) -> impl IntoView {
    let clock = Clock::get();
    let text = move || match clock.now_us() {
        Some(now) => time::ago(at_us.get(), now),
        None => time::utc(at_us.get()),
    };
    view! { <time datetime=move || time::iso(at_us.get()) title=move || time::utc(at_us.get())>{text}</time> }
}

/// A moment to come: UTC at first, "in 3 h 58 min" once the page lives, UTC still in its tooltip.
#[component]
pub fn Until(at_us: i64) -> impl IntoView {
    let clock = Clock::get();
    let text = move || match clock.now_us() {
        Some(now) => time::ahead(at_us, now),
        None => say!("at {time}", time = time::utc(at_us)),
    };
    view! { <time datetime=time::iso(at_us) title=time::utc(at_us)>{text}</time> }
}

/// A moment that people agreed on, in UTC.
#[component]
pub fn Moment(at_us: i64) -> impl IntoView {
    view! { <time datetime=time::iso(at_us)>{time::utc(at_us)}</time> }
}

/// How long something has been going on; a dash before the page lives.
#[component]
pub fn Since(from_us: i64) -> impl IntoView {
    let clock = Clock::get();
    let text = move || {
        clock
            .now_us()
            .map_or("–".to_owned(), |now| time::duration(time::between_ms(from_us, now) / 1_000 * 1_000))
    };
    view! { <span class="num">{text}</span> }
}
