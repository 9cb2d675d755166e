//! Which objects are read, and what happens when they cannot be.

use super::*;

/// One row with this id.
fn row(id: u32) -> Vec<u8> {
    format!("{{\"id\":{id}}}").into_bytes()
}

fn ids(loaded: &Loaded) -> Vec<&str> {
    loaded.rows.lines().filter_map(|line| line.split('\t').next()).collect()
}

#[tokio::test]
async fn a_path_is_a_prefix_of_keys_over_all_pages() {
    let bodies: Vec<Vec<u8>> = (1..=7).map(row).collect();
    let keys = ["day/1", "day/2", "day/3", "day/4/x", "day1", "day/ü y", "other"];
    let objects: Vec<(&str, &[u8])> =
        keys.iter().zip(&bodies).map(|(key, body)| (*key, body.as_slice())).collect();
    for (from, expected) in [
        ("day", vec!["1", "2", "3", "4", "6", "5"]),
        ("day/", vec!["1", "2", "3", "4", "6"]),
        ("day/2", vec!["2"]),
        ("", vec!["1", "2", "3", "4", "6", "5", "7"]),
    ] {
        let loaded = load_from(&objects, from).await;
        assert_eq!(ids(&loaded), expected, "{from}");
        assert_eq!(loaded.report().files.len(), expected.len());
    }
}

#[tokio::test]
async fn a_prefix_without_objects_is_refused() {
    let loaded = load_from(&[("a", b"")], "no''where").await;
    let failure = loaded.failure();
    assert_eq!(failure.message("t"), "The specified S3 prefix 'no'where' does not exist");
    assert_eq!(failure.sqlstate(), "XX000");
    let detail = failure.detail(7, 2).expect("a refusal of the load has a detail");
    assert!(detail.contains("code:      8001") && detail.contains("query:     7"), "{detail}");
    assert!(failure.rejects().is_empty());
}

#[tokio::test]
async fn errors_of_s3_keep_their_words() {
    let s3 = CannedS3::start(&[]).await;
    let sql = "COPY t FROM 's3://nowhere/k' IAM_ROLE default JSON";
    let loaded = load_statement(&s3, &parse(sql).unwrap()).await;
    assert_eq!(
        loaded.failure().message("t"),
        "S3ServiceException:The specified bucket does not exist,Status 404,Error NoSuchBucket,Rid \
         R1,ExtRid E1,CanRetry 1"
    );
    let detail = loaded.failure().detail(1, 2).unwrap();
    assert!(detail.contains("Listing bucket=nowhere prefix=k"), "{detail}");
}

#[tokio::test]
async fn a_manifest_names_its_objects() {
    let manifest = br#"{"entries":[
        {"url":"s3://lake/b","mandatory":true},
        {"url":"s3://lake/gone"},
        {"url":"s3://lake/a","meta":{"content_length":8}},
        {"url":"s3://lake/b","mandatory":false}]}"#;
    let (a, b, ab) = (row(1), row(2), row(3));
    let objects = [("m", &manifest[..]), ("a", &a[..]), ("ab", &ab), ("b", &b)];
    let loaded = load_from(&objects, "m MANIFEST").await;
    // In its order, exact keys, and what is listed twice is loaded twice.
    assert_eq!(ids(&loaded), ["2", "1", "2"]);
    let files: Vec<&str> = loaded.report().files.iter().map(|file| file.url.as_str()).collect();
    assert_eq!(files, ["s3://lake/b", "s3://lake/a", "s3://lake/b"]);
}

async fn check_manifest(manifest: &str, expected: &str) {
    let loaded = load_from(&[("m", manifest.as_bytes()), ("a", &row(1))], "m GZIP MANIFEST").await;
    let message = loaded.failure().message("t");
    assert!(message.starts_with(expected), "{manifest}: {message}");
    let detail = loaded.failure().detail(1, 2).unwrap();
    assert!(detail.contains("code:      8001"), "{detail}");
}

#[tokio::test]
async fn a_manifest_that_does_not_work_is_refused() {
    let missing = "Mandatory url is not present in manifest file.";
    check_manifest(r#"{"entries":[{"url":"s3://lake/x","mandatory":true}]}"#, missing).await;
    let bucket = "S3ServiceException:The specified bucket does not exist,Status 404";
    check_manifest(r#"{"entries":[{"url":"s3://nowhere/x"}]}"#, bucket).await;
    let nothing = "The manifest 'm' names no file that exists";
    check_manifest(r#"{"entries":[{"url":"s3://lake/x"},{"url":"s3://lake/y"}]}"#, nothing).await;
    check_manifest(r#"{"entries":[]}"#, nothing).await;
    let problem = "Problem reading manifest file - manifest ";
    check_manifest("not json", problem).await;
    check_manifest(r#"{"entries":[{"url":"http://x/y"}]}"#, problem).await;
    let loaded = load_from(&[], "m MANIFEST").await;
    let reason = "Problem reading manifest file - S3ServiceException:The specified key does not \
                  exist.,Status 404,Error NoSuchKey,Rid R1,ExtRid E1,CanRetry 1";
    assert_eq!(loaded.failure().message("t"), reason);
    let loaded = load_from(&[("m/x", b"{}")], "m/ MANIFEST").await;
    let reason = "COPY with MANIFEST parameter requires full path of an S3 object.";
    assert_eq!(loaded.failure().message("t"), reason);
}

#[tokio::test]
async fn a_manifest_that_names_itself_is_data() {
    let manifest = br#"{"entries":[{"url":"s3://lake/m"}],"id":5}"#;
    assert_eq!(ids(&load_from(&[("m", manifest)], "m MANIFEST").await), ["5"]);
    // Without the keyword it is data too (§2).
    assert_eq!(ids(&load_from(&[("m", manifest)], "m").await), ["5"]);
}

#[tokio::test]
async fn gzip_members_are_read_to_the_last() {
    let mut members = gzip(b"{\"id\":1}\n{\"id\"");
    members.extend(gzip(b":2}\n"));
    members.extend(gzip(b""));
    members.extend(gzip(b"{\"id\":3}"));
    let loaded = load_from(&[("a", &members), ("b", b""), ("c", &gzip(b""))], " GZIP").await;
    assert_eq!(ids(&loaded), ["1", "2", "3"]);
    let lines: Vec<u64> = loaded.report().files.iter().map(|file| file.lines).collect();
    assert_eq!(lines, [3, 0, 0]);
    assert_eq!(loaded.report().files[0].bytes, members.len() as u64);
}

#[tokio::test]
async fn what_is_not_gzip_is_refused_with_its_key() {
    let whole = gzip(&b"{\"id\":1}\n".repeat(10_000));
    let mut garbage = whole.clone();
    garbage.extend_from_slice(b"tail");
    let mut damaged = whole.clone();
    damaged[30] ^= 0xFF;
    for body in [&b"{\"id\":1}"[..], &whole[..whole.len() - 9], &whole[..5], &garbage, &damaged] {
        let loaded = load_from(&[("a", body)], "a GZIP MAXERROR 9").await;
        let message = loaded.failure().message("t");
        assert!(message.starts_with("failed to inflate with gzip: "), "{message}");
        let detail = loaded.failure().detail(1, 2).unwrap();
        assert!(detail.contains("S3 key being read : s3://lake/a"), "{detail}");
    }
    // Never guessed from the name or the content (§3).
    let loaded = load_from(&[("a.gz", &whole)], "a.gz").await;
    assert_eq!(loaded.failure().rejects()[0].err_code, 1216);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_continued_where_it_broke() {
    let text: String = (0..50_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    let s3 = CannedS3::start(&[("a", text.as_bytes())]).await;
    s3.break_bodies(2);
    let loaded = load_statement(&s3, &statement("a")).await;
    assert_eq!(loaded.report().rows_loaded, 50_000);
    assert!(ids(&loaded).into_iter().eq((0..50_000).map(|id| id.to_string())));
    s3.break_bodies(usize::MAX);
    let loaded = load_statement(&s3, &statement("a")).await;
    let message = loaded.failure().message("t");
    assert!(message.starts_with("S3CurlException: "), "{message}");
}

#[tokio::test]
async fn rejects_come_in_the_order_of_the_files_whatever_is_read_first() {
    let large = "{\"id\":1}\n".repeat(200_000) + "{}";
    let objects: [(&str, &[u8]); 3] = [("a", large.as_bytes()), ("b", b"{}\n"), ("c", b"x")];
    let expected = [
        "a:200001 id 1213 Missing data for not-null field",
        "b:1 id 1213 Missing data for not-null field",
    ];
    assert_eq!(load_from(&objects, " MAXERROR 2").await.rejects(), expected);
}

#[tokio::test]
async fn ignoreheader_skips_lines_of_every_file() {
    let objects: [(&str, &[u8]); 2] = [("a", b"h1\nh2\n{\"id\":1}"), ("b", b"h1\n\n{}\n")];
    let loaded = load_from(&objects, " IGNOREHEADER 2 MAXERROR 2").await;
    assert_eq!(ids(&loaded), ["1"]);
    assert_eq!(loaded.rejects(), ["b:3 id 1213 Missing data for not-null field"]);
}

#[tokio::test]
async fn what_is_not_emulated_is_refused_before_s3_is_asked() {
    let s3 = CannedS3::start(&[("a", b"{}")]).await;
    for (sql, message) in [
        ("COPY t FROM 's3://lake/a' IAM_ROLE default SHAPEFILE", "SHAPEFILE is not emulated yet"),
        (
            "COPY t FROM 's3://lake/a' IAM_ROLE default ENCRYPTED MASTER_SYMMETRIC_KEY 'k'",
            "ENCRYPTED (client-side encryption) is not emulated yet",
        ),
        (
            "COPY x.public.t FROM 's3://lake/a' IAM_ROLE default JSON",
            "COPY into another database is not emulated yet",
        ),
        (
            "COPY t (x) FROM 's3://lake/a' IAM_ROLE default JSON",
            "column \"x\" of relation \"t\" does not exist",
        ),
        (
            "COPY t FROM 's3://lake/a' IAM_ROLE default JSON TIMEFORMAT 'x'",
            "TIMEFORMAT 'x' is not a format of date and time",
        ),
    ] {
        let loaded = load_statement(&s3, &parse(sql).expect(sql)).await;
        assert_eq!(loaded.failure().message("t"), message);
        assert_eq!(loaded.failure().detail(1, 2), None);
    }
    assert_eq!(s3.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_load_ends_when_nobody_takes_the_rows() {
    let text = "{\"id\":1}\n".repeat(500_000);
    let s3 = CannedS3::start(&[("a", text.as_bytes())]).await;
    let (access, statement, table, context) = (s3.access(), statement("a"), table(), context());
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let loading = load(&access, &statement, &table, &context, sender);
    let leave = async {
        receiver.recv().await;
        drop(receiver);
    };
    let (outcome, ()) = tokio::join!(loading, leave);
    assert!(matches!(outcome, Err(CopyFailure::Cancelled)), "{outcome:?}");
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let outcome = load(&access, &statement, &table, &context, sender).await;
    assert!(matches!(outcome, Err(CopyFailure::Cancelled)), "{outcome:?}");
}
