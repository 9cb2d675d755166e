//! Loads objects from S3 into Redshift, each event exactly once.
