//! `upload-data` as a process on the kit: which ids count as loaded, and what becomes of files that
//! COPY refuses.

use std::process::Output;

use aws_sdk_s3::primitives::ByteStream;
use blueshift::Stack;
use blueshift::provision::{Resources, sdk_config};
use harness::binaries::{binaries, workspace_root};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// A stack with a bucket, and a table declared by the test.
struct Bench {
    stack: Stack,
    s3: aws_sdk_s3::Client,
    bucket: String,
    client: tokio_postgres::Client,
    environment: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new(create_table: &str) -> Self {
        let stack = Stack::in_process().await.expect("the stack starts");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("create_table.sql");
        std::fs::write(&file, create_table).expect("written");
        let settings = workspace_root().join("settings.ini");
        let mut resources = Resources::from_settings(&settings).expect("our own settings");
        resources.create_table = file.clone();
        let provisioned = resources.provision(stack.endpoints()).await.expect("made");
        let block = [stack.endpoints().environment(), provisioned.environment()].concat();
        let mut environment: Vec<(String, String)> =
            block.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let create_table = file.display().to_string();
        environment.push(("REDSHIFT_CREATE_TABLE".to_owned(), create_table));
        environment.push(("BLUESHIFT_SETTINGS".to_owned(), settings.display().to_string()));
        environment.push(("REDSHIFT_TIME_COLUMN".to_owned(), "at".to_owned()));
        let find = |key: &str| environment.iter().find(|(name, _)| name == key);
        let bucket = find("AWS_S3_BUCKET").expect("the block names the bucket").1.clone();
        let config = sdk_config(stack.endpoints()).await;
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(config);
        let url = stack.endpoints().redshift_url();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("connects");
        tokio::spawn(connection);
        Self { stack, s3, bucket, client, environment, folder }
    }

    async fn put(&self, key: &str, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.put_text(key, &text).await;
    }

    async fn put_text(&self, key: &str, text: &str) {
        let body = ByteStream::from(text.as_bytes().to_vec());
        let put = self.s3.put_object().bucket(&self.bucket).key(key).body(body);
        put.send().await.unwrap_or_else(|error| panic!("{key}: {error:?}"));
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binaries().expect("built").path("upload-data"))
            .args(["--output", "json"])
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .kill_on_drop(true)
            .output()
            .await
            .expect("it runs")
    }

    /// Runs to a good end, and returns the result.
    async fn upload(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("a result")
    }

    /// The rows of a query, their columns with blanks between.
    async fn query(&self, sql: &str) -> Vec<String> {
        let answer = self.client.simple_query(sql).await.unwrap_or_else(|it| panic!("{sql}: {it}"));
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let columns = (0..row.len()).map(|index| row.get(index).unwrap_or("NULL"));
                Some(columns.collect::<Vec<_>>().join(" "))
            }
            _ => None,
        });
        rows.collect()
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(&self.bucket).prefix(prefix).send().await;
        let objects = listed.expect("listed").contents.unwrap_or_default();
        objects.into_iter().filter_map(|object| object.key).collect()
    }

    async fn text(&self, key: &str) -> String {
        let got = self.s3.get_object().bucket(&self.bucket).key(key).send().await;
        let body = got.expect(key).body.collect().await.expect(key);
        String::from_utf8(body.to_vec()).expect(key)
    }

    async fn stop(self) {
        drop(self.client);
        self.stack.shutdown().await;
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn event(id: &str, at: &str) -> Value {
    json!({ "id": id, "at": at })
}

#[tokio::test]
async fn an_id_that_is_loaded_already_is_found_wherever_its_time_lies() {
    for column in ["at TIMESTAMP SORTKEY", "at TIMESTAMPTZ SORTKEY", "at DATE SORTKEY"] {
        let bench = Bench::new(&format!("CREATE TABLE c (id VARCHAR(9) NOT NULL, {column})")).await;
        let first = [
            event("usual", "2026-01-10 12:00:00"),
            event("moved", "2026-01-10 23:59:59.999999"),
            event("late", "2015-06-30 01:02:03"),
            event("early", "2031-01-01 00:00:00"),
            json!({ "id": "never" }),
        ];
        bench.put("events/1.json", &first).await;
        let result = bench.upload(&[]).await;
        assert_eq!((&result["rows_loaded"], &result["duplicates"]), (&json!(5), &json!(0)));

        bench.put("events/2.json", &first).await;
        let moved = [event("moved", "2026-01-17 00:00:00"), event("moved", "2026-01-03 00:00:00")];
        bench
            .put("events/3.json", &[&moved[..], &[event("new", "2026-01-10 12:00:00")]].concat())
            .await;
        let result = bench.upload(&[]).await;
        let case = format!("{column}: {result}");
        assert_eq!(
            (&result["rows_loaded"], &result["duplicates"]),
            (&json!(1), &json!(7)),
            "{case}"
        );

        // Further away than the window, an id is taken for another event; without one, never.
        let far = event("moved", "2026-03-10 12:00:00");
        bench.put("events/4.json", std::slice::from_ref(&far)).await;
        let result = bench.upload(&["--duplicate-window-days", "unlimited"]).await;
        assert_eq!(
            (&result["rows_loaded"], &result["duplicates"]),
            (&json!(0), &json!(1)),
            "{case}"
        );
        bench.put("events/5.json", &[far]).await;
        let result = bench.upload(&[]).await;
        assert_eq!(result["rows_loaded"], json!(1), "{case}");
        bench.stop().await;
    }
}

#[tokio::test]
async fn staged_rows_on_more_days_than_are_told_apart_are_still_loaded_once() {
    let bench = Bench::new("CREATE TABLE c (id VARCHAR(9) NOT NULL, at TIMESTAMP SORTKEY)").await;
    // Every twentieth day: no two windows meet.
    let line = |number: u64| event(&number.to_string(), &day(number * 20));
    let lines: Vec<_> = (0..1_100).map(line).collect();
    bench.put("events/1.json", &lines).await;
    assert_eq!(bench.upload(&[]).await["rows_loaded"], json!(1_100));
    bench.put("events/2.json", &lines).await;
    bench.put("events/3.json", &lines[..900]).await;
    let result = bench.upload(&[]).await;
    assert_eq!((&result["rows_loaded"], &result["duplicates"]), (&json!(0), &json!(2_000)));
    bench.put("events/4.json", &lines[..900]).await;
    assert_eq!(bench.upload(&[]).await["duplicates"], json!(900));
    bench.stop().await;
}

/// So many days after 1960-01-01.
fn day(number: u64) -> String {
    let start = time::macros::date!(1960 - 01 - 01);
    format!("{} 12:00:00", start + time::Duration::days(i64::try_from(number).expect("few")))
}

#[tokio::test]
async fn files_that_copy_refuses_are_set_aside_with_their_reasons_and_the_rest_is_loaded() {
    let bench = Bench::new("CREATE TABLE c (id VARCHAR(9) NOT NULL, at TIMESTAMP SORTKEY)").await;
    let good = event("good", "2026-01-10 12:00:00");
    bench.put("events/a.json", std::slice::from_ref(&good)).await;
    bench.put("events/b.json", &[event("kept", "2026-01-10"), event("x", "no time")]).await;
    bench.put_text("events/c.json.gz", "not gzip").await;
    bench.put_text("events/d.json.zst", "not zstandard").await;
    bench.put_text("events/e.json", "[{\"id\": \"array\"}]\n{\"id\": \"beside\"}\n").await;
    bench.put_text("events/f.json", "").await;
    let output = bench.run(&[]).await;
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    assert_eq!(result["rejected"], json!(4), "{result}\n{}", said(&output));
    let ids = bench.query("SELECT id FROM c ORDER BY id").await;
    assert_eq!(ids, ["beside", "good", "kept"], "{result}");
    assert_eq!(bench.keys("events/").await, Vec::<String>::new());
    assert_eq!(bench.keys("manifests/").await, Vec::<String>::new());
    let expected: Vec<_> = ["b.json", "c.json.gz", "d.json.zst", "e.json"]
        .iter()
        .flat_map(|name| ["", ".errors.json"].map(|it| format!("rejected/events/{name}{it}")))
        .collect();
    assert_eq!(bench.keys("rejected/").await, expected);
    for key in expected.iter().filter(|key| key.ends_with(".errors.json")) {
        let reasons: Value = serde_json::from_str(&bench.text(key).await).expect("JSON");
        assert!(reasons[0]["err_reason"].as_str().is_some_and(|it| !it.is_empty()), "{key}");
    }
    // All bad, more than the table could be to blame for.
    for number in 0..12 {
        bench.put_text(&format!("events/{number}.json"), "{\"id\": ").await;
    }
    let output = bench.run(&[]).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("--rejects-max"), "{}", said(&output));
    assert_eq!(bench.keys("events/").await.len(), 12);
    let output = bench.run(&["--rejects-max", "12"]).await;
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert_eq!(bench.keys("events/").await.len(), 0);
    // Beside a good one there may be any number.
    for number in 0..12 {
        let text = ["{\"id\": ", "{\"id\": \"x\", \"at\": \"never\"}"][number % 2];
        bench.put_text(&format!("events/x{number}.json"), text).await;
        bench.put_text(&format!("events/y{number}.json.gz"), "not gzip").await;
    }
    bench.put("events/z.json", &[event("last", "2026-01-11")]).await;
    let output = bench.run(&[]).await;
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    assert_eq!((&result["rejected"], &result["rows_loaded"]), (&json!(24), &json!(1)), "{result}");
    assert_eq!(bench.keys("events/").await.len(), 0);
    bench.stop().await;
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_done_and_does_nothing() {
    let bench = Bench::new("CREATE TABLE c (id VARCHAR(9) NOT NULL, at TIMESTAMP SORTKEY)").await;
    bench.put("events/a.json", &[event("a", "2026-01-10")]).await;
    let plan = bench.upload(&["--dry-run"]).await;
    assert_eq!(plan["load"].as_array().map(Vec::len), Some(1), "{plan}");
    assert!(plan.to_string().contains("first day of the staged rows, less 7"), "{plan}");
    assert_eq!(bench.keys("").await, ["events/a.json"]);
    let tables = bench.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").await;
    assert_eq!(tables, ["c"]);
    let role = [("REDSHIFT_ARN_CREDENTIALS".to_owned(), "key=AKIA;secret=hush".to_owned())];
    let bench = Bench { environment: [&bench.environment[..], &role].concat(), ..bench };
    let output = bench.run(&["--dry-run"]).await;
    assert!(!output.status.success() && !said(&output).contains("hush"), "{}", said(&output));
    bench.stop().await;
}
