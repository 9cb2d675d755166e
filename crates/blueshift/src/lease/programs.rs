//! The programs that work on what was leased. They are ended before it is removed: one that outlives
//! a killed run would go on writing, where nobody looks again.
//!
//! Starts none. A killed run's programs are known from its journal.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::LeaseError;
use super::journal::Journal;
use crate::process::{Process, started};

/// How long a killed process may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) process: Process,
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "program {} (process {})", self.name, self.process.pid)
    }
}

/// Where programs are written down that work on one lease.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// None where what was leased ends with this process.
    pub(super) journal: Option<Arc<Journal>>,
    pub(super) started: Arc<Mutex<Vec<Program>>>,
}

impl Programs {
    /// Call it as soon as a program was started, and kill the program if it fails.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn started(&self, name: &str, pid: u32) -> Result<(), LeaseError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        // One that has ended already needs no end.
        let Some(started) = started(pid) else { return Ok(()) };
        let program = Program { name: name.to_owned(), process: Process { pid, started } };
        journal.started(&program)?;
        self.started.lock().unwrap_or_else(PoisonError::into_inner).push(program);
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<Program> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Kills those that still run, and waits until they are gone: what it ended; else what still runs,
/// and why.
pub(super) async fn end(programs: &[Program]) -> Result<Vec<String>, Vec<String>> {
    let alive: Vec<_> = programs.iter().filter(|program| program.process.is_alive()).collect();
    let mut left = Vec::new();
    for program in &alive {
        if let Err(error) = program.process.kill() {
            left.push(format!("{program}: {error}"));
        }
    }
    let until = Instant::now() + GONE_WITHIN;
    while left.is_empty() && alive.iter().any(|program| program.process.is_alive()) {
        if until <= Instant::now() {
            let still = alive.iter().filter(|program| program.process.is_alive());
            left.extend(still.map(|program| format!("{program}: it does not end")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    if left.is_empty() { Ok(alive.iter().map(ToString::to_string).collect()) } else { Err(left) }
}
