//! What a run makes outside of this process, written down before it is made.
//!
//! One file per run, a line of JSON per step, forced to the disk. Its owner holds a lock on it for
//! as long as it lives; a file without a lock belongs to a run that was killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Thing, remove};
use crate::endpoints::Endpoints;

/// Why nothing can be written down.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} the journal {}", path.display())]
pub struct JournalError {
    verb: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// A line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    /// Where all that follows is made.
    Place(String),
    Making(Thing),
    Removed(Thing),
}

/// The journal of a run that lives. When nothing is left of what it made, its file goes with it.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// What was found in a folder of journals, in words, one line for each run that left something.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// What was removed.
    pub removed: Vec<String>,
    /// What is still there, and why.
    pub left: Vec<String>,
}

impl Journal {
    /// Begins the journal of `run`.
    pub(crate) fn begin(
        folder: &Path,
        run: &str,
        endpoints: &Endpoints,
    ) -> Result<Self, JournalError> {
        let path = folder.join(format!("{run}.ndjson"));
        let failed = |verb| {
            let path = path.clone();
            move |source| JournalError { verb, path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = file.map_err(failed("create"))?;
        file.lock().map_err(failed("lock"))?;
        let journal = Self { path: path.clone(), file: Mutex::new(file) };
        journal.write(&[Entry::Place(place(endpoints))])?;
        Ok(journal)
    }

    /// Before they are made.
    pub(crate) fn making(&self, things: &[Thing]) -> Result<(), JournalError> {
        let entries: Vec<_> = things.iter().cloned().map(Entry::Making).collect();
        self.write(&entries)
    }

    /// After it was removed.
    pub(crate) fn removed(&self, thing: &Thing) -> Result<(), JournalError> {
        self.write(&[Entry::Removed(thing.clone())])
    }

    /// What was made and not removed.
    pub(crate) fn left(&self) -> Vec<Thing> {
        left(&std::fs::read_to_string(&self.path).unwrap_or_default()).1
    }

    fn write(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut text = String::new();
        for entry in entries {
            text.push_str(&serde_json::to_string(entry).expect("an entry is JSON"));
            text.push('\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|source| JournalError { verb: "write", path: self.path.clone(), source })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.left().is_empty()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::debug!(%error, journal = %self.path.display(), "empty journal stays");
        }
    }
}

/// Removes what killed runs left at this place; what runs that live have made stays.
pub(crate) async fn sweep(folder: &Path, endpoints: &Endpoints) -> Swept {
    let mut swept = Swept::default();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "ndjson") {
            continue;
        }
        if let Err(reason) = sweep_one(&path, endpoints, &mut swept).await {
            swept.left.push(format!("{}: {reason}", path.display()));
        }
    }
    swept
}

async fn sweep_one(path: &Path, endpoints: &Endpoints, swept: &mut Swept) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let file = OpenOptions::new().append(true).open(path).map_err(said)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error.to_string()),
    }
    let text = std::fs::read_to_string(path).map_err(said)?;
    let (at, things) = left(&text);
    if !things.is_empty() && at != place(endpoints) {
        let count = things.len();
        return Err(format!("{count} things were made at {at}: sweep with its settings"));
    }
    let journal = Journal { path: path.to_owned(), file: Mutex::new(file) };
    for thing in things {
        match remove(&thing, endpoints).await {
            Ok(()) => {
                journal.removed(&thing).map_err(|error| error.to_string())?;
                swept.removed.push(thing.to_string());
            }
            Err(reason) => swept.left.push(format!("{thing}: {reason}")),
        }
    }
    Ok(())
}

/// Where a journal's run was, and what of it is still there. A line that was cut off is none: what
/// it announces was not made yet.
fn left(text: &str) -> (String, Vec<Thing>) {
    let mut at = String::new();
    let mut things = Vec::new();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Entry::Place(place)) => at = place,
            Ok(Entry::Making(thing)) => things.push(thing),
            Ok(Entry::Removed(thing)) => things.retain(|other| *other != thing),
            Err(_) => {}
        }
    }
    (at, things)
}

/// What must be the same for a name to mean the same thing.
fn place(endpoints: &Endpoints) -> String {
    let aws = endpoints.aws_url().unwrap_or("AWS");
    format!("{aws} {} {:?}", endpoints.region, endpoints.redshift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_was_announced_and_not_removed() {
        let text = "{\"place\":\"here\"}\n\
            {\"making\":{\"queue\":\"a\"}}\n\
            {\"making\":{\"objects\":{\"bucket\":\"b\",\"prefix\":\"p/\"}}}\n\
            {\"removed\":{\"queue\":\"a\"}}\n\
            {\"making\":{\"sch";
        let objects = Thing::Objects { bucket: "b".to_owned(), prefix: "p/".to_owned() };
        assert_eq!(left(text), ("here".to_owned(), vec![objects]));
    }
}
