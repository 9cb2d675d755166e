//! How far a stack has come, for those who ask over HTTP.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// Whether a stack is ready, and what its init scripts did. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    scripts: Vec<ScriptReport>,
}

/// What a stack is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It has not been ready yet.
    #[default]
    Starting,
    /// Everything asked for is there.
    Running,
    /// Everything goes, and what was asked for is made again.
    Resetting,
    /// A reset failed: what was asked for is not there, or only in part.
    Failed,
}

/// What became of one init script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ScriptReport {
    /// The file's name, without its folder.
    pub(crate) name: String,
    /// How far it has come.
    pub(crate) state: ScriptState,
}

/// How far an init script has come, in LocalStack's words
/// (<https://docs.localstack.cloud/aws/configuration/config/initialization-hooks/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ScriptState {
    /// Not begun.
    Unknown,
    /// Begun.
    Running,
    /// Ended well.
    Successful,
    /// Failed; those after it do not run.
    Error,
}

impl Readiness {
    /// Whether everything asked for is there.
    pub(crate) fn is_ready(&self) -> bool {
        self.phase() == Phase::Running
    }

    /// What the stack is about.
    pub(crate) fn phase(&self) -> Phase {
        self.with(|state| state.phase)
    }

    /// From now on it is about something else. Before a reset the scripts have not run.
    pub(crate) fn enter(&self, phase: Phase) {
        self.with(|state| {
            state.phase = phase;
            if phase == Phase::Resetting {
                for script in &mut state.scripts {
                    script.state = ScriptState::Unknown;
                }
            }
        });
    }

    /// The init script that runs at this moment.
    pub(crate) fn running_script(&self) -> Option<String> {
        self.with(|state| {
            let running = state.scripts.iter().find(|it| it.state == ScriptState::Running);
            running.map(|script| script.name.clone())
        })
    }

    /// The init scripts, in their order.
    pub(crate) fn scripts(&self) -> Vec<ScriptReport> {
        self.with(|state| state.scripts.clone())
    }

    /// These scripts are about to run.
    pub(crate) fn set_scripts(&self, names: impl Iterator<Item = String>) {
        let scripts = names.map(|name| ScriptReport { name, state: ScriptState::Unknown });
        self.with(|state| state.scripts = scripts.collect());
    }

    /// One of them has come further; nothing if it is not one of them.
    pub(crate) fn set_script(&self, name: &str, reached: ScriptState) {
        self.with(|state| {
            for script in state.scripts.iter_mut().filter(|script| script.name == name) {
                script.state = reached;
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
