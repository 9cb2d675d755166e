//! Two independent readings of the guide meet: whatever the validator at the door lets through,
//! COPY must load. A text that only one of them takes would send a whole object to `rejected/`.

use std::collections::BTreeSet;
use std::fmt::Write;

use aws_sdk_s3::primitives::ByteStream;
use blueshift::Stack;
use blueshift::provision::sdk_config;
use events::{Table, Validator, Verdict};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio_postgres::{NoTls, SimpleQueryMessage};

const SEED: u64 = 7;
const TEXTS: usize = 40_000;
const CREATE_TABLE: &str = "CREATE TABLE door (id VARCHAR(16) NOT NULL, ts TIMESTAMP, \
    tz TIMESTAMPTZ, dt DATE, si SMALLINT, i INTEGER, b BIGINT, n DECIMAL(8,2), r REAL, \
    f DOUBLE PRECISION, t BOOLEAN, v VARCHAR(5), c CHAR(3))";
const COLUMNS: [&str; 12] = ["ts", "tz", "dt", "si", "i", "b", "n", "r", "f", "t", "v", "c"];

const DATES: [&str; 22] = [
    "2019-02-11",
    "2019/02/11",
    "02/11/2019",
    "12.17.1997",
    "19960108",
    "960108",
    "1996.008",
    "17 Dec 1997",
    "17 Dec",
    "Jan-08-95",
    "31-Jan-2000",
    "J2451187",
    "J0",
    "0001-01-01",
    "9999-12-31",
    "4713-01-01",
    "2020-02-29",
    "2019-02-29",
    "1900-02-29",
    "January 8, 1999",
    "",
    "1/8/99",
];
const TIMES: [&str; 16] = [
    "05:09:12",
    "05:09",
    "24:00:00",
    "23:59:59.999999",
    "23:59:59.9999999",
    "040506",
    "040506.789",
    "12:30",
    "00:00",
    "5:09:12",
    "05:09:60",
    "12:00:00.5",
    "",
    "13:00",
    "00:30",
    "235960",
];
const ZONES: [&str; 18] = [
    "Z", "z", "UTC", "PST", "CEST", "+01", "+0100", "-08:00", "+15:59", "AM", "pm", "BC", "ad", "",
    "", "", "", "UT",
];
const BETWEEN: [&str; 7] = [" ", " ", " ", "T", "", "  ", ","];
const NUMBERS: [&str; 24] = [
    "0",
    "-0",
    "+7",
    "42",
    " 42 ",
    "007",
    "32767",
    "32768",
    "-32768",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "999999.99",
    "999999.999",
    "1000000",
    "0.005",
    "1e3",
    "1E-3",
    ".5",
    "5.",
    "1.5e400",
    "NaN",
    "1,000",
];
const WORDS: [&str; 20] = [
    "true", "F", "yes", "no", "t", "y", "TRUE", "False", "1", "0", "2", "on", "ü", "abcde",
    "abcdef", "abcd ü", "a    ", "abc   ", "", "äöü",
];

/// A value that its column may well take; every tenth is put together without a plan.
fn value(random: &mut StdRng, column: &str) -> String {
    let mut pick = |pieces: &[&'static str]| *pieces.choose(random).expect("not empty");
    let unplanned = pick(&["", "", "", "", "", "", "", "", "", "x"]) == "x";
    match column {
        _ if unplanned => {
            let pools: [&[&'static str]; 6] = [&DATES, &TIMES, &ZONES, &BETWEEN, &NUMBERS, &WORDS];
            let drawn = pools.map(&mut pick);
            (0..3).map(|_| pick(&drawn)).collect()
        }
        "ts" | "tz" | "dt" => {
            let (date, time, zone) = (pick(&DATES), pick(&TIMES), pick(&ZONES));
            let (first, second) = (pick(&BETWEEN), pick(&BETWEEN));
            match pick(&["", "", "", "", "time first"]) {
                "" => format!("{date}{first}{time}{second}{zone}"),
                _ => format!("{time}{first}{date}{second}{zone}"),
            }
        }
        "t" | "v" | "c" => format!("{}{}", pick(&WORDS), pick(&["", "", " ", "e"])),
        _ => format!("{}{}", pick(&NUMBERS), pick(&["", "", " ", "0", ".0", "e1"])),
    }
}

/// Objects that the validator lets through, one value in one column each.
fn accepted(validator: &Validator) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for _ in 0..TEXTS {
        let column = COLUMNS.choose(&mut random).expect("not empty");
        let text = value(&mut random, column);
        if !seen.insert((column, text.clone())) {
            continue;
        }
        let id = lines.len().to_string();
        let event = serde_json::json!({ "id": id, *column: text }).to_string();
        if let Verdict::Valid(event) = validator.validate(&event) {
            lines.push(event.line.into_owned());
        }
    }
    lines
}

#[tokio::test]
async fn what_the_validator_lets_through_copy_loads() {
    let table = Table::parse(CREATE_TABLE).expect("the table is fine");
    let validator = Validator::new(table, "id").expect("id is a column");
    let lines = accepted(&validator);
    assert!(2_000 < lines.len(), "only {} of {TEXTS} values were accepted", lines.len());
    let stack = Stack::in_process().await.expect("the stack starts");
    let config = sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    s3.create_bucket().bucket("lake").send().await.expect("a bucket");
    let body = ByteStream::from(lines.join("\n").into_bytes());
    s3.put_object().bucket("lake").key("door.json").body(body).send().await.expect("an object");
    let (client, connection) =
        tokio_postgres::connect(&stack.endpoints().redshift_url(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    client.batch_execute(CREATE_TABLE).await.expect("the table is created");
    let copy = "COPY door FROM 's3://lake/door.json' IAM_ROLE default JSON 'auto' \
                TIMEFORMAT 'auto' MAXERROR 100000";
    client.batch_execute(copy).await.expect("COPY ends");
    let errors = "SELECT line_number, trim(colname), trim(raw_field_value), trim(err_reason) \
                  FROM stl_load_errors ORDER BY line_number LIMIT 30";
    let mut refused = String::new();
    for message in client.simple_query(errors).await.expect("stl_load_errors can be read") {
        if let SimpleQueryMessage::Row(row) = message {
            let fields: Vec<_> = (0..row.len()).map(|index| row.get(index).unwrap_or("")).collect();
            writeln!(refused, "{}", fields.join(" | ")).expect("a String takes everything");
        }
    }
    assert_eq!(refused, "", "seed {SEED}: COPY refuses what the validator lets through");
    let rows = client.query_one("SELECT COUNT(*) FROM door", &[]).await.expect("counted");
    assert_eq!(usize::try_from(rows.get::<_, i64>(0)), Ok(lines.len()));
    drop(client);
    stack.shutdown().await;
}
