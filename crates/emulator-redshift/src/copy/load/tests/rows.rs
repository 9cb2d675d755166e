//! Which rows are loaded, which are rejected, and when the load fails.

use super::*;
use crate::copy::rejects::FieldDetail;

const GOOD: &[u8] = b"{\"id\":1,\"name\":\"a\",\"at\":\"2019-08-06 10:11:12\",\"more\":[1]}\n\
    {\"id\":\"2\",\"name\":null,\"x\":{}}{\"name\":\"t\\tb\\\\\",\"id\":3}\n";
const GOOD_ROWS: &str = "1\ta\t2019-08-06 10:11:12\n2\t\\N\t\\N\n3\tt\\tb\\\\\t\\N\n";

#[tokio::test]
async fn objects_become_rows_in_the_order_of_the_columns() {
    let loaded = load_from(&[("a.json", GOOD)], "a.json").await;
    assert_eq!(loaded.rows, GOOD_ROWS);
    let url = "s3://lake/a.json".to_string();
    let report = LoadReport {
        rows_loaded: 3,
        files: vec![LoadedFile {
            url,
            lines: 2,
            bytes: GOOD.len() as u64,
            entity_tag: Some("e".to_owned()),
            last_modified: Some(UNIX_EPOCH + Duration::from_secs(1_565_086_272)),
        }],
        ..LoadReport::default()
    };
    assert_eq!(loaded.report(), &report);
    assert_eq!(
        report.notices("t"),
        ["Load into table 't' completed, 3 record(s) loaded successfully."]
    );
}

#[tokio::test]
async fn a_column_list_decides_what_is_sent() {
    let s3 = CannedS3::start(&[("a", GOOD)]).await;
    let sql = "COPY t (name, id) FROM 's3://lake/a' IAM_ROLE default JSON 'auto ignorecase'";
    let loaded = load_statement(&s3, &parse(sql).unwrap()).await;
    assert_eq!(loaded.rows, "a\t1\n\\N\t2\nt\\tb\\\\\t3\n");
}

#[tokio::test]
async fn nested_values_are_their_json_text() {
    let text = b"{\"id\":1,\"name\":{\"k\" :1}}{\"id\":2,\"name\":[ \"\\n\"]}{\"id\":true}";
    let loaded = load_from(&[("a", text)], "a MAXERROR 2").await;
    assert_eq!(loaded.rows, "1\t{\"k\" :1}\t\\N\n2\t[ \"\\\\n\"]\t\\N\n");
    assert_eq!(loaded.rejects(), ["a:1 id 1207 Invalid digit, Value 't', Pos 0, Type: Integer"]);
}

#[tokio::test]
async fn the_first_error_fails_the_load_and_is_described_in_full() {
    let text = b"{\"id\":1}\n{\"id\":2,\n \"name\":\"\xc3\xbcber-lang\"}\n{\"id\":\"x\"}\n";
    for options in ["a.json", "a.json MAXERROR 0", "a.json MAXERROR 1"] {
        let loaded = load_from(&[("a.json", text)], options).await;
        let failure = loaded.failure();
        assert_eq!(
            failure.message("t"),
            "Load into table 't' failed.  Check 'stl_load_errors' system table for details."
        );
        let expected = LoadError {
            userid: 100,
            slice: 0,
            tbl: 4711,
            starttime: UNIX_EPOCH + Duration::from_secs(1),
            session: 34,
            query: 12,
            filename: "s3://lake/a.json".to_string(),
            line_number: 3,
            colname: "name".to_string(),
            column_type: "varchar".to_string(),
            col_length: "8".to_string(),
            position: 8,
            raw_line: "{\"id\":2,\n \"name\":\".ber-lang\"}".to_string(),
            raw_field_value: ".ber-lang".to_string(),
            err_code: 1204,
            err_reason: "String length exceeds DDL length".to_string(),
            is_partial: 0,
            start_offset: 0,
            copy_job_id: 0,
            details: vec![
                field(0, "id", "2", ("int4", "0")),
                field(1, "name", ".ber-lang", ("varchar", "8")),
            ],
        };
        assert_eq!(failure.rejects(), [expected]);
    }
}

fn field(field: i32, colname: &str, value: &str, column_type: (&str, &str)) -> FieldDetail {
    FieldDetail {
        field,
        colname: colname.to_string(),
        value: value.to_string(),
        is_null: 0,
        column_type: column_type.0.to_string(),
        col_length: column_type.1.to_string(),
    }
}

#[tokio::test]
async fn the_first_errors_of_a_copy_have_their_fields_shown() {
    let lines = "{\"id\":7,\"name\":\"a\\t\\\\\",\"at\":\"soon\"}\n".repeat(30);
    let files = [("a", lines.as_bytes()), ("b", lines.as_bytes())];
    let loaded = load_from(&files, " MAXERROR 100").await;
    let rejects = &loaded.report().rejects;
    assert_eq!(rejects.len(), 60);
    let detailed = rejects.iter().take_while(|reject| !reject.details.is_empty()).count();
    assert_eq!(detailed, 20);
    assert!(rejects[20..].iter().all(|reject| reject.details.is_empty()));
    let bad = FieldDetail { is_null: 1, ..field(2, "at", "", ("timestamp", "0")) };
    let expected =
        [field(0, "id", "7", ("int4", "0")), field(1, "name", "a\t\\", ("varchar", "8")), bad];
    assert_eq!(rejects[0].details, expected);
}

#[tokio::test]
async fn the_first_hundred_rows_with_replacements_are_kept() {
    let lines = b"{\"id\":1,\"name\":\"\xffb\"}\n".repeat(70);
    let files = [("a", lines.as_slice()), ("b", lines.as_slice())];
    let loaded = load_from(&files, " ACCEPTINVCHARS").await;
    let report = loaded.report();
    assert_eq!((report.replaced_count, report.replacements.len()), (140, 100));
    let last = &report.replacements[99];
    assert_eq!((last.filename.as_str(), last.line_number), ("s3://lake/b", 30));
    assert_eq!(
        (last.colname.as_str(), last.raw_line.as_str()),
        ("name", "{\"id\":1,\"name\":\".b\"}")
    );
}

/// Four bad rows of six.
const MIXED: &[u8] = b"{\"id\":1}\n{\"id\":\"x\"}\n{}\nno {\"id\":2}\n{\"id\":3,\"at\":\"soon\"}\n";

#[tokio::test]
async fn fewer_errors_than_maxerror_leave_the_good_rows() {
    let all = [
        "a:2 id 1207 Invalid digit, Value 'x', Pos 0, Type: Integer",
        "a:3 id 1213 Missing data for not-null field",
        "a:4  1216 Invalid value.",
        "a:5 at 1206 Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]",
    ];
    for options in ["a MAXERROR 5", "a IGNOREALLERRORS"] {
        let loaded = load_from(&[("a", MIXED)], options).await;
        assert_eq!(loaded.rows, "1\t\\N\t\\N\n2\t\\N\t\\N\n");
        assert_eq!(loaded.rejects(), all);
        assert_eq!(
            loaded.report().notices("t"),
            [
                "Load into table 't' completed, 2 record(s) loaded successfully.",
                "Load into table 't' completed, 4 record(s) could not be loaded.  Check \
                 'stl_load_errors' system table for details."
            ]
        );
    }
    // As many errors as MAXERROR fail the load (§13.5), and no later one is reported.
    for max in 1..=4 {
        let loaded = load_from(&[("a", MIXED)], &format!("a MAXERROR {max}")).await;
        let CopyFailure::Rejected { count, .. } = loaded.failure() else {
            panic!("another failure: {:?}", loaded.failure());
        };
        assert_eq!(*count, max as u64);
        assert_eq!(loaded.rejects(), all[..max]);
    }
}

#[tokio::test]
async fn rejects_are_counted_beyond_those_that_are_kept() {
    let text = "{\"id\":\"x\"}\n".repeat(60_000);
    let loaded = load_from(&[("a", text.as_bytes())], "a IGNOREALLERRORS").await;
    assert_eq!(loaded.report().reject_count, 60_000);
    let lines: Vec<i64> = loaded.report().rejects.iter().map(|row| row.line_number).collect();
    assert_eq!(lines, (1..=60_000).collect::<Vec<i64>>());
    let long = format!("{{\"id\":\"x\",\"z\":\"{}\"}}\n", "z".repeat(1024)).repeat(40_000);
    let loaded = load_from(&[("a", long.as_bytes())], "a IGNOREALLERRORS").await;
    assert_eq!(loaded.report().reject_count, 40_000);
    let kept = loaded.report().rejects.len();
    assert!((10_000..40_000).contains(&kept), "{kept}");
    let loaded = load_from(&[("a", text.as_bytes())], "a MAXERROR 50000").await;
    let CopyFailure::Rejected { count, rejects, .. } = loaded.failure() else {
        panic!("another failure: {:?}", loaded.failure());
    };
    assert_eq!((*count, rejects.len()), (50_000, 50_000));
}

#[tokio::test]
async fn a_top_level_array_fails_as_the_service_says() {
    let text = b"[{\"id\":1},\n{\"id\":2}]\n";
    let loaded = load_from(&[("a", text)], "a").await;
    let reason = "a:2  1216 Invalid JSONPath format: Member is not an object.";
    assert_eq!(loaded.rejects(), [reason]);
    assert_eq!(loaded.failure().rejects()[0].raw_line, "[{\"id\":1},\n{\"id\":2}]");
    // With MAXERROR the array is one error and gives no row.
    let loaded = load_from(&[("a", text)], "a MAXERROR 2").await;
    assert_eq!((loaded.rows.as_str(), loaded.report().reject_count), ("", 1));
}

#[tokio::test]
async fn noload_checks_and_sends_nothing() {
    let loaded = load_from(&[("a", GOOD)], "a NOLOAD").await;
    assert_eq!((loaded.rows.as_str(), loaded.report().rows_loaded), ("", 0));
    assert_eq!(loaded.report().files.len(), 1);
    assert_eq!(load_from(&[("a", MIXED)], "a NOLOAD").await.rejects().len(), 1);
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_rejected_or_replaced() {
    let text = b"{\"id\":1,\"name\":\"a\xff\"}\n{\"id\":2,\"name\":\"\\ud800\"}\n\
        {\"id\":3,\"x\":\"\xff\"}";
    let loaded = load_from(&[("a", text)], "a MAXERROR 3").await;
    assert_eq!(loaded.rows, "3\t\\N\t\\N\n");
    let reason = "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence:";
    assert_eq!(
        loaded.rejects(),
        [
            format!("a:1 name 1220 {reason} ff (error 3)"),
            format!("a:2 name 1220 {reason} ed a0 80 (error 5)")
        ]
    );
    let loaded = load_from(&[("a", text)], "a ACCEPTINVCHARS '^'").await;
    assert_eq!(loaded.rows, "1\ta^\t\\N\n2\t^^^\t\\N\n3\t\\N\t\\N\n");
    assert_eq!(loaded.report().replaced_count, 2);
}

#[tokio::test]
async fn depth_is_no_danger() {
    let deep = "[".repeat(300_000) + &"]".repeat(300_000);
    let text = format!("{{\"id\":1,\"x\":{deep}}}");
    assert_eq!(load_from(&[("a", text.as_bytes())], "a").await.rows, "1\t\\N\t\\N\n");
}

#[tokio::test]
async fn a_structure_of_more_than_4_mb_fails_the_load_whatever_maxerror_is() {
    let long = format!("{{\"id\":1}}\n{{\"id\":2,\"x\":\"{}\"}}", " ".repeat(5 << 20));
    // Compressed, it is a small bomb.
    let loaded = load_from(&[("a.gz", &gzip(long.as_bytes()))], "a.gz GZIP IGNOREALLERRORS").await;
    assert_eq!(
        loaded.rejects(),
        ["a.gz:2  1216 JSON object exceeds the maximum size of 4194304 bytes"]
    );
    assert_eq!(loaded.failure().rejects()[0].raw_line.len(), 1024);
    let array = format!("[{}{{}}]", "{\"id\":1},".repeat(600_000));
    let loaded = load_from(&[("a", array.as_bytes())], "a MAXERROR 9").await;
    assert_eq!(loaded.rejects(), ["a:1  1216 Invalid JSONPath format: Member is not an object."]);
}

#[tokio::test]
async fn chunks_are_whole_rows_of_bounded_size() {
    let name = "n".repeat(8);
    let text: String =
        (0..100_000).map(|id| format!("{{\"id\":{id},\"name\":\"{name}\"}}\n")).collect();
    let s3 = CannedS3::start(&[("a.gz", &gzip(text.as_bytes()))]).await;
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let access = s3.access();
    let (statement, table, context) = (statement("a GZIP"), table(), context());
    let loading = load(&access, &statement, &table, &context, sender);
    let collect = async {
        let mut ids = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            assert!(chunk.len() <= 256 * 1024);
            for line in std::str::from_utf8(&chunk).expect("rows are UTF-8").lines() {
                let (id, rest) = line.split_once('\t').expect("a row has fields");
                assert_eq!(rest, "nnnnnnnn\t\\N");
                ids.push(id.parse::<u32>().expect("an id"));
            }
        }
        ids
    };
    let (outcome, ids) = tokio::join!(loading, collect);
    assert_eq!(outcome.expect("the load succeeds").rows_loaded, 100_000);
    assert!(ids.iter().copied().eq(0..100_000));
}
