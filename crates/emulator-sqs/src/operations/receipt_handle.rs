//! From the text of a receipt handle to a receipt of this queue, or AWS's error.

use crate::error::SqsError;
use crate::queue::Queue;
use crate::receipt::Receipt;

/// Reads a handle that must be one of `queue`.
pub(super) fn read(handle: &str, queue: &Queue) -> Result<Receipt, SqsError> {
    if handle.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "ReceiptHandle" });
    }
    match Receipt::decode(handle) {
        None => Err(SqsError::ReceiptHandleIsInvalid { handle: handle.to_owned() }),
        Some(receipt) if receipt.queue_id != queue.id() => {
            Err(SqsError::ReceiptHandleOfOtherQueue { handle: handle.to_owned() })
        }
        Some(receipt) => Ok(receipt),
    }
}
