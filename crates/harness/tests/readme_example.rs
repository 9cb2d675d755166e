//! The README's example for Rust, run as it stands there.

use harness::binaries::workspace_root;

#[tokio::test]
async fn the_readmes_example_is_this_test_and_works() -> Result<(), Box<dyn std::error::Error>> {
    let readme = std::fs::read_to_string(workspace_root().join("README.md"))?;
    let (_, example) = readme.split_once("```rust\n").expect("an example for Rust");
    let (example, _) = example.split_once("```").expect("it ends");
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let this = squeezed(include_str!("readme_example.rs"));
    for line in example.lines() {
        let (code, _) = line.split_once("; //").unwrap_or((line.trim_end_matches(';'), ""));
        assert!(this.contains(&squeezed(code)), "the README has another line: {line}");
    }

    // The names in it are relative to where settings.ini is.
    std::env::set_current_dir(workspace_root())?;
    let stack = blueshift::Stack::in_process().settings("settings.ini").await?;
    let config = blueshift::provision::sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    #[rustfmt::skip]
    s3.put_object().bucket("blueshift-events").key("k").body(br#"{"a": 1}"#.to_vec().into()).send().await?;
    let redshift = stack.redshift().await?;
    redshift.batch_execute("CREATE TABLE t (a INT)").await?;
    #[rustfmt::skip]
    redshift.batch_execute("COPY t FROM 's3://blueshift-events/k' IAM_ROLE default JSON 'auto'").await?;
    assert_eq!(redshift.query_one("SELECT SUM(a) FROM t", &[]).await?.get::<_, i64>(0), 1);
    let environment = stack.environment();
    assert!(environment.iter().any(|(name, _)| name == "AWS_SQS_URL"), "{environment:?}");
    stack.shutdown().await;
    Ok(())
}
