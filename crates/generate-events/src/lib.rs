//! Sends random events to SQS.
