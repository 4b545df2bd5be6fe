//! What is wrong with an inventory, where, and what to do.

use crate::Span;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; operations go on.
    Warning,
    /// Operations on what it concerns are refused.
    Error,
}

/// One thing found in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable, `area/kebab`, listed in docs/findings.md.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// An edit that rights it.
    pub fix: Option<Edit>,
}

/// Replacements of byte ranges, which do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Start, end (bytes) and the new text.
    pub replace: Vec<(usize, usize, String)>,
}

impl Edit {
    /// One replacement.
    pub fn one(start: usize, end: usize, text: impl Into<String>) -> Self {
        Self { replace: vec![(start, end, text.into())] }
    }

    /// The text with the replacements made; ranges outside the text are left out.
    pub fn apply(&self, text: &str) -> String {
        let mut parts = self.replace.clone();
        parts.sort_by_key(|(start, end, _)| (*start, *end));
        let mut out = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (start, end, new) in parts {
            if start < at || end < start || !text.is_char_boundary(start) || !text.is_char_boundary(end) {
                continue;
            }
            out.push_str(&text[at..start]);
            out.push_str(&new);
            at = end;
        }
        out.push_str(&text[at..]);
        out
    }
}

impl Finding {
    pub(crate) fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, span, message: message.into(), help: None, fix: None }
    }

    pub(crate) fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<Option<Edit>>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// Findings as a compiler prints them: `path:line:column: error[code]: message`, the line, carets, help.
pub fn render_findings(path: &str, text: &str, findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let span = finding.span;
        // Writing to a String cannot fail.
        let _ok = writeln!(
            out,
            "{path}:{}:{}: {word}[{}]: {}",
            span.line, span.column, finding.code, finding.message
        )
        .is_ok();
        if let Some(line) = text.lines().nth(span.line.saturating_sub(1) as usize) {
            let number = span.line.to_string();
            let before = line.chars().take(span.column.saturating_sub(1) as usize);
            let pad: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let covered = text.get(span.start..span.end).unwrap_or("").lines().next().unwrap_or("");
            let carets = "^".repeat(covered.chars().count().clamp(1, 80));
            let shown: String = line.chars().take(200).collect();
            let _ok =
                writeln!(out, " {number} | {shown}\n {} | {pad}{carets}", " ".repeat(number.len())).is_ok();
        }
        if let Some(help) = &finding.help {
            let _ok = writeln!(out, "   = help: {help}").is_ok();
        }
    }
    out
}
