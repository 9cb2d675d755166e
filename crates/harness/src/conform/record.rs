//! Takes answers off the wire, before the SDK makes anything of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

use super::fields;

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    /// The operation, and which case of it: `GetObject: a range`.
    pub(super) step: String,
    /// `status`, headers and the body's leaves, normalised.
    pub(super) fields: BTreeMap<String, String>,
}

/// Keeps every answer of the clients it is given to. Clones share everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {
    shared: Arc<Mutex<(String, Vec<Exchange>)>>,
}

impl Recorder {
    /// Names the answers that come next.
    pub(super) fn step(&self, step: &str) {
        step.clone_into(&mut self.lock().0);
    }

    /// What was recorded.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.lock().1.clone()
    }

    /// Adds what only the reader of a stream has seen.
    pub(super) fn add(&self, name: &str, value: String) {
        if let Some(last) = self.lock().1.last_mut() {
            last.fields.insert(name.to_owned(), value);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (String, Vec<Exchange>)> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let headers = response.headers().iter();
        let body = response.body().bytes().unwrap_or_default();
        let fields = fields::of(response.status().as_u16(), headers, body);
        let mut shared = self.lock();
        let step = shared.0.clone();
        shared.1.push(Exchange { step, fields });
        Ok(())
    }
}
