//! The rows that could not be loaded, as `stl_load_errors` has them.

use std::time::SystemTime;

use serde::Serialize;

/// The text columns `raw_line` and `raw_field_value` hold this many characters.
pub const RAW_CHARACTERS_MAX: usize = 1024;

/// The text column `err_reason` holds this many characters.
pub const REASON_CHARACTERS_MAX: usize = 100;

/// So many rejects of a COPY are kept at most; the others are counted ("Data load operations",
/// MAXERROR: at most 100,000).
pub(crate) const REJECTS_MAX: usize = 100_000;

/// So many bytes they may hold, about 65,000 short rows.
pub(crate) const REJECTS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// So many bytes those of a group may hold, of which each core has one.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Error codes (Database Developer Guide, "Load error reference").
pub(super) mod code {
    /// A row with more fields than columns.
    pub(crate) const EXTRA_COLUMNS: i32 = 1202;
    /// A row with fewer fields than columns, where there are no delimiters.
    pub(crate) const MISSING_COLUMNS: i32 = 1203;
    /// A value exceeds the range or length of its column.
    pub(crate) const TOO_LONG: i32 = 1204;
    /// A date is not in its format.
    pub(crate) const DATE: i32 = 1205;
    /// A timestamp is not in its format.
    pub(crate) const TIMESTAMP: i32 = 1206;
    /// Not a digit.
    pub(crate) const DIGIT: i32 = 1207;
    /// Not a floating-point number.
    pub(crate) const FLOAT: i32 = 1208;
    /// Not a decimal number.
    pub(crate) const DECIMAL: i32 = 1209;
    /// Not a boolean.
    pub(crate) const BOOLEAN: i32 = 1210;
    /// A line without data.
    pub(crate) const NO_DATA: i32 = 1211;
    /// A NOT NULL column without a value.
    pub(crate) const NOT_NULL: i32 = 1213;
    /// A row with fewer fields than columns, or with quotes that do not fit.
    pub(crate) const DELIMITER: i32 = 1214;
    /// An input line that cannot be read.
    pub(crate) const INPUT_LINE: i32 = 1216;
    /// An IDENTITY column with EXPLICIT_IDS whose value is none.
    pub(crate) const IDENTITY: i32 = 1217;
    /// With NULL AS '\0', a NUL in a longer field.
    pub(crate) const NUL_IN_FIELD: i32 = 1218;
    /// Not UTF-8, or not single-byte in CHAR.
    pub(crate) const UTF8: i32 = 1220;
    /// A file in another encoding than ENCODING says.
    pub(crate) const ENCODING: i32 = 1221;
    /// A number too large for its type.
    pub(crate) const OVERFLOW: i32 = 1222;
    /// Not a value of the type.
    pub(crate) const TYPE: i32 = 1223;
    /// Not well-formed JSON for a SUPER column.
    pub(crate) const SUPER: i32 = 1224;
}

/// A row of `stl_load_errors` (Database Developer Guide, "STL_LOAD_ERRORS"). The fields are its
/// columns, in order; texts are not padded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadError {
    /// Who loaded.
    pub userid: i32,
    /// The slice; the stand-in has one, 0.
    pub slice: i32,
    /// The oid of the table.
    pub tbl: u32,
    /// When the COPY began; serialized as `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
    #[serde(serialize_with = "serialize_timestamp")]
    pub starttime: SystemTime,
    /// The process of the session.
    pub session: i32,
    /// The query id of the COPY.
    pub query: i32,
    /// The full `s3://` path of the file; at most 256 characters.
    pub filename: String,
    /// The last line of the offending object or the first of the offending row, from 1, in the
    /// uncompressed file.
    pub line_number: i64,
    /// The column, or empty if the row could not be read at all.
    pub colname: String,
    /// The type of the column, as `int4`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// The length of the column.
    pub col_length: String,
    /// Where in the field (or, without a column, in the row) the error is, in bytes from 0.
    pub position: i32,
    /// The row as in the file; a character of several bytes is a `.`.
    pub raw_line: String,
    /// The field before its conversion; likewise.
    pub raw_field_value: String,
    /// The error code.
    pub err_code: i32,
    /// What is wrong; at most 100 characters.
    pub err_reason: String,
    /// 1 if the file is a part of a split one; never here.
    pub is_partial: i32,
    /// Where the part begins; 0 here.
    pub start_offset: i64,
    /// The COPY JOB; 0 here.
    pub copy_job_id: i64,
    /// The rows of `stl_loaderror_detail`; only the first errors of a COPY have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<FieldDetail>,
}

/// A field of a row that could not be loaded (Database Developer Guide, "STL_LOADERROR_DETAIL").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDetail {
    /// Which field, from 0.
    pub field: i32,
    /// Its column.
    pub colname: String,
    /// What was read, as `raw_line` shows it; empty for NULL.
    pub value: String,
    /// 1 for NULL.
    pub is_null: i32,
    /// The type of the column, as `int4`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// The length of the column.
    pub col_length: String,
}

impl LoadError {
    /// About how many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        /// What the allocator adds, and the names of the fields where it is written as JSON.
        const TEXT_BYTES: usize = 16;
        let texts = [
            &self.filename,
            &self.colname,
            &self.column_type,
            &self.col_length,
            &self.raw_line,
            &self.raw_field_value,
            &self.err_reason,
        ];
        let texts: usize = texts.iter().map(|text| text.len() + TEXT_BYTES).sum();
        let details: usize = self.details.iter().map(FieldDetail::bytes).sum();
        size_of::<LoadError>() + texts + details
    }
}

impl FieldDetail {
    fn bytes(&self) -> usize {
        let texts = [&self.colname, &self.value, &self.column_type, &self.col_length];
        size_of::<FieldDetail>() + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

/// The first rejects, as many as there is room for.
#[derive(Debug)]
pub(super) struct Rejects {
    rows: Vec<LoadError>,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
    /// Whether one was left out, so that all after it are.
    full: bool,
}

impl Rejects {
    /// Those of a group of rows, of which the first `rows_max` matter.
    pub(super) fn of_group(rows_max: usize) -> Rejects {
        Rejects { rows: Vec::new(), bytes: 0, rows_max, bytes_max: GROUP_BYTES_MAX, full: false }
    }

    /// Those of a whole COPY.
    pub(super) fn of_copy() -> Rejects {
        Rejects { bytes_max: REJECTS_BYTES_MAX, ..Rejects::of_group(REJECTS_MAX) }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether another one is kept.
    pub(super) fn has_room(&self) -> bool {
        !self.full && self.rows.len() < self.rows_max && self.bytes < self.bytes_max
    }

    /// Keeps the next one, if there is room.
    pub(super) fn push(&mut self, reject: LoadError) {
        if self.has_room() {
            self.bytes += reject.bytes();
            self.rows.push(reject);
        } else {
            self.full = true;
        }
    }

    /// Notes that there was one more, for which there is no room.
    pub(super) fn leave_out(&mut self) {
        self.full = true;
    }

    /// Whether one was left out.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// The rows, in order.
    pub(super) fn into_rows(self) -> Vec<LoadError> {
        self.rows
    }
}

/// A row in which ACCEPTINVCHARS replaced characters (Database Developer Guide,
/// "STL_REPLACEMENTS"); what all rows of a COPY share is left to the COPY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replacement {
    /// The full `s3://` path of the file; at most 256 characters.
    pub filename: String,
    /// As that of a load error; -1 in PARQUET and ORC, which have no lines.
    pub line_number: i64,
    /// "First field that contained an invalid UTF-8 character".
    pub colname: String,
    /// The row as in the file; a character of several bytes is a `.`.
    pub raw_line: String,
}

/// Bytes of a file as a CHAR column shows them: cut to 1,024 characters, and a `.` for each
/// character of several bytes, each byte that is not UTF-8, and NUL (PostgreSQL cannot hold it).
pub(super) fn raw_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut room = RAW_CHARACTERS_MAX;
    // No more bytes than that can matter: a character has at most four.
    let bytes = &bytes[..bytes.len().min(RAW_CHARACTERS_MAX * 4)];
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().chars();
        let shown = valid.map(|c| if c.is_ascii() && c != '\0' { c } else { '.' });
        let broken = chunk.invalid().iter().map(|_| '.');
        for character in shown.chain(broken) {
            if room == 0 {
                return text;
            }
            text.push(character);
            room -= 1;
        }
    }
    text
}

/// A reason, cut to its column.
pub(super) fn reason_text(reason: &str) -> String {
    reason.chars().take(REASON_CHARACTERS_MAX).collect()
}

/// A time as a field of a row.
pub(crate) fn serialize_timestamp<S: serde::Serializer>(
    at: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&timestamp_text(*at))
}

/// Likewise, if it is known.
pub(crate) fn serialize_known_timestamp<S: serde::Serializer>(
    at: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.map(timestamp_text).serialize(serializer)
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
pub(crate) fn timestamp_text(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.microsecond(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn after_the_first_reject_without_room_none_is_kept() {
        let mut rejects = Rejects { bytes_max: 3000, ..Rejects::of_copy() };
        for (line_number, length) in [(1, 9), (2, 2048), (3, 9), (4, 9)] {
            rejects.push(LoadError { raw_line: "x".repeat(length), ..load_error(line_number) });
        }
        assert!(rejects.is_full() && !rejects.has_room());
        let lines: Vec<i64> = rejects.into_rows().iter().map(|row| row.line_number).collect();
        assert_eq!(lines, [1, 2]);
    }

    #[test]
    fn raw_text_is_cut_and_shows_single_byte_characters_only() {
        assert_eq!(raw_text(b"{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(raw_text("für € 𝄞".as_bytes()), "f.r . .");
        assert_eq!(raw_text(b"a\xff\xe2\x82b\0"), "a...b.");
        assert_eq!(raw_text(&[b'x'; 5000]).len(), 1024);
        assert_eq!(raw_text("€".repeat(5000).as_bytes()), ".".repeat(1024));
    }

    fn load_error(line_number: i64) -> LoadError {
        LoadError {
            userid: 100,
            slice: 0,
            tbl: 7,
            starttime: SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_001),
            session: 3,
            query: 4,
            filename: "s3://b/k".to_string(),
            line_number,
            colname: "id".to_string(),
            column_type: "int4".to_string(),
            col_length: "0".to_string(),
            position: 1,
            raw_line: "{}".to_string(),
            raw_field_value: String::new(),
            err_code: code::DIGIT,
            err_reason: reason_text(&"r".repeat(300)),
            is_partial: 0,
            start_offset: 0,
            copy_job_id: 0,
            details: Vec::new(),
        }
    }

    #[test]
    fn a_load_error_serializes_under_the_names_of_the_columns() {
        let value = serde_json::to_value(load_error(2)).unwrap();
        assert_eq!(value["type"], "int4");
        assert_eq!(value["starttime"], "2023-11-14 22:13:20.000001");
        assert_eq!(value["err_reason"].as_str().unwrap().len(), 100);
        assert_eq!(value.as_object().unwrap().len(), 19);
    }
}
