//! A process that is written down, and found again: by its id and its start, because an id alone may
//! be somebody else's by then.

use std::fmt;

use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it started, in the system's words; empty if that is not known, as in records of older
    /// versions: then its id has to do.
    #[serde(default)]
    pub started: String,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).unwrap_or_default() }
    }

    /// Reads what [`Display`](fmt::Display) writes; `None` if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (pid, started) = text.trim().split_once(' ')?;
        let process = Self { pid: pid.parse().ok()?, started: started.to_owned() };
        (!process.started.is_empty()).then_some(process)
    }

    /// Whether it still runs, or may, because the system does not say. One that has ended and that
    /// nobody has waited for does not.
    pub fn is_alive(&self) -> bool {
        match Start::of(self.pid) {
            Start::Gone => false,
            Start::Unknown => true,
            Start::At(started) => self.started.is_empty() || started == self.started,
        }
    }

    /// Asks it to end; nothing if it has ended. Never reaches another process of the same id, unless
    /// the start is not known.
    ///
    /// # Errors
    /// If it is not ours to stop.
    pub fn terminate(&self) -> Result<(), Errno> {
        self.send(Signal::TERM)
    }

    /// Ends it without its doing; nothing if it has ended. Never reaches another process of the same
    /// id.
    ///
    /// # Errors
    /// If it is not ours to end.
    pub fn kill(&self) -> Result<(), Errno> {
        self.send(Signal::KILL)
    }

    fn send(&self, signal: Signal) -> Result<(), Errno> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        match self.signal(pid, signal) {
            Err(Errno::SRCH) => Ok(()),
            outcome => outcome,
        }
    }

    #[cfg(target_os = "linux")]
    fn signal(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        match pidfd_open(pid, PidfdFlags::empty()) {
            // From here on its id cannot become another's.
            Ok(held) if self.is_alive() => pidfd_send_signal(held, signal),
            Ok(_) => Ok(()),
            // A kernel before 5.3, or a sandbox.
            Err(Errno::NOSYS | Errno::PERM) => self.signal_by_id(pid, signal),
            Err(error) => Err(error),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn signal(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        self.signal_by_id(pid, signal)
    }

    fn signal_by_id(&self, pid: Pid, signal: Signal) -> Result<(), Errno> {
        if self.is_alive() { rustix::process::kill_process(pid, signal) } else { Ok(()) }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.pid, self.started)
    }
}

/// When a process started, in the system's words; `None` if none of that id runs, or if the system
/// does not say.
pub(crate) fn started(pid: u32) -> Option<String> {
    match Start::of(pid) {
        Start::At(started) => Some(started),
        Start::Gone | Start::Unknown => None,
    }
}

/// When a process started.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    /// None of that id runs.
    Gone,
    /// One may run, but the system does not say more.
    Unknown,
    /// In the system's words.
    At(String),
}

impl Start {
    fn of(pid: u32) -> Self {
        if cfg!(target_os = "linux") {
            return Self::from_stat(std::fs::read_to_string(format!("/proc/{pid}/stat")), pid);
        }
        let arguments = ["-o", "lstart=", "-p", &pid.to_string()];
        // In one language and zone, whoever asks.
        let mut ps = std::process::Command::new("ps");
        let answer = ps.args(arguments).env("LC_ALL", "C").env("TZ", "UTC").output();
        let Ok(answer) = answer else { return Self::Unknown };
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if text.is_empty() { Self::Gone } else { Self::At(text) }
    }

    /// Of what was read. Without a file there is no such process, unless /proc hides it from us; any
    /// other failure says nothing of it.
    fn from_stat(stat: std::io::Result<String>, pid: u32) -> Self {
        match stat {
            Ok(stat) => started_in(&stat).map_or(Self::Gone, Self::At),
            Err(error) => {
                let is_none = error.kind() == std::io::ErrorKind::NotFound
                    || error.raw_os_error() == Some(Errno::SRCH.raw_os_error());
                if is_none && !exists(pid) { Self::Gone } else { Self::Unknown }
            }
        }
    }
}

/// Whether there is a process of this id, be it another user's.
fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(Errno::SRCH))
}

/// The start in `/proc/<pid>/stat`, unless the process has ended.
fn started_in(stat: &str) -> Option<String> {
    // The command's name may hold spaces and parentheses; the state is the first field after it,
    // the start the 20th.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    (!["Z", "X"].contains(&state)).then(|| fields.nth(18).map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_too() {
        let this = Process::this();
        assert!(this.is_alive());
        assert_eq!(Process::parse(&this.to_string()), Some(this.clone()));
        let before = Process { started: "another time".to_owned(), ..this.clone() };
        assert!(!before.is_alive());
        // It would end this test.
        before.terminate().expect("nothing to end");
        before.kill().expect("nothing to end");
        let none = Process { pid: u32::MAX, ..this };
        assert!(!none.is_alive());
        none.terminate().expect("nothing to end");
        for text in ["", "7", "7 ", "x 7"] {
            assert_eq!(Process::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_process_that_is_not_there_is_gone() {
        let this = std::process::id();
        for (raw, pid, expected) in [
            (Errno::NOENT, u32::MAX, Start::Gone),
            (Errno::SRCH, u32::MAX, Start::Gone),
            // Hidden by /proc's option hidepid.
            (Errno::NOENT, this, Start::Unknown),
            (Errno::ACCESS, u32::MAX, Start::Unknown),
            (Errno::MFILE, u32::MAX, Start::Unknown),
        ] {
            let error = std::io::Error::from_raw_os_error(raw.raw_os_error());
            assert_eq!(Start::from_stat(Err(error), pid), expected, "{raw}");
        }
    }

    #[test]
    fn a_process_of_an_unknown_start_is_known_by_its_id() {
        let old: Process = serde_json::from_str(r#"{"pid": 4294967295}"#).expect("no start");
        assert!(!old.is_alive());
        assert!(Process { pid: std::process::id(), ..old }.is_alive());
    }

    #[test]
    fn the_start_is_read_behind_any_name_and_a_zombie_has_none() {
        let fields = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(started_in(&format!("9 (a) b) S {fields}")), Some("777".to_owned()));
        assert_eq!(started_in(&format!("9 (a) Z {fields}")), None);
    }
}
