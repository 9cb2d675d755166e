//! Laws 1 and 2: programs and emulators meet only on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use harness::binaries::workspace_root;
use serde_json::Value;

/// Every dependency between crates of this workspace that is allowed, dev-dependencies included.
const ALLOWED: &[(&str, &[&str])] = &[
    ("blueshift", &["emulator-core", "emulator-redshift", "emulator-s3", "emulator-sqs"]),
    ("consume-events", &["events", "runtime"]),
    ("emulator-core", &[]),
    ("emulator-redshift", &["emulator-core"]),
    ("emulator-s3", &["emulator-core"]),
    ("emulator-sqs", &["emulator-core"]),
    ("events", &[]),
    ("generate-events", &["events", "runtime"]),
    (
        "harness",
        &[
            "blueshift",
            "consume-events",
            "events",
            "generate-events",
            "runtime",
            "upload-data",
            "visualize",
        ],
    ),
    (
        "run-pipeline",
        &["consume-events", "events", "generate-events", "runtime", "upload-data", "visualize"],
    ),
    ("runtime", &[]),
    ("upload-data", &["events", "runtime"]),
    ("visualize", &["events", "runtime"]),
    ("xtask", &["blueshift", "harness"]),
];

fn declared() -> BTreeMap<String, BTreeSet<String>> {
    let answer = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace_root())
        .output()
        .expect("cargo metadata answers");
    assert!(answer.status.success(), "cargo metadata: {}", answer.status);
    let metadata: Value = serde_json::from_slice(&answer.stdout).expect("its answer is JSON");
    let packages = metadata["packages"].as_array().expect("packages are a list");
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let with_dependencies = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().expect("dependencies are a list");
        (name(package), dependencies.iter().map(name).filter(|name| ours.contains(name)).collect())
    });
    with_dependencies.collect()
}

fn differences(declared: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, list)| (*name, list.iter().copied().collect())).collect();
    let mut found = Vec::new();
    for (name, dependencies) in declared {
        let Some(list) = allowed.get(name.as_str()) else {
            found.push(format!("{name} is not in the allow-list"));
            continue;
        };
        for dependency in dependencies.iter().filter(|name| !list.contains(name.as_str())) {
            found.push(format!("{name} must not depend on {dependency}"));
        }
    }
    for name in allowed.keys().filter(|name| !declared.contains_key(**name)) {
        found.push(format!("{name} is in the allow-list but not in the workspace"));
    }
    found
}

#[test]
fn crates_depend_only_on_what_the_allow_list_grants() {
    assert_eq!(differences(&declared()), Vec::<String>::new());
}

#[test]
fn a_program_that_knows_an_emulator_would_be_caught() {
    let mut declared = declared();
    declared
        .get_mut("upload-data")
        .expect("upload-data is a crate")
        .insert("emulator-redshift".to_owned());
    assert_eq!(differences(&declared), ["upload-data must not depend on emulator-redshift"]);
}

/// Law 1 spelled out, so that a careless edit of the allow-list is caught too.
#[test]
fn the_allow_list_itself_keeps_programs_and_emulators_apart() {
    let programs =
        ["consume-events", "generate-events", "run-pipeline", "upload-data", "visualize"];
    for (name, list) in ALLOWED {
        for dependency in *list {
            let kit = dependency.starts_with("emulator-") || *dependency == "blueshift";
            assert!(!(programs.contains(name) && kit), "{name} → {dependency}");
            let product =
                programs.contains(dependency) || ["events", "runtime"].contains(dependency);
            let is_kit = name.starts_with("emulator-") || *name == "blueshift";
            assert!(!(is_kit && product), "{name} → {dependency}");
        }
    }
}
