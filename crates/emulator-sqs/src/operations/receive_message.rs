//! ReceiveMessage, with short and long polls and the move to the dead-letter queue.

use std::borrow::Cow;
use std::pin::pin;

use serde::Deserialize;

use super::{Call, in_range};
use crate::error::SqsError;
use crate::limits;
use crate::queue::{Delivery, Reception, seconds_to_ms};
use crate::registry::SharedQueue;

pub(crate) use answer::ReceiveMessageAnswer;
use answer::Wanted;

mod answer;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ReceiveMessageRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    /// The older name of `message_system_attribute_names`; both may be given.
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
}

/// What one look into the queue found.
struct Found {
    deliveries: Vec<Delivery>,
    /// When something becomes available by itself.
    next_due_ms: Option<u64>,
    /// Nothing is handed out before messages in flight are deleted or return.
    is_in_flight_full: bool,
}

pub(crate) async fn receive_message(
    call: &Call<'_>,
    request: ReceiveMessageRequest<'_>,
) -> Result<ReceiveMessageAnswer, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let count_max = in_range(
        "MaxNumberOfMessages",
        request.max_number_of_messages,
        &limits::RECEIVED_MESSAGES,
        "Must be between 1 and 10, if provided.",
    )?;
    let count_max = count_max.unwrap_or(1) as usize;
    let visibility_timeout = in_range(
        "VisibilityTimeout",
        request.visibility_timeout,
        &limits::VISIBILITY_TIMEOUT_SECONDS,
        "Must be between 0 and 43200.",
    )?;
    let wait_time = in_range(
        "WaitTimeSeconds",
        request.wait_time_seconds,
        &limits::WAIT_TIME_SECONDS,
        "Must be >= 0 and <= 20, if provided.",
    )?;
    let mut system = request.attribute_names;
    system.extend(request.message_system_attribute_names);
    let wanted = Wanted::new(system, request.message_attribute_names)?;

    let default = queue.look(|queue| queue.attributes.receive_message_wait_time_seconds)?;
    let wait_ms = seconds_to_ms(wait_time.unwrap_or(default));
    let take = || take(call, &queue, count_max, visibility_timeout);
    let mut found = take()?;
    if found.deliveries.is_empty() && wait_ms == 0 && found.is_in_flight_full {
        return Err(SqsError::OverLimit);
    }
    let ends_at_ms = call.now_ms() + wait_ms;
    let shutdown = &call.emulator.shutdown;
    while found.deliveries.is_empty() && call.now_ms() < ends_at_ms && !shutdown.is_cancelled() {
        // Listen first, then look: what happens from here on is not missed. Nothing is awaited
        // between taking messages and answering, so a client that leaves takes none with it.
        let mut changed = pin!(queue.changed());
        changed.as_mut().enable();
        found = take()?;
        if found.deliveries.is_empty() {
            let due_ms = found.next_due_ms.unwrap_or(u64::MAX).min(ends_at_ms);
            tokio::select! {
                () = changed => {}
                () = call.emulator.clock.sleep_until_ms(due_ms) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
    Ok(ReceiveMessageAnswer::new(found.deliveries, wanted, &call.emulator.account_id))
}

fn take(
    call: &Call<'_>,
    queue: &SharedQueue,
    count_max: usize,
    visibility_timeout: Option<u32>,
) -> Result<Found, SqsError> {
    let policy = queue.look(|queue| queue.attributes.redrive_policy.clone())?;
    // Without its dead-letter queue a policy does nothing: better received too often than lost.
    let dead_letter_queue =
        policy.and_then(|policy| call.emulator.queue_of_arn(&policy.dead_letter_target_arn).ok());
    let redrive = dead_letter_queue.is_some();
    let (dead_letters, found) = queue.with(|queue| {
        let timeout = visibility_timeout.unwrap_or(queue.attributes.visibility_timeout);
        let Reception { deliveries, dead_letters } =
            queue.receive(count_max, seconds_to_ms(timeout), redrive, call.now_ms());
        let next_due_ms = queue.next_due_ms();
        let is_in_flight_full = queue.is_in_flight_full();
        (dead_letters, Found { deliveries, next_due_ms, is_in_flight_full })
    })?;
    if let Some(target) = dead_letter_queue.filter(|_| !dead_letters.is_empty()) {
        // An error says that the queue was deleted a moment ago, and its messages with it.
        let _ = target.with(|target| {
            let now_ms = call.now_ms();
            for letter in dead_letters {
                target.accept_dead_letter(letter, &queue.arn, now_ms);
            }
        });
    }
    Ok(found)
}
