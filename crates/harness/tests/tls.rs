//! The programs verify the certificate of the local Redshift as they verify AWS's: by the CAs that
//! `SSL_CERT_FILE` of the environment block names, and nothing else.

use blueshift::Stack;
use blueshift::provision::Resources;
use harness::binaries::{binaries, workspace_root};
use harness::pipeline::Pipeline;

/// What `visualize` says about a Redshift of this name, with or without the block's CAs.
async fn visualize(host: &str, trusting: bool) -> Result<u64, String> {
    let stack = Stack::in_process().redshift_password("checked").await.expect("the stack starts");
    let settings = workspace_root().join("settings.ini");
    let mut resources = Resources::from_settings(&settings).expect("our own settings");
    resources.create_table = workspace_root().join("create_table.sql");
    let create_table = resources.create_table.display().to_string();
    let provisioned = resources.provision(stack.endpoints()).await.expect("made");
    let block = [stack.endpoints().environment(), provisioned.environment()].concat();
    let mut environment: Vec<(String, String)> = block
        .into_iter()
        .filter(|(name, _)| trusting || *name != "SSL_CERT_FILE")
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    environment.push(("REDSHIFT_HOST".to_owned(), host.to_owned()));
    environment.push(("REDSHIFT_CREATE_TABLE".to_owned(), create_table));
    environment.push(("REDSHIFT_SSLMODE".to_owned(), "verify-full".to_owned()));
    let folder = tempfile::tempdir().expect("a folder");
    let pipeline = Pipeline::new(binaries().expect("built"), folder.path(), environment);
    let settings = settings.display().to_string();
    let outcome = pipeline.run("visualize", &["--settings", &settings]).await;
    let result = match outcome {
        Ok(finished) => Ok(finished.count("rows").expect("it counts rows")),
        Err(_) => Err(logs(folder.path())),
    };
    stack.shutdown().await;
    result
}

fn logs(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let logs = entries.map(|entry| entry.expect("an entry").path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| std::fs::read_to_string(path).expect("a log")).collect()
}

#[tokio::test]
async fn verify_full_works_by_the_environment_block_alone() {
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(visualize(host, true).await, Ok(0), "{host}");
    }
}

#[tokio::test]
async fn without_the_bundle_nobody_is_trusted() {
    let said = visualize("localhost", false).await.expect_err("nobody vouches for the kit");
    assert!(said.contains("invalid peer certificate: UnknownIssuer"), "{said}");
}
