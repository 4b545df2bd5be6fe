//! One field of a row's dialog: its label, its control, and what it is when it is left out.

use leptos::prelude::*;
use paddock_events::{Field, FieldKind, FieldValue};
use paddock_tongue::{say, t, view};

/// What is typed into a field, beside what it held.
#[derive(Clone, Copy)]
pub struct Entry {
    pub field: &'static Field,
    pub typed: RwSignal<String>,
    /// A secret shall go.
    pub cleared: RwSignal<bool>,
    held: StoredValue<Option<FieldValue>>,
}

impl Entry {
    /// A field with what the row holds.
    pub fn new(field: &'static Field, held: Option<FieldValue>) -> Self {
        let typed = match &held {
            Some(FieldValue::Text(text)) => text.clone(),
            Some(FieldValue::Secret | FieldValue::Raw(_)) | None => String::new(),
        };
        Self {
            field,
            typed: RwSignal::new(typed),
            cleared: RwSignal::new(false),
            held: StoredValue::new(held),
        }
    }

    /// Whether the row has it.
    pub fn is_set(self) -> bool {
        self.held.with_value(Option::is_some)
    }

    /// What changes: the new text, or none where the key goes. None at all when it stays as it is.
    pub fn change(self) -> Option<(String, Option<String>)> {
        let typed = self.typed.get_untracked();
        let key = self.field.key.to_owned();
        let blank =
            if self.field.kind == FieldKind::Secret { typed.is_empty() } else { typed.trim().is_empty() };
        self.held.with_value(|held| match held {
            Some(FieldValue::Raw(_)) => None,
            Some(FieldValue::Secret) if self.cleared.get_untracked() => Some((key, None)),
            Some(FieldValue::Secret) | None => (!blank).then_some((key, Some(typed))),
            Some(FieldValue::Text(text)) if *text == typed => None,
            Some(FieldValue::Text(_)) => Some((key, (!blank).then_some(typed))),
        })
    }
}

/// The field.
#[component]
pub fn EntryField(entry: Entry, locked: bool) -> impl IntoView {
    let Entry { field, cleared, held, .. } = entry;
    let id = format!("row-{}", field.key);
    let hint_id = format!("{id}-hint");
    let raw = held.with_value(|held| match held {
        Some(FieldValue::Raw(text)) => Some(text.clone()),
        Some(FieldValue::Text(_) | FieldValue::Secret) | None => None,
    });
    let secret = held.with_value(|held| *held == Some(FieldValue::Secret));
    let hint = match (&raw, secret) {
        (Some(_), _) => t!("written in a way that only the text can change").to_owned(),
        (None, true) if locked => t!("set and not shown").to_owned(),
        (None, true) => t!("set and not shown; empty keeps it").to_owned(),
        (None, false) => match (field.unset, field.hint) {
            ("", hint) => hint.to_owned(),
            (unset, "") => say!("left out: {unset}"),
            (unset, hint) => say!("left out: {unset} · {hint}"),
        },
    };
    let described = (!hint.is_empty()).then(|| hint_id.clone());
    let control = control(entry, id.clone(), described, raw, locked);
    let clear = (secret && !locked).then(|| {
        view! {
            <label class="tick">
                <input type="checkbox" on:change:target=move |event| cleared.set(event.target().checked())/>
                {say!("Remove the {field}", field = field.label.to_lowercase())}
            </label>
        }
    });
    view! {
        <div class="field" class:wide=matches!(field.kind, FieldKind::Lines | FieldKind::List | FieldKind::Map)>
            <label for=id>{field.label}{field.required.then(|| view! { <span class="must">" (needed)"</span> })}</label>
            {control}
            {(!hint.is_empty()).then(|| view! { <small id=hint_id>{hint}</small> })}
            {clear}
        </div>
    }
}

fn control(
    entry: Entry,
    id: String,
    described: Option<String>,
    raw: Option<String>,
    locked: bool,
) -> AnyView {
    let Entry { field, typed, .. } = entry;
    if let Some(raw) = raw {
        return view! { <input id=id aria-describedby=described readonly prop:value=raw/> }.into_any();
    }
    let choice = |options: Vec<(String, String)>| {
        let now = typed.get_untracked();
        let known = now.is_empty() || options.iter().any(|(value, _)| *value == now);
        let odd = (!known).then(|| (now.clone(), now.clone()));
        let options = options.into_iter().chain(odd).map(|(value, word)| {
            let selected = value == now;
            view! { <option value=value selected=selected>{word}</option> }
        });
        let options = options.collect_view();
        let none = now.is_empty();
        view! {
            <select id=id.clone() aria-describedby=described.clone() disabled=locked required=field.required
                on:change:target=move |event| typed.set(event.target().value())>
                <option value="" selected=none>"not set"</option>
                {options}
            </select>
        }
        .into_any()
    };
    match field.kind {
        FieldKind::Bool => choice(vec![("true".into(), t!("yes").into()), ("false".into(), t!("no").into())]),
        FieldKind::Choice(words) => {
            choice(words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect())
        }
        FieldKind::Lines => view! {
            <textarea id=id class="code" rows="3" spellcheck="false" aria-describedby=described readonly=locked prop:value=typed
                on:input:target=move |event| typed.set(event.target().value())></textarea>
        }
        .into_any(),
        FieldKind::Secret => view! {
            <input id=id type="password" autocomplete="new-password" aria-describedby=described readonly=locked prop:value=typed
                on:input:target=move |event| typed.set(event.target().value())/>
        }
        .into_any(),
        FieldKind::Text
        | FieldKind::Int
        | FieldKind::Number
        | FieldKind::Suggest(_)
        | FieldKind::List
        | FieldKind::Map => {
            let words = if let FieldKind::Suggest(words) = field.kind { words } else { &[] };
            let list = format!("{id}-words");
            let suggested = (!words.is_empty()).then(|| {
                let words = words.iter().map(|word| view! { <option value=*word></option> }).collect_view();
                view! { <datalist id=list.clone()>{words}</datalist> }
            });
            let mode = matches!(field.kind, FieldKind::Int).then_some("numeric");
            view! {
                <input id=id aria-describedby=described readonly=locked required=field.required inputmode=mode
                    list=suggested.is_some().then_some(list) autocomplete="off" spellcheck="false" prop:value=typed
                    on:input:target=move |event| typed.set(event.target().value())/>
                {suggested}
            }
            .into_any()
        }
    }
}
