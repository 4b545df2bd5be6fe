//! A resource on a page: loading, problem, or what it is for.

use super::ProblemBox;
use crate::api::ApiError;
use leptos::prelude::*;
use leptos::text_prop::TextProp;
use paddock_tongue::view;
use std::pin::Pin;

/// What a page asks the console for.
pub type Loaded<T> = Resource<Result<T, ApiError>>;

/// Shows a resource: a calm line while it loads, the problem when it fails, else `render`.
pub fn load<T>(resource: Loaded<T>, render: impl Fn(T) -> AnyView + Copy + Send + Sync + 'static) -> AnyView
where
    T: Clone + Send + Sync + 'static,
{
    let waiting = || view! { <p class="loading" role="status">"Loading…"</p> }.into_any();
    later(waiting, move || async move {
        match resource.await {
            Ok(value) => render(value),
            Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
        }
    })
}

/// Shows what `view` comes to, and `waiting` before; what was there stays while something new comes.
///
/// All go through one type: Leptos' code for it is in the browser's half once, and not once for each that waits.
pub fn later<View>(waiting: fn() -> AnyView, view: impl Fn() -> View + Send + Sync + 'static) -> AnyView
where
    View: Future<Output = AnyView> + Send + 'static,
{
    erased(waiting, Box::new(move || Box::pin(view())))
}

type Later = Pin<Box<dyn Future<Output = AnyView> + Send>>;

fn erased(waiting: fn() -> AnyView, view: Box<dyn Fn() -> Later + Send + Sync>) -> AnyView {
    view! { <Transition fallback=waiting>{move || Suspend::new(view())}</Transition> }.into_any()
}

/// A title that follows the page's address in the browser. On the server it is read once: the document's head is written
/// when the page's signals may be gone already, and reading one then breaks the connection.
pub fn titled(text: impl Fn() -> String + Send + Sync + 'static) -> TextProp {
    if cfg!(feature = "ssr") { text().into() } else { text.into() }
}
