//! The event, the table it must fit, and whether it does.
