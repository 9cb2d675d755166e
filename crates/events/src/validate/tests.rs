//! The rules on a small table that has every kind of column, and properties on any input.

use proptest::prelude::*;

use super::*;

const TABLE: &str = "CREATE TABLE t (
    row_number BIGINT IDENTITY(1,1) NOT NULL,
    id VARCHAR(8) NOT NULL,
    name VARCHAR(4) NOT NULL,
    code CHAR(3),
    small SMALLINT, whole INTEGER, big BIGINT, counted INTEGER NOT NULL,
    price DECIMAL(5,2), ratio REAL, exact DOUBLE PRECISION,
    flag BOOLEAN,
    day DATE, clock TIME, at TIMESTAMP, at_zone TIMESTAMPTZ,
    anything SUPER, raw VARBYTE
)";

fn validator() -> Validator {
    Validator::new(Table::parse(TABLE).unwrap(), "id").unwrap()
}

/// An event with the required keys, and `extra` behind them.
fn body(extra: &str) -> String {
    format!(r#"{{"id": "a", "name": "n", "counted": 1{extra}}}"#)
}

fn refusal(body: &str) -> Refusal {
    match validator().validate(body) {
        Verdict::Refused(refusal) => refusal,
        Verdict::Valid(event) => panic!("should be refused: {}", event.line),
    }
}

fn check_refused(body: &str, rule: Rule, reason: &str) {
    let refusal = refusal(body);
    assert_eq!((refusal.rule, refusal.reason.as_str()), (rule, reason), "{body}");
}

fn check_valid(body: &str) -> (String, String) {
    match validator().validate(body) {
        Verdict::Valid(event) => (event.id, event.line.into_owned()),
        Verdict::Refused(refusal) => panic!("{}: {body}", refusal.reason),
    }
}

/// A value of one column: `Ok` if it fits, else the rule's code.
fn check_value(column: &str, value: &str, expected: Result<(), &str>) {
    let body = body(&format!(r#", "{column}": {value}"#));
    let judged = match validator().validate(&body) {
        Verdict::Valid(_) => Ok(()),
        Verdict::Refused(refusal) => {
            assert_eq!(refusal.field.as_deref(), Some(column), "{body}: {}", refusal.reason);
            Err(refusal.rule.code())
        }
    };
    assert_eq!(judged, expected, "{column}: {value}");
}

#[test]
fn a_message_must_be_one_json_object() {
    check_refused("", Rule::NotJson, "the message is empty, an event is one JSON object");
    check_refused(" \n", Rule::NotJson, "the message is empty, an event is one JSON object");
    check_refused(
        "hello",
        Rule::NotJson,
        "the message is not JSON: expected value at line 1 column 1",
    );
    check_refused(
        r#"{"id": "a", "name"}"#,
        Rule::NotJson,
        "the message is not JSON: expected `:` at line 1 column 19",
    );
    check_refused("{\"id\"", Rule::NotJson, "the message ends in the middle of its JSON");
    check_refused("[1", Rule::NotJson, "the message ends in the middle of its JSON");
    let array = "an event is one JSON object, the message is an array; send each of its objects as \
                 a message of its own";
    check_refused(&format!("[{}]", body("")), Rule::NotAnObject, array);
    for scalar in ["42", "\"a\"", "null", "true"] {
        assert_eq!(refusal(scalar).rule, Rule::NotAnObject, "{scalar}");
    }
    for python in [r#"{"id": NaN}"#, "{'id': 1}", r#"{"id": True}"#, r#"{"id": 1,}"#] {
        assert_eq!(refusal(python).rule, Rule::NotJson, "{python}");
    }
    check_refused(
        &format!("{} {{\"id\": 2}}", body("")),
        Rule::TrailingCharacters,
        r#"{"id": 2} follows the event's closing brace; a message is one object"#,
    );
    check_refused(
        &format!("{}\n,", body("")),
        Rule::TrailingCharacters,
        ", follows the event's closing brace; a message is one object",
    );
    assert_eq!(refusal("\u{feff}{}").rule, Rule::NotJson, "a byte order mark");
    assert_eq!(refusal("{\"id\": \"a\tb\"}").rule, Rule::NotJson, "a raw tab in a string");
}

#[test]
fn a_refusal_still_knows_the_id_where_it_can() {
    let check = |body: &str, id: Option<&str>| {
        assert_eq!(refusal(body).id.as_deref(), id, "{body}");
    };
    check(r#"{"id": "a", "name": "n"}"#, Some("a"));
    check(r#"{"id": "a", "name": "#, Some("a"));
    check(r#"{"id": "#, None);
    check(r#"{"id": "too long for it"}"#, None);
    check(r#"{"name": "n"}"#, None);
    check(r#"[{"id": "a"}]"#, None);
}

#[test]
fn keys_are_matched_as_they_are_written() {
    check_valid(&body(r#", "unknown": {"deep": [1]}, "NAME": 7, "row_number": "x""#));
    check_refused(
        r#"{"id": "a", "Name": "n", "counted": 1}"#,
        Rule::Missing,
        "name: the key is missing, and the column is NOT NULL",
    );
    // Of equal keys the last one counts, for better and for worse.
    check_valid(r#"{"id": "a", "name": "too long", "counted": 1, "name": "n"}"#);
    check_refused(
        r#"{"id": "a", "name": "n", "counted": 1, "name": null}"#,
        Rule::NotNull,
        "name: the value is null, and the column is NOT NULL",
    );
    check_valid(r#"{"\u0069d": "a", "n\u0061me": "n", "counted": 1}"#);
}

#[test]
fn empty_strings_are_null_except_in_text() {
    check_value("name", r#""""#, Ok(()));
    check_value("whole", r#""""#, Ok(()));
    check_value("whole", r#""  ""#, Ok(()));
    check_value("at", r#""""#, Ok(()));
    check_refused(
        &body(r#", "counted": """#),
        Rule::NotNull,
        "counted: an empty string loads as NULL into INTEGER, and the column is NOT NULL",
    );
    check_value("counted", "null", Err("not-null"));
}

#[test]
fn an_event_needs_an_id() {
    let check = |id: &str, expected: Result<&str, Rule>| {
        let body = format!(r#"{{"name": "n", "counted": 1, "id": {id}}}"#);
        let judged = match validator().validate(&body) {
            Verdict::Valid(event) => Ok(event.id),
            Verdict::Refused(refusal) => Err(refusal.rule),
        };
        assert_eq!(judged, expected.map(str::to_owned), "{id}");
    };
    check(r#""a b""#, Ok("a b"));
    check("12", Ok("12"));
    check(r#""12345678   ""#, Ok("12345678"));
    check(r#""\u00e9""#, Ok("é"));
    check(r#""""#, Err(Rule::NoId));
    check(r#""   ""#, Err(Rule::NoId));
    check("true", Err(Rule::NoId));
    check("{}", Err(Rule::NoId));
    check("null", Err(Rule::NotNull));
    check(r#""123456789""#, Err(Rule::TooLong));

    let table = Table::parse("CREATE TABLE t (id BIGINT)").unwrap();
    let by_number = Validator::new(table, "id").unwrap();
    let check = |body: &str, expected: Option<&str>| match by_number.validate(body) {
        Verdict::Valid(event) => assert_eq!(Some(event.id.as_str()), expected, "{body}"),
        Verdict::Refused(refusal) => assert_eq!(expected, None, "{}", refusal.reason),
    };
    check(r#"{"id": "+007"}"#, Some("7"));
    check(r#"{"id": -0}"#, Some("0"));
    check(r#"{"id": null}"#, None);
    check(r#"{"id": ""}"#, None);
    check("{}", None);
}

#[test]
fn a_table_must_have_a_fit_id_column() {
    let check = |id_column: &str, expected: &str| {
        let error = Validator::new(Table::parse(TABLE).unwrap(), id_column).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check("order_id", "the table t has no column order_id to tell events apart by");
    check("row_number", "the table t has no column row_number to tell events apart by");
    check("at", "the column at of type TIMESTAMP cannot tell events apart");
}

#[test]
fn text_is_measured_in_bytes() {
    check_value("name", r#""äö""#, Ok(()));
    check_value("name", r#""äö ""#, Ok(()));
    check_value("name", r#""abcd     ""#, Ok(()));
    check_value("name", r#""\ud83d\ude00""#, Ok(()));
    check_value("name", "1234", Ok(()));
    check_value("name", "true", Ok(()));
    check_value("name", "[1]", Ok(()));
    check_value("name", "[1, 2]", Err("too-long"));
    check_value("name", r#""abcd\t""#, Err("too-long"));
    check_value("name", r#""a\u0000""#, Err("nul-character"));
    check_value("code", r#""abc""#, Ok(()));
    check_value("code", r#""abc ""#, Ok(()));
    check_value("code", r#""abcd""#, Err("too-long"));
    check_value("code", r#""é""#, Err("multibyte"));
    check_refused(
        &body(r#", "name": "äöü""#),
        Rule::TooLong,
        "name: \"äöü\" has 6 bytes, the column takes 4 (lengths count bytes, not characters)",
    );
    check_refused(
        &body(&format!(r#", "name": "{}""#, "x".repeat(80))),
        Rule::TooLong,
        &format!("name: \"{}… has 80 bytes, the column takes 4", "x".repeat(63)),
    );
}

#[test]
fn numbers_are_judged_by_their_text() {
    for fitting in ["7", "-7", r#""+7""#, r#"" 7 ""#, r#""007""#, "2147483647", "-2147483648"] {
        check_value("whole", fitting, Ok(()));
    }
    for odd in ["1.0", "1e3", "true", r#""12a""#, r#""0x7""#, r#""+""#, r#""1 2""#, "[]", r#""٣""#]
    {
        check_value("whole", odd, Err("integer"));
    }
    check_value("whole", "2147483648", Err("integer-range"));
    check_value("whole", "-2147483649", Err("integer-range"));
    check_value("whole", r#""99999999999999999999999999""#, Err("integer-range"));
    check_value("small", "32768", Err("integer-range"));
    check_value("big", "9223372036854775807", Ok(()));
    check_value("big", "9223372036854775808", Err("integer-range"));
    check_refused(
        &body(r#", "whole": "12a""#),
        Rule::Integer,
        "whole: \"12a\" is not an INTEGER (digits with an optional sign)",
    );
    for fitting in ["999.99", "-999.999999", r#"".5""#, "0.001", r#""1.""#, r#""+0012.5""#] {
        check_value("price", fitting, Ok(()));
    }
    check_value("price", "1000", Err("decimal-range"));
    for odd in ["1e2", "0e99", r#""1,5""#, r#"".""#, r#""NaN""#, "true", r#""1e""#] {
        check_value("price", odd, Err("decimal"));
    }
    for fitting in ["1.5", "1.0E4", r#""NaN""#, "0", "0e-999", "-1e30"] {
        check_value("ratio", fitting, Ok(()));
    }
    check_value("ratio", "1e39", Err("float"));
    check_value("exact", "1e39", Ok(()));
    check_value("exact", "1e309", Err("float"));
    check_value("exact", "1e-999", Err("float"));
    check_value("exact", r#""1.5x""#, Err("float"));
}

#[test]
fn booleans_are_a_few_words() {
    for fitting in ["true", "false", "1", "0", r#""t""#, r#""YES""#, r#""n""#, r#""False""#] {
        check_value("flag", fitting, Ok(()));
    }
    for odd in ["2", "1.0", r#""on""#, r#""tr""#, r#""maybe""#, "[]"] {
        check_value("flag", odd, Err("boolean"));
    }
}

#[test]
fn times_and_other_types_are_judged() {
    check_value("at", r#""2019-02-11T05:09:12.195Z""#, Ok(()));
    check_value("at_zone", r#""2019-02-11 06:09:12.195000+0100""#, Ok(()));
    check_value("at", "20190211", Ok(()));
    check_value("day", r#""2019-02-11""#, Ok(()));
    check_value("day", r#""11.02.2019""#, Err("date"));
    check_value("clock", r#""05:09""#, Ok(()));
    check_value("clock", r#""noon""#, Err("time"));
    check_value("anything", r#"{"a": [1, {"b": "\u0000"}]}"#, Ok(()));
    check_value("raw", "null", Ok(()));
    check_value("raw", r#""00""#, Err("unsupported-type"));
    check_refused(
        &body(r#", "at": 1549861752195"#),
        Rule::Timestamp,
        "at: 1549861752195 is not a TIMESTAMP (such as 2019-02-11 05:09:12.195); TIMEFORMAT 'auto' \
         does not take epoch numbers",
    );
}

#[test]
fn what_json_readers_stumble_over_is_refused_anywhere() {
    check_value("unknown", r#""\ud800""#, Err("unpaired-surrogate"));
    check_value("unknown", r#"["\udc00"]"#, Err("unpaired-surrogate"));
    check_value("unknown", r#""\ud800\ud800\udc00""#, Err("unpaired-surrogate"));
    check_value("unknown", r#""\ud83d\ude00 \\ud800 \u0000""#, Ok(()));
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check_value("unknown", &nested(NESTING_MAX - 1), Ok(()));
    check_value("unknown", &nested(NESTING_MAX), Err("too-deep"));
    check_value("unknown", &nested(500_000), Err("too-deep"));
    assert_eq!(refusal(&nested(500_000)).rule, Rule::NotAnObject);
    assert_eq!(refusal(&"{\"a\":".repeat(500_000)).rule, Rule::NotJson);
    let large = body(&format!(r#", "unknown": "{}""#, "x".repeat(OBJECT_BYTES_MAX)));
    assert_eq!(refusal(&large).rule, Rule::TooLarge);
}

#[test]
fn the_line_is_the_object_and_nothing_else() {
    let (id, line) = check_valid("\r\n {\"id\": \"a\",\r\n\t\"name\": \"n\",\n \"counted\":1} \n");
    assert_eq!(
        (id.as_str(), line.as_str()),
        ("a", "{\"id\": \"a\",  \t\"name\": \"n\",  \"counted\":1}")
    );
    let plain = body("");
    match validator().validate(&plain) {
        Verdict::Valid(event) => {
            assert!(matches!(event.line, Cow::Borrowed(line) if line == plain))
        }
        Verdict::Refused(refusal) => panic!("{}", refusal.reason),
    }
}

#[test]
fn rule_codes_are_distinct() {
    let codes: std::collections::HashSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
    assert_eq!(codes.len(), Rule::ALL.len());
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[-+0-9.eETZ: ]{0,16}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>().prop_filter_map("JSON", |number| serde_json::to_string(&number).ok()),
        Just("\"\\ud800\"".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(|values| format!("[{}]", values.join(",\n")))
    })
}

fn any_body() -> impl Strategy<Value = String> {
    let columns = Table::parse(TABLE).unwrap().columns;
    let names: Vec<_> = columns.into_iter().map(|column| column.name).collect();
    let fields = prop::collection::vec((prop::sample::select(names), any_value()), 0..8);
    let required = prop::bool::weighted(0.8);
    (fields, required, "[ \n\r\t]{0,3}").prop_map(|(fields, is_complete, blank)| {
        let start =
            if is_complete { r#""id": "a", "name": "n", "counted": 1"# } else { "\"x\": 1" };
        let fields: String =
            fields.iter().map(|(name, value)| format!(",{blank}\"{name}\":{value}")).collect();
        format!("{blank}{{{blank}{start}{fields}}}{blank}")
    })
}

proptest! {
    #[test]
    fn no_message_makes_the_validator_panic(body in ".*", cut in 0_usize..200, near in any_body()) {
        let validator = validator();
        validator.validate(&body);
        let end = near.char_indices().map(|(index, _)| index).nth(cut).unwrap_or(near.len());
        validator.validate(&near[..end]);
        validator.validate(&format!("{}{body}{}", &near[..end], &near[end..]));
    }

    #[test]
    fn a_valid_event_s_line_is_the_same_json_on_one_line(body in any_body()) {
        if let Verdict::Valid(event) = validator().validate(&body) {
            prop_assert!(!event.line.contains(['\n', '\r']));
            let line: serde_json::Value = serde_json::from_str(&event.line).unwrap();
            let whole: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(line, whole);
            prop_assert!(!event.id.trim().is_empty());
        }
    }
}
