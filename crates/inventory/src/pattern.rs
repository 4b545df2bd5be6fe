//! Host patterns (`-l`): union, intersection, exclusion, globs.
//!
//! Stricter than Ansible, which drops unknown terms when others match: an unknown term, an address that is
//! not in the inventory, and an empty result are errors that name the term.

use crate::{Inventory, NodeAddr};
use std::collections::BTreeSet;

/// A parsed host pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    text: String,
    terms: Vec<(Sign, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Union,
    Intersect,
    Exclude,
}

/// Why a pattern selects nothing that can be worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was written.
    #[error("the limit is empty; an empty limit would mean every host")]
    Empty,
    /// Only exclusions: everything else would be meant, without a word that says so.
    #[error("`{pattern}` only excludes; that would mean every other host")]
    OnlyExcludes {
        /// The whole pattern.
        pattern: String,
    },
    /// A term names nothing.
    #[error("`{term}` is neither a group nor a host of the inventory")]
    Unknown {
        /// The term as written.
        term: String,
    },
    /// Looks like an address but is none.
    #[error("`{term}` is not an IPv4 address")]
    BadAddress {
        /// The term as written.
        term: String,
    },
    /// A host that the intersection would silently drop.
    #[error("{host} is not a member of `{group}`")]
    NotAMember {
        /// The host.
        host: NodeAddr,
        /// The intersected group.
        group: String,
    },
    /// Terms are good, but no host is left.
    #[error("`{pattern}` matches no host")]
    NoHosts {
        /// The whole pattern.
        pattern: String,
    },
}

impl HostPattern {
    /// Parses a pattern; terms are separated by commas or colons, blanks are ignored.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut terms = Vec::new();
        for word in text.split([',', ':']).map(str::trim).filter(|word| !word.is_empty()) {
            let (sign, name) = match word.as_bytes()[0] {
                b'&' => (Sign::Intersect, &word[1..]),
                b'!' => (Sign::Exclude, &word[1..]),
                _ => (Sign::Union, word),
            };
            if name.is_empty() {
                return Err(PatternError::Unknown { term: word.to_owned() });
            }
            terms.push((sign, name.to_owned()));
        }
        if terms.is_empty() {
            return Err(PatternError::Empty);
        }
        if terms.iter().all(|(sign, _)| *sign == Sign::Exclude) {
            return Err(PatternError::OnlyExcludes { pattern: text.to_owned() });
        }
        Ok(Self { text: text.to_owned(), terms })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it says `all` (or `*`) without narrowing it by an intersection: a person should see that it is meant.
    pub fn is_all(&self) -> bool {
        let says = |sign: Sign, of: &dyn Fn(&str) -> bool| {
            self.terms.iter().any(|(known, name)| *known == sign && of(name))
        };
        says(Sign::Union, &|name| matches!(name, "all" | "*")) && !says(Sign::Intersect, &|_| true)
    }
}

impl Inventory {
    /// The hosts of a pattern, sorted. Terms are unions first, then intersections, then exclusions, as Ansible orders them.
    pub fn select(&self, pattern: &HostPattern) -> Result<Vec<NodeAddr>, PatternError> {
        let mut chosen: BTreeSet<NodeAddr> = BTreeSet::new();
        if pattern.terms.iter().all(|(sign, _)| *sign != Sign::Union) {
            chosen.extend(self.hosts());
        }
        for (_, name) in pattern.terms.iter().filter(|(sign, _)| *sign == Sign::Union) {
            chosen.extend(self.term(name)?);
        }
        for (_, name) in pattern.terms.iter().filter(|(sign, _)| *sign == Sign::Intersect) {
            let group: BTreeSet<NodeAddr> = self.term(name)?.into_iter().collect();
            // An address written out and then dropped is a mistake, not a selection.
            let written = pattern.terms.iter().filter(|(sign, _)| *sign == Sign::Union);
            for host in written.filter_map(|(_, name)| name.parse::<NodeAddr>().ok()) {
                if !group.contains(&host) {
                    return Err(PatternError::NotAMember { host, group: name.clone() });
                }
            }
            chosen.retain(|host| group.contains(host));
        }
        for (_, name) in pattern.terms.iter().filter(|(sign, _)| *sign == Sign::Exclude) {
            let group: BTreeSet<NodeAddr> = self.term(name)?.into_iter().collect();
            chosen.retain(|host| !group.contains(host));
        }
        if chosen.is_empty() {
            return Err(PatternError::NoHosts { pattern: pattern.text.clone() });
        }
        Ok(chosen.into_iter().collect())
    }

    fn term(&self, name: &str) -> Result<Vec<NodeAddr>, PatternError> {
        if name == "all" || name == "*" {
            return Ok(self.hosts());
        }
        if self.group(name).is_some() {
            return Ok(self.members_of_group(name));
        }
        if let Ok(addr) = name.parse::<NodeAddr>() {
            let known = self.vars.contains_key(&addr);
            return if known { Ok(vec![addr]) } else { Err(PatternError::Unknown { term: name.to_owned() }) };
        }
        if name.contains(['*', '?', '[']) {
            let mut found: BTreeSet<NodeAddr> =
                self.hosts().into_iter().filter(|h| glob(name, &h.to_string())).collect();
            for group in self.groups.iter().filter(|group| glob(name, &group.name.0)) {
                found.extend(self.members_of_group(&group.name.0));
            }
            let unknown = PatternError::Unknown { term: name.to_owned() };
            return if found.is_empty() { Err(unknown) } else { Ok(found.into_iter().collect()) };
        }
        let looks_numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.') && name.contains('.');
        Err(if looks_numeric {
            PatternError::BadAddress { term: name.to_owned() }
        } else {
            PatternError::Unknown { term: name.to_owned() }
        })
    }
}

/// A shell-style pattern of whole names, as grants name clusters by: `pg-test`, `pg-prod-*`; `*` is every name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePattern(String);

impl NamePattern {
    /// Parses a pattern of letters, digits, `-`, `_`, `.`, `*`, `?` and `[…]`; none when it holds anything else, is
    /// longer than 100 characters, or has more than 8 stars.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.*?[]!".contains(c);
        let short = (1..=100).contains(&text.len()) && text.matches('*').count() <= MOST_STARS;
        (short && text.chars().all(good)).then(|| Self(text.to_owned()))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `*`: every name there is and will be.
    pub fn is_all(&self) -> bool {
        self.0 == "*"
    }

    /// Whether it matches a whole name.
    pub fn matches(&self, name: &str) -> bool {
        glob(&self.0, name)
    }
}

/// Stars of a pattern; each multiplies the work.
const MOST_STARS: usize = 8;

/// Shell-style match of a whole name: `*`, `?`, `[abc]`, `[!abc]`, `[a-c]`.
fn glob(pattern: &str, name: &str) -> bool {
    fn go(pattern: &[char], name: &[char]) -> bool {
        match pattern.first() {
            None => name.is_empty(),
            Some('*') => (0..=name.len()).any(|skip| go(&pattern[1..], &name[skip..])),
            Some('?') => !name.is_empty() && go(&pattern[1..], &name[1..]),
            Some('[') => {
                let Some(close) = pattern.iter().skip(2).position(|c| *c == ']').map(|at| at + 2) else {
                    return name.first() == Some(&'[') && go(&pattern[1..], &name[1..]);
                };
                let Some(first) = name.first() else { return false };
                let (negated, set) = match pattern[1] {
                    '!' => (true, &pattern[2..close]),
                    _ => (false, &pattern[1..close]),
                };
                let ranged = set.windows(3).any(|w| w[1] == '-' && w[0] <= *first && *first <= w[2]);
                (set.contains(first) || ranged) != negated && go(&pattern[close + 1..], &name[1..])
            }
            Some(c) => name.first() == Some(c) && go(&pattern[1..], &name[1..]),
        }
    }
    // Stars multiply the work; a run of them means the same as one.
    let mut chars: Vec<char> = pattern.chars().collect();
    chars.dedup_by(|a, b| *a == '*' && *b == '*');
    if chars.iter().filter(|c| **c == '*').count() > MOST_STARS || chars.len() > 200 {
        return false;
    }
    go(&chars, &name.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_pattern_matches_whole_names() {
        for (pattern, name, matches) in [
            ("*", "pg-test", true),
            ("pg-test", "pg-test", true),
            ("pg-test", "pg-test-2", false),
            ("pg-test*", "pg-test-2", true),
            ("pg-test*", "x-pg-test", false),
            ("pg-?", "pg-a", true),
            ("pg-[ab]", "pg-c", false),
            ("pg-[!ab]", "pg-c", true),
            ("PG-test", "pg-test", false),
            ("", "pg-test", false),
            ("all", "pg-test", false),
        ] {
            let got = NamePattern::parse(pattern).is_some_and(|pattern| pattern.matches(name));
            assert_eq!(got, matches, "{pattern} on {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_not_taken_and_only_a_star_alone_is_everything() {
        for bad in ["", "a b", "a,b", "a\nb", "*a*a*a*a*a*a*a*a*", &"a".repeat(101)] {
            assert_eq!(NamePattern::parse(bad), None, "{bad:?}");
        }
        assert!(NamePattern::parse("*").is_some_and(|pattern| pattern.is_all()));
        assert!(!NamePattern::parse("pg*").is_some_and(|pattern| pattern.is_all()));
    }
}
