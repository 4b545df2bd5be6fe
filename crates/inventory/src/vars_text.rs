//! Variables outside an inventory: the file of `-e @file`.

use crate::document::{self, Kind};
use crate::typing;
use crate::{Map, Span};

impl Map {
    /// Reads one mapping written in YAML or JSON, typed as inventories are. The error says where and why it is none.
    pub fn read(text: &str) -> Result<Self, String> {
        let at = |span: Span, why: &str| format!("line {}, column {}: {why}", span.line, span.column);
        let root = document::parse(text).map_err(|error| at(error.span, &error.message))?;
        match &root.kind {
            Kind::Map { .. } => Ok(typing::map(&root)),
            Kind::Scalar { .. } if root.is_null() => Ok(Self::default()),
            Kind::Scalar { .. } | Kind::List { .. } => {
                Err(at(root.span, "variables are a mapping of names to values"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_give_the_same_variables() {
        let yaml =
            Map::read("---\npg_pitr: # where to\n  time: '2026-01-01 10:00:00+00'\n  backup: yes\nn: 010\n");
        let json = Map::read(r#"{"pg_pitr": {"time": "2026-01-01 10:00:00+00", "backup": true}, "n": 8}"#);
        assert_eq!(yaml, json);
        assert_eq!(
            serde_json::to_string(&yaml.unwrap()).unwrap(),
            r#"{"pg_pitr":{"time":"2026-01-01 10:00:00+00","backup":true},"n":8}"#
        );
        assert_eq!(Map::read("# nothing\n"), Ok(Map::default()));
    }

    #[test]
    fn what_is_no_mapping_is_refused_with_its_place() {
        for (text, why) in [
            ("- a\n- b\n", "line 1, column 1: variables are a mapping"),
            ("words\n", "line 1, column 1: variables are a mapping"),
            ("a: [1\nb: 2\n", "line "),
        ] {
            let refused = Map::read(text).unwrap_err();
            assert!(refused.starts_with(why), "{refused}");
        }
    }
}
