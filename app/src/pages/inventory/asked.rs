//! What the console says of the text as it stands: asked once typing rests.

use super::{Draft, REST};
use crate::api::ApiError;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;

/// The last answer; one to an older question is dropped. Without a question nothing is asked.
pub fn answer_of<T, Q, Fut>(
    draft: Draft,
    question: impl Fn() -> Option<Q> + Copy + 'static,
    ask: impl Fn(String, Q) -> Fut + Copy + 'static,
) -> RwSignal<Option<Result<T, ApiError>>>
where
    T: Clone + Send + Sync + 'static,
    Q: 'static,
    Fut: Future<Output = Result<T, ApiError>> + 'static,
{
    let answer = RwSignal::new(None);
    let asked = StoredValue::new(0_u32);
    Effect::new(move |before: Option<()>| {
        draft.text.track();
        let Some(question) = question() else { return };
        asked.update_value(|asked| *asked += 1);
        let this = asked.get_value();
        let current = move || asked.try_get_value() == Some(this);
        let rest = if before.is_none() { Duration::ZERO } else { REST };
        set_timeout(
            move || {
                if !current() {
                    return;
                }
                spawn_local(async move {
                    let seen = ask(draft.outgoing(), question).await;
                    if current() {
                        answer.set(Some(seen));
                    }
                });
            },
            rest,
        );
    });
    answer
}
