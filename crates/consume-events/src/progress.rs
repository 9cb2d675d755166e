//! A line that shows what has been done so far, for people at a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::state::Counters;

/// How often the line is renewed.
const EVERY: Duration = Duration::from_millis(250);

/// The line, or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    line: Option<ProgressBar>,
}

impl Progress {
    /// No line.
    pub(crate) fn hidden() -> Self {
        Self { line: None }
    }

    /// A line, if there may be one and stderr is a terminal.
    pub(crate) fn on_terminal(may_show: bool) -> Self {
        if !may_show || !std::io::stderr().is_terminal() {
            return Self::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]");
        let line = ProgressBar::new_spinner();
        Self { line: Some(line.with_style(style.expect("the template is well formed"))) }
    }

    /// Does what writes to the terminal, with the line out of its way.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        match &self.line {
            Some(line) => line.suspend(write),
            None => write(),
        }
    }

    /// Renews the line for ever.
    pub(crate) async fn follow(&self, counters: &Counters) {
        let Some(line) = &self.line else { return std::future::pending().await };
        loop {
            line.set_message(format!(
                "{} received, {} stored in {} objects, {} malformed",
                counters.received(),
                counters.stored(),
                counters.objects(),
                counters.dead_lettered() + counters.rejected(),
            ));
            line.tick();
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}
