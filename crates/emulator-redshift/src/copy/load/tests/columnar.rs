//! PARQUET, ORC and AVRO, from files that other tools wrote (`fixtures/copy/columnar/make.py`).

mod avro;
mod hostile;
mod orc;
mod parquet;

use super::*;

/// A file of `fixtures/copy/columnar`.
fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/copy/columnar/");
    std::fs::read(format!("{folder}{name}")).expect(name)
}

/// A table `t` of such columns: `name type[!]`, a `!` for NOT NULL.
fn table_of(columns: &str) -> TargetTable {
    let column = |text: &str| {
        let (name, format_type) = text.trim().split_once(' ').expect("a name and a type");
        TargetColumn {
            name: name.to_string(),
            column_type: ColumnType::from_postgres(format_type.trim_end_matches('!')),
            not_null: format_type.ends_with('!'),
            has_default: false,
            identity: None,
        }
    };
    // A comma inside of parentheses belongs to its type.
    let columns = columns.replace(", ", "\n").lines().map(column).collect();
    TargetTable { columns, ..table() }
}

/// Loads a fixture with the format and options given.
async fn load_fixture(name: &str, columns: &str, format: &str) -> Loaded {
    load_bytes(&fixture(name), columns, format).await
}

async fn load_bytes(bytes: &[u8], columns: &str, format: &str) -> Loaded {
    let s3 = CannedS3::start(&[("f", bytes)]).await;
    let sql = format!("COPY t FROM 's3://lake/f' IAM_ROLE default {format}");
    load_into(&s3, &parse(&sql).expect(&sql), table_of(columns)).await
}

/// What the client reads: the message, its code and its context.
fn told(loaded: &Loaded) -> String {
    let failure = loaded.failure();
    match failure {
        CopyFailure::Refused(Refusal { message, detail: Some(detail), .. }) => {
            format!("{message} {}: {}", detail.code, detail.context)
        }
        _ => failure.message("t"),
    }
}
