//! Whatever comes in, what goes out is one field of PostgreSQL's COPY text.

use proptest::prelude::*;

use super::*;

const COLUMNS: [&str; 16] = [
    "smallint",
    "integer",
    "bigint",
    "numeric(7,3)",
    "numeric(38,0)",
    "real",
    "double precision",
    "boolean",
    "character(12)",
    "character varying(12)",
    "text",
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
    "time without time zone",
    "time with time zone",
];

const OPTIONS: [&str; 9] = [
    "",
    "TIMEFORMAT 'auto' DATEFORMAT 'auto'",
    "TIMEFORMAT 'epochsecs'",
    "TIMEFORMAT 'epochmillisecs' ACCEPTANYDATE",
    "TIMEFORMAT 'DD.MM.YY HH12:MI:SS PM' DATEFORMAT 'MON DD YYYY'",
    "TIMEFORMAT 'HH:MI:SS.000Z'",
    "ACCEPTINVCHARS TRUNCATECOLUMNS",
    "ACCEPTINVCHARS AS '\\\\' TRIMBLANKS ROUNDEC",
    "EMPTYASNULL BLANKSASNULL",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..24),
        any::<String>().prop_map(String::into_bytes),
        "[-+0-9.:/ TZJeEapm\\\\\t\n]{0,24}".prop_map(String::into_bytes),
        "[0-9]{4}-[01][0-9]-[0-3][0-9][ T][012][0-9](:[0-9]{2}){2}(\\.[0-9]{1,9})?([-+][0-9]{2})?"
            .prop_map(String::into_bytes),
        "(Jan|feb|DEC|17|J24|1999|[0-9]{1,14}|PST|US/Pacific|BC|AM|10:[0-9]{1,2}|[ ,./-]){1,9}"
            .prop_map(String::into_bytes),
    ]
}

/// Reads a field as PostgreSQL does; `None` if it is not exactly one field.
fn unescape(field: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\t' | b'\n' | b'\r' | 0 => return None,
            b'\\' => text.push(match bytes.next()? {
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            }),
            other => text.push(*other),
        }
    }
    Some(text)
}

proptest! {
    #[test]
    fn what_is_written_is_one_field(
        column in prop::sample::select(&COLUMNS[..]),
        options in prop::sample::select(&OPTIONS[..]),
        text in text(),
    ) {
        let mut out = Vec::new();
        let column_type = ColumnType::from_postgres(column);
        let found = rules(options).convert(Some(field(&text)), &column_type, false, &mut out);
        match found {
            Ok(Converted::Null) => prop_assert_eq!(&out, b"\\N"),
            Ok(_) => {
                prop_assert!(std::str::from_utf8(&out).is_ok());
                let read = unescape(&out);
                prop_assert!(read.is_some(), "{:?}", String::from_utf8_lossy(&out));
                if let ColumnType::Char(length) | ColumnType::Varchar(length) = column_type {
                    prop_assert!(read.unwrap_or_default().len() <= length as usize);
                }
            }
            Err(error) => prop_assert!((1204..=1222).contains(&error.code)),
        }
    }

    #[test]
    fn text_comes_back_as_it_was(text in "[^\0]{0,40}") {
        let mut out = Vec::new();
        let column = ColumnType::Varchar(65_535);
        rules("").convert(Some(field(text.as_bytes())), &column, false, &mut out).unwrap();
        prop_assert_eq!(unescape(&out), Some(text.into_bytes()));
    }

    #[test]
    fn epochs_agree_with_another_calendar(seconds in -62_000_000_000i64..253_000_000_000) {
        let mut out = Vec::new();
        let text = seconds.to_string();
        let rules = rules("TIMEFORMAT 'epochsecs'");
        let column = ColumnType::Timestamp;
        rules.convert(Some(field(text.as_bytes())), &column, false, &mut out).unwrap();
        let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let expected = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            at.year(), u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second()
        );
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
