//! Runs and kills the programs, then compares what was sent with what arrived.
