//! Receipt handles: which receive of which message of which queue.
//!
//! To clients a handle is an opaque text, as AWS's are. Inside it stands all that is needed to find
//! the message, so the queue keeps no table of handles, and a handle harmlessly outlives its
//! message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::queue::MessageKey;

/// AWS's own handles begin with `AQEB`, which is base64 for these bytes.
const PREFIX: [u8; 4] = [1, 1, 1, 1];
const PAYLOAD_END: usize = 32;
const LENGTH: usize = 36;

/// A receipt handle, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The queue that handed it out; a queue made anew under the same name has another id.
    pub(crate) queue_id: u64,
    /// The message.
    pub(crate) key: MessageKey,
    /// The message's receive count right after this receive: tells old handles from the last one.
    pub(crate) receive_count: u32,
}

impl Receipt {
    /// The handle's text: 48 characters of base64.
    pub(crate) fn encode(&self) -> String {
        let mut bytes = [0; LENGTH];
        bytes[..4].copy_from_slice(&PREFIX);
        bytes[4..12].copy_from_slice(&self.queue_id.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.key.sent_at_ms.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.key.sequence.to_be_bytes());
        bytes[28..PAYLOAD_END].copy_from_slice(&self.receive_count.to_be_bytes());
        let check = check_sum(&bytes[..PAYLOAD_END]);
        bytes[PAYLOAD_END..].copy_from_slice(&check.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads a handle; `None` if it is none that [`Receipt::encode`] ever wrote.
    pub(crate) fn decode(handle: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        let length = STANDARD.decode_slice(handle, &mut bytes).ok()?;
        if length != LENGTH || bytes[..4] != PREFIX {
            return None;
        }
        if bytes[PAYLOAD_END..] != check_sum(&bytes[..PAYLOAD_END]).to_be_bytes() {
            return None;
        }
        let key = MessageKey {
            sent_at_ms: u64::from_be_bytes(bytes[12..20].try_into().ok()?),
            sequence: u64::from_be_bytes(bytes[20..28].try_into().ok()?),
        };
        Some(Self {
            queue_id: u64::from_be_bytes(bytes[4..12].try_into().ok()?),
            key,
            receive_count: u32::from_be_bytes(bytes[28..PAYLOAD_END].try_into().ok()?),
        })
    }
}

/// FNV-1a: enough to notice a handle that was cut, edited or made up.
fn check_sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        let key = MessageKey { sent_at_ms: 1_700_000_000_123, sequence: 42 };
        Receipt { queue_id: 0xDEAD_BEEF_0000_0001, key, receive_count: 3 }
    }

    #[test]
    fn a_handle_survives_the_round_trip_and_looks_like_one_of_aws() {
        let handle = receipt().encode();
        assert!(handle.starts_with("AQEB"), "{handle}");
        assert_eq!(Some(receipt()), Receipt::decode(&handle));
    }

    #[test]
    fn a_handle_that_was_never_handed_out_is_not_decoded() {
        let handle = receipt().encode();
        let edited = handle.replacen("6tv", "6tw", 1);
        assert_ne!(handle, edited);
        for wrong in ["", "fake", "AQEB", &handle[..44], &edited, &format!("{handle}AAAA")] {
            assert_eq!(None, Receipt::decode(wrong), "{wrong}");
        }
    }
}
