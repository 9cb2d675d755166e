//! From the bytes of an object to groups of whole records.
//!
//! One blocking thread decompresses and splits; what a record means is found out later, by the
//! workers. A further format adds a splitter here and a way to read its records in `rows`.

pub(super) mod codec;
pub(super) mod delimiter;
pub(super) mod fields;
pub(super) mod json;
mod latin1;
pub(super) mod lines;
pub(super) mod pieces;
mod scan;
pub(super) mod split;
mod utf16;

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;

use self::codec::decompress;
use self::lines::{LineRules, LineSplitter};
use self::pieces::{PieceReader, Progress};
use self::split::{Record, RecordKind, Splitter};
use self::utf16::to_utf8;
use super::failure::{CopyFailure, INFLATE_ERROR_CODE, Refusal};
use super::fetch::OpenObject;
use super::load::LoadedFile;
use super::options::{Compression, Encoding};

/// Bytes that are decompressed in one go.
const READ_BYTES: usize = 64 * 1024;

/// Whole records of one file.
pub(super) struct Group {
    /// The `s3://` path of the file.
    pub(super) url: Arc<str>,
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<Record>,
    /// Set in the last group of a file.
    pub(super) file: Option<LoadedFile>,
}

/// What is needed to read a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) compression: Option<Compression>,
    pub(super) encoding: Encoding,
    /// Lines of each file that are skipped.
    pub(super) header_lines: u64,
    pub(super) layout: Layout,
}

/// What the records of a file are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    /// JSON structures.
    Structures,
    /// Rows of text.
    Rows(LineRules),
}

/// Splits one file into its records.
enum RecordSplitter {
    Structures(Splitter),
    Rows(LineSplitter),
}

impl RecordSplitter {
    fn new(reading: Reading) -> RecordSplitter {
        match reading.layout {
            Layout::Structures => RecordSplitter::Structures(Splitter::new(reading.header_lines)),
            Layout::Rows(rules) => {
                RecordSplitter::Rows(LineSplitter::new(rules, reading.header_lines))
            }
        }
    }

    fn push(&mut self, chunk: &[u8]) -> bool {
        match self {
            RecordSplitter::Structures(splitter) => splitter.push(chunk),
            RecordSplitter::Rows(splitter) => splitter.push(chunk),
        }
    }

    fn take_group(&mut self, last: bool) -> Option<(Vec<u8>, Vec<Record>)> {
        match self {
            RecordSplitter::Structures(splitter) => splitter.take_group(last),
            RecordSplitter::Rows(splitter) => splitter.take_group(last),
        }
    }

    fn finish(self) -> (Vec<u8>, Vec<Record>, u64) {
        match self {
            RecordSplitter::Structures(splitter) => splitter.finish(),
            RecordSplitter::Rows(splitter) => splitter.finish(),
        }
    }
}

/// Reads all objects and sends their groups, in order; gives how many objects there were. An error
/// is sent as the last thing. Blocks.
pub(super) fn decode_objects(
    reading: Reading,
    objects: mpsc::Receiver<Result<OpenObject, CopyFailure>>,
    groups: &mpsc::Sender<Result<Group, CopyFailure>>,
    nothing_found: Refusal,
) {
    let outcome =
        each_object(objects, nothing_found, |object| decode_object(reading, object, groups));
    if let Err(failure) = outcome {
        // A closed channel means that the load ended for another reason.
        let _ = groups.blocking_send(Err(failure));
    }
}

/// Decodes one object after the other; `decode` says whether there is such an object.
///
/// # Errors
/// What `decode` or the search for objects failed with, or that there is none at all.
pub(super) fn each_object(
    mut objects: mpsc::Receiver<Result<OpenObject, CopyFailure>>,
    nothing_found: Refusal,
    mut decode: impl FnMut(OpenObject) -> Result<bool, CopyFailure>,
) -> Result<(), CopyFailure> {
    let mut found = false;
    while let Some(object) = objects.blocking_recv() {
        found |= decode(object?)?;
    }
    if found { Ok(()) } else { Err(nothing_found.into()) }
}

/// Whether the object exists.
fn decode_object(
    reading: Reading,
    object: OpenObject,
    groups: &mpsc::Sender<Result<Group, CopyFailure>>,
) -> Result<bool, CopyFailure> {
    let url: Arc<str> = object.url.as_str().into();
    let mut reader = PieceReader::new(object.pieces);
    if !reader.exists()? {
        return Ok(false);
    }
    let progress = reader.progress();
    let fail = |error| read_failure(&url, reading.compression, &progress, &error);
    let send = |group: Group| groups.blocking_send(Ok(group)).map_err(|_| CopyFailure::Cancelled);
    let source = decompress(reading.compression, reader)
        .and_then(|source| to_utf8(reading.encoding, source))
        .map_err(fail)?;
    let Some(mut source) = source else {
        // "If COPY encounters a different encoding, it skips the file and returns an error."
        let records = vec![Record { kind: RecordKind::WrongEncoding, start: 0, end: 0, line: 1 }];
        let file = progress.file(&url, 0);
        send(Group { url, bytes: Vec::new(), records, file: Some(file) })?;
        return Ok(true);
    };
    let mut splitter = RecordSplitter::new(reading);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => return Err(fail(error)),
        };
        let goes_on = splitter.push(&buffer[..count]);
        if let Some((bytes, records)) = splitter.take_group(!goes_on) {
            send(Group { url: url.clone(), bytes, records, file: None })?;
        }
        if !goes_on {
            // The last record was too long, which ends the load; the worker says so.
            return Ok(true);
        }
    }
    let (bytes, records, lines) = splitter.finish();
    let file = progress.file(&url, lines);
    send(Group { url, bytes, records, file: Some(file) })?;
    Ok(true)
}

/// The failure of an object that was not read to its end: S3's, or the decompression's.
pub(super) fn read_failure(
    url: &str,
    compression: Option<Compression>,
    progress: &Progress,
    error: &impl std::fmt::Display,
) -> CopyFailure {
    progress.take_failure().unwrap_or_else(|| {
        let codec = compression.map_or("no codec", Compression::name);
        let message = format!("failed to inflate with {codec}: {error}.");
        let context = format!("S3 key being read : {url}");
        Refusal::internal(INFLATE_ERROR_CODE, message, context).into()
    })
}
