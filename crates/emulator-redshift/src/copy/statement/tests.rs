//! What parses, what does not, and that a statement prints as it was read.

mod properties;

use super::*;
use crate::copy::authorization::{CredentialName, Secret};
use crate::copy::options::{Compression, Flag, Format, Mapping};

/// What every statement needs, with more options after it.
fn with(options: &str) -> String {
    format!("COPY t FROM 's3://b/k' IAM_ROLE default {options}")
}

fn options(text: &str) -> CopyOptions {
    match parse(&with(text)) {
        Ok(statement) => statement.options,
        Err(error) => panic!("{text}: {error} at {}", error.position),
    }
}

/// Where the options of `with` begin.
const OPTIONS_AT: usize = 41;

fn check_error(sql: &str, message: &str, position: usize) {
    let error = parse(sql).expect_err(sql);
    assert_eq!((error.message.as_str(), error.position), (message, position), "{sql}");
}

fn check_option_error(options: &str, message: &str, offset: usize) {
    check_error(&with(options), message, OPTIONS_AT + offset);
}

#[test]
fn the_prototypes_statement_parses() {
    let statement = parse(
        "COPY events FROM 's3://bucket/20190806/1.json'\n  IAM_ROLE 'arn:aws:iam::1:role/r'\n  \
         JSON 'auto' TIMEFORMAT 'auto';",
    )
    .unwrap();
    assert_eq!(statement.table, "events");
    assert_eq!(statement.schema, None);
    assert_eq!(statement.source.bucket, "bucket");
    assert_eq!(statement.source.key, "20190806/1.json");
    let role = "arn:aws:iam::1:role/r".to_string();
    assert_eq!(statement.authorization, Authorization::Roles(vec![role]));
    assert_eq!(statement.options.format, Format::Json(Mapping::Auto));
    assert_eq!(statement.options.time_format.as_deref(), Some("auto"));
    assert_eq!(statement.options.unsupported(), None);
}

#[test]
fn only_a_first_keyword_copy_makes_a_copy() {
    for sql in ["COPY", "copy t", " \n-- x\n/* a /* b */ */ Copy t from", "copy("] {
        assert!(is_copy(sql), "{sql}");
    }
    for sql in ["", "COPYX", "\"copy\" t", "select 'copy'", "/* copy", "-- copy", "'copy"] {
        assert!(!is_copy(sql), "{sql}");
    }
}

#[test]
fn options_come_in_any_order_with_noise_words_and_commas() {
    let expected = options("FORMAT AS JSON 'auto' TIMEFORMAT AS 'auto' GZIP MANIFEST MAXERROR 5");
    for text in [
        "MANIFEST GZIP TIMEFORMAT 'auto' JSON 'auto' MAXERROR AS 5",
        "maxerror 5, timeformat as 'auto', format json as 'auto', gzip, manifest",
        "AS JSON 'AUTO' /* c */ GZIP -- c\n MANIFEST TIMEFORMAT AS 'auto' MAXERROR 5",
        "FORMAT JSON TIMEFORMAT 'auto' MAXERROR 5 MANIFEST GZIP",
    ] {
        assert_eq!(options(text), expected, "{text}");
    }
    assert_eq!(expected.compression, Some(Compression::Gzip));
    assert!(expected.has(Flag::Manifest));
    let before = "COPY t FROM 's3://b/k' GZIP JSON 'auto' TIMEFORMAT 'auto' MAXERROR 5 \
                  IAM_ROLE default MANIFEST";
    assert_eq!(parse(before).unwrap().options, expected);
}

#[test]
fn names_fold_without_quotes_and_stay_as_written_in_quotes() {
    let parse_head = |head: &str| {
        let sql = format!("COPY {head} FROM 's3://b/k' IAM_ROLE default");
        let statement = parse(&sql).expect(&sql);
        (statement.database, statement.schema, statement.table, statement.columns)
    };
    let some = |name: &str| Some(name.to_string());
    assert_eq!(parse_head("Public.Events"), (None, some("public"), "events".into(), None));
    assert_eq!(parse_head("dev . \"S\".\"T\"\"x\""), (some("dev"), some("S"), "T\"x".into(), None));
    assert_eq!(
        parse_head("#temp (A, \"B c\" , _d$1)"),
        (None, None, "#temp".into(), Some(vec!["a".into(), "B c".into(), "_d$1".into()]))
    );
}

#[test]
fn literals_have_live_backslashes() {
    for (written, read) in [
        ("'a''b'", "a'b"),
        (r"'a\'b'", "a'b"),
        (r"'\\w'", r"\w"),
        (r"'\w'", "w"),
        (r"'\t\n\r\b\f'", "\t\n\r\u{8}\u{c}"),
        (r"'\101\7x\0'", "A\u{7}x\0"),
        (r"'\303\274'", "ü"),
        (r"E'\\'", r"\"),
        ("''", ""),
    ] {
        assert_eq!(options(&format!("NULL AS {written}")).null_as.as_deref(), Some(read));
    }
    // The guide writes the default null string with one backslash.
    assert_eq!(options(r"NULL AS '\N'").null_as.as_deref(), Some(r"\N"));
    assert_eq!(options(r"NULL AS '\\N'").null_as.as_deref(), Some(r"\N"));
    for (written, read) in [
        (r"'\t'", "\t"),
        (r"AS '\001'", "\u{1}"),
        (r"'\\t'", "\t"),
        (r"'\\001\\174'", "\u{1}|"),
        // The guide's example of several bytes.
        (r"'\302\246\303\254'", "¦ì"),
        (r"'\\302\\246'", "¦"),
        ("'|~|'", "|~|"),
        (r"'\\'", r"\"),
        (r"'\\9'", r"\9"),
    ] {
        let found = options(&format!("DELIMITER {written}")).delimiter;
        assert_eq!(found.as_deref(), Some(read), "{written}");
    }
}

#[test]
fn every_option_of_the_guide_is_known() {
    for text in [
        "CSV QUOTE AS '%' DELIMITER ';'",
        "FIXEDWIDTH 'a:3,b:4'",
        "AVRO 's3://b/paths'",
        "AVRO 'auto ignorecase'",
        "PARQUET ACCEPTINVCHARS FILLRECORD STATUPDATE MANIFEST EXPLICIT_IDS SERIALIZETOJSON",
        "FORMAT AS ORC",
        "SHAPEFILE SIMPLIFY AUTO '0.5'",
        "FORMAT SHAPEFILE SIMPLIFY",
        "BZIP2",
        "LZOP",
        "ZSTD",
        "DELIMITER '|' ESCAPE REMOVEQUOTES FILLRECORD IGNOREBLANKLINES NULL AS 'x'",
        "ENCODING AS UTF16LE ENCRYPTED MASTER_SYMMETRIC_KEY 'k'",
        "ACCEPTANYDATE ACCEPTINVCHARS AS '^' BLANKSASNULL EMPTYASNULL EXPLICIT_IDS ROUNDEC",
        "DATEFORMAT 'auto' IGNOREHEADER AS 1 TRIMBLANKS TRUNCATECOLUMNS",
        "COMPROWS 1000 COMPUPDATE STATUPDATE NOLOAD IGNOREALLERRORS",
        "COMPUPDATE PRESET STATUPDATE OFF",
        "COMPUPDATE FALSE STATUPDATE TRUE",
        "REGION AS 'us-east-1'",
        "JSON 'noshred'",
        "JSON AS 's3://b/paths.json'",
    ] {
        options(text);
    }
}

#[test]
fn what_is_not_executed_yet_is_named() {
    for (text, expected) in [
        ("JSON", None),
        ("JSON 'auto ignorecase' GZIP MANIFEST ENCODING UTF8 REGION 'x'", None),
        ("JSON COMPUPDATE OFF STATUPDATE ON COMPROWS 1000 NOLOAD ROUNDEC", None),
        ("", None),
        ("CSV", None),
        ("FIXEDWIDTH 'a:1'", None),
        ("PARQUET SERIALIZETOJSON", None),
        ("ORC", None),
        ("AVRO 'auto ignorecase' GZIP", None),
        ("AVRO 's3://b/p'", None),
        ("AVRO ENCODING UTF16", Some("AVRO with ENCODING")),
        ("AVRO IGNOREHEADER 1", Some("AVRO with IGNOREHEADER")),
        ("SHAPEFILE", Some("SHAPEFILE")),
        ("JSON 'noshred'", None),
        ("JSON 's3://b/p'", None),
        ("JSON BZIP2", None),
        ("JSON LZOP", None),
        ("JSON ZSTD", None),
        ("JSON ENCODING UTF16", None),
        ("JSON EXPLICIT_IDS", None),
        ("JSON ENCRYPTED MASTER_SYMMETRIC_KEY 'k'", Some("ENCRYPTED (client-side encryption)")),
    ] {
        assert_eq!(options(text).unsupported().as_deref(), expected, "{text}");
    }
}

#[test]
fn options_that_exclude_each_other_are_refused() {
    for (text, message, offset) in [
        ("JSON CSV", "CSV is not allowed with JSON", 5),
        ("CSV JSON", "JSON is not allowed with CSV", 4),
        ("JSON DELIMITER '|'", "DELIMITER is not allowed with JSON", 5),
        ("ESCAPE JSON", "JSON is not allowed with ESCAPE", 7),
        ("JSON NULL AS 'x'", "NULL is not allowed with JSON", 5),
        ("JSON FILLRECORD", "FILLRECORD is not allowed with JSON", 5),
        ("JSON IGNOREBLANKLINES", "IGNOREBLANKLINES is not allowed with JSON", 5),
        ("JSON READRATIO 1", "READRATIO is not allowed with JSON", 5),
        ("JSON REMOVEQUOTES", "REMOVEQUOTES is not allowed with JSON", 5),
        ("AVRO ESCAPE", "ESCAPE is not allowed with AVRO", 5),
        ("CSV ESCAPE", "ESCAPE is not allowed with CSV", 4),
        ("FIXEDWIDTH 'a:1' DELIMITER ','", "DELIMITER is not allowed with FIXEDWIDTH", 17),
        ("GZIP ZSTD", "ZSTD is not allowed with GZIP", 5),
        ("MAXERROR 1 IGNOREALLERRORS", "IGNOREALLERRORS is not allowed with MAXERROR", 11),
        ("PARQUET MAXERROR 1", "MAXERROR argument is not supported for PARQUET based COPY", 8),
        ("REGION 'r' PARQUET", "REGION argument is not supported for PARQUET based COPY", 0),
        ("ORC ACCEPTANYDATE", "ACCEPTANYDATE argument is not supported for ORC based COPY", 4),
        ("QUOTE '\"'", "QUOTE is only for CSV", 0),
        ("CSV SSH", "SSH is not supported for COPY from Amazon S3", 4),
        ("READRATIO 50", "READRATIO is not supported for COPY from Amazon S3", 0),
        ("MASTER_SYMMETRIC_KEY 'k'", "MASTER_SYMMETRIC_KEY is only for ENCRYPTED", 0),
        ("ENCRYPTED", "ENCRYPTED is only for a key in MASTER_SYMMETRIC_KEY or CREDENTIALS", 0),
        ("COMPROWS 999", "COMPROWS must be from 1000 to 2147483647", 9),
        ("JSON SERIALIZETOJSON", "SERIALIZETOJSON is only for PARQUET and ORC", 5),
        ("GZIP JSON GZIP", "COPY option GZIP is given twice", 10),
        ("MAXERROR 1 MAXERROR 2", "COPY option MAXERROR is given twice", 11),
        ("IAM_ROLE default", "COPY option IAM_ROLE is given twice", 0),
    ] {
        check_option_error(text, message, offset);
    }
}

#[test]
fn arguments_are_checked() {
    for (text, message, offset) in [
        ("MAXERROR 100001", "MAXERROR must be between 0 and 100000", 9),
        ("MAXERROR -1", "MAXERROR needs a number", 9),
        ("MAXERROR '1'", "MAXERROR needs a number", 9),
        ("MAXERROR 99999999999999999999", "MAXERROR must be between 0 and 100000", 9),
        ("DELIMITER ''", "DELIMITER must have at least one character", 10),
        ("CSV QUOTE 'ab'", "QUOTE must be a single ASCII character", 10),
        ("CSV QUOTE 'ü'", "QUOTE must be a single ASCII character", 10),
        ("ACCEPTINVCHARS ''", "ACCEPTINVCHARS must be a single ASCII character", 15),
        ("ACCEPTINVCHARS AS GZIP", "ACCEPTINVCHARS needs a string", 18),
        ("TIMEFORMAT auto", "TIMEFORMAT needs a string", 11),
        (
            "JSON 'paths.json'",
            "JSON needs 'auto', 'auto ignorecase', 'noshred' or the s3:// path of a file",
            5,
        ),
        ("JSON AS GZIP", "JSON needs a string", 8),
        (
            "AVRO 'other'",
            "AVRO needs 'auto', 'auto ignorecase', 'noshred' or the s3:// path of a file",
            5,
        ),
        ("ENCODING LATIN1", "syntax error at or near \"LATIN1\": expected an encoding", 9),
        ("FORMAT GZIP", "syntax error at or near \"GZIP\": expected a file format", 7),
        (
            "FORMAT AS",
            "syntax error at or near the end of the statement: expected a file format",
            9,
        ),
        ("NULL 'x", "unterminated string", 5),
        (r"NULL '\377'", "string is not UTF-8", 5),
    ] {
        check_option_error(text, message, offset);
    }
}

#[test]
fn an_unknown_option_is_refused_by_name_and_position() {
    check_option_error("JSON FANCY 'x'", "unknown COPY option \"FANCY\"", 5);
    check_option_error("AS GZIP", "unknown COPY option \"AS\"", 0);
    check_option_error("WITH", "unknown COPY option \"WITH\"", 0);
    check_option_error("WITH WITH JSON", "unknown COPY option \"WITH\"", 5);
    check_option_error("WITH FANCY", "unknown COPY option \"FANCY\"", 5);
    check_option_error("JOB CREATE j", "COPY JOB is not emulated yet", 0);
    check_option_error("GZIP, ;", "syntax error at or near \";\": expected a COPY option", 6);
    check_option_error("'auto'", "syntax error at or near a string: expected a COPY option", 0);
    check_option_error(";;", "syntax error at or near \";\": expected a COPY option", 1);
    check_option_error("; x", "syntax error at or near \"x\": expected a COPY option", 2);
}

#[test]
fn with_may_stand_before_any_option() {
    let with_noise = "WITH DELIMITER ',' WITH FORMAT AS CSV, WITH lzop WITH IGNOREHEADER 1";
    assert_eq!(options(with_noise), options("DELIMITER ',' CSV LZOP IGNOREHEADER 1"));
}

#[test]
fn a_copy_of_postgres_is_refused() {
    check_error(
        "COPY t FROM STDIN",
        "Redshift has no COPY FROM STDIN: the source must be an s3:// path",
        13,
    );
    check_error(
        "COPY t (a) FROM PROGRAM 'x'",
        "Redshift has no COPY FROM PROGRAM: the source must be an s3:// path",
        17,
    );
    check_error(
        "COPY t FROM '/etc/passwd'",
        "Redshift has no COPY FROM a file: the source must be an s3:// path",
        13,
    );
    check_error("COPY t TO STDOUT", "Redshift has no COPY TO: use UNLOAD", 8);
    check_error("COPY (SELECT 1) TO 'x'", "Redshift has no COPY of a query: use UNLOAD", 6);
    check_error(
        "COPY t FROM 'dynamodb://x'",
        "COPY FROM dynamodb:// is not emulated: only s3:// is",
        13,
    );
    check_error("COPY t FROM 's3:///k'", "the s3:// path names no bucket", 13);
    check_error(
        "COPY t FROM s3",
        "syntax error at or near \"s3\": expected an s3:// path in quotes",
        13,
    );
    check_error("COPY FROM 's3://b'", "syntax error at or near \"FROM\": expected a table", 6);
    check_error("COPY t (a b) FROM", "syntax error at or near \"b\": expected \",\" or \")\"", 11);
    check_error("SELECT 1", "syntax error at or near \"SELECT\": expected COPY", 1);
    check_error("/* ü */ COPY \"\"", "zero-length identifier", 14);
}

#[test]
fn exactly_one_authorization_is_required() {
    let sql = |authorization: &str| format!("COPY t FROM 's3://b/k' {authorization} JSON");
    for good in [
        "IAM_ROLE 'arn:a,arn:b'",
        "IAM_ROLE default",
        "IAM_ROLE AS 'arn:a'",
        "WITH IAM_ROLE AS DEFAULT",
        "WITH CREDENTIALS AS 'aws_iam_role=arn:aws:iam::1:role/r'",
        "credentials 'aws_access_key_id=a;aws_secret_access_key=b;token=c'",
        "ACCESS_KEY_ID 'a' SECRET_ACCESS_KEY AS 'b' SESSION_TOKEN 'c'",
        "SECRET_ACCESS_KEY 'b' GZIP ACCESS_KEY_ID AS 'a'",
    ] {
        parse(&sql(good)).expect(good);
    }
    let missing = "COPY needs an authorization: IAM_ROLE, CREDENTIALS or ACCESS_KEY_ID";
    check_error("COPY t FROM 's3://b/k' JSON", missing, 28);
    let several = "only one of IAM_ROLE, CREDENTIALS and ACCESS_KEY_ID may be given";
    check_error(&sql("IAM_ROLE default ACCESS_KEY_ID 'a'"), several, 41);
    let half = "ACCESS_KEY_ID and SECRET_ACCESS_KEY must be given together";
    check_error("COPY t FROM 's3://b/k' ACCESS_KEY_ID 'a'", half, 41);
    let parts = "CREDENTIALS needs either aws_iam_role or both aws_access_key_id and \
                 aws_secret_access_key";
    check_error(&sql("CREDENTIALS ''"), parts, 36);
    check_error(&sql("CREDENTIALS 'aws_access_key_id=a'"), parts, 36);
    check_error(&sql("CREDENTIALS 'sesame'"), "CREDENTIALS has a part that is not name=value", 36);
    check_error(&sql("IAM_ROLE 'a,,b'"), "IAM_ROLE names an empty role", 33);
}

#[test]
fn secrets_are_in_no_output() {
    let secrets = "AKIASECRET";
    for sql in [
        "COPY t FROM 's3://b/k' ACCESS_KEY_ID 'AKIASECRET1' SECRET_ACCESS_KEY 'AKIASECRET2' \
         SESSION_TOKEN 'AKIASECRET3'",
        "COPY t FROM 's3://b/k' CREDENTIALS \
         'aws_access_key_id=AKIASECRET1;aws_secret_access_key=AKIASECRET2;token=AKIASECRET3'",
        "COPY t FROM 's3://b/k' IAM_ROLE default ENCRYPTED \
         MASTER_SYMMETRIC_KEY 'AKIASECRET'",
    ] {
        let statement = parse(sql).unwrap();
        assert!(!format!("{statement:?}").contains(secrets), "{statement:?}");
        assert!(!statement.to_string().contains(secrets), "{statement}");
        assert!(statement.to_string().contains("***"), "{statement}");
        // Whatever is wrong: an error quotes no string.
        for broken in [format!("{sql} 'x"), format!("{sql} 'AKIASECRET'"), format!("{sql}z'")] {
            assert!(!format!("{:?}", parse(&broken)).contains(secrets), "{broken}");
        }
        let unquoted = sql.replace("'AKIASECRET1'", "AKIASECRET1");
        assert!(!format!("{:?}", parse(&unquoted)).contains(secrets), "{unquoted}");
    }
    for broken in ["CREDENTIALS 'AKIASECRET=x'", "CREDENTIALS 'aws_iam_role=a;AKIASECRET'"] {
        let error = parse(&format!("COPY t FROM 's3://b/k' {broken}")).unwrap_err();
        assert!(!format!("{error:?}").contains(secrets), "{error:?}");
    }
    let role = "COPY t FROM 's3://b/k' CREDENTIALS 'aws_iam_role=arn:r'";
    let Authorization::Credentials(parts) = parse(role).unwrap().authorization else {
        panic!("credentials were read as something else");
    };
    assert_eq!(parts, [(CredentialName::IamRole, Secret::new("arn:r"))]);
}

#[test]
fn a_statement_prints_with_every_name_and_string_quoted() {
    let sql = r#"copy Dev."P q".T("a""b", C) from 's3://b/o''clock\\x' with credentials as
        'aws_iam_role=arn:x' json 's3://b/p' gzip manifest, ignoreheader 1 maxerror 7 region 'r'
        compupdate off statupdate timeformat 'YYYY' acceptinvchars"#;
    // A line per option, to be read.
    let printed = parse(sql).unwrap().to_string();
    let printed = ["FROM", "CREDENTIALS", "FORMAT", "GZIP", "REGION", "IGNOREHEADER", "COMPUPDATE"]
        .into_iter()
        .fold(printed, |text, word| text.replace(&format!(" {word} "), &format!("\n{word} ")));
    insta::assert_snapshot!(printed, @r#"
    COPY "dev"."P q"."t" ("a""b", "c")
    FROM 's3://b/o''clock\\x'
    CREDENTIALS 'aws_iam_role=arn:x'
    FORMAT AS JSON 's3://b/p'
    GZIP MANIFEST
    REGION AS 'r' ACCEPTINVCHARS AS '?' TIMEFORMAT AS 'YYYY'
    IGNOREHEADER 1 MAXERROR 7
    COMPUPDATE OFF STATUPDATE ON
    "#);
}
