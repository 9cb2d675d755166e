//! Whole loads against a canned S3.

mod canned_s3;
mod columnar;
mod files;
mod fixed;
mod paths;
mod rows;
mod text;

use std::time::{Duration, UNIX_EPOCH};

use self::canned_s3::CannedS3;
use super::*;
use crate::copy::statement::parse;

/// What a load gave: its rows as text, and its outcome.
struct Loaded {
    rows: String,
    outcome: Result<LoadReport, CopyFailure>,
}

impl Loaded {
    fn report(&self) -> &LoadReport {
        self.outcome.as_ref().expect("the load succeeds")
    }

    fn failure(&self) -> &CopyFailure {
        self.outcome.as_ref().expect_err("the load fails")
    }

    /// File, line, column, code and reason of each reject.
    fn rejects(&self) -> Vec<String> {
        let rejects = match &self.outcome {
            Ok(report) => &report.rejects,
            Err(failure) => failure.rejects(),
        };
        let show = |r: &LoadError| {
            let file = r.filename.rsplit('/').next().unwrap_or_default();
            format!("{file}:{} {} {} {}", r.line_number, r.colname, r.err_code, r.err_reason)
        };
        rejects.iter().map(show).collect()
    }
}

fn table() -> TargetTable {
    let column = |name: &str, format_type: &str, not_null| TargetColumn {
        name: name.to_string(),
        column_type: ColumnType::from_postgres(format_type),
        not_null,
        has_default: false,
        identity: None,
    };
    TargetTable {
        oid: 4711,
        schema: "public".to_string(),
        name: "t".to_string(),
        columns: vec![
            column("id", "integer", true),
            column("name", "character varying(8)", false),
            column("at", "timestamp without time zone", false),
        ],
    }
}

fn context() -> CopyContext {
    CopyContext {
        query_id: 12,
        session_pid: 34,
        user_id: 100,
        database: "dev".to_string(),
        started_at: UNIX_EPOCH + Duration::from_secs(1),
    }
}

fn statement(from_and_options: &str) -> CopyStatement {
    let sql = match from_and_options.split_once(' ') {
        Some((from, options)) => {
            format!("COPY t FROM 's3://lake/{from}' IAM_ROLE default JSON {options}")
        }
        None => format!("COPY t FROM 's3://lake/{from_and_options}' IAM_ROLE default JSON"),
    };
    parse(&sql).expect(&sql)
}

/// Loads `prefix options` from a store with these objects.
async fn load_from(objects: &[(&str, &[u8])], from_and_options: &str) -> Loaded {
    let s3 = CannedS3::start(objects).await;
    load_statement(&s3, &statement(from_and_options)).await
}

async fn load_statement(s3: &CannedS3, statement: &CopyStatement) -> Loaded {
    load_into(s3, statement, table()).await
}

async fn load_into(s3: &CannedS3, statement: &CopyStatement, table: TargetTable) -> Loaded {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(2);
    let collect = async {
        let mut rows = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            assert_eq!(chunk.last(), Some(&b'\n'), "a chunk has whole rows");
            rows.extend_from_slice(&chunk);
        }
        String::from_utf8(rows).expect("rows are UTF-8")
    };
    let access = s3.access();
    let context = context();
    let loading = load(&access, statement, &table, &context, sender);
    let (outcome, rows) = tokio::join!(loading, collect);
    Loaded { rows, outcome }
}

/// A table `t` with columns of these types, `a`, `b`, … in order; `!` after a type is NOT NULL.
fn table_of(types: &[&str]) -> TargetTable {
    let column = |(index, format_type): (usize, &&str)| TargetColumn {
        name: char::from(b'a' + u8::try_from(index).expect("few columns")).to_string(),
        column_type: ColumnType::from_postgres(format_type.trim_end_matches('!')),
        not_null: format_type.ends_with('!'),
        has_default: false,
        identity: None,
    };
    let columns = types.iter().enumerate().map(column).collect();
    TargetTable { columns, ..table() }
}

/// Loads one file into a table of these types; the options may begin with a column list.
async fn load_text(types: &[&str], options: &str, text: &[u8]) -> Loaded {
    let (columns, options) = match options.split_once(')') {
        Some((columns, options)) if columns.starts_with('(') => (format!("{columns})"), options),
        _ => (String::new(), options),
    };
    let sql = format!("COPY t {columns} FROM 's3://lake/f' IAM_ROLE default {options}");
    let s3 = CannedS3::start(&[("f", text)]).await;
    load_into(&s3, &parse(&sql).expect(&sql), table_of(types)).await
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}
