//! The text out of a file and into one; nothing is saved by either.

use super::Draft;
use crate::words::size;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use paddock_tongue::{count, say, t, view};
use std::time::Duration;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::Array;
use web_sys::{Blob, BlobPropertyBag, File, HtmlAnchorElement, Url};

/// How an exported file is called: as Pigsty calls its own.
const NAME: &str = "pigsty.yml";
/// A larger file is none that somebody wrote, in bytes; the console takes less.
const LARGEST: f64 = 16_777_216.0;
/// How long an exported text is at hand for the browser's download.
const AT_HAND: Duration = Duration::from_secs(60);

/// What an import did: the sentence about it, and the text before where there is a way back.
type Done = RwSignal<Option<(String, Option<String>)>>;

/// Two buttons for the page's head.
#[component]
pub fn Carry(draft: Draft, locked: bool, done: Done) -> impl IntoView {
    let chosen = NodeRef::<html::Input>::new();
    let import = move |_| {
        let Some(input) = chosen.get_untracked() else { return };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        spawn_local(async move {
            match read(&file).await {
                Ok(text) => {
                    let before = draft.outgoing();
                    let lines = count!(text.lines().count(), "line");
                    draft.put(&text);
                    let told = say!(
                        "{file} is in the editor ({lines}), in place of the text before; nothing is saved yet.",
                        file = file.name()
                    );
                    done.set(Some((told, Some(before))));
                }
                Err(why) => done.set(Some((say!("{file} was not taken: {why}.", file = file.name()), None))),
            }
            // Who mends the file chooses it again.
            input.set_value("");
        });
    };
    let export = move |_| {
        if give(&draft.outgoing()).is_err() {
            done.set(Some((
                t!("The browser makes no file of it; the text can be copied from the editor.").to_owned(),
                None,
            )));
        }
    };
    view! {
        <label class="button" class:off=locked>
            "Import"
            <input type="file" class="sr" accept=".yml,.yaml" disabled=locked node_ref=chosen on:change=import/>
        </label>
        <button type="button" on:click=export>"Export"</button>
    }
}

/// What the import did, with a way back.
#[component]
pub fn Carried(draft: Draft, done: Done) -> impl IntoView {
    move || {
        done.get().map(|(told, before)| {
            let undo = before.map(|before| {
                let undo = move |_| {
                    draft.put(&before);
                    done.set(None);
                };
                view! { <button type="button" class="small" on:click=undo>"Undo"</button> }
            });
            view! { <p class="told row" role="status"><span class="grow">{told}</span>{undo}</p> }
        })
    }
}

/// A file's text, or why it is none.
async fn read(file: &File) -> Result<String, String> {
    if file.size() > LARGEST {
        return Err(say!("it has {size}", size = size::bytes(file.size() as u64)));
    }
    let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
    // Browsers put this letter in place of what is no UTF-8.
    let text = text.filter(|text| !text.contains('\u{fffd}'));
    text.ok_or_else(|| t!("it is not text in UTF-8").to_owned())
}

/// Has the browser save a text as a file.
fn give(text: &str) -> Result<(), JsValue> {
    let kind = BlobPropertyBag::new();
    kind.set_type("application/yaml");
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &kind)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(NAME);
    link.click();
    // What cannot be taken back goes with the page.
    set_timeout(move || drop(Url::revoke_object_url(&url)), AT_HAND);
    Ok(())
}
