//! Holds the validator against the hand-checked messages of `fixtures/messages/`.

use std::collections::HashSet;
use std::path::Path;

use events::{Table, Validator, Verdict};

/// One line of the fixture.
struct Case {
    name: String,
    verdict: String,
    id: Option<String>,
    rule: Option<String>,
    field: Option<String>,
    body: String,
}

#[derive(Debug, Default, PartialEq)]
struct Judged<'a> {
    verdict: &'a str,
    id: Option<String>,
    rule: Option<String>,
    field: Option<String>,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases() -> Vec<Case> {
    let parse = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let required = |key: &str| text(key).unwrap_or_else(|| panic!("no {key} in {line}"));
        required("why");
        Case {
            name: required("name"),
            verdict: required("verdict"),
            id: text("id"),
            rule: text("rule"),
            field: text("field"),
            body: required("body"),
        }
    };
    read("fixtures/messages/prototype-day.ndjson").lines().map(parse).collect()
}

#[test]
fn every_verdict_of_the_prototype_s_day_is_the_validator_s() {
    let table = Table::parse(&read("create_table.sql")).unwrap();
    let validator = Validator::new(table, "id").unwrap();
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let mut judged = Judged::default();
        match validator.validate(&case.body) {
            Verdict::Valid(event) => {
                let is_new = seen.insert(event.id.clone());
                judged.verdict = if is_new { "loaded" } else { "duplicate" };
                judged.id = Some(event.id);
            }
            Verdict::Refused(refusal) => {
                judged.verdict = "dead-letter";
                judged.rule = Some(refusal.rule.code().to_owned());
                judged.field = refusal.field;
            }
        }
        let Case { name, verdict, id, rule, field, .. } = case;
        if judged != (Judged { verdict: &verdict, id, rule, field }) {
            wrong.push(format!("{name}: {judged:?}"));
        }
    }
    assert!(wrong.is_empty(), "the validator says otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn every_body_is_a_legal_message_and_every_name_is_unique() {
    let mut names = HashSet::new();
    for Case { name, body, .. } in cases() {
        assert!((1..=1_048_576).contains(&body.len()), "{name}");
        let is_legal = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}');
        assert!(body.chars().all(is_legal), "{name}: a character that SQS refuses");
        assert!(names.insert(name.clone()), "{name} comes twice");
    }
}
