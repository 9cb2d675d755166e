//! Every case of `fixtures/copy` against a real stack: what COPY loads, refuses and reports.
//!
//! A case is one text file; `fixtures/copy/README.md` says how to write one. Each runs twice, its
//! COPYs once as a simple query and once through the extended protocol, as drivers send them.

mod case;
mod run;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blueshift::Stack;
use harness::binaries::workspace_root;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::case::Case;
use crate::run::{Protocol, Runner};

/// Cases that run at once.
const AT_ONCE_MAX: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_loads_refuses_and_reports_as_it_says() {
    let folder = workspace_root().join("fixtures/copy");
    let cases = read_cases(&folder);
    let stack = Stack::in_process().await.expect("the stack starts");
    let runner = Arc::new(Runner::new(stack.endpoints()).await);
    let room = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut running = JoinSet::new();
    for case in &cases {
        let (case, runner, room) = (Arc::clone(case), Arc::clone(&runner), Arc::clone(&room));
        running.spawn(async move {
            let _permit = room.acquire_owned().await.expect("the semaphore stays open");
            let mut differences = runner.run(&case, Protocol::Simple).await;
            if differences.is_empty() {
                differences = runner.run(&case, Protocol::Extended).await;
            }
            differences
        });
    }
    let mut differences: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    differences.sort();
    drop(runner);
    stack.shutdown().await;
    assert!(
        differences.is_empty(),
        "{} differences in {} cases:\n\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n\n")
    );
}

#[test]
fn every_case_names_a_page_of_the_guide() {
    for case in read_cases(&workspace_root().join("fixtures/copy")) {
        assert!(!case.page.is_empty(), "{}: no `page:` line", case.name);
        assert!(!case.steps.is_empty(), "{}: no step", case.name);
    }
}

fn read_cases(folder: &Path) -> Vec<Arc<Case>> {
    let mut paths = Vec::new();
    find_cases(folder, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no case in {}", folder.display());
    paths
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.strip_prefix(folder).expect("found in it").display().to_string();
            Arc::new(Case::parse(&name, &text).unwrap_or_else(|error| panic!("{name}:{error}")))
        })
        .collect()
}

fn find_cases(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            find_cases(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "case") {
            found.push(path);
        }
    }
}
