//! SQS: a pure queue machine under a thin protocol.
//!
//! [`Sqs`] is a service for [`emulator_core::serve`]: standard queues in memory, spoken to in AWS
//! JSON 1.0, the protocol of today's SDKs and awscli. FIFO queues, message move tasks,
//! AddPermission and the older Query protocol are refused by name.
//!
//! Invariants:
//! - The queue machine (`queue`) is handed the time: moving the [`Clock`] moves every timeout.
//! - Taking messages and answering them is one step without an `await` between: a client that goes
//!   away while it long-polls takes no message with it.
//! - AWS's numbers stand in `limits`, AWS's codes and texts in `error`.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emulator_core::clock::Clock;
use emulator_core::serve::{Request, ResponseFuture, Service};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

mod attributes;
mod error;
mod ids;
mod limits;
mod message;
mod operations;
mod protocol;
mod queue;
mod receipt;
mod redrive;
mod registry;

use crate::error::SqsError;
use crate::ids::Ids;
use crate::message::AttributeValue;
use crate::queue::{Glimpse, State};
use crate::registry::{Registry, SharedQueue};

/// Whose SQS this is.
#[derive(Debug, Clone)]
pub struct SqsConfig {
    /// The account in queue URLs and ARNs: 12 digits, `000000000000` by custom of emulators.
    pub account_id: String,
    /// The region in ARNs, whatever region a client signs for.
    pub region: String,
    /// The clock of all timeouts.
    pub clock: Clock,
}

/// The SQS emulator. Clones share their queues.
#[derive(Debug, Clone)]
pub struct Sqs {
    emulator: Arc<Emulator>,
}

/// What the operations work on.
#[derive(Debug)]
pub(crate) struct Emulator {
    pub(crate) account_id: String,
    /// `arn:aws:sqs:<region>:<account>:`
    pub(crate) arn_prefix: String,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) queues: Registry,
    pub(crate) shutdown: CancellationToken,
}

impl Emulator {
    /// The queue of a redrive policy's ARN.
    pub(crate) fn queue_of_arn(&self, arn: &str) -> Result<Arc<SharedQueue>, SqsError> {
        let name = arn.strip_prefix(&self.arn_prefix).ok_or(SqsError::QueueDoesNotExist)?;
        self.queues.get(name)
    }
}

impl Sqs {
    /// An SQS without queues.
    pub fn new(config: SqsConfig) -> Self {
        let SqsConfig { account_id, region, clock } = config;
        let emulator = Emulator {
            arn_prefix: format!("arn:aws:sqs:{region}:{account_id}:"),
            account_id,
            clock,
            ids: Ids::new(Uuid::new_v4()),
            queues: Registry::default(),
            shutdown: CancellationToken::new(),
        };
        Self { emulator: Arc::new(emulator) }
    }

    /// Whether a request is one for SQS: by its `X-Amz-Target`, or by the service in the credential
    /// scope of its signature (in the header, or in the query of a presigned URL).
    pub fn handles(parts: &http::request::Parts) -> bool {
        protocol::is_for_sqs(parts)
    }

    /// Makes every long poll, present and future, answer at once.
    pub fn shutdown(&self) {
        self.emulator.shutdown.cancel();
    }

    /// Deletes all queues.
    pub fn reset(&self) {
        self.emulator.queues.clear();
    }

    /// The names of all queues, sorted.
    pub fn queue_names(&self) -> Vec<String> {
        self.emulator.queues.read().keys().cloned().collect()
    }

    /// Behaves as if somebody else held so many messages of a queue, for tests that cannot take
    /// 120,000 themselves: they count as in flight, and for the limit. 0 ends it; false if there is
    /// no such queue.
    pub fn pretend_in_flight(&self, queue_name: &str, message_count: usize) -> bool {
        let queue = self.emulator.queues.get(queue_name);
        queue.is_ok_and(|it| it.with(|it| it.pretend_in_flight(message_count)).is_ok())
    }

    /// The oldest `count_max` messages of a queue in whatever state, without receiving them; none
    /// if there is no such queue.
    pub fn peek(&self, queue_name: &str, count_max: usize) -> Vec<PeekedMessage> {
        let now_ms = self.emulator.clock.now_ms();
        let queue = self.emulator.queues.get(queue_name);
        let glimpses = queue.and_then(|queue| queue.with(|queue| queue.peek(count_max, now_ms)));
        glimpses.unwrap_or_default().into_iter().map(PeekedMessage::from).collect()
    }
}

impl Service for Sqs {
    fn call(&self, request: Request) -> ResponseFuture {
        let emulator = Arc::clone(&self.emulator);
        Box::pin(async move { protocol::answer(&emulator, request).await })
    }
}

/// A message as [`Sqs::peek`] shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeekedMessage {
    /// The id that SendMessage answered.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// Whether it can be received now.
    pub state: MessageState,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub sent_at_ms: u64,
    /// How often it was received, in this queue and those from which it was moved here.
    pub receive_count: u32,
    /// Message attributes by name; binary ones in base64.
    pub message_attributes: BTreeMap<String, String>,
    /// ARN of the queue whose redrive policy moved it here.
    pub dead_letter_queue_source_arn: Option<String>,
}

/// The state of a [`PeekedMessage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    /// The next ReceiveMessage may return it.
    Available,
    /// Received and invisible until its visibility timeout ends.
    InFlight,
    /// Sent with a delay that has not passed.
    Delayed,
}

impl From<Glimpse> for PeekedMessage {
    fn from(glimpse: Glimpse) -> Self {
        let Glimpse { message, sent_at_ms, receive_count, state } = glimpse;
        let extras = message.extras.as_deref().cloned().unwrap_or_default();
        let shown = |value| match value {
            AttributeValue::Text(text) => text,
            AttributeValue::Binary(bytes) => STANDARD.encode(bytes),
        };
        let attributes = extras.attributes.into_iter();
        Self {
            message_id: message.id.to_string(),
            body: message.body.to_string(),
            state: match state {
                State::Available => MessageState::Available,
                State::InFlight => MessageState::InFlight,
                State::Delayed => MessageState::Delayed,
            },
            sent_at_ms,
            receive_count,
            message_attributes: attributes
                .map(|(name, attribute)| (name, shown(attribute.value)))
                .collect(),
            dead_letter_queue_source_arn: extras.dead_letter_source.map(|arn| arn.to_string()),
        }
    }
}
