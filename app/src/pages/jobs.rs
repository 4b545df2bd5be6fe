//! Newest jobs.

use crate::components::{Badge, When, load, outcome};
use crate::words::time;
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_events::JobRow;
use paddock_tongue::view;

/// The page of `/jobs`.
#[component]
pub fn JobsView() -> impl IntoView {
    let jobs = Resource::new_blocking(|| (), |()| api::jobs(100));
    view! {
        <Title text="Jobs"/>
        <div class="head"><h1>"Jobs"</h1></div>
        {load(jobs, |rows| view! { <JobTable rows/> }.into_any())}
    }
}

/// Jobs as a table.
#[component]
pub fn JobTable(rows: Vec<JobRow>) -> impl IntoView {
    if rows.is_empty() {
        return view! { <p class="empty">"No job has run yet. A job begins with a plan: open a cluster and press Create."</p> }
            .into_any();
    }
    let rows = rows
        .into_iter()
        .map(|row| {
            let (done, all) = row.progress;
            let (tone, word) = outcome(row.outcome.as_ref(), true);
            let took = row
                .finished_us
                .map_or("–".to_owned(), |end| time::duration(time::between_ms(row.created_us, end)));
            view! {
                <tr>
                    <th scope="row"><a href=paths::job(row.id)>{format!("#{}", row.id)}</a></th>
                    <td><a href=paths::job(row.id)>{row.title}</a></td>
                    <td><Badge tone text=word/></td>
                    <td class="num">{format!("{done} / {all}")}</td>
                    <td>{row.by}</td>
                    <td><When at_us=row.created_us/></td>
                    <td class="num">{took}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box">
            <table>
                <thead><tr>
                    <th scope="col">"Job"</th><th scope="col">"What"</th><th scope="col">"State"</th>
                    <th scope="col" class="num">"Steps"</th><th scope="col">"By"</th><th scope="col">"Begun"</th>
                    <th scope="col" class="num">"Took"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}
