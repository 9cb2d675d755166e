//! Moves events from SQS to S3, one compressed object per batch.
