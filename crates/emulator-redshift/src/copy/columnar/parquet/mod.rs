//! PARQUET (Apache Parquet, `parquet-format` 2.12; Database Developer Guide, "COPY from columnar
//! data formats").
//!
//! Row group by row group, row by row, by position. A nested column needs SERIALIZETOJSON.

mod assemble;
mod column;
mod encoding;
mod footer;
mod page;
mod schema;
mod thrift;

use self::assemble::Assembler;
use self::column::ColumnReader;
use self::footer::Footer;
use self::schema::{SchemaTree, Shape};
use super::budget::Held;
use super::fields::RowSink;
use super::input::FileError;
use super::scalar::Style;
use super::spool::Spool;
use super::{FileLayout, ScanError, incompatible, unmatched_columns};

/// Reads all rows; gives the sink back.
pub(super) fn read<'s>(
    spool: &mut Spool,
    layout: &FileLayout,
    url: &str,
    mut sink: RowSink<'s>,
) -> Result<RowSink<'s>, ScanError> {
    let mut footer = Footer::read(spool)?;
    check_schema(&footer.schema, layout, url)?;
    let styles: Vec<Style> =
        layout.columns.iter().map(|column| Style::of(&column.column_type)).collect();
    let held = Held::default();
    while let Some(group) = footer.next_group()? {
        if group.chunks.len() != footer.schema.leaves.len() {
            return Err(FileError::Malformed("a row group lacks columns").into());
        }
        let leaves = footer.schema.leaves.iter().zip(&group.chunks);
        let readers: Result<Vec<ColumnReader>, FileError> =
            leaves.map(|(leaf, chunk)| ColumnReader::new(leaf, chunk, held.share())).collect();
        let mut assembler = Assembler { spool, leaves: &footer.schema.leaves, readers: readers? };
        for _ in 0..group.row_count {
            sink.begin_row();
            for (index, column) in footer.schema.columns.iter().enumerate() {
                let start = sink.out().len();
                let style = styles[index];
                let kind = assembler.field(column, style, sink.out())?;
                sink.set(index, kind, start);
            }
            if sink.row_is_too_large() {
                return Err(FileError::Malformed("a row has more than 4 MB").into());
            }
            sink.end_row()?;
        }
    }
    Ok(sink)
}

/// Whether the file's columns fit the table's, one by one.
fn check_schema(schema: &SchemaTree, layout: &FileLayout, url: &str) -> Result<(), ScanError> {
    if !layout.accepts_width(schema.columns.len()) {
        return Err(unmatched_columns(layout, url, schema.columns.len()));
    }
    for (node, column) in schema.columns.iter().zip(layout.columns.iter()) {
        let leaf = node.leaves.start;
        let fits = match node.shape {
            Shape::Leaf if !node.repeated => schema.leaves[leaf].scalar().fits(&column.column_type),
            _ => layout.takes_nested(column),
        };
        if !fits {
            let schema = schema.leaves[leaf].describe(leaf);
            return Err(incompatible(layout, url, &node.name, column, &schema));
        }
    }
    Ok(())
}
