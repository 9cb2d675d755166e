//! JSON with a JSONPaths file, and 'noshred'.

use super::*;

const DATA: &[u8] = br#"{"key": 7, "who": {"name": "M\u00fc", "tags": ["x", "y z"]}}"#;

/// Loads `data/1` by the paths of `paths.json`.
async fn load_paths(paths: &str, data: &[u8], options: &str) -> Loaded {
    let s3 = CannedS3::start(&[("data/1", data), ("paths.json", paths.as_bytes())]).await;
    let sql = format!(
        "COPY t FROM 's3://lake/data' IAM_ROLE default JSON 's3://lake/paths.json' {options}"
    );
    let types = ["integer", "character varying(20)", "character varying(40)"];
    load_into(&s3, &parse(&sql).expect(&sql), table_of(&types)).await
}

async fn check(paths: &str, data: &[u8], expected: &str) {
    let loaded = load_paths(paths, data, "").await;
    if let Err(failure) = &loaded.outcome {
        panic!("{paths}: {failure:?}");
    }
    assert_eq!(loaded.rows, expected, "{paths}");
}

#[tokio::test]
async fn the_ith_path_feeds_the_ith_column() {
    // "COPY from JSON format": both notations, nested values as their text, arrays at the root.
    check(
        r#"{"jsonpaths":["$['key']", "$['who']['name']", "$['who']['tags']"]}"#,
        DATA,
        "7\tM\u{fc}\t[\"x\", \"y z\"]\n",
    )
    .await;
    check(r#"{"jsonpaths":["$.key", "$.who.tags[1]", "$.none.x"]}"#, DATA, "7\ty z\t\\N\n").await;
    check(
        r#"{"jsonpaths":["$[0]", "$[2]", "$"]}"#,
        b"[1,2,\"x\"]\n[2,3,4]",
        "1\tx\t[1,2,\"x\"]\n2\t4\t[2,3,4]\n",
    )
    .await;
}

#[tokio::test]
async fn another_key_than_jsonpaths_means_auto() {
    check(r#"{"paths":["$.x"]}"#, br#"{"b":"x","a":1}"#, "1\tx\t\\N\n").await;
}

#[tokio::test]
async fn an_element_that_is_not_there_is_an_error() {
    let paths = r#"{"jsonpaths":["$.a", "$.b[1]", "$.c.d"]}"#;
    let data = b"{\"a\":1}\n{\"a\":1,\"b\":[1]}\n{\"a\":1,\"b\":2}\n{\"c\":[]}\n{\"a\":}\n[1]\n";
    let loaded = load_paths(paths, data, "MAXERROR 9").await;
    let index = "1216 Invalid JSONPath format: Not an array or index out of range.";
    let member = "1216 Invalid JSONPath format: Member is not an object.";
    assert_eq!(
        loaded.rejects(),
        [
            format!("1:2 b {index}"),
            format!("1:3 b {index}"),
            format!("1:4 c {member}"),
            "1:5  1216 Invalid value.".to_string(),
            format!("1:6 a {member}"),
        ]
    );
    assert_eq!(loaded.rows, "1\t\\N\t\\N\n");
}

#[tokio::test]
async fn a_jsonpaths_file_that_does_not_work_is_refused() {
    for (paths, message) in [
        (
            r#"{"jsonpaths":["$.a"]}"#,
            "Number of jsonpaths and the number of columns should match. JSONPath size: 1, Number \
             of columns in table or column list: 3",
        ),
        ("[]", "Problem reading JSONPaths file - it is not a single JSON object: "),
        (
            r#"{"jsonpaths":["$.a", "b", "$.c"]}"#,
            "Invalid JSONPath format. Supported notations are 'dot-notation' and \
             'bracket-notation': b",
        ),
    ] {
        let loaded = load_paths(paths, DATA, "MAXERROR 100").await;
        let found = loaded.failure().message("t");
        assert!(found.starts_with(message), "{paths}: {found}");
        assert!(loaded.failure().detail(1, 2).expect("a detail").contains("code:      8001"));
    }
    let sql = "COPY t FROM 's3://lake/a' IAM_ROLE default JSON 's3://lake/none'";
    let s3 = CannedS3::start(&[("a", DATA)]).await;
    let loaded = load_statement(&s3, &parse(sql).unwrap()).await;
    let message = loaded.failure().message("t");
    let expected = "Problem reading JSONPaths file - S3ServiceException:The specified key does not \
                    exist.,Status 404,Error NoSuchKey";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn super_columns_take_the_value_itself() {
    let s3 =
        CannedS3::start(&[("data", DATA), ("p", br#"{"jsonpaths":["$", "$.who.name", "$.key"]}"#)])
            .await;
    let sql = "COPY t FROM 's3://lake/data' IAM_ROLE default JSON 's3://lake/p'";
    let loaded = load_into(&s3, &parse(sql).unwrap(), table_of(&["super", "super", "super"])).await;
    let whole = r#"{"key":7,"who":{"name":"M\\u00fc","tags":["x","y z"]}}"#;
    assert_eq!(loaded.rows, format!("{whole}\t\"M\\\\u00fc\"\t7\n"));
}

#[tokio::test]
async fn noshred_loads_whole_structures_into_one_super_column() {
    // "Loading semistructured data into Amazon Redshift".
    let text = b"{\"a\": [1, {}]}\n[2]\n{\"b\":\n3}\n";
    let loaded = load_text(&["super"], "JSON 'noshred'", text).await;
    assert_eq!(loaded.rows, "{\"a\":[1,{}]}\n[2]\n{\"b\":3}\n");
    let loaded = load_text(&["integer", "super"], "(b) FORMAT JSON AS 'noshred'", b"{}").await;
    assert_eq!(loaded.rows, "{}\n");
    let loaded =
        load_text(&["super"], "JSON 'noshred' MAXERROR 9", b"{\"a\":1,}\n{\"a\"\n{}\nx\n").await;
    let rejects = loaded.rejects();
    assert!(rejects[0].starts_with("f:1 a 1224 "), "{rejects:?}");
    assert_eq!(rejects[1..], ["f:2  1216 Invalid value.", "f:4  1216 Invalid value."]);
    for types in [&["integer"][..], &["super", "super"]] {
        let loaded = load_text(types, "JSON 'noshred'", b"{}").await;
        let message = "'noshred' loads exactly one column, of type SUPER";
        assert_eq!(loaded.failure().message("t"), message);
    }
}
