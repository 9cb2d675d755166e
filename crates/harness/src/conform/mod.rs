//! The kit's answers beside LocalStack's, field by field, for each operation that the programs use.
//!
//! One script of calls runs against both through the SDK; every answer is taken off the wire before
//! the SDK makes anything of it. What must differ (ids, times, addresses) is normalised; any other
//! difference is a failure, unless [`explained`] says why. It explains the two values that
//! `differences.txt` has: other values in the same field are a failure, and so is an explanation that
//! explains nothing.

mod explained;
mod fields;
mod record;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::Context;
use blueshift::Stack;

use self::explained::{EXPLAINED, Explained};
use self::record::Exchange;

/// The explained differences with both values, a line each, as [`compare`] writes them.
const DIFFERENCES: &str = include_str!("differences.txt");

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Conformity {
    /// How many answers were compared, of how many operations.
    pub answers: usize,
    /// The operations.
    pub operations: BTreeSet<String>,
    /// How many fields were compared.
    pub fields: usize,
    /// Differences with their explanations.
    pub explained: Vec<String>,
    /// Differences that nobody has explained, and explanations that explain nothing.
    pub failures: Vec<String>,
}

/// Plays the script on a kit and on LocalStack in a container, and compares.
pub async fn run(image_localstack: Option<&str>) -> anyhow::Result<Conformity> {
    let mut containers = Stack::containers().region(script::REGION).without_signals();
    if let Some(image) = image_localstack {
        containers = containers.image_localstack(image);
    }
    let theirs = crate::ground::said(containers.await)?;
    let ours = Stack::in_process().region(script::REGION).await.context("start the kit")?;
    let outcome = async {
        let ours = script::play(&ours).await.context("play the script on the kit")?;
        let theirs = script::play(&theirs).await.context("play the script on LocalStack")?;
        anyhow::Ok(compare(&ours, &theirs))
    };
    let outcome = outcome.await;
    ours.shutdown().await;
    theirs.shutdown().await;
    outcome
}

fn compare(ours: &[Exchange], theirs: &[Exchange]) -> Conformity {
    let mut found = Conformity::default();
    let mut used = BTreeSet::new();
    let mut unseen: BTreeSet<&str> = DIFFERENCES.lines().collect();
    if ours.len() != theirs.len() {
        let (ours, theirs) = (ours.len(), theirs.len());
        found.failures.push(format!("{ours} answers of the kit, {theirs} of LocalStack"));
    }
    for (ours, theirs) in ours.iter().zip(theirs) {
        found.answers += 1;
        let operation = ours.step.split(':').next().unwrap_or_default();
        found.operations.insert(operation.to_owned());
        let step = &ours.step;
        for (field, ours, theirs) in differing(&ours.fields, &theirs.fields, &mut found.fields) {
            let line = format!("{step} | {field} | kit {ours} | LocalStack {theirs}");
            let explanation = EXPLAINED.iter().find(|it| it.covers(step, &field));
            let is_known = unseen.remove(line.as_str());
            match explanation {
                Some(explanation) if is_known => {
                    found.explained.push(format!("{line} | {}", explanation.why));
                }
                Some(_) => found.failures.push(format!("explained with other values: {line}")),
                None => found.failures.push(line),
            }
            used.insert((step.clone(), field));
        }
    }
    for (step, field) in EXPLAINED.iter().flat_map(Explained::pairs) {
        if !used.contains(&(step.to_owned(), field.to_owned())) {
            found.failures.push(format!("explains nothing any more: {step} | {field}"));
        }
    }
    found.failures.extend(unseen.iter().map(|line| format!("not seen any more: {line}")));
    found
}

/// The fields that differ, with both values.
fn differing(
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
    count: &mut usize,
) -> Vec<(String, String, String)> {
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    *count += names.len();
    let value = |of: &BTreeMap<String, String>, name: &String| {
        of.get(name).map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
    };
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .map(|name| (name.clone(), value(ours, name), value(theirs, name)))
        .collect()
}

impl Conformity {
    /// The result for people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (title, lines) in
            [("explained differences", &self.explained), ("DIFFERENCES", &self.failures)]
        {
            if !lines.is_empty() {
                let _ = writeln!(text, "{title}:");
            }
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
        let _ = writeln!(
            text,
            "{} answers of {} operations, {} fields compared: {} differences explained, {} not",
            self.answers,
            self.operations.len(),
            self.fields,
            self.explained.len(),
            self.failures.len()
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(step: &str, fields: &[(&str, &str)]) -> Exchange {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Exchange { step: step.to_owned(), fields: fields.collect() }
    }

    /// A difference between two answers of the same step.
    fn differ(step: &str, field: &str, ours: &str, theirs: &str) -> Conformity {
        compare(&[exchange(step, &[(field, ours)])], &[exchange(step, &[(field, theirs)])])
    }

    #[test]
    fn every_explanation_is_of_one_pair_of_values_and_names_no_pattern() {
        let all: Vec<_> = EXPLAINED.iter().flat_map(Explained::pairs).collect();
        let mut known: Vec<_> = DIFFERENCES
            .lines()
            .map(|line| {
                let mut parts = line.split(" | ");
                let pair = (parts.next().expect("a step"), parts.next().expect("a field"));
                let values: Vec<_> = parts.collect();
                assert!(values.len() == 2 && values[0].starts_with("kit "), "{line}");
                assert!(values[1].starts_with("LocalStack "), "{line}");
                pair
            })
            .collect();
        for (index, pair) in all.iter().enumerate() {
            assert!(!all[..index].contains(pair), "explained twice: {pair:?}");
            let text = format!("{} {}", pair.0, pair.1);
            assert!(!text.contains('*'), "a pattern explains what nobody has seen: {text}");
        }
        let mut all = all;
        all.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, all, "differences.txt has each explained field once");
    }

    #[test]
    fn a_difference_without_an_explanation_is_a_failure_and_so_is_one_that_is_gone() {
        let found = differ("HeadBucket", "status", "200", "500");
        assert_eq!(found.explained, Vec::<String>::new());
        let (new, gone): (Vec<_>, Vec<_>) = found.failures.iter().partition(|line| {
            !line.starts_with("explains nothing any more: ")
                && !line.starts_with("not seen any more: ")
        });
        assert_eq!(new, [r#"HeadBucket | status | kit "200" | LocalStack "500""#]);
        assert_eq!(gone.len(), 2 * DIFFERENCES.lines().count(), "all others, by both lists");
    }

    #[test]
    fn an_explanation_holds_for_its_values_only() {
        let (step, field) = ("SetQueueAttributes: a bad value", "status");
        let found = differ(step, field, "400", "200");
        assert_eq!(found.explained.len(), 1, "{found:?}");
        for (ours, theirs) in [("500", "200"), ("400", "500"), ("200", "400")] {
            let found = differ(step, field, ours, theirs);
            assert_eq!(found.explained, Vec::<String>::new());
            let expected = format!(
                "explained with other values: {step} | {field} | kit {ours:?} | LocalStack {theirs:?}"
            );
            assert!(found.failures.contains(&expected), "{found:?}");
            let gone =
                format!("not seen any more: {step} | {field} | kit \"400\" | LocalStack \"200\"");
            assert!(found.failures.contains(&gone), "{found:?}");
        }
    }

    /// The calls of a source that are, by their names, operations of SQS or S3.
    fn operations(source: &str, found: &mut BTreeSet<String>) {
        for call in source.split('.') {
            let is_of_name = |it: char| it.is_ascii_lowercase() || it == '_' || it.is_ascii_digit();
            let name = &call[..call.find(|it| !is_of_name(it)).unwrap_or(call.len())];
            let nouns = ["bucket", "object", "part", "upload", "queue", "message"];
            let verbs = [
                "abort_",
                "change_",
                "complete_",
                "copy_",
                "create_",
                "delete_",
                "get_",
                "head_",
                "list_",
                "purge_",
                "put_",
                "receive_",
                "send_message",
                "set_queue",
                "upload_part",
            ];
            if call[name.len()..].starts_with("()")
                && verbs.iter().any(|verb| name.starts_with(verb))
                && nouns.iter().any(|noun| name.contains(noun))
            {
                found.insert(name.to_owned());
            }
        }
    }

    fn operations_below(folder: &std::path::Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                operations_below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                operations(&std::fs::read_to_string(path).expect("readable"), found);
            }
        }
    }

    #[test]
    fn the_script_has_every_operation_that_the_programs_call() {
        let mut called = BTreeSet::new();
        for program in [
            "runtime",
            "generate-events",
            "consume-events",
            "upload-data",
            "visualize",
            "run-pipeline",
        ] {
            let sources = crate::binaries::workspace_root().join("crates").join(program);
            operations_below(&sources.join("src"), &mut called);
        }
        assert!(called.contains("upload_part_copy"), "it looks in the right place: {called:?}");
        let mut played = BTreeSet::new();
        operations(include_str!("script.rs"), &mut played);
        let missing: Vec<_> = called.difference(&played).collect();
        assert_eq!(missing, [""; 0], "conform/script.rs does not play what a program calls");
    }
}
