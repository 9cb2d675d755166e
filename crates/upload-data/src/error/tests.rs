//! What errors say, and what is read out of them.

use super::*;

#[test]
fn a_bad_row_names_file_line_column_value_and_reason() {
    let mut reject = RejectedRow {
        url: "s3://lake/events/a.json".to_owned(),
        line_number: "3".to_owned(),
        column: "user_id".to_owned(),
        value: "x1".to_owned(),
        reason: "Invalid digit".to_owned(),
        raw_line: r#"{"user_id":"x1"}"#.to_owned(),
    };
    let error = LoadError::BadRows { rejects: vec![reject.clone()] };
    insta::assert_snapshot!(error, @r#"COPY could not load s3://lake/events/a.json line 3, column user_id, value "x1": Invalid digit"#);
    reject.column.clear();
    reject.value.clear();
    insta::assert_snapshot!(reject, @"s3://lake/events/a.json line 3: Invalid digit");
    let error = LoadError::BadRows { rejects: vec![reject; 12] }.to_string();
    assert!(error.ends_with("Invalid digit; and 2 more"), "{error}");
}

#[test]
fn only_what_passes_is_worth_another_try() {
    let refused = |sqlstate: &str, message: &str| StatementError::Refused {
        sqlstate: sqlstate.to_owned(),
        message: message.to_owned(),
    };
    let lost = StatementError::Lost { reason: "reset".to_owned() };
    for (error, expected) in [
        (lost, true),
        (refused("40001", "could not serialize access"), true),
        (refused("XX000", "1023: Serializable isolation violation on table 1"), true),
        (refused("XX000", "1018: Relation does not exist."), true),
        (refused("40P01", "deadlock detected"), true),
        (refused("XX000", "S3ServiceException:x,Status 503,Error SlowDown,Rid R"), true),
        (refused("XX000", "S3CurlException: reset"), true),
        (refused("XX000", "S3ServiceException:x,Status 403,Error AccessDenied"), false),
        (refused("XX000", "Load into table 'events' failed."), false),
        (refused("42501", "permission denied"), false),
    ] {
        assert_eq!(error.is_transient(), expected, "{error}");
    }
}

#[test]
fn only_codes_that_an_object_can_cause_are_about_the_object() {
    let is_about_object = |code: &str| {
        let (bucket, operation) = ("lake".to_owned(), "copy a".to_owned());
        let (code, message) = (code.to_owned(), String::new());
        StoreError::Refused { bucket, operation, code, message }.is_about_object()
    };
    for code in ["AccessDenied", "InvalidObjectState", "EntityTooLarge", "KMS.DisabledException"] {
        assert!(is_about_object(code), "{code}");
    }
    for code in [
        "ExpiredToken",
        "InvalidAccessKeyId",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "ThrottlingException",
        "TooManyRequests",
        "OperationAborted",
        "SlowDown",
        "no error code",
    ] {
        assert!(!is_about_object(code), "{code}");
    }
}
