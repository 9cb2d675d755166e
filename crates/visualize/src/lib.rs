//! Draws counts per day and device type from Redshift.
