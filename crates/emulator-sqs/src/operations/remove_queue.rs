//! DeleteQueue and PurgeQueue.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Call, Nothing};
use crate::error::SqsError;
use crate::queue::PurgedRecently;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct QueueUrlRequest<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
}

pub(crate) fn delete_queue(
    call: &Call<'_>,
    request: QueueUrlRequest<'_>,
) -> Result<Nothing, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    call.emulator.queues.delete(&queue.name)?;
    Ok(Nothing {})
}

pub(crate) fn purge_queue(
    call: &Call<'_>,
    request: QueueUrlRequest<'_>,
) -> Result<Nothing, SqsError> {
    let shared = call.queue(&request.queue_url)?;
    let purged = shared.with(|queue| queue.purge(call.now_ms()))?;
    purged
        .map_err(|PurgedRecently| SqsError::PurgeQueueInProgress { queue: shared.name.clone() })?;
    Ok(Nothing {})
}
