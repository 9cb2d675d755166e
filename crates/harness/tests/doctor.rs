//! `run-pipeline doctor`: what would make the first upload fail is said before it runs.

use std::time::Duration;

use blueshift::Stack;
use harness::binaries::{binaries, workspace_root};
use serde_json::Value;
use tokio::process::Command;

const WITHIN: Duration = Duration::from_secs(60);

struct Stage {
    stack: Stack,
    folder: tempfile::TempDir,
}

/// How a program ended, and what it printed.
struct Ended {
    code: Option<i32>,
    output: String,
    log: String,
}

impl Ended {
    /// What the doctor marks so, as `check: text (hint)`.
    fn marked(&self, status: &str) -> Vec<String> {
        let report: Value = serde_json::from_str(&self.output).expect("a report");
        let checks = report["checks"].as_array().expect("a list");
        let marked = checks.iter().filter(|check| check["status"] == status);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        marked
            .map(|it| {
                format!("{}: {} ({})", text(&it["check"]), text(&it["text"]), text(&it["hint"]))
            })
            .collect()
    }
}

impl Stage {
    /// Everything made, a schema `s6` with a table in it, and a user `bob` who may look.
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |name| std::fs::read_to_string(workspace_root().join(name)).expect("a file");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("written");
        };
        write("settings.ini", read("settings.ini").replace("# create_table =", "create_table ="));
        let table = read("create_table.sql");
        write("create_table.sql", table.clone());
        let table = table.replacen(" events", " s6.events", 1);
        write("s6.sql", table.clone());
        let stack = Stack::in_process().settings(folder.path().join("settings.ini"));
        let stage = Self { stack: stack.start().await.expect("the stack starts"), folder };
        stage.execute("CREATE SCHEMA s6").await;
        stage.execute(&table).await;
        stage.execute("CREATE USER bob PASSWORD 'Bobpass123'").await;
        stage.execute("GRANT USAGE ON SCHEMA s6 TO bob").await;
        stage
    }

    async fn execute(&self, sql: &str) {
        let client = self.stack.redshift().await.expect("a session");
        client.batch_execute(sql).await.expect(sql);
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program on the schema `s6` as that user.
    async fn run(&self, program: &str, user: &str, arguments: &[&str]) -> Ended {
        let mut command = Command::new(binaries().expect("built").path(program));
        command.args(arguments).env_clear().envs(self.stack.environment());
        if user == "bob" {
            command.env("REDSHIFT_USER", "bob").env("REDSHIFT_PASSWORD", "Bobpass123");
        }
        command.env("REDSHIFT_CREATE_TABLE", self.path("s6.sql")).current_dir(self.folder.path());
        let running = tokio::time::timeout(WITHIN, command.kill_on_drop(true).output()).await;
        let ended = running.expect("it ends in time").expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ended { code: ended.status.code(), output: text(ended.stdout), log: text(ended.stderr) }
    }

    async fn doctor(&self, user: &str) -> Ended {
        let ended = self.run("run-pipeline", user, &["doctor", "--output=json"]).await;
        assert!(ended.output.starts_with('{'), "{}", ended.log);
        ended
    }

    /// What the doctor fails, and what the upload then says, each with these words.
    async fn check(&self, case: &str, failed: &[&str], upload: &[&str]) {
        let doctor = self.doctor("bob").await;
        let found = doctor.marked("fail");
        assert_eq!(doctor.code, Some(i32::from(!failed.is_empty())), "{case}: {found:#?}");
        for words in failed {
            assert!(
                found.iter().any(|it| it.contains(words)),
                "{case}: no {words:?} in {found:#?}"
            );
        }
        let ended = self.run("upload-data", "bob", &[]).await;
        assert_eq!(ended.code == Some(0), upload.is_empty(), "{case}: {}", ended.log);
        for words in upload {
            assert!(ended.log.contains(words), "{case}: no {words:?} in {}", ended.log);
        }
    }

    async fn put_event(&self) {
        let sent = self.run("generate-events", "awsuser", &["--count=1", "--flat-out"]).await;
        assert_eq!(sent.code, Some(0), "{}", sent.log);
        let flags = ["--until-empty", "--sqs-polling-timeout=1", "--batch-age-max=0.2"];
        let stored = self.run("consume-events", "awsuser", &flags).await;
        assert_eq!(stored.code, Some(0), "{}", stored.log);
    }
}

#[tokio::test]
async fn what_redshift_would_refuse_an_upload_is_named_with_the_grant_that_cures_it() {
    let stage = Stage::start().await;
    stage.put_event().await;
    let no_ledger = ["ledger: create the ledger", "GRANT CREATE ON SCHEMA"];
    stage.check("no rights", &no_ledger, &["GRANT CREATE ON SCHEMA"]).await;

    stage.execute(r#"CREATE TABLE s6.load_ledger (a INT)"#).await;
    stage.execute("GRANT ALL ON s6.load_ledger TO bob").await;
    let shape = "load_ledger is not the table that upload-data makes";
    stage.check("another table", &[shape], &[shape]).await;
    stage.execute("DROP TABLE s6.load_ledger").await;

    let made = stage.run("run-pipeline", "awsuser", &["provision"]).await;
    assert_eq!(made.code, Some(0), "{}", made.output);
    let locking = "GRANT SELECT, INSERT, UPDATE ON load_ledger";
    stage.check("a ledger of somebody else", &[locking], &[locking]).await;

    stage.execute("GRANT SELECT, INSERT, UPDATE ON s6.load_ledger TO bob").await;
    stage.execute("GRANT SELECT ON s6.events TO bob").await;
    let inserting = "GRANT SELECT, INSERT on the table";
    let failed = ["table: insert new rows", inserting];
    stage.check("no INSERT", &failed, &[inserting]).await;

    stage.execute("GRANT INSERT ON s6.events TO bob").await;
    stage.check("all rights", &[], &[]).await;
    let ok = stage.doctor("bob").await.marked("ok").join("\n");
    assert!(ok.contains("can be locked, read and written"), "{ok}");
    stage.stack.shutdown().await;
}

#[tokio::test]
async fn rights_in_each_part_of_the_bucket_are_asked_for() {
    let stage = Stage::start().await;
    let settings = std::fs::read_to_string(stage.path("settings.ini")).expect("the settings");
    let drawn = |prefix: &str| {
        let settings = settings.replace("[aws]", &format!("[aws]\ncharts_prefix = {prefix}"));
        std::fs::write(stage.path("settings.ini"), settings).expect("written");
    };
    drawn("reports/daily");
    let faults = stage.stack.faults().expect("in this process").clone();
    for (operation, folder, expected) in [
        ("PutObject", "events", "write s3://blueshift-events/events/doctor-"),
        ("GetObject", "events", "read s3://blueshift-events/events/doctor-"),
        ("DeleteObject", "events", "delete s3://blueshift-events/events/doctor-"),
        ("PutObject", "manifests", "write s3://blueshift-events/manifests/doctor-"),
        ("PutObject", "rejected", "write s3://blueshift-events/rejected/doctor-"),
        ("PutObject", "archive", "write s3://blueshift-events/archive/doctor-"),
        ("DeleteObject", "archive", ""),
        ("PutObject", "reports/daily", "write s3://blueshift-events/reports/daily/doctor-"),
        ("DeleteObject", "reports/daily", ""),
    ] {
        let rule = serde_json::json!({ "name": "forbidden", "operation": operation,
            "resource": format!("blueshift-events/{folder}/*"),
            "action": {"refuse": {"status": 403, "code": "AccessDenied"}} });
        let plan = serde_json::json!({ "rules": [rule] });
        faults.set_plan(serde_json::from_value(plan).expect("a plan"));
        let doctor = stage.doctor("awsuser").await;
        let failed = doctor.marked("fail");
        let is_seen = failed.iter().any(|it| it.starts_with(&format!("bucket: {expected}")));
        let case = format!("{operation} under {folder}");
        assert_eq!(is_seen, !expected.is_empty(), "{case}: {failed:#?}");
        assert_eq!(doctor.code, Some(i32::from(is_seen)), "{case}: {failed:#?}");
    }
    faults.clear();
    let doctor = stage.doctor("awsuser").await;
    let ok = doctor.marked("ok").join("\n");
    let all = "under events/, manifests/, rejected/, archive/, reports/daily/ is allowed";
    assert!(ok.contains(all), "{ok}");
    drawn("events/charts");
    let failed = stage.doctor("awsuser").await.marked("fail").join("\n");
    assert!(failed.contains("charts_prefix (--charts-prefix) is \"events/charts\""), "{failed}");
    drawn("");
    let ok = stage.doctor("awsuser").await.marked("ok").join("\n");
    assert!(ok.contains("under events/, manifests/, rejected/, archive/ is allowed"), "{ok}");
    stage.stack.shutdown().await;
}

#[tokio::test]
async fn a_half_made_queue_is_looked_at_although_its_dead_letter_queue_is_missing() {
    let stage = Stage::start().await;
    let config = blueshift::provision::sdk_config(stage.stack.endpoints()).await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = async |name| {
        let found = sqs.get_queue_url().queue_name(name).send().await.expect("found");
        found.queue_url.expect("a url")
    };
    let (queue, dead_letters) = (url("events").await, url("events-dead-letter").await);
    sqs.delete_queue().queue_url(dead_letters).send().await.expect("deleted");
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:000000000000:gone","maxReceiveCount":"1"}"#;
    sqs.create_queue().queue_name("gone").send().await.expect("made");
    let name = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
    let kept = aws_sdk_sqs::types::QueueAttributeName::MessageRetentionPeriod;
    let set = sqs.set_queue_attributes().queue_url(&queue).attributes(name, policy);
    set.attributes(kept, "60").send().await.expect("set");
    let gone = url("gone").await;
    sqs.delete_queue().queue_url(gone).send().await.expect("deleted");

    let doctor = stage.doctor("awsuser").await.marked("warn").join("\n");
    let provision = stage.run("run-pipeline", "awsuser", &["provision", "--check"]).await.output;
    for said in [&doctor, &provision] {
        for words in ["gone after 1 receives", "MessageRetentionPeriod is 60 s"] {
            assert!(said.contains(words), "no {words:?} in {said}");
        }
    }
    let updated = stage.run("run-pipeline", "awsuser", &["provision", "--update"]).await;
    assert_eq!(updated.code, Some(0), "{}", updated.output);
    let check = stage.run("run-pipeline", "awsuser", &["provision", "--check"]).await;
    assert_eq!(check.code, Some(0), "{}", check.output);
    stage.stack.shutdown().await;
}
