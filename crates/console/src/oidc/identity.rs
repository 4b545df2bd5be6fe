//! From the claims of an ID token to somebody, and from their groups to grants. No I/O, no clock.

use super::settings::{ClaimNames, GroupGrant};
use crate::policy::Grant;
use serde_json::Value;
use std::collections::BTreeSet;

/// Names under which the audit log writes who is no person.
const RESERVED: [&str; 3] = ["paddock", "unknown", "console"];

/// Somebody as the provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// What the provider calls them for ever.
    pub(super) subject: String,
    /// What they are called here, when they are new.
    pub(super) name: Result<String, NoName>,
    pub(super) groups: BTreeSet<String>,
}

/// Why the token gives no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoName {
    /// Neither the claim nor a verified address is there.
    Missing,
    /// It is none that somebody can have here.
    Unusable,
}

/// Reads verified claims; none without a subject.
pub(super) fn identity(claims: &Value, names: &ClaimNames) -> Option<Identity> {
    let subject = claims.get("sub")?.as_str().filter(|subject| !subject.is_empty())?;
    Some(Identity {
        subject: subject.to_owned(),
        name: name(claims, &names.name),
        groups: groups(claims, &names.groups),
    })
}

fn name(claims: &Value, claim: &str) -> Result<String, NoName> {
    let text = |claim: &str| claims.get(claim)?.as_str().filter(|text| !text.is_empty());
    // Anybody can write an address that is not verified into their profile.
    let address = || text("email").filter(|_| claims.get("email_verified") == Some(&Value::Bool(true)));
    let given = if claim == "email" { address() } else { text(claim).or_else(address) };
    let given = given.ok_or(NoName::Missing)?;
    // ASCII alone: people often choose this name themselves, and some letters look like others.
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    let reserved = RESERVED.iter().any(|one| one.eq_ignore_ascii_case(given));
    if given.len() > 64 || !given.bytes().all(good) || reserved {
        return Err(NoName::Unusable);
    }
    Ok(given.to_owned())
}

/// A list of names, or one name; anything else is no group.
fn groups(claims: &Value, claim: &str) -> BTreeSet<String> {
    match claims.get(claim) {
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) | None => BTreeSet::new(),
    }
}

/// What groups may do, each grant once, in the order of the rules. Names of groups are compared letter by letter.
pub(super) fn granted(rules: &[GroupGrant], groups: &BTreeSet<String>) -> Vec<Grant> {
    let mut out: Vec<Grant> = Vec::new();
    for rule in rules.iter().filter(|rule| groups.contains(&rule.group)) {
        if !out.contains(&rule.grant) {
            out.push(rule.grant.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names() -> ClaimNames {
        ClaimNames { groups: "groups".into(), name: "preferred_username".into() }
    }

    #[test]
    fn a_name_is_the_claim_or_a_verified_address() {
        let missing = || Err(NoName::Missing);
        let unusable = || Err(NoName::Unusable);
        for (claim, claims, expected) in [
            ("preferred_username", json!({"preferred_username": "ann"}), Ok("ann")),
            (
                "preferred_username",
                json!({"preferred_username": "ann", "email": "x@y", "email_verified": true}),
                Ok("ann"),
            ),
            (
                "preferred_username",
                json!({"email": "ann@example.com", "email_verified": true}),
                Ok("ann@example.com"),
            ),
            ("preferred_username", json!({"email": "ann@example.com", "email_verified": false}), missing()),
            ("preferred_username", json!({"email": "ann@example.com"}), missing()),
            ("preferred_username", json!({"email": "ann@example.com", "email_verified": "true"}), missing()),
            ("preferred_username", json!({"preferred_username": ""}), missing()),
            ("preferred_username", json!({"preferred_username": 7}), missing()),
            ("preferred_username", json!({}), missing()),
            ("email", json!({"email": "ann@example.com", "email_verified": true}), Ok("ann@example.com")),
            ("email", json!({"email": "ann@example.com"}), missing()),
            ("upn", json!({"upn": "ann", "preferred_username": "bob"}), Ok("ann")),
            ("upn", json!({"preferred_username": "bob"}), missing()),
            ("preferred_username", json!({"preferred_username": "Ann Smith"}), unusable()),
            // The first letter is not the one that it looks like.
            ("preferred_username", json!({"preferred_username": "аdmin"}), unusable()),
            ("preferred_username", json!({"preferred_username": "Paddock"}), unusable()),
            ("preferred_username", json!({"preferred_username": "x".repeat(65)}), unusable()),
        ] {
            assert_eq!(name(&claims, claim), expected.map(str::to_owned), "{claim} of {claims}");
        }
    }

    #[test]
    fn groups_are_a_list_or_one_name() {
        for (claims, expected) in [
            (json!({"groups": ["dba", "ops", "dba"]}), vec!["dba", "ops"]),
            (json!({"groups": "dba"}), vec!["dba"]),
            (json!({"groups": ["dba", 7, {"name": "x"}, null]}), vec!["dba"]),
            (json!({"groups": {"dba": true}}), vec![]),
            (json!({"groups": null}), vec![]),
            (json!({"roles": ["dba"]}), vec![]),
        ] {
            let read: Vec<String> = groups(&claims, "groups").into_iter().collect();
            assert_eq!(read, expected, "{claims}");
        }
    }

    #[test]
    fn somebody_has_a_subject() {
        let read = |claims: &Value| identity(claims, &names()).map(|one| one.subject);
        assert_eq!(read(&json!({"sub": "7", "preferred_username": "ann"})), Some("7".to_owned()));
        assert_eq!(read(&json!({"sub": ""})), None);
        assert_eq!(read(&json!({"preferred_username": "ann"})), None);
    }

    #[test]
    fn grants_are_those_of_the_groups_and_of_nothing_else() {
        let rules: Vec<GroupGrant> = ["dba=operator:pg-prod-*", "dba=viewer", "ops=viewer", "root=admin"]
            .iter()
            .map(|text| GroupGrant::parse(text).unwrap())
            .collect();
        for (groups, expected) in [
            (vec![], vec![]),
            (vec!["guests"], vec![]),
            (vec!["DBA"], vec![]),
            (vec!["ops"], vec!["viewer on *"]),
            (vec!["dba", "guests"], vec!["operator on pg-prod-*", "viewer on *"]),
            (vec!["ops", "dba"], vec!["operator on pg-prod-*", "viewer on *"]),
            (vec!["root"], vec!["admin on *"]),
        ] {
            let groups = groups.into_iter().map(str::to_owned).collect();
            let got: Vec<String> = granted(&rules, &groups).iter().map(ToString::to_string).collect();
            assert_eq!(got, expected, "{groups:?}");
        }
    }
}
