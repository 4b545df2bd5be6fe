//! Commands that read a file and print: they talk to no console and no node.

use paddock_inventory::{Inventory, MASK, Severity, render_findings};
use paddock_playbooks::{FactSet, Intent, Material, plan as make_plan};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Standard output may be a closed pipe (`| head`); that is no error of ours.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

fn complain(text: &str) {
    // When even standard error is gone, the exit code still says it.
    drop(writeln!(io::stderr(), "paddock: {text}"));
}

fn read(file: &Path) -> Result<String, ExitCode> {
    let bytes = std::fs::read(file).map_err(|error| {
        complain(&format!("cannot read {}: {error}", file.display()));
        ExitCode::from(2)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        complain(&format!("{}:{line}: not UTF-8 from byte {at} on", file.display()));
        ExitCode::from(2)
    })
}

/// `paddock inventory cat FILE`
pub(crate) fn cat(file: &Path) -> ExitCode {
    match read(file) {
        Ok(text) => print(Inventory::read(text).0.text()),
        Err(code) => code,
    }
}

/// `paddock validate [FILE] [--json]`
pub(crate) fn validate(file: &Path, json: bool) -> ExitCode {
    let text = match read(file) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let (inventory, findings) = Inventory::read(text);
    let out = if json {
        let rows: Vec<serde_json::Value> = findings
            .iter()
            .map(|finding| {
                serde_json::json!({
                    "code": finding.code,
                    "severity": finding.severity,
                    "file": file.display().to_string(),
                    "line": finding.span.line,
                    "column": finding.span.column,
                    "start": finding.span.start,
                    "end": finding.span.end,
                    "message": finding.message,
                    "help": finding.help,
                    "fixed_text": finding.fix.as_ref().map(|fix| fix.apply(inventory.text())),
                })
            })
            .collect();
        format!("{:#}\n", serde_json::Value::Array(rows))
    } else {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        format!(
            "{}{}: {} clusters, {} hosts, {errors} errors, {} warnings\n",
            render_findings(&file.display().to_string(), inventory.text(), &findings),
            file.display(),
            inventory.clusters().len(),
            inventory.hosts().len(),
            findings.len() - errors
        )
    };
    let printed = print(&out);
    if inventory.is_broken() {
        return ExitCode::from(2);
    }
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        ExitCode::from(1)
    } else {
        printed
    }
}

/// `paddock plan -i FILE <operation or playbook.yml> …`
pub(crate) fn plan(file: &Path, json: bool, words: &[String]) -> ExitCode {
    let text = match read(file) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let (inventory, _) = Inventory::read(text);
    let planned = Intent::parse(words)
        .and_then(|intent| make_plan(&inventory, &FactSet::default(), &Material::default(), &intent));
    match planned {
        Ok(plan) if json => match serde_json::to_value(&plan) {
            // Secrets are listed in the plan so that the engine can hide them; they are not for reading.
            Ok(mut value) => {
                if let Some(map) = value.as_object_mut() {
                    map.remove("secrets");
                }
                print(&mask(format!("{value:#}\n"), &plan.secrets))
            }
            Err(error) => {
                complain(&error.to_string());
                ExitCode::from(2)
            }
        },
        Ok(plan) => print(&mask(plan.render(), &plan.secrets)),
        Err(refusal) => {
            complain(&format!(
                "{}: {}\n  why: {}\n  fix: {}",
                refusal.code, refusal.what, refusal.why, refusal.fix
            ));
            ExitCode::from(if refusal.code == "plan/usage" { 2 } else { 1 })
        }
    }
}

fn mask(mut text: String, secrets: &std::collections::BTreeSet<String>) -> String {
    let mut ordered: Vec<&String> = secrets.iter().filter(|secret| secret.len() >= 4).collect();
    ordered.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in ordered {
        text = text.replace(secret.as_str(), MASK);
    }
    text
}
