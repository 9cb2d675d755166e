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
    /// When it started, in the system's words.
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

    /// Whether it still runs. One that has ended and that nobody has waited for does not.
    pub fn is_alive(&self) -> bool {
        started(self.pid).as_deref() == Some(&*self.started)
    }

    /// Asks it to end; nothing if it has ended. Never reaches another process of the same id.
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

/// When a process started, in the system's words; `None` if none of that id runs.
pub(crate) fn started(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        return started_in(&stat);
    }
    let arguments = ["-o", "lstart=", "-p", &pid.to_string()];
    // In one language and zone, whoever asks.
    let mut ps = std::process::Command::new("ps");
    let answer = ps.args(arguments).env("LC_ALL", "C").env("TZ", "UTC").output().ok()?;
    let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
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
    fn the_start_is_read_behind_any_name_and_a_zombie_has_none() {
        let fields = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20";
        assert_eq!(started_in(&format!("9 (a) b) S {fields}")), Some("777".to_owned()));
        assert_eq!(started_in(&format!("9 (a) Z {fields}")), None);
    }
}
