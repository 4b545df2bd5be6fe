//! The inventory's text: a plain text field over coloured lines, findings where they are.
//!
//! The field holds the text, so that the browser's own editing, undo, search and screen reader work; the lines
//! below it are what one sees, and only those in sight are in the document.

use crate::words::yaml;
use leptos::html::{Div, Textarea};
use leptos::prelude::*;
use paddock_events::{FindingLevel, FindingRow};
use paddock_tongue::view;

/// Height of a line in pixels; the style sheet has the same number.
const ROW: f64 = 20.0;
/// Lines that the server renders, for a page without its WASM.
const FIRST_RENDER: usize = 2_000;

/// A text field with line numbers, colours and findings.
#[component]
pub fn YamlEditor(
    /// The text, with `\n` only.
    text: RwSignal<String>,
    #[prop(into)] findings: Signal<Vec<FindingRow>>,
    /// May not be edited.
    #[prop(into)]
    locked: Signal<bool>,
    /// Set to a line and column to go there.
    jump: RwSignal<Option<(u32, u32)>>,
) -> impl IntoView {
    let pane: NodeRef<Div> = NodeRef::new();
    let field: NodeRef<Textarea> = NodeRef::new();
    let alive = RwSignal::new(false);
    let top = RwSignal::new(0.0);
    let height = RwSignal::new(600.0);
    let measure = move || {
        if let Some(pane) = pane.get_untracked() {
            top.set(f64::from(pane.scroll_top()));
            height.set(f64::from(pane.client_height()));
        }
    };
    Effect::new(move |_| {
        alive.set(true);
        measure();
    });
    Effect::new(move |_| {
        let Some((line, column)) = jump.get() else { return };
        jump.set(None);
        let (Some(pane), Some(field)) = (pane.get_untracked(), field.get_untracked()) else { return };
        let at = text.with_untracked(|text| {
            // A field that has just come gets its text a moment later, which would take the caret to its end.
            if field.value() != *text {
                field.set_value(text);
            }
            offset(text, line, column)
        });
        field.focus().ok();
        field.set_selection_range(at, at).ok();
        let wanted = f64::from(line.saturating_sub(1)) * ROW - height.get_untracked() / 3.0;
        pane.set_scroll_top(wanted.max(0.0) as i32);
        measure();
    });
    let size = Memo::new(move |_| {
        text.with(|text| {
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            (text.split('\n').count(), longest)
        })
    });
    let range = Memo::new(move |_| {
        let (count, _) = size.get();
        if !alive.get() {
            return (0, count.min(FIRST_RENDER));
        }
        let rows = (height.get() / ROW).ceil() as usize;
        let first = ((top.get() / ROW) as usize).min(count).saturating_sub(rows);
        (first, (first + 3 * rows + 2).min(count))
    });
    let lines = move || {
        let (from, to) = range.get();
        let findings = findings.get();
        text.with(|text| {
            text.split('\n')
                .enumerate()
                .skip(from)
                .take(to - from)
                .map(|(at, line)| draw_line(at + 1, line, &findings))
                .collect_view()
        })
    };
    view! {
        <div class="editor" node_ref=pane on:scroll=move |_| measure()>
            <div
                class="sheet"
                style:height=move || format!("{}px", size.get().0 as f64 * ROW + 40.0)
                style:min-width=move || format!("calc({}ch + 6rem)", size.get().1)
            >
                <div class="lines" aria-hidden=move || alive.get().to_string() style:top=move || format!("{}px", range.get().0 as f64 * ROW)>
                    {lines}
                </div>
                <textarea
                    node_ref=field
                    aria-label="Inventory text"
                    spellcheck="false" autocomplete="off" autocapitalize="off" wrap="off"
                    readonly=move || !alive.get() || locked.get()
                    prop:value=text
                    on:input:target=move |event| text.set(event.target().value())
                ></textarea>
            </div>
        </div>
    }
}

fn draw_line(number: usize, line: &str, findings: &[FindingRow]) -> impl IntoView + use<> {
    let here: Vec<&FindingRow> = findings
        .iter()
        .filter(|finding| (finding.line..=finding.end_line.max(finding.line)).contains(&(number as u32)))
        .collect();
    let worst =
        here.iter().filter(|finding| finding.line as usize == number).map(|finding| finding.level).max();
    let (class, sign) = match worst {
        Some(FindingLevel::Error) => ("line has-error", "✕"),
        Some(FindingLevel::Warning) => ("line has-warning", "!"),
        None => ("line", ""),
    };
    let told: Vec<&str> = here.iter().map(|finding| finding.message.as_str()).collect();
    let length = line.chars().count() as u32;
    let waves = here
        .iter()
        .map(|finding| {
            let from = if finding.line as usize == number { finding.column.saturating_sub(1) } else { 0 };
            let to = if finding.end_line as usize == number {
                finding.end_column.saturating_sub(1)
            } else {
                length
            };
            // A finding without width (something is missing) still shows.
            let width = to.min(length).saturating_sub(from).max(1);
            let class = match finding.level {
                FindingLevel::Error => "wave error",
                FindingLevel::Warning => "wave warning",
            };
            view! { <span class=class style=format!("left:{from}ch;width:{width}ch")></span> }
        })
        .collect_view();
    let pieces = yaml::tokens(line)
        .into_iter()
        .map(|(token, text)| view! { <span class=token.class()>{text.to_owned()}</span> })
        .collect_view();
    view! {
        <div class=class title=told.join("\n")>
            <span class="mark">{sign}</span>
            <span class="no">{number}</span>
            <span class="code">{pieces}{waves}</span>
        </div>
    }
}

/// Where line and column are in a text field, which counts in UTF-16.
fn offset(text: &str, line: u32, column: u32) -> u32 {
    let before: usize = text
        .split('\n')
        .take(line.saturating_sub(1) as usize)
        .map(|line| line.encode_utf16().count() + 1)
        .sum();
    let inside = text.split('\n').nth(line.saturating_sub(1) as usize).unwrap_or("");
    let inside: usize = inside.chars().take(column.saturating_sub(1) as usize).map(char::len_utf16).sum();
    u32::try_from(before + inside).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_as_a_text_field_counts() {
        assert_eq!(offset("ab\ncd\n", 2, 2), 4);
        assert_eq!(offset("é😀x\nb", 1, 3), 3);
        assert_eq!(offset("é😀x\nb", 2, 1), 5);
        assert_eq!(offset("a", 9, 9), 2);
    }
}
