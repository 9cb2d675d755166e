//! Patience with SQS and S3: what is transient is tried again, for as long as somebody wants it.
//!
//! The SDK's own retries are switched off (see [`crate::connect`]), so that one place decides what
//! is tried again and says so: once when an outage begins, once a minute while it lasts, once when
//! it is over. A refusal ends the run if the call has never worked: then a setting or a permission
//! is wrong, and a person must look. What has worked before and is refused now (a policy was
//! changed, a key expired) is tried on, with the warnings, so that putting it right is all that
//! is to be done.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::metrics::{Counter, Health, Metrics};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::CallError;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// Who asks for fewer calls gets fewer: an outage is asked for its end more often than that. The
/// longest pause is no longer, however: messages may be held meanwhile, hidden for a minute or two.
const THROTTLED_PAUSE_MIN: Duration = Duration::from_millis(500);
const THROTTLED_PAUSE_MAX: Duration = PAUSE_MAX;

/// How long a call may still take that is under way, or must be made, when there is no time left.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// How often an outage is spoken of while it lasts.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// An outage that lasts longer makes the program unwell.
const UNWELL_AFTER: Duration = Duration::from_secs(60);

/// How often it is looked whether the program is well.
const EXAMINE_EVERY: Duration = Duration::from_secs(1);

/// How long to wait after failure number `failure_count` (from 1): doubling, the upper half of it
/// left to chance, so that many clients do not come back at the same instant.
pub(crate) fn pause_after(failure_count: u32, random: u64) -> Duration {
    growing(PAUSE_MIN, PAUSE_MAX, failure_count, random)
}

/// The same where the service has said that there are too many calls.
fn pause_after_throttling(failure_count: u32, random: u64) -> Duration {
    growing(THROTTLED_PAUSE_MIN, THROTTLED_PAUSE_MAX, failure_count, random)
}

fn growing(shortest: Duration, longest: Duration, failure_count: u32, random: u64) -> Duration {
    let doublings = failure_count.saturating_sub(1).min(16);
    let pause = shortest.saturating_mul(1 << doublings).min(longest);
    // The lower 32 bits as a fraction of one.
    let share = (random & 0xFFFF_FFFF) as f64 / (u64::from(u32::MAX) + 1) as f64;
    pause.mul_f64(0.5 + share / 2.0)
}

/// Random bits for a pause.
pub(crate) fn random_bits() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

/// What is known about one service's health, shared by all who call it.
#[derive(Debug)]
pub(crate) struct Outage {
    service: &'static str,
    trouble: Mutex<Option<Trouble>>,
    /// Whether there is trouble, for those who wait for its end.
    is_away: watch::Sender<bool>,
    retries: Counter,
}

#[derive(Debug, Clone)]
struct Trouble {
    began_at: Instant,
    said_at: Instant,
    error: String,
}

impl Outage {
    /// `service` is `sqs` or `s3`, or what of them is looked at by itself.
    pub(crate) fn new(service: &'static str, metrics: &Metrics) -> Self {
        let help = format!("Calls to {service} that failed and are tried again");
        Self {
            service,
            trouble: Mutex::default(),
            is_away: watch::Sender::new(false),
            retries: metrics.counter(&format!("{service}_retries_total"), &help),
        }
    }

    /// Takes note of a failure. The first one of a call is a hiccup; the second one is an outage.
    fn failed(&self, failure_count: u32, error: &CallError) {
        self.retries.add(1);
        if failure_count < 2 {
            tracing::debug!(service = self.service, %error, "call failed, trying again");
            return;
        }
        let now = Instant::now();
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let began_at = trouble.as_ref().map(|trouble| trouble.began_at);
        let is_said = trouble.as_ref().is_some_and(|it| now < it.said_at + SAY_EVERY);
        if is_said {
            return;
        }
        let began_at = began_at.unwrap_or(now);
        *trouble = Some(Trouble { began_at, said_at: now, error: error.to_string() });
        drop(trouble);
        self.is_away.send_replace(true);
        let seconds = began_at.elapsed().as_secs();
        let (service, kind) = (self.service, error.kind());
        if let CallError::Throttled(_) = error {
            let hint = error.hint();
            tracing::warn!(service, kind, seconds, %error, hint, "service throttles, trying on");
        } else if error.is_transient() {
            tracing::warn!(service, kind, seconds, %error, "service unavailable, trying on");
        } else {
            let hint = error.hint();
            tracing::warn!(service, kind, seconds, %error, hint, "service refuses, trying on");
        }
    }

    /// Takes note of an answer.
    fn answered(&self) {
        if !*self.is_away.borrow() {
            return;
        }
        let ended = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.is_away.send_replace(false);
        if let Some(trouble) = ended {
            let seconds = trouble.began_at.elapsed().as_secs_f64();
            tracing::info!(service = self.service, seconds, "service available again");
        }
    }

    /// Waits until the service is there, as far as is known.
    pub(crate) async fn over(&self) {
        let mut is_away = self.is_away.subscribe();
        let _ = is_away.wait_for(|is_away| !is_away).await;
    }

    /// For how long there has been trouble.
    fn lasted(&self) -> Duration {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.as_ref().map_or(Duration::ZERO, |trouble| trouble.began_at.elapsed())
    }

    /// Why the program is unwell, if the outage has lasted.
    fn complaint(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let seconds = trouble.began_at.elapsed();
        let Trouble { error, .. } = trouble;
        let service = self.service;
        (UNWELL_AFTER < seconds).then(|| format!("{service} for {} s: {error}", seconds.as_secs()))
    }
}

/// Says whether the program is well, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Checkup {
    task: JoinHandle<()>,
    health: Health,
}

impl Checkup {
    /// Does `also` as often as it looks.
    pub(crate) fn start(
        outages: Vec<Arc<Outage>>,
        health: Health,
        also: impl Fn() + Send + 'static,
    ) -> Self {
        let told = health.clone();
        let task = tokio::spawn(async move {
            loop {
                also();
                let complaints: Vec<String> =
                    outages.iter().filter_map(|outage| outage.complaint()).collect();
                if complaints.is_empty() {
                    told.ok();
                } else {
                    told.failing(complaints.join("; "));
                }
                tokio::time::sleep(EXAMINE_EVERY).await;
            }
        });
        Self { task, health }
    }
}

impl Drop for Checkup {
    fn drop(&mut self) {
        self.task.abort();
        self.health.ok();
    }
}

/// Calls again until an answer comes, the failure is for good, or `give_up` is cancelled.
///
/// The pauses between calls are cut short by that; what becomes of the calls says [`Late`]. Clones
/// stand for the same kind of call.
#[derive(Debug, Clone)]
pub(crate) struct Persistence {
    outage: Arc<Outage>,
    give_up: CancellationToken,
    /// From then on no call is made, and none is waited for.
    end: CancellationToken,
    has_worked: Arc<AtomicBool>,
    outlasts_refusals: bool,
    /// For how long it is worth trying.
    patience: Duration,
    late: Late,
    /// Whether a call was not answered in time.
    is_silent: Arc<AtomicBool>,
}

/// What becomes of a call when all is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// It is made once more, and its answer is waited for.
    Made,
    /// The same, but the answer is waited for [`STOP_GRACE`] only.
    Hurried,
    /// As above, until one was not answered in time: after that none is made.
    HurriedUntilSilence,
}

impl Persistence {
    /// A refusal is for good.
    pub(crate) fn new(outage: Arc<Outage>, give_up: CancellationToken) -> Self {
        Self {
            outage,
            give_up,
            end: CancellationToken::new(),
            has_worked: Arc::default(),
            outlasts_refusals: false,
            patience: Duration::MAX,
            late: Late::Made,
            is_silent: Arc::default(),
        }
    }

    /// Once all is given up a call has [`STOP_GRACE`]: for those whose outcome may stay unknown.
    pub(crate) fn hurried_in_the_end(self) -> Self {
        Self { late: Late::Hurried, ..self }
    }

    /// The same, and after one that was not answered in time none is made any more: for calls that
    /// would each wait for the same silent service.
    pub(crate) fn hurried_until_silence(self) -> Self {
        Self { late: Late::HurriedUntilSilence, ..self }
    }

    /// Once `end` is cancelled, some time after all is given up, no call is made any more, and none
    /// is waited for: however slow a service is, and however many calls there are to make.
    pub(crate) fn ending_at(self, end: CancellationToken) -> Self {
        Self { end, ..self }
    }

    /// For what has a substitute: a failure is for good when the call, or the outage, has lasted so
    /// long.
    pub(crate) fn for_at_most(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// A refusal is for good only if the call has never worked.
    pub(crate) fn outlasting_refusals(self) -> Self {
        Self { outlasts_refusals: true, ..self }
    }

    pub(crate) async fn call<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut failure_count = 0;
        let began_at = Instant::now();
        loop {
            let error = match self.once(attempt()).await {
                Ok(answer) => {
                    self.has_worked.store(true, Ordering::Relaxed);
                    self.outage.answered();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if !self.may_pass(&error) || self.give_up.is_cancelled() || self.is_over() {
                // Whoever says no is there; a call that ends so may be the last one for long, and
                // those who wait for the end of the outage must not wait for the next.
                if !error.is_transient() {
                    self.outage.answered();
                }
                return Err(error);
            }
            failure_count += 1;
            self.outage.failed(failure_count, &error);
            if self.patience <= began_at.elapsed().max(self.outage.lasted()) {
                return Err(error);
            }
            if let CallError::Throttled(_) = error {
                self.wait(pause_after_throttling(failure_count, random_bits())).await;
            } else {
                self.pause(failure_count).await;
            }
        }
    }

    /// One call, if there is still any use in it, and its answer, if that comes in time.
    pub(crate) async fn once<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        if self.is_over() {
            return Err(CallError::GivenUp("the service does not answer, or not soon enough"));
        }
        self.in_time(call).await
    }

    /// One call's answer, if it comes in time.
    pub(crate) async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        if self.end.is_cancelled() {
            return Err(CallError::GivenUp("no time is left"));
        }
        let too_late = async {
            if self.late == Late::Made {
                std::future::pending::<()>().await;
            }
            self.give_up.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            biased;
            answer = call => return answer,
            () = too_late => {}
            () = self.end.cancelled() => {}
        }
        self.is_silent.store(true, Ordering::Relaxed);
        Err(CallError::GivenUp("no answer came in time"))
    }

    /// Whether no call is made any more.
    pub(crate) fn is_over(&self) -> bool {
        let is_silent = || self.is_silent.load(Ordering::Relaxed);
        self.end.is_cancelled() || self.late == Late::HurriedUntilSilence && is_silent()
    }

    /// Whether there is no time left for anything.
    pub(crate) fn has_given_up(&self) -> bool {
        self.give_up.is_cancelled()
    }

    /// Whether the same call may succeed later.
    fn may_pass(&self, error: &CallError) -> bool {
        let worked = || self.has_worked.load(Ordering::Relaxed);
        error.is_transient() || self.outlasts_refusals && error.is_refusal() && worked()
    }

    /// The pause after failure number `failure_count`, cut short by `give_up`.
    pub(crate) async fn pause(&self, failure_count: u32) {
        self.wait(pause_after(failure_count, random_bits())).await;
    }

    async fn wait(&self, pause: Duration) {
        self.give_up.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::FailedCall;

    proptest! {
        #[test]
        fn pauses_grow_to_their_ceiling_and_never_beyond(failure_count: u32, random: u64) {
            let pause = pause_after(failure_count, random);
            prop_assert!(PAUSE_MIN / 2 <= pause && pause <= PAUSE_MAX);
            prop_assert!(pause_after(failure_count, 0) <= pause_after(failure_count, u64::MAX));
        }
    }

    fn denied() -> CallError {
        let (operation, resource) = ("PutObject", "bucket lake".to_owned());
        CallError::Denied(FailedCall { operation, resource, reason: "403".to_owned() })
    }

    fn persistence(outage: &Arc<Outage>) -> Persistence {
        Persistence::new(Arc::clone(outage), CancellationToken::new()).outlasting_refusals()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_what_never_worked_and_what_worked_before_outlasts_it() {
        let metrics = Metrics::new("p");
        let outage = Arc::new(Outage::new("s3", &metrics));
        let persistence = persistence(&outage);
        assert_eq!(persistence.call(async || Err::<(), _>(denied())).await, Err(denied()));
        persistence.call(async || Ok(())).await.expect("an answer");
        let mut refusals = 5;
        let answered = persistence
            .call(|| {
                refusals -= 1;
                let answer = if 0 < refusals { Err(denied()) } else { Ok(refusals) };
                async move { answer }
            })
            .await;
        assert_eq!(answered, Ok(0));
        assert!(metrics.text().contains("p_s3_retries_total 4"), "{}", metrics.text());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_ends_the_attempts_ends_the_outage_too() {
        let outage = Arc::new(Outage::new("s3", &Metrics::new("p")));
        let call = |operation| FailedCall {
            operation,
            resource: "bucket lake".to_owned(),
            reason: String::new(),
        };
        let gone = CallError::Gone(call("CompleteMultipartUpload"));
        let away = CallError::Unreachable(call("CompleteMultipartUpload"));
        let mut answers = vec![gone.clone(), away.clone(), away];
        let persistence = persistence(&outage);
        let ended = persistence.call(|| {
            let answer = Err::<(), _>(answers.pop().expect("three are enough"));
            async { answer }
        });
        assert_eq!(ended.await, Err(gone));
        let over = tokio::time::timeout(Duration::from_secs(1), outage.over()).await;
        assert!(over.is_ok(), "the pollers would wait for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_more_than_a_minute_makes_unwell_until_it_is_over() {
        let outage = Arc::new(Outage::new("s3", &Metrics::new("p")));
        let health = Health::new();
        let _checkup = Checkup::start(vec![Arc::clone(&outage)], health.clone(), || {});
        let began_at = Instant::now();
        let away = CallError::Unreachable(FailedCall {
            operation: "PutObject",
            resource: "bucket lake".to_owned(),
            reason: "Connection refused".to_owned(),
        });
        let persistence = persistence(&outage);
        let call = persistence.call(|| {
            let is_back = Duration::from_secs(600) < began_at.elapsed();
            let answer = if is_back { Ok(()) } else { Err(away.clone()) };
            async { answer }
        });
        let watch = async {
            tokio::time::sleep(Duration::from_secs(50)).await;
            assert_eq!(health.reason(), None);
            tokio::time::sleep(Duration::from_secs(20)).await;
            let reason = health.reason().expect("unwell");
            assert!(reason.starts_with("s3 for 6") && reason.contains("bucket lake"), "{reason}");
            outage.over().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(health.reason(), None);
        };
        let (answered, ()) = tokio::join!(call, watch);
        assert_eq!(answered, Ok(()));
    }

    #[test]
    fn the_pause_doubles_and_throttling_makes_it_longer() {
        let shortest: Vec<u128> = (1..=4).map(|count| pause_after(count, 0).as_millis()).collect();
        assert_eq!(shortest, [50, 100, 200, 400]);
        let throttled = |count| pause_after_throttling(count, 0).as_millis();
        assert_eq!([1, 2, 3, 20].map(throttled), [250, 500, 1_000, 10_000]);
    }
}
