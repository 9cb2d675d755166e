//! Finds the values that JSONPaths name, all of them in one pass.
//!
//! As strict as `ObjectReader`, and likewise without a tree of the structure.

use std::collections::HashMap;

use super::{
    NotJson, ValueKind, ValueRange, decode_string, end, expect, skip_blanks, string_end, value,
};
use crate::copy::jsonpaths::{Path, Step};

/// The paths of all columns, merged where they begin alike.
#[derive(Debug, Clone)]
pub(in crate::copy) struct PathTree {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// The columns whose paths end here.
    columns: Vec<usize>,
    members: HashMap<Box<[u8]>, usize>,
    elements: HashMap<usize, usize>,
    /// The columns whose paths go on by a member, and by an element.
    member_columns: Vec<usize>,
    element_columns: Vec<usize>,
}

impl PathTree {
    /// The i-th path is that of the i-th column.
    pub(in crate::copy) fn new(paths: &[Path]) -> PathTree {
        let mut nodes = vec![Node::default()];
        for (column, path) in paths.iter().enumerate() {
            let mut node = 0;
            for step in path {
                let next = nodes.len();
                let found = match step {
                    Step::Member(name) => {
                        nodes[node].member_columns.push(column);
                        *nodes[node].members.entry(name.as_bytes().into()).or_insert(next)
                    }
                    Step::Element(index) => {
                        nodes[node].element_columns.push(column);
                        *nodes[node].elements.entry(*index).or_insert(next)
                    }
                };
                if found == next {
                    nodes.push(Node::default());
                }
                node = found;
            }
            nodes[node].columns.push(column);
        }
        PathTree { nodes }
    }
}

/// Reads structures.
pub(in crate::copy) struct PathReader<'a> {
    tree: &'a PathTree,
    brackets: Vec<u8>,
    decoded: Vec<u8>,
}

impl<'a> PathReader<'a> {
    pub(in crate::copy) fn new(tree: &'a PathTree) -> PathReader<'a> {
        PathReader { tree, brackets: Vec::new(), decoded: Vec::new() }
    }

    /// Reads a structure from its first bracket to its last; `values` has a place for each column.
    pub(in crate::copy) fn read(
        &mut self,
        bytes: &[u8],
        values: &mut [ValueRange],
    ) -> Result<(), NotJson> {
        values.fill(ValueRange::MISSING);
        let at = self.value(bytes, 0, 0, values)?;
        end(bytes, at)
    }

    /// Reads the value of a node; gives where it ends.
    fn value(
        &mut self,
        bytes: &[u8],
        start: usize,
        node: usize,
        values: &mut [ValueRange],
    ) -> Result<usize, NotJson> {
        let tree = self.tree;
        let node = &tree.nodes[node];
        let mut after = None;
        match bytes.get(start) {
            Some(b'{') if !node.members.is_empty() => {
                mark(values, &node.member_columns, ValueKind::Missing);
                mark(values, &node.element_columns, ValueKind::NotAnElement);
                after = Some(self.object(bytes, start, node, values)?);
            }
            Some(b'[') if !node.elements.is_empty() => {
                mark(values, &node.member_columns, ValueKind::NotAnObject);
                mark(values, &node.element_columns, ValueKind::NotAnElement);
                after = Some(self.array(bytes, start, node, values)?);
            }
            _ => {}
        }
        let (range, after) = match after {
            Some(end) => (ValueRange { kind: ValueKind::Nested, start, end }, end),
            None => {
                let range = value(&mut self.brackets, bytes, start)?;
                // Of null nothing is a member, as of nothing. [?]
                let member = match range.kind {
                    ValueKind::Null => ValueKind::Missing,
                    _ => ValueKind::NotAnObject,
                };
                mark(values, &node.member_columns, member);
                mark(values, &node.element_columns, ValueKind::NotAnElement);
                (range, range.after())
            }
        };
        for column in &node.columns {
            values[*column] = range;
        }
        Ok(after)
    }

    fn object(
        &mut self,
        bytes: &[u8],
        start: usize,
        node: &Node,
        values: &mut [ValueRange],
    ) -> Result<usize, NotJson> {
        let mut at = skip_blanks(bytes, start + 1);
        if bytes.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        loop {
            expect(bytes, at, b'"')?;
            let (name_end, escaped) = string_end(bytes, at + 1)?;
            let mut name = &bytes[at + 1..name_end];
            if escaped {
                self.decoded.clear();
                decode_string(name, &mut self.decoded);
                name = &self.decoded;
            }
            let child = node.members.get(name).copied();
            at = skip_blanks(bytes, name_end + 1);
            at = skip_blanks(bytes, expect(bytes, at, b':')?);
            at = skip_blanks(bytes, self.child(bytes, at, child, values)?);
            match bytes.get(at) {
                Some(b',') => at = skip_blanks(bytes, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(NotJson(at)),
            }
        }
    }

    fn array(
        &mut self,
        bytes: &[u8],
        start: usize,
        node: &Node,
        values: &mut [ValueRange],
    ) -> Result<usize, NotJson> {
        let mut at = skip_blanks(bytes, start + 1);
        if bytes.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        for index in 0.. {
            let child = node.elements.get(&index).copied();
            at = skip_blanks(bytes, self.child(bytes, at, child, values)?);
            match bytes.get(at) {
                Some(b',') => at = skip_blanks(bytes, at + 1),
                Some(b']') => return Ok(at + 1),
                _ => break,
            }
        }
        Err(NotJson(at))
    }

    /// Reads a value that a path may go to, or skips it.
    fn child(
        &mut self,
        bytes: &[u8],
        at: usize,
        child: Option<usize>,
        values: &mut [ValueRange],
    ) -> Result<usize, NotJson> {
        match child {
            Some(child) => self.value(bytes, at, child, values),
            None => Ok(value(&mut self.brackets, bytes, at)?.after()),
        }
    }
}

fn mark(values: &mut [ValueRange], columns: &[usize], kind: ValueKind) {
    for column in columns {
        values[*column] = ValueRange { kind, ..ValueRange::MISSING };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::jsonpaths;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The text of each value; `-` for none, `!` for a member of no object, `?` for an element of
    /// no array.
    fn read(paths: &[&str], text: &str) -> Result<Vec<String>, usize> {
        let file = serde_json::json!({ "jsonpaths": paths }).to_string();
        let paths = jsonpaths::parse(file.as_bytes()).unwrap().unwrap();
        let tree = PathTree::new(&paths);
        let mut values = vec![ValueRange::MISSING; paths.len()];
        PathReader::new(&tree).read(text.as_bytes(), &mut values).map_err(|NotJson(at)| at)?;
        let shown = |value: &ValueRange| match value.kind {
            ValueKind::Missing => "-".to_string(),
            ValueKind::NotAnObject => "!".to_string(),
            ValueKind::NotAnElement => "?".to_string(),
            _ => text[value.start..value.end].to_string(),
        };
        Ok(values.iter().map(shown).collect())
    }

    fn check(paths: &[&str], text: &str, expected: &[&str]) {
        let found = read(paths, text).unwrap_or_else(|at| panic!("{text} ends at {at}"));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn paths_lead_to_values() {
        check(
            &["$.b.c", "$.a", "$.b", "$.d[1]", "$.d[0].e", "$", "$.a"],
            r#"{"a": 1, "x":[{}], "b" :{"c":"t", "a":2}, "d":[{"e":null}, [ 5 ]] }"#,
            &[
                "t",
                "1",
                r#"{"c":"t", "a":2}"#,
                "[ 5 ]",
                "null",
                r#"{"a": 1, "x":[{}], "b" :{"c":"t", "a":2}, "d":[{"e":null}, [ 5 ]] }"#,
                "1",
            ],
        );
        check(&["$[1]", "$[0][0]"], r#"[[7],"x"]"#, &["x", "7"]);
        check(&["$['\u{fc}']"], "{\"\\u00fc\":1}", &["1"]);
    }

    #[test]
    fn what_is_not_there_is_null_or_an_error() {
        // "JSONPath expressions": an object element that is not found is NULL, an array element an
        // error.
        check(&["$.a", "$.a.b", "$.a[0]"], "{}", &["-", "-", "-"]);
        check(&["$.a.b", "$.a[0]"], r#"{"a":null}"#, &["-", "?"]);
        check(&["$.a.b", "$.a[0]"], r#"{"a":1}"#, &["!", "?"]);
        check(&["$.a.b", "$.a[0]", "$.a[1]"], r#"{"a":[5]}"#, &["!", "5", "?"]);
        check(&["$.a.b", "$.a[0]"], r#"{"a":{"b":1}}"#, &["1", "?"]);
        check(&["$.a"], "[1]", &["!"]);
        check(&["$[0]"], "{}", &["?"]);
    }

    #[test]
    fn the_last_of_equal_names_wins() {
        check(&["$.a.b", "$.a.c"], r#"{"a":{"b":1},"a":{"c":2}}"#, &["-", "2"]);
        check(&["$.a.b"], r#"{"a":{"b":1},"a":2}"#, &["!"]);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            "[ab\"{\\[]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn finds_what_serde_json_finds(structure in json(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&structure).unwrap()
            } else {
                structure.to_string()
            };
            if !text.starts_with(['{', '[']) {
                return Ok(());
            }
            let paths = ["$.a", "$.a.b", "$.a[0]", "$.b[1].a", "$[1]", "$[0].c", "$.c.a.b"];
            let file = serde_json::json!({ "jsonpaths": paths }).to_string();
            let tree = PathTree::new(&jsonpaths::parse(file.as_bytes()).unwrap().unwrap());
            let mut values = [ValueRange::MISSING; 7];
            prop_assert_eq!(PathReader::new(&tree).read(text.as_bytes(), &mut values), Ok(()));
            let pointers = ["/a", "/a/b", "/a/0", "/b/1/a", "/1", "/0/c", "/c/a/b"];
            for ((pointer, range), path) in pointers.iter().zip(values).zip(paths) {
                // A pointer takes a number as the name of a member too; there is none.
                let expected = structure.pointer(pointer);
                let quote = usize::from(matches!(range.kind, ValueKind::String { .. }));
                let found = match range.kind {
                    ValueKind::Missing | ValueKind::NotAnObject | ValueKind::NotAnElement => None,
                    _ => Some(&text[range.start - quote..range.end + quote]),
                };
                let found = found.map(|text| serde_json::from_str::<Value>(text).unwrap());
                prop_assert_eq!(found.as_ref(), expected, "{} in {}", path, text);
            }
        }

        #[test]
        fn refuses_what_serde_json_refuses(
            structure in json(),
            at in any::<prop::sample::Index>(),
            byte in "[{}\\[\\]:,\"ab0]",
        ) {
            let mut text = structure.to_string();
            let at = at.index(text.len());
            if !text.is_char_boundary(at) || !text.is_char_boundary(at + 1) {
                return Ok(());
            }
            text.replace_range(at..=at, &byte);
            if !text.starts_with(['{', '[']) || text.trim_end() != text {
                return Ok(());
            }
            let expected = serde_json::from_str::<Value>(&text).is_ok();
            prop_assert_eq!(read(&["$.a", "$.a.b", "$.b[0]", "$[1]"], &text).is_ok(), expected);
        }
    }
}
