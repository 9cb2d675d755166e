//! ORC (ORC specification v1; Database Developer Guide, "COPY from columnar data formats").
//!
//! Stripe by stripe, row by row, by position. A nested column needs SERIALIZETOJSON. The indexes and
//! statistics of a file are not read, nor are encrypted columns.

mod column;
mod protobuf;
mod runs;
mod schema;
mod stream;
mod tail;

use self::column::{Column, Opener};
use self::schema::{Kind, Node};
use self::tail::{StripeFooter, Tail};
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
    let tail = Tail::read(spool)?;
    // A file without any row may have no type either.
    if tail.types.is_empty() && tail.stripes.is_empty() {
        return Ok(sink);
    }
    let root = Node::root(&tail.types)?;
    let Kind::Struct(nodes) = &root.kind else {
        return Err(FileError::Malformed("its root is not a struct").into());
    };
    check_schema(nodes, layout, url)?;
    let styles: Vec<Style> =
        layout.columns.iter().map(|column| Style::of(&column.column_type)).collect();
    let held = Held::default();
    for stripe in &tail.stripes {
        let footer = StripeFooter::read(spool, tail.compression, stripe)?;
        let compression = tail.compression;
        let mut opener = Opener { spool, compression, footer: &footer, held: &held };
        let columns: Result<Vec<Column>, FileError> =
            nodes.iter().map(|(_, node)| opener.open(node)).collect();
        let mut columns = columns?;
        for _ in 0..stripe.row_count {
            sink.begin_row();
            for (index, column) in columns.iter_mut().enumerate() {
                let start = sink.out().len();
                let kind = column.push(spool, styles[index], sink.out())?;
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
fn check_schema(nodes: &[(String, Node)], layout: &FileLayout, url: &str) -> Result<(), ScanError> {
    if !layout.accepts_width(nodes.len()) {
        return Err(unmatched_columns(layout, url, nodes.len()));
    }
    for ((name, node), column) in nodes.iter().zip(layout.columns.iter()) {
        let fits = match node.scalar() {
            Some(scalar) => scalar.fits(&column.column_type),
            None => layout.takes_nested(column),
        };
        if !fits {
            return Err(incompatible(layout, url, name, column, &node.describe()));
        }
    }
    Ok(())
}
