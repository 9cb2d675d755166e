//! Shows how far the sending is: a bar on a terminal, elsewhere a log line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a log line comes where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    line_at: Instant,
}

impl Progress {
    /// Begins; `count` is how many messages there will be, if they ever end.
    pub(crate) fn start(may_show_bar: bool, count: Option<u64>) -> Progress {
        let shows_bar = may_show_bar && std::io::stderr().is_terminal();
        let bar = shows_bar.then(|| match count {
            Some(count) => ProgressBar::new(count).with_style(style(
                "{bar:40} {human_pos}/{human_len} messages, {per_sec}, {eta} left",
            )),
            None => ProgressBar::new_spinner()
                .with_style(style("{spinner} {human_pos} messages, {per_sec}, for {elapsed}")),
        });
        Progress { bar, line_at: Instant::now() + LINE_EVERY }
    }

    /// Shows that SQS has `sent` messages now.
    pub(crate) fn show(&mut self, sent: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(sent);
        } else if self.line_at <= Instant::now() {
            tracing::info!(sent, "sending");
            self.line_at = Instant::now() + LINE_EVERY;
        }
    }

    /// Takes the bar away, so that the result stands alone.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well formed")
}
