//! The record of what SQS has confirmed: one JSON line per message, on disk before anything else
//! is done, so that it holds even if this program is killed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::GenerateError;
use crate::send::Confirmed;

/// An open record, or none.
#[derive(Debug)]
pub(crate) struct Record {
    file: Option<(PathBuf, File)>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    message_id: &'a str,
    kind: &'a str,
}

impl Record {
    /// Creates the file; what it held before is gone. Without a path nothing is ever written.
    pub(crate) fn create(path: Option<&Path>) -> Result<Record, GenerateError> {
        let open = |path: &Path| match File::create(path) {
            Ok(file) => Ok((path.to_owned(), file)),
            Err(source) => Err(GenerateError::Record { path: path.to_owned(), source }),
        };
        Ok(Record { file: path.map(open).transpose()? })
    }

    /// Writes the messages of one batch in one go.
    pub(crate) fn write(&mut self, confirmed: &[Confirmed]) -> Result<(), GenerateError> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut lines = String::new();
        for Confirmed { message, message_id } in confirmed {
            let line = Line { id: &message.id, message_id, kind: message.kind };
            lines += &serde_json::to_string(&line).expect("three texts are always JSON");
            lines.push('\n');
        }
        file.write_all(lines.as_bytes())
            .and_then(|()| file.flush())
            .map_err(|source| GenerateError::Record { path: path.clone(), source })
    }
}
