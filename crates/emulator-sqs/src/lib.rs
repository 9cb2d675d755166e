//! SQS: a pure queue machine under a thin protocol.
