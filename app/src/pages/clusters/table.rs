//! The table: the server renders a page of rows; once the page lives, only what is seen is in the document, between two gaps
//! as high as what is not.

use super::row::{GroupHead, Row};
use super::{Fleet, keys};
use crate::paths;
use crate::words::fleet::{COLUMNS, Column, Line, PAGE, Wanted};
use crate::words::html::{Html, written};
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use paddock_tongue::{escaped, say, t, view};
use web_sys::Element;

/// Id of what scrolls.
pub const BOX: &str = "fleet-box";
/// Rows beyond what is seen, on either side.
const BEYOND: usize = 8;

/// What is seen of the table, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    top: f64,
    height: f64,
    row: f64,
    head: f64,
}

/// A line as the document has it.
#[derive(Clone, PartialEq)]
enum Shown {
    Row(String),
    /// The first row of the group, and how many there are.
    Group(String, usize),
}

/// The table of the fleet.
#[component]
pub fn Table(fleet: Fleet) -> impl IntoView {
    let list = NodeRef::<html::Div>::new();
    let view = fleet.view;
    let look = move || {
        if let Some(list) = list.get_untracked() {
            let new = measure(&list, view.get_untracked());
            view.maybe_update(|old| std::mem::replace(old, new) != new);
        }
    };
    Effect::new(move |_| {
        let Some(list) = list.get() else { return };
        begin(fleet, &list);
        let resized = window_event_listener(ev::resize, move |_| look());
        on_cleanup(move || resized.remove());
        keys::listen(fleet);
    });
    // Another order or another filter begins at its top.
    Effect::new(move |before: Option<Wanted>| {
        let now = fleet.wanted.get();
        if before.is_some_and(|before| before != now)
            && let Some(list) = list.get_untracked()
        {
            list.set_scroll_top(0);
            look();
        }
        now
    });
    let window = Memo::new(move |_| {
        let all = fleet.lines.with(Vec::len);
        match view.get() {
            Some(View { top, height, row, .. }) => {
                let first = ((top / row) as usize).saturating_sub(BEYOND).min(all);
                // By pairs of rows, so that not every pixel changes the document.
                let first = first & !1;
                (first, (first + (height / row) as usize + 2 * BEYOND + 2).min(all))
            }
            None => {
                let first = ((fleet.wanted.with(|wanted| wanted.page) - 1) * PAGE).min(all);
                (first, (first + PAGE).min(all))
            }
        }
    });
    let shown = Memo::new(move |_| {
        let (first, last) = window.get();
        fleet.lines.with(|lines| {
            fleet.rows.with(|rows| {
                let name = |at: usize| rows[at].0.name.clone();
                // The window may be of a longer list, for a moment.
                let lines = lines.get(first.min(lines.len())..last.min(lines.len())).unwrap_or_default();
                let shown = lines.iter().map(|line| match line {
                    Line::Row(at) => Shown::Row(name(*at)),
                    Line::Group(at, count) => Shown::Group(name(*at), *count),
                });
                shown.collect::<Vec<_>>()
            })
        })
    });
    let gap = move |lines: usize| {
        // Whole pixels: to write a fraction takes ten kilobytes of code.
        let high = view.get().map_or(0, |view| (view.row * lines as f64) as u64);
        (high > 0).then(|| {
            view! {
                <tr class="gap" aria-hidden="true"><td style:height=format!("{high}px")></td></tr>
            }
        })
    };
    let none = Memo::new(move |_| fleet.lines.with(Vec::is_empty));
    view! {
        <div class="table-box fleet-box" id=BOX node_ref=list on:scroll=move |_| look()>
            <table class="clusters">
                <caption class="sr">"Clusters"</caption>
                <thead><tr>{COLUMNS.map(|(column, key, label)| view! { <Heading fleet column key label/> })}</tr></thead>
                <tbody>
                    {move || gap(window.get().0)}
                    <For each=move || shown.get() key=Shown::clone_key let:line>
                        {match line {
                            Shown::Row(name) => view! { <Row fleet name/> }.into_any(),
                            Shown::Group(first, count) => view! { <GroupHead fleet first count/> }.into_any(),
                        }}
                    </For>
                    {move || gap(fleet.lines.with(Vec::len) - window.get().1.min(fleet.lines.with(Vec::len)))}
                </tbody>
            </table>
            {move || none.get().then(|| view! {
                <p class="empty">"No cluster matches. "
                    // The address may not have followed the filter yet: then the link changes nothing of it.
                    <a on:click=move |_| fleet.typed.set(String::new())
                        href=move || paths::clusters(&fleet.wanted.with(|wanted| Wanted { text: String::new(), ..wanted.clone() }.pairs()))>"Clear the filter"</a>
                </p>
            })}
        </div>
        <div inner_html=written(move || if view.with(Option::is_none) { pages(fleet) } else { Html::default() })></div>
    }
}

impl Shown {
    /// What a line is known by while it moves.
    fn clone_key(&self) -> (String, usize) {
        match self {
            Self::Row(name) => (name.clone(), 0),
            Self::Group(first, count) => (first.clone(), *count),
        }
    }
}

/// Takes over from the server's page: what was seen stays where it is.
fn begin(fleet: Fleet, list: &Element) {
    if fleet.view.with_untracked(Option::is_some) {
        return;
    }
    let Some(seen) = measure(list, None) else { return };
    let before = (fleet.wanted.with_untracked(|wanted| wanted.page) - 1) * PAGE;
    let top = seen.top + before as f64 * seen.row;
    fleet.view.set(Some(View { top, ..seen }));
    if before > 0 {
        let list = list.clone();
        request_animation_frame(move || list.set_scroll_top(top as i32));
    }
}

/// What is seen now; a list without a row keeps the height that its rows had.
fn measure(list: &Element, before: Option<View>) -> Option<View> {
    let height = |selector: &str| {
        let found = list.query_selector(selector).ok().flatten()?;
        Some(found.get_bounding_client_rect().height()).filter(|height| *height > 0.0)
    };
    let row = height("tr.one").or(before.map(|before| before.row))?;
    let head = height("thead").unwrap_or(row);
    Some(View { top: f64::from(list.scroll_top()), height: f64::from(list.client_height()), row, head })
}

/// Scrolls as little as it takes to see a line.
pub fn show_line(fleet: Fleet, list: &Element, at: usize) {
    let Some(View { row, head, height, .. }) = fleet.view.get_untracked() else { return };
    let (top, now) = (at as f64 * row, f64::from(list.scroll_top()));
    if top < now {
        list.set_scroll_top(top as i32);
    } else if top + row + head > now + height {
        list.set_scroll_top((top + row + head - height).ceil() as i32);
    }
}

/// A column's head: sorts by it, and says whether the rows are.
#[component]
fn Heading(fleet: Fleet, column: Column, key: &'static str, label: &'static str) -> impl IntoView {
    let sorted =
        Memo::new(move |_| fleet.wanted.with(|wanted| (wanted.column == column).then_some(wanted.reverse)));
    let number = matches!(column, Column::Lag);
    let order = move || {
        sorted.get().map(|reverse| if reverse == column.falls() { "ascending" } else { "descending" })
    };
    let sign = move || match order() {
        Some("ascending") => "↑",
        Some(_) => "↓",
        None => "",
    };
    view! {
        <th scope="col" class=format!("c-{key}") class:num=number aria-sort=order>
            <a data-noscroll="" href=move || paths::clusters(&fleet.wanted.with(|wanted| wanted.sorted_by(column).pairs()))>
                {label}<span class="sign" aria-hidden="true">{sign}</span>
            </a>
        </th>
    }
}

/// Without JavaScript, a page at a time; gone as soon as the page lives.
fn pages(fleet: Fleet) -> Html {
    let (all, wanted) = (fleet.lines.with(Vec::len), fleet.wanted.get());
    let page = |html: Html, page: usize, label: &'static str| {
        let to = paths::clusters(&Wanted { page, ..wanted.clone() }.pairs());
        html.tag("<a href=\"").text(&to).tag("\">").tag(label).tag("</a>")
    };
    let (earlier, later) = (wanted.page > 1, wanted.page * PAGE < all);
    if !earlier && !later {
        return Html::default();
    }
    let mut html = Html::default().tag(concat!(
        "<nav class=\"pages\" aria-label=\"",
        escaped!("Pages"),
        "\"><span class=\"note num\">"
    ));
    html = html
        .text(&say!("Page {page} of {pages}", page = wanted.page, pages = all.div_ceil(PAGE)))
        .tag("</span>");
    if earlier {
        html = page(html, wanted.page - 1, t!("Previous page"));
    }
    if later {
        html = page(html, wanted.page + 1, t!("Next page"));
    }
    html.tag("</nav>")
}
