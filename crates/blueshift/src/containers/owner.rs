//! Who started a container, as its label says, and whether that process still runs.

use crate::process::Process;

/// The label every container of ours carries; its value is an [`Owner`].
pub(crate) const OWNER_LABEL: &str = "dev.blueshift.owner";
/// The label that tells the containers of one stack from those of another.
pub(crate) const STACK_LABEL: &str = "dev.blueshift.stack";

/// The namespace of process ids that the machine starts with (PROC_PID_INIT_INO of Linux).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// A process: the boot it belongs to, its namespace of process ids, its id and its start. An id
/// alone would be reused, and a container may be another namespace of the same machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    boot: String,
    namespace: String,
    process: u32,
    started: String,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> Self {
        let Process { pid, started } = Process::this();
        Self { boot: boot(), namespace: namespace(), process: pid, started }
    }

    /// Reads a label; `None` if it is none of ours.
    pub(crate) fn parse(label: &str) -> Option<Self> {
        let mut fields = label.split('|').map(str::to_owned);
        let owner = Self {
            boot: fields.next()?,
            namespace: fields.next()?,
            process: fields.next()?.parse().ok()?,
            started: fields.next()?,
        };
        fields.next().is_none().then_some(owner)
    }

    /// Whether the process is gone for certain, seen from this one.
    ///
    /// Another boot is this machine before it was started anew, which stopped its containers, or
    /// another machine that shares the daemon and may live: `container_has_stopped` tells them
    /// apart. A process whose start could not be read when the label was written may live too.
    pub(crate) fn is_gone(&self, container_has_stopped: bool) -> bool {
        if self.boot != boot() {
            return container_has_stopped;
        }
        if self.started.is_empty() {
            return false;
        }
        if self.namespace != namespace() {
            return is_empty(&self.namespace);
        }
        let process = Process { pid: self.process, started: self.started.clone() };
        !process.is_alive()
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { boot, namespace, process, started } = self;
        write!(formatter, "{boot}|{namespace}|{process}|{started}")
    }
}

/// Changes with every start of the machine.
fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.display().to_string()
}

/// Whether no process is in another namespace any more, for certain: only the first namespace sees
/// those of all others, and only root may ask each process for its own.
fn is_empty(other: &str) -> bool {
    if namespace() != FIRST_NAMESPACE {
        return false;
    }
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    // The first process is in ours, whoever may ask it.
    let is_process = |name: &str| name != "1" && name.bytes().all(|byte| byte.is_ascii_digit());
    entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_process)).all(
        |entry| match std::fs::read_link(entry.path().join("ns/pid")) {
            Ok(link) => link.as_os_str() != other,
            // It has ended in between.
            Err(error) => {
                error.kind() == std::io::ErrorKind::NotFound
                    || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_others_are_gone_only_if_that_is_certain() {
        let this = Owner::this();
        assert_eq!(Owner::parse(&this.to_string()), Some(this.clone()));
        let gone = [
            (this.clone(), false),
            (Owner { started: String::new(), ..this.clone() }, false),
            (Owner { started: "another time".to_owned(), ..this.clone() }, true),
            // No system gives out such an id.
            (Owner { process: u32::MAX, ..this.clone() }, true),
        ];
        for (owner, expected) in gone {
            for has_stopped in [false, true] {
                assert_eq!(owner.is_gone(has_stopped), expected, "{owner}");
            }
        }
        let unseen = Owner { namespace: "pid:[1]".to_owned(), ..this };
        let sees_all = namespace() == FIRST_NAMESPACE && rustix::process::geteuid().is_root();
        assert_eq!(unseen.is_gone(false), sees_all, "nobody is in that namespace");
        assert!(!is_empty(&namespace()), "we are in it");
        let elsewhere = Owner { boot: "another boot".to_owned(), ..Owner::this() };
        assert!(elsewhere.is_gone(true) && !elsewhere.is_gone(false));
        for label in ["", "x|y|1", "x|y|one|z", "x|y|1|z|more"] {
            assert_eq!(Owner::parse(label), None, "{label}");
        }
    }
}
