//! Whether a program is well, and if not, why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whether a program is well. Cheap to clone; all clones are the same.
///
/// A program of several parts gives each its own with [`Health::part`]; it is well if all are.
#[derive(Debug, Clone, Default)]
pub struct Health {
    part: Arc<str>,
    failing: Arc<Mutex<BTreeMap<Arc<str>, String>>>,
}

impl Health {
    /// Well, until said otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// The health of a part: its name stands before its reason. Two parts need two names, or one
    /// that is well hides the other.
    pub fn part(&self, part: &str) -> Self {
        Self { part: part.into(), failing: Arc::clone(&self.failing) }
    }

    /// It is well again.
    pub fn ok(&self) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.part);
    }

    /// It is not well, for this reason, which must hold no secret.
    pub fn failing(&self, reason: impl Into<String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.insert(Arc::clone(&self.part), reason.into());
    }

    /// Why it is not well, a line for each part that is not; `None` if all is well.
    pub fn reason(&self) -> Option<String> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |(part, reason): (&Arc<str>, &String)| match &**part {
            "" => reason.clone(),
            part => format!("{part}: {reason}"),
        };
        (!failing.is_empty()).then(|| failing.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_well_only_when_every_part_is() {
        let health = Health::new();
        assert_eq!(health.reason(), None);
        let (one, other) = (health.part("consume-events"), health.part("upload-data"));
        one.failing("s3 is away");
        other.failing("redshift is away");
        let both = "consume-events: s3 is away\nupload-data: redshift is away";
        assert_eq!(health.reason().as_deref(), Some(both));
        one.ok();
        assert_eq!(health.reason().as_deref(), Some("upload-data: redshift is away"));
        let second = health.part(&format!("consume-events {}", 2));
        second.failing("sqs is away");
        one.ok();
        assert!(health.reason().expect("one is not").starts_with("consume-events 2: sqs"));
        second.ok();
        other.ok();
        health.failing("starting");
        assert_eq!(other.reason().as_deref(), Some("starting"));
        health.ok();
        assert_eq!(health.reason(), None);
    }
}
