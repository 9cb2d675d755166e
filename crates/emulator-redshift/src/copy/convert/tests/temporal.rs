//! Dates and times in every format.

use super::*;

const TIMESTAMP: &str = "timestamp without time zone";
const TIMESTAMPTZ: &str = "timestamp with time zone";

fn check_bad(options: &str, column: &str, text: &str, code: i32, reason: &str) {
    let found = convert(options, column, text.as_bytes());
    assert_eq!(found, Err((code, reason.to_string(), 0)), "{column} {options}: {text:?}");
}

#[test]
fn the_default_timestamp_is_date_and_time() {
    for (text, expected) in [
        ("2019-08-06 10:11:12.123456", "2019-08-06 10:11:12.123456"),
        ("2019-08-06 10:11:12", "2019-08-06 10:11:12"),
        ("2019-08-06 10:11:12.5", "2019-08-06 10:11:12.5"),
        // PostgreSQL rounds digits beyond microseconds. [?] §10
        ("2019-08-06 10:11:12.1234569", "2019-08-06 10:11:12.1234569"),
        ("2019-08-06 10:11:12.12345678901234567890", "2019-08-06 10:11:12.123456789012345"),
        // "TIMESTAMP target without time" §10
        ("2019-08-06", "2019-08-06 00:00:00"),
        (" 2020-02-29 23:59:59 ", "2020-02-29 23:59:59"),
    ] {
        check(TIMESTAMP, text, expected);
    }
    let reason = "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]";
    for text in [
        "2019-02-29 00:00:00",
        "2019-13-01 00:00:00",
        "0000-01-01 00:00:00",
        "2019-08-06 24:00:00",
        "2019-08-06 23:60:00",
        "2019-08-06 23:59:60",
        "2019-08-06T10:11:12",
        "2019-08-06 10:11:12Z",
        "2019-08-06 10:11:12+01",
        "2019-08-06 10:11",
        "2019-08-06 10:11:12.",
        "2019-8-6 10:11:12",
        "08/06/2019",
        "1565086272",
        "yesterday",
        "2019-08-06 10:11:12 x",
        "2019-08-0ü 10:11:12",
    ] {
        check_bad("", TIMESTAMP, text, 1206, reason);
    }
}

#[test]
fn the_default_timestamptz_has_an_offset_or_is_utc() {
    for (text, expected) in [
        ("2019-08-06 10:11:12.123456+0100", "2019-08-06 10:11:12.123456+01:00"),
        ("2019-08-06 10:11:12+02", "2019-08-06 10:11:12+02:00"),
        ("2019-08-06 10:11:12-03:30", "2019-08-06 10:11:12-03:30"),
        ("2019-08-06 10:11:12 +05:45", "2019-08-06 10:11:12+05:45"),
        ("2019-08-06 10:11:12Z", "2019-08-06 10:11:12+00:00"),
        ("2019-08-06 10:11:12.5 PST", "2019-08-06 10:11:12.5-08:00"),
        ("2019-08-06 10:11:12 cest", "2019-08-06 10:11:12+02:00"),
        ("2019-08-06 10:11:12", "2019-08-06 10:11:12+00:00"),
        ("2019-08-06", "2019-08-06 00:00:00+00:00"),
        // Names of zones, at both times of the year, and when the clocks are set.
        ("2020-07-01 12:00:00 America/New_York", "2020-07-01 12:00:00-04:00"),
        ("2020-01-01 12:00:00 america/new_york", "2020-01-01 12:00:00-05:00"),
        ("2020-07-01 12:00:00.25 US/Pacific", "2020-07-01 12:00:00.25-07:00"),
        ("2020-07-01 12:00:00 Asia/Kolkata", "2020-07-01 12:00:00+05:30"),
        ("2020-07-01 12:00:00 Etc/GMT+5", "2020-07-01 12:00:00-05:00"),
        ("2018-03-11 02:30:00 America/New_York", "2018-03-11 02:30:00-05:00"),
        ("2018-11-04 01:30:00 America/New_York", "2018-11-04 01:30:00-05:00"),
        ("1800-01-01 00:00:00 America/New_York", "1800-01-01 00:00:00-04:56:02"),
    ] {
        check(TIMESTAMPTZ, text, expected);
    }
    let reason = "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SSOF]";
    for text in [
        "2019-08-06 10:11:12+16",
        "2019-08-06 10:11:12+01:60",
        "2019-08-06 10:11:12+",
        "2019-08-06 10:11:12 XYZ",
        "2019-08-06 10:11:12 Europe/Nowhere",
        "2019-08-06 10:11:12 Etc/Unknown",
        "2019-08-06 10:11:12 ../../etc/localtime",
        "2019-08-06T10:11:12Z",
        "2019-08-06 10:11:12+01:00:00:00",
        "2019-08-06 10:11:12+ü",
    ] {
        check_bad("", TIMESTAMPTZ, text, 1206, reason);
    }
}

/// The forms of the guide's table "Using automatic recognition", §10.
const AUTOMATIC: [(&str, &str); 46] = [
    ("J2451187", "1999-01-08 00:00:00"),
    ("Jan-08-95 BC", "0095-01-08 00:00:00 BC"),
    ("1996-01-08", "1996-01-08 00:00:00"),
    ("19960108", "1996-01-08 00:00:00"),
    ("960108", "1996-01-08 00:00:00"),
    ("19960108 040809", "1996-01-08 04:08:09"),
    ("960108 040809", "1996-01-08 04:08:09"),
    ("1996.008", "1996-01-08 00:00:00"),
    ("1996-01-08 040809", "1996-01-08 04:08:09"),
    ("1996-01-08 04:05:06.789", "1996-01-08 04:05:06.789"),
    ("17 Dec 07:37:16 1997 PST", "1997-12-17 07:37:16"),
    ("Wed 17 Dec 07:37:16 1997 PST", "1997-12-17 07:37:16"),
    ("12/17/1997 07:37:16.00 PST", "1997-12-17 07:37:16"),
    ("1997-12-17 07:37:16-08", "1997-12-17 07:37:16"),
    ("12.17.1997 07:37:16.00 PST", "1997-12-17 07:37:16"),
    ("2019-02-11T05:09:12.195Z", "2019-02-11 05:09:12.195"),
    ("2019-02-11t05:09:12", "2019-02-11 05:09:12"),
    ("20190211T050912", "2019-02-11 05:09:12"),
    ("20190211T050912Z", "2019-02-11 05:09:12"),
    ("20190211T050912.25Z", "2019-02-11 05:09:12.250000"),
    ("2019-02-11T05:09", "2019-02-11 05:09:00"),
    ("2019-02-11 05:09:12.123456789 +01:00", "2019-02-11 05:09:12.123456789"),
    ("January 8, 1999", "1999-01-08 00:00:00"),
    ("January 8, 99 BC", "0099-01-08 00:00:00 BC"),
    ("1/8/1999", "1999-01-08 00:00:00"),
    ("1/18/1999", "1999-01-18 00:00:00"),
    ("01/02/03", "2003-01-02 00:00:00"),
    ("1999-Jan-08", "1999-01-08 00:00:00"),
    ("Jan-08-1999", "1999-01-08 00:00:00"),
    ("08-Jan-1999", "1999-01-08 00:00:00"),
    ("08-Jan-69", "2069-01-08 00:00:00"),
    ("1999-01-08 04:05 AM", "1999-01-08 04:05:00"),
    ("1999-01-08 04:05PM", "1999-01-08 16:05:00"),
    ("1999-01-08 12:30 am", "1999-01-08 00:30:00"),
    ("1999-01-08 12:30 PM", "1999-01-08 12:30:00"),
    ("04:05:06 19990108", "1999-01-08 04:05:06"),
    ("1999-01-08 00:30 pm", "1999-01-08 12:30:00"),
    ("1/8/1999 04:05:06.1234565", "1999-01-08 04:05:06.123457"),
    ("1/8/1999 04:05:06.9999999", "1999-01-08 04:05:06.999999"),
    ("1999-01-08 4:5:6", "1999-01-08 04:05:06"),
    ("January 8 04:05:06 1999 PST", "1999-01-08 04:05:06"),
    ("2000.366", "2000-12-31 00:00:00"),
    ("1999-1-8", "1999-01-08 00:00:00"),
    ("1999/01/08 AD", "1999-01-08 00:00:00"),
    ("8 Sept 1999", "1999-09-08 00:00:00"),
    ("0044-03-15 BC", "0044-03-15 00:00:00 BC"),
];

#[test]
fn automatic_recognition_takes_the_guides_forms() {
    // "YYYYMMDD HHMISS" without its blank: taken by the PostgreSQL that Redshift comes from. [?]
    let digits = ("20190211051015", "2019-02-11 05:10:15");
    let zoned = ("2020-07-01 12:00:00 America/New_York", "2020-07-01 12:00:00");
    for (text, expected) in AUTOMATIC.into_iter().chain([digits, zoned]) {
        check_with("TIMEFORMAT 'auto'", TIMESTAMP, text, expected);
    }
    for (text, expected) in [
        ("2019-02-11T05:09:12.195Z", "2019-02-11 05:09:12.195+00:00"),
        ("2019-08-06T10:11:12.5+0200", "2019-08-06 10:11:12.5+02:00"),
        ("17 Dec 07:37:16 1997 PST", "1997-12-17 07:37:16-08:00"),
        ("1997-12-17 07:37:16-08", "1997-12-17 07:37:16-08:00"),
        ("12.17.1997 07:37:16.00 PST", "1997-12-17 07:37:16-08:00"),
        ("12/17/1997 07:37:16-0330", "1997-12-17 07:37:16-03:30"),
        ("Jan-08-95 BC", "0095-01-08 00:00:00+00:00 BC"),
        ("J2451187 04:05:06 +01:02:03", "1999-01-08 04:05:06+01:02:03"),
        ("2020-07-01T12:00:00 America/New_York", "2020-07-01 12:00:00-04:00"),
        ("Jan 8 1999 10:00 PM America/Argentina/Buenos_Aires", "1999-01-08 22:00:00-03:00"),
        ("1/8/12345 04:05:06 Europe/Berlin", "12345-01-08 04:05:06+01:00"),
        ("7/8/12345 04:05:06 Europe/Berlin", "12345-07-08 04:05:06+02:00"),
        ("20190211051015 US/Pacific", "2019-02-11 05:10:15-08:00"),
    ] {
        check_with("TIMEFORMAT 'auto'", TIMESTAMPTZ, text, expected);
    }
}

#[test]
fn automatic_recognition_refuses_the_rest() {
    let reason = "Invalid timestamp format or value [auto]";
    for text in [
        // "It does NOT take epoch numbers" §10
        "1565086272",
        "1565086272000",
        "now",
        "04:05:06",
        "1999",
        "Jan 1999",
        "1999-02-30",
        "1999-01-08 1999-01-09",
        "1999-01-08 25:00:00",
        "1999-01-08 04:05:06 04:05:06",
        "1999-01-08 Mars",
        "1999-01-08 10:00:00 America/Nowhere",
        "20190211241015",
        "20190211051015 10:00:00",
        "2019021105101",
        "2001.366",
        "1996-01-08 J2451187",
        "1996--08",
        "1996-01-08T",
        "0000-01-01",
        "J9999999999",
        "300000-01-01",
        "J0",
        "1999-01-08 13:00 AMPM",
        "1999-01-08 13:00 PM",
        "１９９９-01-08",
        // What a cast refuses.
        "04:05:06 1999-01-08",
        "Wed 12/17/1997 07:37:16",
        "08-Jan-99T040506",
        "1999-01/08",
        "1/8/1999 10:00:00.12345678901234567890123456789012345678901234567890",
    ] {
        check_bad("TIMEFORMAT 'auto'", TIMESTAMP, text, 1206, reason);
    }
    // The keywords are case-sensitive (§10): this is a pattern, and none.
    let sql = "COPY t FROM 's3://b/k' IAM_ROLE default JSON TIMEFORMAT 'AUTO'";
    let refusal = Rules::new(&parse(sql).unwrap().options).unwrap_err();
    assert_eq!(refusal.message, "TIMEFORMAT 'AUTO' is not a format of date and time");
}

#[test]
fn epochs_are_counted_in_utc() {
    for (format, text, expected) in [
        ("epochsecs", "0", "1970-01-01 00:00:00"),
        ("epochsecs", "1565086272", "2019-08-06 10:11:12"),
        ("epochsecs", "-1", "1969-12-31 23:59:59"),
        ("epochsecs", "1565086272.5", "2019-08-06 10:11:12.500000"),
        ("epochsecs", "-0.5", "1969-12-31 23:59:59.500000"),
        ("epochsecs", "-62135596801", "0001-12-31 23:59:59 BC"),
        ("epochsecs", "253402300800", "10000-01-01 00:00:00"),
        ("epochmillisecs", "1565086272123", "2019-08-06 10:11:12.123000"),
        ("epochmillisecs", "-1", "1969-12-31 23:59:59.999000"),
        ("epochmillisecs", "1.5", "1970-01-01 00:00:00.001500"),
    ] {
        check_with(&format!("TIMEFORMAT '{format}'"), TIMESTAMP, text, expected);
        let zoned = match expected.strip_suffix(" BC") {
            Some(head) => format!("{head}+00:00 BC"),
            None => format!("{expected}+00:00"),
        };
        check_with(&format!("TIMEFORMAT '{format}'"), TIMESTAMPTZ, text, &zoned);
    }
    for text in ["x", "2019-08-06", "1e9", "1.x", "99999999999999999999", "9223372036854775807"] {
        let reason = "Invalid timestamp format or value [epochsecs]";
        check_bad("TIMEFORMAT 'epochsecs'", TIMESTAMP, text, 1206, reason);
    }
}

#[test]
fn patterns_read_their_parts() {
    for (format, text, expected) in [
        ("MM.DD.YYYY HH:MI:SS", "08.06.2019 10:11:12", "2019-08-06 10:11:12"),
        ("MM.DD.YYYY HH:MI:SS", "8.6.2019  1:1:2.25", "2019-08-06 01:01:02.250000"),
        ("YYYYMMDDHHMISS", "20190806101112", "2019-08-06 10:11:12"),
        ("DD MON YY, HH12:MI AM", "06 aug 19, 12:05 AM", "2019-08-06 00:05:00"),
        ("DD MON YY HH:MI PM", "06 August 69 01:05 pm", "2069-08-06 13:05:00"),
        ("YYYY-MM-DDTHH24:MI:SS", "2019-08-06T10:11:12", "2019-08-06 10:11:12"),
        ("YYYY/MM/DD", "2019/08/06", "2019-08-06 00:00:00"),
        ("yyyy-mm-dd hh:mi:ss.", "2019-08-06 10:11:12.", "2019-08-06 10:11:12"),
        // What is no part stands for itself.
        ("YYYY-MM-DDTHH:MI:SSZ", "2019-08-06T10:11:12Z", "2019-08-06 10:11:12"),
        ("YYYY-MM-DDTHH24:MI:SSZ", "2019-08-06T10:11:12.5Z", "2019-08-06 10:11:12.500000"),
        ("YYYY-MM-DDTHH:MI:SS.000Z", "2019-08-06T10:11:12.345Z", "2019-08-06 10:11:12.345000"),
        ("YYYY-MM-DD HH:MI:SS.000000", "2019-08-06 10:11:12.3", "2019-08-06 10:11:12.300000"),
        ("YYYY-MM-DD\"T\"HH24:MI:SS", "2019-08-06T10:11:12", "2019-08-06 10:11:12"),
        ("DD \"day of\" MON YYYY", "6 day of Aug 2019", "2019-08-06 00:00:00"),
        ("YYYY_MM_DD", "2019_08_06", "2019-08-06 00:00:00"),
        ("20YY?MM;DD", "2019?08;06", "2019-08-06 00:00:00"),
        ("YYYY年MM月DD日", "2019年8月6日", "2019-08-06 00:00:00"),
        // "If the source data for a TIMESTAMP column omits time information, 00:00:00 is used."
        ("YYYY-MM-DD HH:MI:SS", "2019-02-11", "2019-02-11 00:00:00"),
        ("MM.DD.YYYY HH:MI:SS", "08.06.2019 ", "2019-08-06 00:00:00"),
        ("YYYY-MM-DDTHH:MI:SS.000Z", "2019-02-11", "2019-02-11 00:00:00"),
    ] {
        check_with(&format!("TIMEFORMAT '{format}'"), TIMESTAMP, text, expected);
        let zoned = format!("{expected}+00:00");
        check_with(&format!("TIMEFORMAT '{format}'"), TIMESTAMPTZ, text, &zoned);
    }
    for (format, text) in [
        ("MM.DD.YYYY HH:MI:SS", "08/06/2019 10:11:12"),
        ("MM.DD.YYYY HH:MI:SS", "13.06.2019 10:11:12"),
        ("MM.DD.YYYY HH:MI:SS", "08.06.2019 10:11"),
        ("HH12 AM YYYY-MM-DD AM", "05 AM 2019-01-01"),
        ("YYYY-MM-DDZ", "2019-01-01"),
        ("YYYY-MM-DDTHH:MI:SSZ", "2019-01-02T03:04:05"),
        ("YYYY-MM-DDTHH:MI:SSZ", "2019-01-02T03:04:05+00"),
        ("YYYY-MM-DD HH:MI:SS.000", "2019-01-02 03:04:05"),
        ("YYYY-MM-DD HH:MI:SS.000", "2019-01-02 03:04:05.x"),
        // A time has no date.
        ("HH:MI:SS", "10:11:12"),
        ("HH:MI:SS", "2019-08-06 10:11:12"),
        ("MM.DD.YYYY HH:MI:SS", "08.06.2019 10:11:12 x"),
        ("YYYY/MM/DD", "2019/08/06 10:11:12"),
        ("YYYY-MM-DD HH12:MI:SS", "2019-08-06 13:11:12"),
        ("YYYY-MM-DD", "0000-01-01"),
        ("YYYY-MON-DD", "2019-xyz-01"),
    ] {
        let reason = format!("Invalid timestamp format or value [{format}]");
        check_bad(&format!("TIMEFORMAT '{format}'"), TIMESTAMP, text, 1206, &reason);
    }
    for format in [
        "YYYY-MM-DD HH:MI:SSOF",
        "YYYY-MM-DD HH:MI:SS TZ",
        "YYYY-MM-DD HH:MI:SStz",
        "YYYY-MM-DD HH:MI:SS.SSS",
        "YYYY-MM",
        "MM HH:MI",
        "",
        "MI:SS",
        "YYYY-MM-DD \"T",
        "ü",
    ] {
        let sql = format!("COPY t FROM 's3://b/k' IAM_ROLE default JSON TIMEFORMAT '{format}'");
        assert!(Rules::new(&parse(&sql).unwrap().options).is_err(), "{format}");
    }
}

#[test]
fn dates_follow_dateformat() {
    check("date", "2019-08-06", "2019-08-06");
    // "DATE target: time part cut" §10
    check("date", "2019-08-06 10:11:12", "2019-08-06");
    check("date", "2019-08-06T10:11:12Z", "2019-08-06");
    for (format, text, expected) in [
        ("auto", "2019-08-06", "2019-08-06"),
        ("auto", "1/18/1999", "1999-01-18"),
        ("auto", "J2451187", "1999-01-08"),
        ("auto", "2019-02-11T05:09:12.195Z", "2019-02-11"),
        ("auto", "Jan-08-95 BC", "0095-01-08 BC"),
        ("DD/MM/YYYY", "06/08/2019", "2019-08-06"),
        ("DD/MM/YYYY", "06/08/2019 10:11", "2019-08-06"),
        ("YYYYMMDD HH:MI", "20190806", "2019-08-06"),
        ("MON DD YYYY", "AUG 6 2019", "2019-08-06"),
        ("YYYY-MM-DDTHH:MI:SSZ", "2019-08-06", "2019-08-06"),
    ] {
        check_with(&format!("DATEFORMAT AS '{format}'"), "date", text, expected);
    }
    let short = "Invalid Date Format - length must be 10 or more";
    check_bad("", "date", "2019-8-6", 1205, short);
    check_bad("", "date", "x", 1205, short);
    let default = "Invalid date format or value [YYYY-MM-DD]"; // [?]
    check_bad("", "date", "2019-02-30", 1205, default);
    check_bad("", "date", "2019-08-06x", 1205, default);
    check_bad("", "date", "2019-08-06Z", 1205, default);
    let pattern = "Invalid date format or value [DD/MM/YYYY]";
    check_bad("DATEFORMAT 'DD/MM/YYYY'", "date", "2019-08-06", 1205, pattern);
    check_bad("DATEFORMAT 'DD/MM/YYYY'", "date", "06/08/2019x", 1205, pattern);
    let auto = "Invalid date format or value [auto]";
    check_bad("DATEFORMAT 'auto'", "date", "soon", 1205, auto);
    let sql = "COPY t FROM 's3://b/k' IAM_ROLE default DATEFORMAT 'HH:MI:SS'";
    assert!(Rules::new(&parse(sql).unwrap().options).is_err());
}

#[test]
fn acceptanydate_makes_null_of_what_does_not_match() {
    for column in ["date", TIMESTAMP, TIMESTAMPTZ] {
        check_with("ACCEPTANYDATE DATEFORMAT 'auto'", column, "00/00/00 00:00:00", "\\N");
        check_with("ACCEPTANYDATE", column, "soon", "\\N");
    }
    check_with("ACCEPTANYDATE", "date", "2019-08-06", "2019-08-06");
    assert!(convert("ACCEPTANYDATE", "integer", b"soon").is_err());
}
