//! The SQL as it is sent, for a plain table and for names that try to get out of their quotes.

use insta::assert_snapshot;
use time::macros::datetime;

use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn plain() -> Statements {
    let target = Target {
        schema: None,
        table: "events".to_owned(),
        columns: names(&["id", "event", "timestamp"]),
        id_column: "id".to_owned(),
        order_by: names(&["timestamp", "event"]),
        has_identity: false,
    };
    let role = "arn:aws:iam::000000000000:role/redshift-copy";
    Statements::new(target, "lake".to_owned(), role.to_owned())
}

fn hostile() -> Statements {
    let target = Target {
        schema: Some(r#"sche"ma"#.to_owned()),
        table: r#"e'v\nts"; DROP TABLE x; --"#.to_owned(),
        columns: names(&[r#"i"d"#, "select", "rank_of_id"]),
        id_column: r#"i"d"#.to_owned(),
        order_by: names(&["select"]),
        has_identity: true,
    };
    Statements::new(target, r"la'ke\".to_owned(), r"arn:o'role\,arn:2".to_owned())
}

fn objects() -> [StoredObject; 2] {
    let object = |key: &str, etag: &str, bytes| StoredObject {
        key: key.to_owned(),
        etag: etag.to_owned(),
        bytes,
        stored_at: None,
    };
    [
        object("events/20260101/120000-a.json.gz", "9b2cf535f27731c974343645a3985328", 1234),
        object(r"events/o'clock\'; DROP TABLE x; --.json", "ta'g", 0),
    ]
}

#[test]
fn copy_of_gzipped_objects() {
    assert_snapshot!(plain().copy("manifests/20260101/m.json", Compression::Gzip, BadRows::Fail), @r#"
    COPY "blueshift_staging" ("id", "event", "timestamp")
    FROM 's3://lake/manifests/20260101/m.json'
    IAM_ROLE 'arn:aws:iam::000000000000:role/redshift-copy'
    MANIFEST
    FORMAT AS JSON 'auto'
    TIMEFORMAT 'auto'
    GZIP
    COMPUPDATE OFF
    STATUPDATE OFF
    "#);
}

#[test]
fn copy_of_zstandard_objects_says_so() {
    let sql = plain().copy("m", Compression::Zstd, BadRows::Fail);
    assert!(sql.contains("TIMEFORMAT 'auto'\nZSTD\nCOMPUPDATE OFF"), "{sql}");
}

#[test]
fn copy_of_plain_objects_with_hostile_bucket_key_role_and_columns() {
    let sql = hostile().copy("pre'fix\\/manifests/\"m\".json", Compression::Plain, BadRows::Fail);
    assert_snapshot!(sql, @r#"
    COPY "blueshift_staging" ("i""d", "select", "rank_of_id")
    FROM 's3://la''ke\\/pre''fix\\/manifests/"m".json'
    IAM_ROLE 'arn:o''role\\,arn:2'
    MANIFEST
    FORMAT AS JSON 'auto'
    TIMEFORMAT 'auto'
    COMPUPDATE OFF
    STATUPDATE OFF
    "#);
}

#[test]
fn copy_may_leave_bad_rows_out_or_only_look() {
    for (bad_rows, expected) in [
        (BadRows::Fail, "TIMEFORMAT 'auto'\nCOMPUPDATE OFF"),
        (BadRows::Skip, "TIMEFORMAT 'auto'\nMAXERROR 1000\nCOMPUPDATE OFF"),
        (BadRows::Look, "TIMEFORMAT 'auto'\nMAXERROR 1000\nNOLOAD\nCOMPUPDATE OFF"),
    ] {
        let sql = plain().copy("m", Compression::Plain, bad_rows);
        assert!(sql.contains(expected), "{bad_rows:?}: {sql}");
    }
}

#[test]
fn the_default_role_is_a_word_and_not_a_literal() {
    for (role, expected) in [
        ("default", "IAM_ROLE default"),
        ("DEFAULT", "IAM_ROLE default"),
        ("arn:default", "IAM_ROLE 'arn:default'"),
    ] {
        let sql = Statements { iam_role: role.to_owned(), ..plain() };
        let sql = sql.copy("m", Compression::Plain, BadRows::Fail);
        assert!(sql.lines().any(|line| line == expected), "{sql}");
    }
}

#[test]
fn the_lock_and_its_bound() {
    assert_snapshot!(plain().bound_lock_wait(Duration::from_secs(300)), @"SET statement_timeout TO 300000");
    assert_snapshot!(plain().lock(), @r#"LOCK "load_ledger""#);
    assert_snapshot!(hostile().lock(), @r#"LOCK "sche""ma"."load_ledger""#);
}

#[test]
fn the_ledger_is_created_where_the_table_is() {
    assert_snapshot!(plain().create_ledger(), @r#"
    CREATE TABLE IF NOT EXISTS "load_ledger" (
        "table_name" VARCHAR(127) NOT NULL,
        "bucket" VARCHAR(255) NOT NULL,
        "object_key" VARCHAR(1024) NOT NULL,
        "etag" VARCHAR(255) NOT NULL,
        "object_bytes" BIGINT NOT NULL,
        "load_id" VARCHAR(36) NOT NULL,
        "loaded_at" TIMESTAMP NOT NULL
    ) SORTKEY ("object_key")
    "#);
    let first = hostile().create_ledger();
    assert_snapshot!(first.lines().next().unwrap(), @r#"CREATE TABLE IF NOT EXISTS "sche""ma"."load_ledger" ("#);
}

#[test]
fn the_ledger_is_read_for_hostile_keys() {
    assert_snapshot!(plain().read_ledger(&objects()), @r#"
    SELECT "object_key", "etag", "load_id"
    FROM "load_ledger"
    WHERE "table_name" = 'events'
    AND "bucket" = 'lake'
    AND "object_key" IN (
    'events/20260101/120000-a.json.gz',
    'events/o''clock\\''; DROP TABLE x; --.json')
    "#);
    assert_snapshot!(hostile().read_ledger(&objects()[..1]), @r#"
    SELECT "object_key", "etag", "load_id"
    FROM "sche""ma"."load_ledger"
    WHERE "table_name" = 'e''v\\nts"; DROP TABLE x; --'
    AND "bucket" = 'la''ke\\'
    AND "object_key" IN (
    'events/20260101/120000-a.json.gz')
    "#);
}

#[test]
fn loaded_objects_are_recorded() {
    let loaded_at = datetime!(2026-02-03 04:05:06.789 UTC);
    assert_snapshot!(plain().record(&objects(), Uuid::nil(), loaded_at), @r#"
    INSERT INTO "load_ledger" ("table_name", "bucket", "object_key", "etag", "object_bytes", "load_id", "loaded_at")
    VALUES
    ('events', 'lake', 'events/20260101/120000-a.json.gz', '9b2cf535f27731c974343645a3985328', 1234, '00000000-0000-0000-0000-000000000000', '2026-02-03 04:05:06'),
    ('events', 'lake', 'events/o''clock\\''; DROP TABLE x; --.json', 'ta''g', 0, '00000000-0000-0000-0000-000000000000', '2026-02-03 04:05:06')
    "#);
}

#[test]
fn the_staging_table_is_like_the_target() {
    assert_snapshot!(plain().create_staging(), @r#"CREATE TEMP TABLE "blueshift_staging" (LIKE "events")"#);
}

#[test]
fn the_staging_table_leaves_identity_columns_out() {
    assert_snapshot!(hostile().create_staging(), @r#"
    CREATE TEMP TABLE "blueshift_staging" AS
    SELECT "i""d", "select", "rank_of_id"
    FROM "sche""ma"."e'v\nts""; DROP TABLE x; --"
    WHERE 1 = 0
    "#);
}

#[test]
fn one_row_per_new_id_is_inserted() {
    assert_snapshot!(plain().count_staged(), @r#"
    SELECT COUNT(*), COUNT("id")
    FROM "blueshift_staging"
    "#);
    assert_snapshot!(plain().insert_new(&[Part::Everything]), @r#"
    INSERT INTO "events" ("id", "event", "timestamp")
    SELECT staged."id", staged."event", staged."timestamp"
    FROM (
    SELECT "id", "event", "timestamp",
    ROW_NUMBER() OVER (PARTITION BY "id" ORDER BY "timestamp", "event") AS "rank_of_id"
    FROM "blueshift_staging"
    ) AS staged
    WHERE staged."rank_of_id" = 1
    AND NOT EXISTS (
    SELECT 1
    FROM "events" AS loaded
    WHERE loaded."id" = staged."id"
    )
    "#);
}

#[test]
fn one_row_per_new_id_with_hostile_names() {
    assert_snapshot!(hostile().insert_new(&[Part::Everything]), @r#"
    INSERT INTO "sche""ma"."e'v\nts""; DROP TABLE x; --" ("i""d", "select", "rank_of_id")
    SELECT staged."i""d", staged."select", staged."rank_of_id"
    FROM (
    SELECT "i""d", "select", "rank_of_id",
    ROW_NUMBER() OVER (PARTITION BY "i""d" ORDER BY "select") AS "rank_of_id_"
    FROM "blueshift_staging"
    ) AS staged
    WHERE staged."rank_of_id_" = 1
    AND NOT EXISTS (
    SELECT 1
    FROM "sche""ma"."e'v\nts""; DROP TABLE x; --" AS loaded
    WHERE loaded."i""d" = staged."i""d"
    )
    "#);
}

#[test]
fn bad_rows_are_read_by_session_and_copy() {
    assert_snapshot!(plain().load_errors(42, Some(7)), @r#"
    SELECT query, TRIM(filename), line_number, TRIM(colname), TRIM(raw_field_value), TRIM(err_reason), TRIM(raw_line)
    FROM stl_load_errors
    WHERE session = 42
    AND query = 7
    ORDER BY query DESC, filename, line_number
    LIMIT 1000
    "#);
}

fn windowed() -> Statements {
    plain().within(Some(Window { column: "timestamp".to_owned(), days: 7 }))
}

#[test]
fn within_a_window_the_times_of_the_staged_rows_are_read() {
    let statements = windowed();
    assert_snapshot!(statements.count_staged(), @r#"
    SELECT COUNT(*), COUNT("id"), COUNT("timestamp"), CAST(MIN("timestamp") AS DATE), CAST(MAX("timestamp") AS DATE)
    FROM "blueshift_staging"
    "#);
    assert_snapshot!(statements.staged_days(statements.window().unwrap()), @r#"
    SELECT DISTINCT CAST("timestamp" AS DATE)
    FROM "blueshift_staging"
    WHERE "timestamp" IS NOT NULL
    ORDER BY 1
    LIMIT 1001
    "#);
}

#[test]
fn each_part_of_a_window_is_a_join_with_literals_as_bounds() {
    let day = |day: &str| Some(day.to_owned());
    let parts = [
        Part::Days { since: day("2026-01-01"), before: day("2026-01-16") },
        Part::Days { since: None, before: day(r"o'clock\") },
        Part::NoTime,
    ];
    let sql = windowed().insert_new(&parts);
    let (_, joins) = sql.split_once("AS staged\n").unwrap();
    assert_snapshot!(joins, @r#"
    WHERE staged."rank_of_id" = 1
    AND NOT EXISTS (
    SELECT 1
    FROM "events" AS loaded
    WHERE loaded."id" = staged."id"
    AND loaded."timestamp" >= '2026-01-01'
    AND loaded."timestamp" < '2026-01-16'
    )
    AND NOT EXISTS (
    SELECT 1
    FROM "events" AS loaded
    WHERE loaded."id" = staged."id"
    AND loaded."timestamp" < 'o''clock\\'
    )
    AND NOT EXISTS (
    SELECT 1
    FROM "events" AS loaded
    WHERE loaded."id" = staged."id"
    AND loaded."timestamp" IS NULL
    )
    "#);
}

#[test]
fn a_hostile_time_column_stays_inside_its_quotes() {
    let window = Window { column: r#"a"t"#.to_owned(), days: 0 };
    let statements = hostile().within(Some(window.clone()));
    let sql = [
        statements.count_staged(),
        statements.staged_days(&window),
        statements.insert_new(&[Part::NoTime]),
    ];
    for sql in sql {
        assert!(sql.contains(r#""a""t""#), "{sql}");
    }
}
