//! What a run makes outside of this process, written down before it is made.
//!
//! One file per run, a line of JSON per step, forced to the disk. Its owner holds a lock on it for
//! as long as it lives; a file without a lock belongs to a run that was killed.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::programs::{Program, end};
use super::{Thing, in_words, remove};
use crate::endpoints::Endpoints;

/// After this long a journal that was begun and got no name will never get one.
const BEGUN_WITHIN: Duration = Duration::from_secs(60);
/// What a journal is called until it is locked and says where its run is.
const BEGUN: &str = "new";

/// Why something cannot be written down, or what was written down cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file or its folder cannot be used.
    #[error("cannot {verb} the journal {}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what any version has written.
    #[error("line {line} of the journal {} is no entry", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Its things were made elsewhere, where alone they can be removed.
    #[error(
        "the journal {} has {count} things at {at}; here is {here}: sweep with its settings and \
         credentials", path.display()
    )]
    Elsewhere {
        /// The journal.
        path: PathBuf,
        /// How many things.
        count: usize,
        /// Where they were made.
        at: String,
        /// Where this run is.
        here: String,
    },
}

/// A line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    /// Where all that follows is made.
    Place(String),
    /// When what follows is made, in seconds since 1970.
    At(u64),
    Making(Thing),
    Removed(Thing),
    /// Works on what was made.
    Program(Program),
}

/// What a journal says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Where its run was.
    place: String,
    /// What was made and not removed.
    pub(super) things: Vec<Made>,
    /// What was started; most of it has ended.
    pub(super) programs: Vec<Program>,
}

/// Something that was made, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) thing: Thing,
    /// When that was written down.
    pub(crate) at: SystemTime,
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

/// What must be the same for a name to mean the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    /// At these endpoints, in an account unless they are this machine's.
    pub(crate) fn new(endpoints: &Endpoints, account: Option<&str>) -> Self {
        let account = account.map_or_else(String::new, |id| format!("account {id}, "));
        let aws = endpoints.aws_in_words();
        Self(format!("{account}{aws} {} {:?}", endpoints.region, endpoints.redshift))
    }
}

impl Journal {
    /// Begins the journal of `run`. Nobody sees it before it is locked and says where it is: a sweep
    /// in between would take it for that of a killed run.
    pub(crate) fn begin(folder: &Path, run: &str, place: &Place) -> Result<Self, JournalError> {
        let path = folder.join(format!("{run}.ndjson"));
        let begun = path.with_extension(BEGUN);
        let mut builder = DirBuilder::new();
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            // Names of resources, accounts and hosts are nobody else's business.
            builder.mode(0o700);
            options.mode(0o600);
        }
        builder.recursive(true).create(folder).map_err(failed("make the folder of", &path))?;
        let file = options.create_new(true).read(true).append(true).open(&begun);
        let file = file.map_err(failed("create", &begun))?;
        file.lock().map_err(failed("lock", &begun))?;
        let journal = Self { path: path.clone(), file: Mutex::new(file) };
        journal.write(&[Entry::Place(place.0.clone())])?;
        let named = std::fs::rename(&begun, &path);
        // The name too has to outlive the machine.
        let named = named.and_then(|()| File::open(folder)?.sync_all());
        named.map_err(failed("name", &path))?;
        Ok(journal)
    }

    /// Before they are made; returns when that is.
    pub(crate) fn making(&self, things: &[Thing]) -> Result<SystemTime, JournalError> {
        let now = SystemTime::now();
        let mut entries = vec![Entry::At(seconds(now))];
        entries.extend(things.iter().cloned().map(Entry::Making));
        self.write(&entries).map(|()| now)
    }

    /// After it was removed.
    pub(crate) fn removed(&self, thing: &Thing) -> Result<(), JournalError> {
        self.write(&[Entry::Removed(thing.clone())])
    }

    /// After it was started, before it has done much.
    pub(super) fn started(&self, program: &Program) -> Result<(), JournalError> {
        self.write(&[Entry::Program(program.clone())])
    }

    pub(super) fn read(&self) -> Result<Contents, JournalError> {
        let mut text = String::new();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
        read.map_err(failed("read", &self.path))?;
        // What follows shall not be written behind a line that was cut off.
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            let bytes = u64::try_from(whole).expect("a file's length");
            file.set_len(bytes).map_err(failed("mend", &self.path))?;
        }
        contents(&text).map_err(|(line, source)| JournalError::Line {
            path: self.path.clone(),
            line,
            source,
        })
    }

    fn write(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut text = String::new();
        for entry in entries {
            text.push_str(&serde_json::to_string(entry).expect("an entry is JSON"));
            text.push('\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(failed("write", &self.path))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        match self.read() {
            Ok(read) if read.is_done() => match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(%error, journal = %self.path.display(), "empty journal stays");
                }
                _ => {}
            },
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = %anyhow::Error::from(error), "journal stays");
            }
        }
    }
}

impl Contents {
    /// Whether nothing is left of its run.
    fn is_done(&self) -> bool {
        self.things.is_empty() && !self.programs.iter().any(|program| program.process.is_alive())
    }
}

/// Removes what killed runs left at this place; what runs that live have made stays. Programs of
/// killed runs are ended wherever they write.
pub(crate) async fn sweep(folder: &Path, endpoints: &Endpoints, place: &Place) -> Swept {
    let mut swept = Swept::default();
    let unreadable = failed("list the folder of", folder);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == ErrorKind::NotFound => return swept,
        Err(error) => Err(error),
    };
    let entries = entries.map_err(unreadable).unwrap_or_else(|error| {
        swept.left.push(format!("{:#}", anyhow::Error::from(error)));
        Vec::new()
    });
    for path in entries.into_iter().map(|entry| entry.path()) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let outcome = match extension {
            Some("ndjson") => sweep_one(&path, endpoints, place, &mut swept).await,
            Some(BEGUN) => forget_begun(&path),
            _ => continue,
        };
        if let Err(error) = outcome {
            swept.left.push(format!("{:#}", anyhow::Error::from(error)));
        }
    }
    swept
}

async fn sweep_one(
    path: &Path,
    endpoints: &Endpoints,
    place: &Place,
    swept: &mut Swept,
) -> Result<(), JournalError> {
    let file = match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => file,
        // Its run ended in between.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("open", path)(error)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
    }
    let journal = Journal { path: path.to_owned(), file: Mutex::new(file) };
    let Contents { place: at, things, programs } = journal.read()?;
    match end(&programs).await {
        Ok(ended) => swept.removed.extend(ended),
        Err(left) => {
            // It would write again what is removed.
            swept.left.extend(left);
            return Ok(());
        }
    }
    if !things.is_empty() && at != place.0 {
        let (path, count, here) = (path.to_owned(), things.len(), place.0.clone());
        return Err(JournalError::Elsewhere { path, count, at, here });
    }
    for made in things {
        let removed = remove(&made, endpoints).await;
        match removed.and_then(|()| journal.removed(&made.thing).map_err(in_words)) {
            Ok(()) => swept.removed.push(made.thing.to_string()),
            Err(reason) => swept.left.push(format!("{}: {reason}", made.thing)),
        }
    }
    Ok(())
}

/// Removes what a run left that was killed before it had a journal, and so before it made anything.
fn forget_begun(path: &Path) -> Result<(), JournalError> {
    let begun_at = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let is_old = begun_at.is_ok_and(|at| at.elapsed().is_ok_and(|age| BEGUN_WITHIN < age));
    if !is_old {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// What a journal says; else the number of the line that is no entry. A last line that was cut off is
/// none: what it announces was not made yet.
fn contents(text: &str) -> Result<Contents, (usize, serde_json::Error)> {
    let mut at = SystemTime::UNIX_EPOCH;
    let mut contents = Contents::default();
    let Contents { place, things, programs } = &mut contents;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(Entry::Place(name)) => *place = name,
            Ok(Entry::Program(program)) => programs.push(program),
            Ok(Entry::At(seconds)) => at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            Ok(Entry::Making(thing)) => things.push(Made { thing, at }),
            Ok(Entry::Removed(thing)) => things.retain(|other| other.thing != thing),
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => return Err((index + 1, error)),
        }
    }
    Ok(contents)
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::File { verb, path, source }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
