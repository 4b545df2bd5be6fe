//! A finished job once more: its stored events fold into the same view, at a chosen speed.

use super::job_state::JobState;
use crate::api;
use crate::api::ApiError;
use crate::words::time;
use leptos::leptos_dom::helpers::IntervalHandle;
use leptos::prelude::*;
use paddock_events::{Event, JobId};
use paddock_tongue::{t, view};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
/// Events fetched at once; the server gives no more.
const BATCH: u32 = 5_000;
/// A longer silence is shortened to this: nobody wants to watch a lunch break.
const LONGEST_SILENCE_US: i64 = 10_000_000;
const SPEEDS: [u32; 5] = [1, 2, 5, 10, 20];

/// The events with the moments at which they are played, in microseconds from the beginning.
fn moments(events: &[Event]) -> Vec<i64> {
    let mut at = 0;
    let mut before = events.first().map_or(0, |event| event.at_us);
    events
        .iter()
        .map(|event| {
            at += (event.at_us - before).clamp(0, LONGEST_SILENCE_US);
            before = event.at_us;
            at
        })
        .collect()
}

/// A replay: what is played, how far it is.
#[derive(Clone, Copy)]
pub struct Replay {
    /// The job as it was at the moment that is shown.
    pub state: JobState,
    events: StoredValue<Vec<Event>>,
    moments: StoredValue<Vec<i64>>,
    /// Events that are folded in.
    taken: StoredValue<usize>,
    /// The moment that is shown, in microseconds.
    at_us: RwSignal<i64>,
    playing: RwSignal<bool>,
    speed: RwSignal<u32>,
}

impl Replay {
    /// Begins at the beginning, playing.
    fn new(state: JobState, events: Vec<Event>) -> Self {
        let replay = Self {
            state: state.again(),
            moments: StoredValue::new(moments(&events)),
            events: StoredValue::new(events),
            taken: StoredValue::new(0),
            at_us: RwSignal::new(0),
            playing: RwSignal::new(true),
            speed: RwSignal::new(5),
        };
        replay.seek(0);
        replay
    }

    fn length_us(self) -> i64 {
        self.moments.with_value(|moments| moments.last().copied().unwrap_or(0))
    }

    /// Shows the moment: forward by folding what lies between, backward from the beginning.
    fn seek(self, to_us: i64) {
        let to_us = to_us.clamp(0, self.length_us());
        let wanted = self.moments.with_value(|moments| moments.partition_point(|at| *at <= to_us));
        let mut from = self.taken.get_value();
        if wanted < from {
            self.state.rewind();
            from = 0;
        }
        let batch = self.events.with_value(|events| events[from..wanted].to_vec());
        // What was folded once while the job ran folds again; a gap would have ended the fetch.
        if self.state.take(batch).is_err() {
            self.state.broken.set(true);
            self.playing.set(false);
        }
        self.taken.set_value(wanted);
        self.at_us.set(to_us);
        if to_us == self.length_us() {
            self.playing.set(false);
        }
    }

    fn tick(self) {
        if self.playing.get_untracked() {
            let step = i64::try_from(TICK.as_micros()).unwrap_or(0) * i64::from(self.speed.get_untracked());
            self.seek(self.at_us.get_untracked() + step);
        }
    }

    fn play_or_pause(self) {
        if !self.playing.get_untracked() && self.at_us.get_untracked() == self.length_us() {
            self.seek(0);
        }
        self.playing.update(|playing| *playing = !*playing);
    }
}

/// All stored events of a job.
async fn fetch(job: JobId) -> Result<Vec<Event>, ApiError> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let from = events.last().map_or(0, |last| last.seq + 1);
        let more = api::job_events(job.0, from, BATCH).await?;
        if more.is_empty() {
            return Ok(events);
        }
        events.extend(more);
    }
}

/// Fetches the events of a finished job and begins to play them; `replay` tells the page what to show.
pub fn start(state: JobState, replay: RwSignal<Option<Replay>>) -> Action<(), Result<(), ApiError>> {
    Action::new(move |(): &()| async move {
        let events = fetch(state.job).await?;
        replay.set(Some(Replay::new(state, events)));
        Ok(())
    })
}

/// Play, pause, speed, seek, and back to the job as it is.
#[component]
pub fn ReplayBar(replay: Replay, close: Callback<()>) -> impl IntoView {
    let ticking = StoredValue::new(None::<IntervalHandle>);
    Effect::new(move |_| ticking.set_value(set_interval_with_handle(move || replay.tick(), TICK).ok()));
    on_cleanup(move || {
        if let Some(ticking) = ticking.try_get_value().flatten() {
            ticking.clear();
        }
    });
    let clock = |us: i64| time::duration(u64::try_from(us / 1_000_000 * 1_000).unwrap_or(0));
    let length_us = replay.length_us();
    view! {
        <section class="card replay" aria-label="Replay">
            <button type="button" class="primary" on:click=move |_| replay.play_or_pause()>
                {move || if replay.playing.get() { t!("Pause replay") } else { t!("Play") }}
            </button>
            <label>
                <span class="sr">"Speed"</span>
                <select on:change:target=move |event| replay.speed.set(event.target().value().parse().unwrap_or(1))>
                    {SPEEDS.map(|speed| view! {
                        <option value=speed.to_string() selected=move || replay.speed.get() == speed>{format!("{speed}×")}</option>
                    })}
                </select>
            </label>
            <label class="grow">
                <span class="sr">"Position"</span>
                <input type="range" min="0" max=length_us.to_string() step="100000"
                    prop:value=move || replay.at_us.get().to_string()
                    aria-valuetext=move || clock(replay.at_us.get())
                    on:input:target=move |event| replay.seek(event.target().value().parse().unwrap_or(0))/>
            </label>
            <span class="num">{move || format!("{} / {}", clock(replay.at_us.get()), clock(length_us))}</span>
            <button type="button" class="quiet" on:click=move |_| close.run(())>"Close replay"</button>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::EventKind;

    #[test]
    fn silences_are_shortened_and_time_never_runs_backwards() {
        let event = |seq, at_us| Event { seq, at_us, kind: EventKind::StageStarted { stage: 0 } };
        let events = [event(0, 5_000_000), event(1, 6_000_000), event(2, 5_900_000), event(3, 3_605_900_000)];
        assert_eq!(moments(&events), [0, 1_000_000, 1_000_000, 11_000_000]);
        assert_eq!(moments(&[]), [0_i64; 0]);
    }
}
