//! Faults on request: calls refused, cut, delayed, held, or robbed of their answer.
//!
//! [`plan`] decides, [`Faults`] counts, keeps a journal of every hit and holds what is to be held;
//! [`http`] puts that in front of a service, [`tcp`] in front of anything that listens. Redshift's
//! relay asks [`Faults::judge`] itself, because only it sees statements.

pub mod http;
pub mod plan;
pub mod tcp;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{oneshot, watch};

use self::plan::{Action, Call, Plan};

/// The journal keeps so many hits; older ones are forgotten first.
pub const JOURNAL_MAX: usize = 10_000;

/// The faults of one stack. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether there is any rule: without one a call costs one load.
    armed: AtomicBool,
    state: Mutex<State>,
    /// Changes with every hit and everything held.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    hits: Vec<u64>,
    counts: HashMap<(String, String, String), u64>,
    journal: BTreeMap<u64, Hit>,
    hit_count: u64,
    held: BTreeMap<u64, oneshot::Sender<Release>>,
}

/// A call that met a fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// Counts hits from 1, since the plan was set.
    pub number: u64,
    /// The rule's name.
    pub rule: String,
    /// The call.
    #[serde(flatten)]
    pub call: Call,
    /// It was the n-th of its caller, operation and scope.
    pub call_number: u64,
    /// What was done.
    pub action: Action,
    /// Whether it is held at this moment.
    pub held: bool,
}

/// How the hold of a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It goes on.
    Continue,
    /// Its connection ends.
    Cut,
}

impl Faults {
    /// Replaces the plan. Counts and journal begin anew; what is held goes on.
    pub fn set_plan(&self, plan: Plan) {
        let mut state = self.state();
        self.shared.armed.store(!plan.rules.is_empty(), Ordering::Release);
        let held = std::mem::take(&mut state.held);
        *state = State { hits: vec![0; plan.rules.len()], plan, ..State::default() };
        drop(state);
        send_all(held, Release::Continue);
        self.shared.news.send_modify(|version| *version += 1);
    }

    /// Takes all rules away; what is held goes on.
    pub fn clear(&self) {
        self.set_plan(Plan::default());
    }

    /// The plan as it was set.
    pub fn plan(&self) -> Plan {
        self.state().plan.clone()
    }

    /// Every hit since the plan was set, the latest [`JOURNAL_MAX`] at most.
    pub fn journal(&self) -> Vec<Hit> {
        let state = self.state();
        let with_held =
            |hit: &Hit| Hit { held: state.held.contains_key(&hit.number), ..hit.clone() };
        state.journal.values().map(with_held).collect()
    }

    /// How often the rules of that name have hit.
    pub fn hits(&self, rule: &str) -> u64 {
        let state = self.state();
        let of_rule = state.plan.rules.iter().zip(&state.hits).filter(|(it, _)| it.name == rule);
        of_rule.map(|(_, hits)| hits).sum()
    }

    /// Lets everything that is held end this way; returns how many calls that were.
    pub fn release(&self, release: Release) -> usize {
        let held = std::mem::take(&mut self.state().held);
        let count = held.len();
        send_all(held, release);
        count
    }

    /// Returns once a call is held by the rule of that name. Bound it by a timeout of your own.
    pub async fn until_held(&self, rule: &str) {
        self.until(|state| {
            state
                .held
                .keys()
                .any(|number| state.journal.get(number).is_some_and(|hit| hit.rule == rule))
        })
        .await;
    }

    /// Returns once the rules of that name have hit so often. Bound it by a timeout of your own.
    pub async fn until_hits(&self, rule: &str, count: u64) {
        self.until(|state| {
            let of_rule = state.plan.rules.iter().zip(&state.hits);
            let hits = of_rule.filter(|(it, _)| it.name == rule).map(|(_, hits)| hits);
            count <= hits.sum::<u64>()
        })
        .await;
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        let mut news = self.shared.news.subscribe();
        while !condition(&self.state()) {
            // The sender lives in `self`.
            let _ = news.changed().await;
        }
    }

    /// Whether there is any rule at all.
    pub fn is_armed(&self) -> bool {
        self.shared.armed.load(Ordering::Acquire)
    }

    /// Counts the call and says what is to be done with it.
    pub fn judge(&self, call: &Call) -> Option<Hit> {
        if !self.is_armed() {
            return None;
        }
        let mut guard = self.state();
        let state = &mut *guard;
        let key = (
            call.caller.clone(),
            call.operation.clone(),
            format!("{}:{}", call.service, call.scope()),
        );
        let count = state.counts.entry(key).or_default();
        *count += 1;
        let call_number = *count;
        let index = state.plan.decide(call, call_number, &state.hits)?;
        state.hits[index] += 1;
        state.hit_count += 1;
        let rule = &state.plan.rules[index];
        let hit = Hit {
            number: state.hit_count,
            rule: rule.name.clone(),
            call: call.clone(),
            call_number,
            action: rule.action.clone(),
            held: false,
        };
        tracing::debug!(?hit, "fault");
        state.journal.insert(hit.number, hit.clone());
        if JOURNAL_MAX < state.journal.len() {
            state.journal.pop_first();
        }
        drop(guard);
        self.shared.news.send_modify(|version| *version += 1);
        Some(hit)
    }

    /// Holds a call until somebody releases it. Dropping the future ends the hold.
    pub async fn hold(&self, hit: &Hit) -> Release {
        let (sender, receiver) = oneshot::channel();
        self.state().held.insert(hit.number, sender);
        let _held = Held { faults: self, number: hit.number };
        self.shared.news.send_modify(|version| *version += 1);
        // Whoever takes the sender away uses it.
        receiver.await.unwrap_or(Release::Continue)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a call off the list of held ones when its caller is gone.
struct Held<'a> {
    faults: &'a Faults,
    number: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.faults.state();
        // A new plan counts anew: only what is still waiting for nobody is ours.
        if state.held.get(&self.number).is_some_and(oneshot::Sender::is_closed) {
            state.held.remove(&self.number);
        }
    }
}

fn send_all(held: BTreeMap<u64, oneshot::Sender<Release>>, release: Release) {
    for sender in held.into_values() {
        // A caller that is gone does not mind.
        let _ = sender.send(release);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::plan::{Calls, Moment, Rule};
    use super::*;

    fn commit() -> Call {
        Call {
            service: "redshift".to_owned(),
            operation: "COMMIT".to_owned(),
            caller: "awsuser".to_owned(),
            resource: "dev".to_owned(),
        }
    }

    fn faults(rule: Rule) -> Faults {
        let faults = Faults::default();
        faults.set_plan(Plan { seed: 1, rules: vec![rule] });
        faults
    }

    #[test]
    fn every_hit_is_in_the_journal_and_a_new_plan_counts_anew() {
        let faults =
            faults(Rule::new("second", "COMMIT", Action::Lose).calls(Calls::Numbers(vec![2])));
        assert_eq!(faults.judge(&commit()), None);
        let hit = faults.judge(&commit()).unwrap();
        assert_eq!((hit.number, hit.call_number, &*hit.rule), (1, 2, "second"));
        assert_eq!(faults.judge(&commit()), None);
        assert_eq!(faults.journal(), [hit]);
        assert_eq!(faults.hits("second"), 1);
        faults.set_plan(faults.plan());
        assert_eq!(faults.journal(), []);
        assert_eq!(faults.judge(&commit()), None);
        faults.clear();
        assert!(!faults.is_armed());
    }

    #[tokio::test]
    async fn a_held_call_waits_until_it_is_released_and_others_can_wait_for_that() {
        for release in [Release::Continue, Release::Cut] {
            let faults = faults(Rule::new("stop", "*", Action::Hold(Moment::Before)));
            let hit = faults.judge(&commit()).unwrap();
            let holder = tokio::spawn({
                let faults = faults.clone();
                async move { faults.hold(&hit).await }
            });
            let held = tokio::time::timeout(Duration::from_secs(5), faults.until_held("stop"));
            held.await.expect("it is held");
            assert!(faults.journal()[0].held);
            assert_eq!(faults.release(release), 1);
            assert_eq!(holder.await.unwrap(), release);
            assert!(!faults.journal()[0].held);
        }
    }

    #[tokio::test]
    async fn a_caller_that_is_gone_is_not_held_any_more() {
        let faults = faults(Rule::new("stop", "*", Action::Hold(Moment::Before)));
        let hit = faults.judge(&commit()).unwrap();
        let gone = tokio::time::timeout(Duration::from_millis(1), faults.hold(&hit)).await;
        assert!(gone.is_err());
        assert_eq!(faults.release(Release::Continue), 0);
    }
}
