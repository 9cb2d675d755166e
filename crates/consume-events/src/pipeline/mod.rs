//! Puts the stages together and takes them down again, in order.
//!
//! ```text
//! pollers ─► collector ─► keeper: put, confirmed, delete
//!    ├─────► carriers: copy to the dead-letter queue, accepted, delete
//!    │          └───► rejecter, for what that queue does not take: put, confirmed, delete
//!    └─────► back to the queue for a while, what none of these has room for
//! ```
//!
//! Each kind of call has its own patience and its own outage: what keeps malformed messages from
//! their places keeps no event from its own.
//!
//! A stop ends the pollers; with them gone the collector stores what is open, the carriers send
//! what they have, and only then is the run over. What an unavailable service still prevents when
//! `stop_timeout` has passed is given back to the queue: from then on no call is waited for
//! longer than [`crate::retry::STOP_GRACE`], and a silent service is waited for once. One that is
//! slow is waited for no longer than [`STORE_WITHIN`] for what stores, and [`END_WITHIN`] for what
//! deletes and gives back: whatever is left then comes again after its visibility timeout.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use events::Validator;
use runtime::metrics::{Health, Metrics};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Summary;
use crate::acknowledge::Acknowledger;
use crate::batch::BatchLimits;
use crate::ceiling::Ceiling;
use crate::collect::{Collector, Destination, Portion};
use crate::custody::{Custody, Extender};
use crate::dead_letter::{self, Carrier, Inbox, Undeliverable};
use crate::detour::Detour;
use crate::error::CallError;
use crate::full_queue::{Fullness, Lookout};
use crate::handover::{Delay, Handover, Way};
use crate::in_flight::{IN_FLIGHT_MAX, InFlight};
use crate::object::Compression;
use crate::progress::Progress;
use crate::queue::Queue;
use crate::receive::{Poller, Polling, ROOM_BYTES};
use crate::rejected::{self, Rejecter, Shelf};
use crate::retry::{Checkup, Outage, Persistence};
use crate::state::{Counters, Failure};
use crate::store::{Keeper, ObjectStore};
use crate::until_empty::{Silence, Watch};

/// Deletes in flight at once, at least: one batch's worth of them stands between two batches.
const ACKNOWLEDGE_CONCURRENCY_MIN: usize = 16;

/// Batches of dead letters on their way at once, so that a flood of them is not a queue of them.
const CARRIER_COUNT: usize = 4;

/// How many undeliverable messages wait with their bodies, which may be 1 MiB each.
const UNDELIVERABLE_COUNT_MAX: usize = 10;

/// How long a `--until-empty` run waits in one poll: it wants to know soon.
const WAIT_UNTIL_EMPTY_MAX: Duration = Duration::from_secs(1);

/// And in the poll that confirms an empty one. It sees only some of SQS's servers, but the one
/// before it saw them all, and the queue is asked for its counts besides.
const WAIT_AGAIN_UNTIL_EMPTY: Duration = Duration::ZERO;

/// How much later than a long poll's end its answer is no sign of trouble.
const LAG_GRACE: Duration = Duration::from_secs(5);

/// How long, when all is given up, S3 and the dead-letter queue may still take for all calls
/// together. Less than below, so that there is time to give back what they did not take.
const STORE_WITHIN: Duration = Duration::from_secs(15);

/// How long, when all is given up, all the rest may take: then the run is over.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(30);

/// The numbers that shape a run.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    pub(crate) poller_count: usize,
    pub(crate) polling: Polling,
    pub(crate) limits: BatchLimits,
    pub(crate) until_empty: bool,
    pub(crate) stop_timeout: Duration,
    /// Put before every key.
    pub(crate) prefix: String,
    pub(crate) compression: Compression,
    /// See [`Destination::part_bytes`].
    pub(crate) part_bytes: usize,
}

/// What a run works with.
#[derive(Debug)]
pub(crate) struct Pipeline<Q, S> {
    pub(crate) queue: Q,
    /// Without it, all that is malformed goes to the bucket.
    pub(crate) dead_letters: Option<Q>,
    pub(crate) store: S,
    pub(crate) validator: Arc<Validator>,
    pub(crate) tuning: Tuning,
    pub(crate) progress: Progress,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

/// What the stages of one run share.
struct Shared {
    stop: CancellationToken,
    give_up: CancellationToken,
    /// Nothing is stored any more.
    store_end: CancellationToken,
    /// Nothing is done any more.
    end: CancellationToken,
    sqs: Arc<Outage>,
    /// Of the deletes: answers to receives, and there are many, say nothing about them.
    deletes: Arc<Outage>,
    /// Of what takes the events.
    s3: Arc<Outage>,
    /// Of what takes malformed messages, each by itself.
    dead_letters: Arc<Outage>,
    rejected: Arc<Outage>,
    failure: Failure,
    counters: Arc<Counters>,
    in_flight: Arc<InFlight>,
    silence: Arc<Silence>,
    custody: Arc<Custody>,
    fullness: Arc<Fullness>,
    /// Of the open batch, and of what is rejected.
    flushes: [Arc<Notify>; 2],
    outlasts_refusals: bool,
}

impl Shared {
    fn new(stop: CancellationToken, tuning: &Tuning, metrics: &Metrics) -> Self {
        Self {
            give_up: CancellationToken::new(),
            store_end: CancellationToken::new(),
            end: CancellationToken::new(),
            sqs: Arc::new(Outage::new("sqs", metrics)),
            deletes: Arc::new(Outage::new("deletes", metrics)),
            s3: Arc::new(Outage::new("s3", metrics)),
            dead_letters: Arc::new(Outage::new("dead_letters", metrics)),
            rejected: Arc::new(Outage::new("rejected", metrics)),
            failure: Failure::new(stop.clone()),
            counters: Arc::new(Counters::new(metrics)),
            in_flight: Arc::new(InFlight::new(IN_FLIGHT_MAX)),
            silence: Arc::new(Silence::new(tuning.poller_count)),
            custody: Arc::default(),
            fullness: Arc::default(),
            flushes: Default::default(),
            // A script waits for an end, also for a bad one.
            outlasts_refusals: !tuning.until_empty,
            stop,
        }
    }

    /// For what must be done before the end: given up only when the end has waited long enough.
    fn persist(&self, outage: &Arc<Outage>, end: &CancellationToken) -> Persistence {
        let persistence = Persistence::new(Arc::clone(outage), self.give_up.clone());
        self.outlasting(persistence).hurried_until_silence().ending_at(end.clone())
    }

    fn outlasting(&self, persistence: Persistence) -> Persistence {
        if self.outlasts_refusals { persistence.outlasting_refusals() } else { persistence }
    }

    /// For what has a substitute: a refusal is for good, and so is an outage of some seconds.
    fn persist_for(&self, patience: Duration, outage: &Arc<Outage>) -> Persistence {
        let persistence = Persistence::new(Arc::clone(outage), self.give_up.clone());
        let end = self.store_end.clone();
        persistence.for_at_most(patience).hurried_until_silence().ending_at(end)
    }

    /// Gives up when the stop has waited long enough, and ends all soon after that.
    fn start_ceilings(&self, stop_timeout: Duration) -> [Ceiling; 3] {
        [
            (stop_timeout, &self.give_up),
            (stop_timeout + STORE_WITHIN, &self.store_end),
            (stop_timeout + END_WITHIN, &self.end),
        ]
        .map(|(delay, token)| {
            Ceiling::start(self.stop.clone().cancelled_owned(), delay, token.clone())
        })
    }

    /// For what the stop makes needless.
    fn persist_until_stop(&self) -> Persistence {
        let persistence = Persistence::new(Arc::clone(&self.sqs), self.stop.clone());
        self.outlasting(persistence).hurried_in_the_end()
    }
}

impl<Q: Queue, S: ObjectStore> Pipeline<Q, S> {
    /// Runs until `shutdown` is cancelled, the queue is empty if that is wanted, or a failure that
    /// no patience can heal.
    ///
    /// # Errors
    /// That failure. What was held has been stored or given back.
    pub(crate) async fn run(self, shutdown: &CancellationToken) -> Result<Summary, CallError> {
        let started = Instant::now();
        let stop = shutdown.child_token();
        let shared = Shared::new(stop, &self.tuning, &self.metrics);
        let progress = self.progress.clone();
        let outages = [&shared.sqs, &shared.deletes, &shared.s3].map(Arc::clone).to_vec();
        let usual = self.tuning.polling.wait + LAG_GRACE;
        // Nothing has come so far, and nobody knows what waits.
        shared.counters.set_receive_lag(None);
        let (in_flight, counters) = (Arc::clone(&shared.in_flight), Arc::clone(&shared.counters));
        let checkup = Checkup::start(outages, self.health.clone(), move || {
            counters.set_in_flight(in_flight.held());
            counters.age_receive_lag(usual);
        });
        let extender = Extender::start(
            self.queue.clone(),
            Arc::clone(&shared.custody),
            self.tuning.polling.visibility_timeout,
            Arc::clone(&shared.counters),
        );
        let ceilings = shared.start_ceilings(self.tuning.stop_timeout);
        let mut stages = self.start(&shared);
        let work = async {
            while let Some(ended) = stages.join_next().await {
                ended.expect("no stage panics");
            }
        };
        tokio::select! {
            () = work => {}
            () = progress.follow(&shared.counters) => {}
        }
        drop((ceilings, checkup, extender));
        shared.counters.set_in_flight(shared.in_flight.held());
        progress.clear();
        match shared.failure.first() {
            Some(error) => Err(error),
            None => Ok(Summary::of(&shared.counters, started.elapsed())),
        }
    }

    /// Starts every stage. The last poller to end lets go of the channels, which ends the rest.
    fn start(self, shared: &Shared) -> JoinSet<()> {
        let mut stages = JoinSet::new();
        let poller_count = self.tuning.poller_count;
        let acknowledger = Acknowledger::new(
            self.queue.clone(),
            // What has just been stored is deleted, if SQS answers soon.
            shared.persist(&shared.deletes, &shared.end),
            Arc::clone(&shared.custody),
            Arc::clone(&shared.counters),
            poller_count.max(ACKNOWLEDGE_CONCURRENCY_MIN),
        );
        let keeper = Keeper {
            acknowledger: acknowledger.clone(),
            counters: Arc::clone(&shared.counters),
            failure: shared.failure.clone(),
            progress: self.progress.clone(),
        };
        let destination = Destination {
            store: self.store.clone(),
            s3: shared.persist(&shared.s3, &shared.store_end),
            prefix: self.tuning.prefix.clone(),
            compression: self.tuning.compression,
            part_bytes: self.tuning.part_bytes,
        };
        let (portions, portion_inbox) = mpsc::channel::<Portion>(poller_count);
        let handover = self.start_carriers(shared, &mut stages, &acknowledger);
        self.start_pollers(shared, &mut stages, &portions, &handover);
        drop((portions, handover));
        let collector = Collector::new(self.tuning.limits, destination, keeper);
        stages.spawn(collector.run(portion_inbox, Arc::clone(&shared.flushes[0])));
        let lookout = Lookout {
            queue: self.queue.clone(),
            silence: Arc::clone(&shared.silence),
            fullness: Arc::clone(&shared.fullness),
            in_flight: Arc::clone(&shared.in_flight),
            stop: shared.stop.clone(),
        };
        stages.spawn(lookout.run());
        if self.tuning.until_empty {
            let watch = Watch {
                queue: self.queue,
                sqs: shared.persist_until_stop(),
                silence: Arc::clone(&shared.silence),
                in_flight: Arc::clone(&shared.in_flight),
                flushes: shared.flushes.clone(),
                stop: shared.stop.clone(),
                failure: shared.failure.clone(),
            };
            stages.spawn(watch.run());
        }
        stages
    }

    /// Starts what takes malformed messages, and returns the ways there.
    fn start_carriers(
        &self,
        shared: &Shared,
        stages: &mut JoinSet<()>,
        acknowledger: &Acknowledger<Q>,
    ) -> Handover<Q> {
        let delay = Delay {
            acknowledger: acknowledger.clone(),
            bucket: Arc::default(),
            reminder: Arc::default(),
            stop: shared.stop.clone(),
        };
        let (rejects, inbox) = mpsc::channel::<Undeliverable>(UNDELIVERABLE_COUNT_MAX);
        let shelf = Shelf {
            store: self.store.clone(),
            prefix: self.tuning.prefix.clone(),
            puts: shared.persist_for(rejected::PATIENCE, &shared.rejected),
            delay: delay.clone(),
            reminder: Arc::default(),
            wants_an_end: self.tuning.until_empty,
            acknowledger: acknowledger.clone(),
            counters: Arc::clone(&shared.counters),
            failure: shared.failure.clone(),
        };
        let (limits, flush) = (self.tuning.limits, Arc::clone(&shared.flushes[1]));
        stages.spawn(Rejecter { inbox, limits, flush, shelf }.run());
        let mut ways = vec![Way::new(rejects.clone())];
        if let Some(dead_letters) = self.dead_letters.clone() {
            let (room, inbox) = mpsc::channel::<Undeliverable>(UNDELIVERABLE_COUNT_MAX);
            ways.insert(0, Way::new(room));
            let carrier = Carrier {
                inbox: Arc::new(Mutex::new(Inbox::new(inbox))),
                dead_letters,
                rejects,
                detour: Arc::<Detour>::default(),
                reminder: Arc::default(),
                acknowledger: acknowledger.clone(),
                sends: shared.persist_for(dead_letter::PATIENCE, &shared.dead_letters),
                counters: Arc::clone(&shared.counters),
                failure: shared.failure.clone(),
            };
            for _ in 0..CARRIER_COUNT {
                stages.spawn(carrier.clone().run());
            }
        }
        Handover { ways, delay }
    }

    fn start_pollers(
        &self,
        shared: &Shared,
        stages: &mut JoinSet<()>,
        portions: &mpsc::Sender<Portion>,
        handover: &Handover<Q>,
    ) {
        let Tuning { poller_count, mut polling, until_empty, .. } = self.tuning;
        if until_empty {
            polling.wait = polling.wait.min(WAIT_UNTIL_EMPTY_MAX);
            polling.wait_again = WAIT_AGAIN_UNTIL_EMPTY;
        }
        let sqs = shared.persist_until_stop();
        let room = Arc::new(Semaphore::new(ROOM_BYTES));
        for index in 0..poller_count {
            let poller = Poller {
                index,
                queue: self.queue.clone(),
                polling,
                sqs: sqs.clone(),
                s3: Arc::clone(&shared.s3),
                stop: shared.stop.clone(),
                validator: Arc::clone(&self.validator),
                in_flight: Arc::clone(&shared.in_flight),
                custody: Arc::clone(&shared.custody),
                fullness: Arc::clone(&shared.fullness),
                portions: portions.clone(),
                room: Arc::clone(&room),
                handover: handover.clone(),
                silence: Arc::clone(&shared.silence),
                counters: Arc::clone(&shared.counters),
                failure: shared.failure.clone(),
            };
            stages.spawn(poller.run());
        }
    }
}
