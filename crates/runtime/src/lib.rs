//! From settings to ready clients: what every program needs before its own work starts.
//!
//! Knows `settings.ini`, AWS and Redshift as services. Knows no event, no batch, no chart: no
//! business type may enter here.

pub mod aws;
pub mod failure;
pub mod metrics;
pub mod periodic;
pub mod redshift;
pub mod run_record;
pub mod schedule;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
