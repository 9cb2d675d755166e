//! `blueshift redshift`: the relay in front of a Postgres that is not the kit's, COPY from an S3 that
//! is named on the command line.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use blueshift::Stack;
use blueshift::postgres::{self, Catalog};
use blueshift::provision::sdk_config;
use harness::binaries::binaries;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const WITHIN: Duration = Duration::from_secs(60);

async fn start(arguments: &[&str]) -> (Child, HashMap<String, String>) {
    let mut child = Command::new(binaries().expect("built").path("blueshift"))
        .args(["redshift", "--port", "0"])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut block = HashMap::new();
    while let Ok(Ok(Some(line))) = tokio::time::timeout(WITHIN, lines.next_line()).await {
        match line.split_once('=') {
            Some((name, value)) => drop(block.insert(name.to_owned(), value.to_owned())),
            None => {
                assert_eq!(line, "ready");
                break;
            }
        }
    }
    (child, block)
}

#[tokio::test]
async fn it_serves_any_postgres_and_any_s3_and_installs_its_catalog_once() {
    let stack = Stack::in_process().await.expect("an S3");
    let config = sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    s3.create_bucket().bucket("lake").send().await.expect("a bucket");
    let body = ByteStream::from_static(b"{\"a\": 1}\n{\"a\": 2}");
    s3.put_object().bucket("lake").key("k/1").body(body).send().await.expect("an object");
    let plain = Catalog { fingerprint: "none".to_owned(), scripts: Vec::new() };
    let cluster = postgres::start(&plain, None, &postgres::Download::Never)
        .await
        .expect("a Postgres without our catalog");
    let folder = cluster.socket_folder().display().to_string().replace('/', "%2F");
    let url = format!("postgresql://{}@{folder}/postgres", postgres::SUPERUSER);
    let s3_url = stack.endpoints().aws_url().expect("it is local").to_owned();
    for expected in [2, 4] {
        let (server, block) = start(&["--postgres-url", &url, "--s3-endpoint", &s3_url]).await;
        let url = block.get("REDSHIFT_URL").expect("the block has a URL");
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("it connects");
        tokio::spawn(connection);
        let row = client.query_one("select version()", &[]).await.expect("a row");
        assert!(row.get::<_, &str>(0).contains("Redshift 1.0."));
        let script = "create table if not exists t (a int distkey); \
            copy t from 's3://lake/k/' iam_role default json 'auto'";
        client.batch_execute(script).await.expect("COPY reads the named S3");
        let row = client.query_one("select count(*) from t", &[]).await.expect("a row");
        assert_eq!(row.get::<_, i64>(0), expected);
        drop(server);
    }
    drop(cluster);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_postgres_that_cannot_be_used_is_named_without_its_password() {
    for (url, said) in [
        ("postgresql://u:hidden@127.0.0.1:1/d", "cannot be used: error connecting to server"),
        ("postgresql://u:hidden@127.0.0.1/d?sslmode=require", "the relay speaks no TLS"),
        ("nonsense://u:hidden@h", "it is no Postgres URL"),
    ] {
        let (child, block) = start(&["--postgres-url", url]).await;
        let output = child.wait_with_output().await.expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), block.len()), (Some(1), 0), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
        assert!(!stderr.contains("hidden"), "{stderr}");
    }
}
