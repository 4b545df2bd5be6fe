//! The keyboard of the fleet page: `j`, `k` and the arrows move, Enter opens, `/` goes to the filter.

use super::Fleet;
use super::table::{BOX, show_line};
use crate::words::fleet::Line;
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// Id of the filter's field.
pub const FILTER: &str = "fleet-filter";

/// Id of a row's link.
pub fn link_id(name: &str) -> String {
    format!("cluster-{name}")
}

/// Listens while the page is shown. To be called from an effect.
pub fn listen(fleet: Fleet) {
    let handle = window_event_listener(ev::keydown, move |event| {
        let with_modifier = event.ctrl_key() || event.alt_key() || event.meta_key();
        if with_modifier || event.default_prevented() || is_elsewhere(&event) {
            return;
        }
        match event.key().as_str() {
            "j" | "ArrowDown" => step(fleet, 1),
            "k" | "ArrowUp" => step(fleet, -1),
            "/" => focus(FILTER),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}

/// Whether a key is meant for a field, or for a dialog that is open.
fn is_elsewhere(event: &ev::KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let types =
        target.is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
    types || document().query_selector("dialog[open]").ok().flatten().is_some()
}

fn focus(id: &str) {
    let found = document().get_element_by_id(id).and_then(|found| found.dyn_into::<HtmlElement>().ok());
    if let Some(found) = found {
        // What cannot be focused keeps the focus where it is.
        found.focus().ok();
    }
}

/// Name of the cluster whose link has the focus.
fn focused() -> Option<String> {
    document().active_element()?.id().strip_prefix("cluster-").map(str::to_owned)
}

/// Moves the focus to the next row, or to the one before; from elsewhere to the one that is seen first.
pub fn step(fleet: Fleet, by: i32) {
    // A key that is held comes faster than frames: the focus is then still on its way.
    let left = fleet.left.get_value();
    let from = if fleet.moving.get_value() { left } else { focused().or(left) };
    let target = fleet.lines.with_untracked(|lines| {
        fleet.rows.with_untracked(|rows| {
            let name = |line: &Line| match line {
                Line::Row(at) => Some(rows[*at].0.name.as_str()),
                Line::Group(..) => None,
            };
            let at = from.and_then(|from| lines.iter().position(|line| name(line) == Some(from.as_str())));
            let mut at = match at {
                Some(at) if by > 0 => at + 1,
                Some(at) => at.checked_sub(1)?,
                None => 0,
            };
            while name(lines.get(at)?).is_none() {
                at = if by < 0 { at.checked_sub(1)? } else { at + 1 };
            }
            Some((at, name(&lines[at])?.to_owned()))
        })
    });
    let Some((at, name)) = target else { return };
    fleet.left.set_value(Some(name.clone()));
    if let Some(list) = document().get_element_by_id(BOX) {
        show_line(fleet, &list, at);
    }
    // The row may come into the document only now.
    fleet.moving.set_value(true);
    request_animation_frame(move || {
        // The page may have been left; the newest of several steps has the last word.
        let newest = fleet.left.try_get_value().flatten().is_some_and(|left| left == name);
        if newest {
            fleet.moving.set_value(false);
            focus(&link_id(&name));
        }
    });
}
