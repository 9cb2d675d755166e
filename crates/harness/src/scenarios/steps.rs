//! The steps of scenarios with faults: plans, and kills at a point that a plan names.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Calls, Moment, Plan, Rule};

use super::Run;
use super::stage::POLLING_TIMEOUT;
use crate::pipeline::Running;
use crate::probe::Probe;

/// How long a program may take to come to the point where it is to be held.
const HELD_WITHIN: Duration = Duration::from_secs(30);

/// Longer than any visibility timeout of a scenario.
const LONG: Duration = Duration::from_secs(3_600);

/// Where the clock cannot be moved, what a killed consumer held comes back after so many seconds.
const BACK_AFTER: (&str, &str) = ("EVENTS_VISIBILITY_TIMEOUT", "3");

/// A consumer that stores small batches soon and ends when the queue is empty.
pub(super) const CONSUME: [&str; 7] = [
    "--until-empty",
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--batch-age-max",
    "0.5",
    "--batch-events-max",
    "100",
];

/// A call at which a program is held: what the rule filters, and when.
pub(super) struct Point {
    pub(super) operation: &'static str,
    pub(super) resource: &'static str,
    pub(super) moment: Moment,
}

impl Point {
    pub(super) const fn before(operation: &'static str, resource: &'static str) -> Self {
        Self { operation, resource, moment: Moment::Before }
    }

    pub(super) const fn after(operation: &'static str, resource: &'static str) -> Self {
        Self { operation, resource, moment: Moment::After }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { operation, resource, moment } = self;
        write!(formatter, "{moment:?} {operation} on {resource}")
    }
}

/// Refuses everything of an operation, as an unwell service does.
pub(super) fn refuse(name: &str, operation: &str, status: u16, code: &str) -> Rule {
    Rule::new(name, operation, Action::Refuse { status, code: code.to_owned() })
}

/// This share of the calls, by the seed.
pub(super) fn share(share: f64) -> Calls {
    Calls::Share(share)
}

impl Run {
    /// Sets a plan with the scenario's seed.
    pub(super) fn set_faults(&self, rules: Vec<Rule>) {
        self.faults.set_plan(Plan { seed: self.options.seed, rules });
    }

    /// An error unless every rule of the plan has hit: a fault that did not happen proves nothing.
    pub(super) fn ensure_all_hit(&self) -> anyhow::Result<()> {
        for rule in self.faults.plan().rules {
            ensure!(self.faults.hits(&rule.name) != 0, "the fault {:?} never happened", rule.name);
        }
        Ok(())
    }

    /// Waits until a rule holds a call of the program.
    pub(super) async fn until_held(&self, program: &mut Running, rule: &str) -> anyhow::Result<()> {
        let held = async {
            if tokio::time::timeout(HELD_WITHIN, self.faults.until_held(rule)).await.is_err() {
                bail!("waited {HELD_WITHIN:?} in vain for a call to be held: {rule}");
            }
            Ok(())
        };
        program.meanwhile(held).await
    }

    /// Waits until a rule has hit calls of the program so often.
    pub(super) async fn until_hits(
        &self,
        program: &mut Running,
        rule: &str,
        count: u64,
    ) -> anyhow::Result<()> {
        let hits = async {
            if tokio::time::timeout(HELD_WITHIN, self.faults.until_hits(rule, count)).await.is_err()
            {
                bail!("waited {HELD_WITHIN:?} in vain for {count} hits of the fault: {rule}");
            }
            Ok(())
        };
        program.meanwhile(hits).await
    }

    /// Waits until a program's log has that message so often.
    pub(super) async fn until_said(
        &self,
        program: &mut Running,
        message: &str,
        times: usize,
    ) -> anyhow::Result<()> {
        let log = program.log().to_owned();
        let what = format!("{} says {message:?}", log.display());
        let said = self.probe.wait_until(&what, async |_| {
            let text = std::fs::read_to_string(&log).context("read the log")?;
            Ok(times <= text.matches(message).count())
        });
        program.meanwhile(said).await
    }

    /// Starts a program, and kills it at that point. What is held there never goes on. Returns how
    /// many COPYs there were.
    pub(super) async fn kill_at(
        &self,
        program: &str,
        arguments: &[&str],
        point: &Point,
    ) -> anyhow::Result<u64> {
        let rule = Rule::new("kill here", point.operation, Action::Hold(point.moment));
        let rule = rule.on(point.resource);
        let watch = Rule::new("copies", "COPY", Action::Delay { ms: 0 });
        self.set_faults(vec![rule, watch]);
        let mut victim = self.start_forgetful(program, arguments)?;
        self.until_held(&mut victim, "kill here").await.with_context(|| point.to_string())?;
        victim.kill().await.with_context(|| point.to_string())?;
        self.faults.release(Release::Cut);
        let copies = self.faults.hits("copies");
        self.faults.clear();
        Ok(copies)
    }

    /// Starts a program whose messages return soon once it is gone: where the clock cannot be moved,
    /// that has to be waited for. A flag of its own wins.
    pub(super) fn start_forgetful(
        &self,
        program: &str,
        arguments: &[&str],
    ) -> anyhow::Result<Running> {
        let soon = if self.clock.is_none() { &[BACK_AFTER][..] } else { &[] };
        self.pipeline.start_with(program, arguments, soon)
    }

    /// Ends every visibility timeout: what a killed consumer held is back in the queue. Where the
    /// clock cannot be moved, waits for it.
    pub(super) async fn let_hidden_messages_return(&self) -> anyhow::Result<()> {
        if let Some(clock) = &self.clock {
            clock.advance(LONG);
            return Ok(());
        }
        let returned = async |probe: &Probe| Ok(probe.queue_depth().await?.in_flight == 0);
        self.probe.wait_until("what was hidden is back in the queue", returned).await
    }

    /// Consumes until the queue is empty and notes the stage.
    pub(super) async fn consume(&mut self) -> anyhow::Result<()> {
        let finished = self.pipeline.run("consume-events", &CONSUME).await?;
        self.note_consumed("consume-events", &finished)
    }
}
