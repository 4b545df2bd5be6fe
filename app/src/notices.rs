//! Notifications of the browser, for whoever asked this browser for them, while no page of the console is looked at.
//!
//! Everything here is called in effects and by buttons, so only in the browser.

use leptos::prelude::*;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Notification, NotificationOptions, NotificationPermission};

/// Where it is kept that somebody wants them here.
const KEY: &str = "notices";

/// What this browser does about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notices {
    /// Nobody has asked for them.
    Off,
    /// They are shown.
    On,
    /// The browser was told never to show any of this site.
    Denied,
    /// It has none, or shows them to pages that came by HTTPS or from this machine only.
    Missing,
}

fn wanted() -> bool {
    let storage = window().local_storage().ok().flatten();
    storage.is_some_and(|storage| storage.get_item(KEY).is_ok_and(|kept| kept.is_some()))
}

/// How it stands in this browser.
pub fn state() -> Notices {
    let there = JsValue::from_str("Notification").js_in(&window());
    if !there || !window().is_secure_context() {
        return Notices::Missing;
    }
    match Notification::permission() {
        NotificationPermission::Denied => Notices::Denied,
        NotificationPermission::Granted if wanted() => Notices::On,
        _ => Notices::Off,
    }
}

/// Asks the browser, which asks the person; gives how it stands then.
pub async fn turn_on() -> Notices {
    if let Ok(asked) = Notification::request_permission() {
        // The answer is read from the browser, whatever this says.
        JsFuture::from(asked).await.ok();
    }
    if let Ok(Some(storage)) = window().local_storage() {
        storage.set_item(KEY, "on").ok();
    }
    state()
}

/// No more of them in this browser.
pub fn turn_off() -> Notices {
    if let Ok(Some(storage)) = window().local_storage() {
        storage.remove_item(KEY).ok();
    }
    state()
}

/// Shows a sentence that leads to a page of the console. Not while one looks at this tab: it is told there. Of several
/// tabs that tell the same, the last one's stays.
pub fn tell(text: &str, to: &str) {
    if !document().hidden() || state() != Notices::On {
        return;
    }
    let options = NotificationOptions::new();
    options.set_body(text);
    options.set_tag(to);
    let Ok(notice) = Notification::new_with_options("Paddock", &options) else { return };
    let to = to.to_owned();
    let closed = notice.clone();
    let open = Closure::once_into_js(move || {
        closed.close();
        // A browser that refuses leaves the person where they are.
        window().focus().ok();
        window().location().set_href(&to).ok();
    });
    notice.set_onclick(Some(open.unchecked_ref()));
}
