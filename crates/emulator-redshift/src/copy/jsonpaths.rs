//! The JSONPaths file of a COPY: which value of a structure feeds which column (Database Developer
//! Guide, "COPY from JSON format", "JSONPaths file").
//!
//! Reads text only; fetching it is `fetch`'s.

use serde_json::{Map, Value};

use super::manifest::without_bom;

/// More steps than anyone writes; each costs stack when values are looked for.
const STEPS_MAX: usize = 200;

/// The way to a value, from the root.
pub(super) type Path = Vec<Step>;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `['name']` or `.name`
    Member(String),
    /// `[index]`, from 0.
    Element(usize),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum JsonPathsError {
    #[error("Problem reading JSONPaths file - it is not a single JSON object: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("Problem reading JSONPaths file - jsonpaths is not an array of strings")]
    NotStrings,
    /// In the words of the service.
    #[error(
        "Invalid JSONPath format. Supported notations are 'dot-notation' and 'bracket-notation': \
         {0}"
    )]
    NotAPath(String),
    #[error("Invalid JSONPath format. Bracket notation and dot notation cannot be mixed: {0}")]
    Mixed(String),
}

/// How a path names members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    Bracket,
    Dot,
}

/// The paths in the order of the columns; `None` if the file has no `jsonpaths`: then COPY goes by
/// 'auto'.
pub(super) fn parse(text: &[u8]) -> Result<Option<Vec<Path>>, JsonPathsError> {
    let file: Map<String, Value> = serde_json::from_slice(without_bom(text))?;
    let Some(expressions) = file.get("jsonpaths") else { return Ok(None) };
    let expressions = expressions.as_array().ok_or(JsonPathsError::NotStrings)?;
    let mut paths = Vec::with_capacity(expressions.len());
    let mut notation = None;
    for expression in expressions {
        let text = expression.as_str().filter(|text| !text.is_empty());
        let text = text.ok_or(JsonPathsError::NotStrings)?;
        let path = parse_path(text, &mut notation)?;
        paths.push(path);
    }
    Ok(Some(paths))
}

fn parse_path(text: &str, notation: &mut Option<Notation>) -> Result<Path, JsonPathsError> {
    let refuse = || JsonPathsError::NotAPath(text.to_string());
    let mut rest = text.strip_prefix('$').ok_or_else(refuse)?;
    let mut path = Vec::new();
    while !rest.is_empty() {
        let (step, used, after) = parse_step(rest).ok_or_else(refuse)?;
        if let Some(used) = used
            && *notation.get_or_insert(used) != used
        {
            return Err(JsonPathsError::Mixed(text.to_string()));
        }
        path.push(step);
        if path.len() > STEPS_MAX {
            return Err(refuse());
        }
        rest = after;
    }
    Ok(path)
}

/// The first step, the notation that only it has, and what follows.
fn parse_step(text: &str) -> Option<(Step, Option<Notation>, &str)> {
    if let Some(rest) = text.strip_prefix("['") {
        let (name, rest) = rest.split_once("']")?;
        return Some((Step::Member(name.to_string()), Some(Notation::Bracket), rest));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        let digits = index.bytes().all(|byte| byte.is_ascii_digit());
        let index = index.parse().ok().filter(|_| digits)?;
        return Some((Step::Element(index), None, rest));
    }
    let rest = text.strip_prefix('.')?;
    let (name, rest) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
    // Wildcards and what a name may not have in this notation.
    if name.is_empty() || name == "*" || name.contains(['\'', ']']) {
        return None;
    }
    Some((Step::Member(name.to_string()), Some(Notation::Dot), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Paths as `a/b/[0]`.
    fn check(text: &str, expected: Result<Option<&[&str]>, &str>) {
        match (parse(text.as_bytes()), expected) {
            (Ok(None), Ok(None)) => {}
            (Ok(Some(paths)), Ok(Some(expected))) => {
                let shown = |path: &Path| {
                    let step = |step: &Step| match step {
                        Step::Member(name) => name.clone(),
                        Step::Element(index) => format!("[{index}]"),
                    };
                    path.iter().map(step).collect::<Vec<_>>().join("/")
                };
                assert_eq!(paths.iter().map(shown).collect::<Vec<_>>(), expected, "{text}");
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn both_notations_are_read() {
        // "COPY from JSON format": the guide's two examples.
        let paths = ["id", "store/book/title", "location/[0]"];
        check(
            r#"{"jsonpaths": ["$['id']", "$['store']['book']['title']", "$['location'][0]"]}"#,
            Ok(Some(&paths)),
        );
        check(
            r#"{"jsonpaths": ["$.id", "$.store.book.title", "$.location[0]"]}"#,
            Ok(Some(&paths)),
        );
        check(
            r#"{"jsonpaths":["$", "$[1][0]", "$['a.b [0]']"]}"#,
            Ok(Some(&["", "[1]/[0]", "a.b [0]"])),
        );
        check(r#" {"jsonpaths":[]} "#, Ok(Some(&[])));
        check("\u{feff}{\"jsonpaths\":[\"$.id\"]}", Ok(Some(&["id"])));
    }

    #[test]
    fn another_key_means_auto() {
        check(r#"{"paths":["$.a"]}"#, Ok(None));
        check("{}", Ok(None));
    }

    #[test]
    fn what_is_no_jsonpaths_file_is_an_error() {
        for text in ["", "[]", "{\"jsonpaths\":[]}{}", "{\"jsonpaths\":[]} x", "{\"jsonpaths\":["] {
            check(text, Err("not a single JSON object"));
        }
        for text in [r#"{"jsonpaths":"$.a"}"#, r#"{"jsonpaths":[""]}"#, r#"{"jsonpaths":[1]}"#] {
            check(text, Err("not an array of strings"));
        }
        for path in [
            "a",
            "$a",
            "$.",
            "$..a",
            "$.a[",
            "$.a[-1]",
            "$.a[+1]",
            "$.a[*]",
            "$.*",
            "$['a'",
            "$[]",
            "$[99999999999999999999]",
            "$.a'b",
            "$.a]",
        ] {
            check(&format!("{{\"jsonpaths\":[\"{path}\"]}}"), Err("Supported notations are"));
        }
        check(r#"{"jsonpaths":["$.a", "$['b']"]}"#, Err("cannot be mixed: $['b']"));
        check(r#"{"jsonpaths":["$['a'].b"]}"#, Err("cannot be mixed"));
    }

    proptest! {
        #[test]
        fn any_expression_is_a_path_or_an_error(text in "[$.\\[\\]'a0*]{0,12}") {
            let _ = parse(serde_json::json!({ "jsonpaths": [text] }).to_string().as_bytes());
        }
    }
}
