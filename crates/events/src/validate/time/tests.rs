//! Every format of the guide's table, and what resembles them.

use super::*;

#[test]
fn what_auto_recognises_is_a_timestamp() {
    let check = |text: &str| assert!(is_timestamp(text), "{text}");
    // The guide's own examples.
    check("2019-02-11T05:09:12.195Z");
    check("J2451187");
    check("J2345678 04:05:06.789");
    check("Jan-08-95 BC");
    check("19960108 040809");
    check("960108 040809");
    check("1996.008");
    check("1996-01-08 04:05:06.789");
    check("17 Dec 07:37:16 1997 PST");
    check("12/17/1997 07:37:16.00 PST");
    check("1997-12-17 07:37:16-08");
    check("12.17.1997 07:37:16.00 PST");
    // The guide's date literals.
    check("January 8, 1999");
    check("1/8/1999");
    check("01/02/00");
    check("2000-Jan-31");
    check("Jan-31-2000");
    check("31-Jan-2000");
    check("20080215");
    check("080215");
    check("2008.366");
    // The prototype's own.
    check("2019-02-11 05:09:12.195000");
    check("2019-02-11 06:09:12.195000+0100");
    // Variations.
    check("2019-02-11");
    check("2019-02-11 05:09");
    check("2019-02-11T05:09:12");
    check("2019-02-11t05:09:12z");
    check("20190211T050912Z");
    check("2019-02-11 05:09:12 +01:00");
    check("2019-02-11 05:09:12.195 +05:30");
    check("2019-02-11 05:09:12 PM");
    check("2019-02-11 05:09:12PM CET");
    check("2019-02-11 05:09:12.123456789");
    check("2019/02/11 05:09:12");
    check("2020-02-29");
    check("2000-02-29");
    check("0001-01-01 BC");
    check("9999-12-31 23:59:59.999999");
    check("  2019-02-11  05:09:12 ");
}

#[test]
fn what_is_no_time_is_refused() {
    let check = |text: &str| assert!(!is_timestamp(text), "{text}");
    check("1549861752");
    check("1549861752195");
    check("1549861752.195");
    check("1549860112");
    check("0");
    check("20190211050912");
    check("yesterday");
    check("now");
    check("2019-02-30");
    check("2019-02-29 00:00:00");
    check("1900-02-29");
    check("2019-13-01");
    check("2019-00-10");
    check("2019-01-00");
    check("0000-01-01");
    check("2019.366");
    check("17/12/1997");
    check("19-02-11");
    check("2019-02");
    check("2019");
    check("05:09:12");
    check("2019-02-11 24:00:00");
    check("2019-02-11 24:00:01");
    check("J0 04:05:06");
    check("J9");
    check("J2451187 040506");
    check("4713-01-01 BC");
    check("2019-02-11 23:59:59bc");
    check("2019-02-11 23:59:59PST");
    check("02/11/2019 040506UT");
    check("00:00T2019-02-11");
    check("12:30T17 Dec 1997");
    check("31-Jan-2000T12:30");
    check("J2451187T23:59:59");
    check("00:00Dec 17 1997");
    check("2019-02-11 05:60:00");
    check("2019-02-11 05:09:61");
    check("2019-02-11 5");
    check("2019-02-11 05:9:12");
    check("2019-02-11 05:09:12.");
    check("2019-02-11 05:09:12,195");
    check("2019-02-11 05:09:12 05:09:12");
    check("2019-02-11 2019-02-11");
    check("2019-02-11 13:09:12 PM");
    check("2019-02-11 05:09:12+16:00");
    check("2019-02-11 05:09:12+01:00:00");
    check("2019-02-11 05:09:12+");
    check("2019-02-11 05:09:12 Mars/Olympus");
    check("2019-02-11 05:09:12 ZZZ");
    check("2019-02-11+01:00");
    check("2019-02-11T");
    check("2019-02-11 05:09:12 UTC UTC");
    check("2019-02-11 05:09:12\0");
    check("٢٠١٩-٠٢-١١");
    check("2019–02–11");
    check("{\"$date\": \"2019-02-11\"}");
    check("-");
    check("+");
    check(":");
    check("J");
    check("J999999999");
    check("Jan");
    check("Jan 31");
    check("February 30, 2019");
    check("31-Jan-2000 Feb");
}

#[test]
fn a_date_begins_with_year_month_and_day() {
    let check = |text: &str, expected: bool| assert_eq!(is_date(text), expected, "{text}");
    check("2019-02-11", true);
    check("2019-02-11 05:09:12", true);
    check("2019-02-11T05:09:12Z", true);
    check("2019-2-11", false);
    check("20190211", false);
    check("02/11/2019", false);
    check("2019-02-30", false);
    check("", false);
}

#[test]
fn a_time_of_day_has_no_date() {
    let check = |text: &str, expected: bool| assert_eq!(is_time(text), expected, "{text}");
    check("05:09:12", true);
    check("05:09:12.195+01", true);
    check("05:09 PM", true);
    check("2019-02-11 05:09:12", false);
    check("5", false);
    check("", false);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".*", near in "[0-9TtZz:+./ JBC,\u{e9}-]{0,24}") {
        for text in [&text, &near] {
            is_timestamp(text);
            is_date(text);
            is_time(text);
        }
    }
}
