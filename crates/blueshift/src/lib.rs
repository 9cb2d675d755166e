//! SQS, S3 and Redshift on this machine, in one process.
