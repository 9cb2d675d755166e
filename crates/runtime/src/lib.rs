//! From settings to ready clients.
