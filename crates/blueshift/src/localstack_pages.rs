//! `/_localstack/…`: the few pages that wait-for scripts ask, answered as LocalStack does.
//!
//! - `GET /_localstack/health`: services, edition, version
//!   (<https://docs.localstack.cloud/aws/configuration/networking/internal-endpoints/>);
//! - `GET /_localstack/init` and `/_localstack/init/<stage>`: how far the init scripts are
//!   (<https://docs.localstack.cloud/aws/configuration/config/initialization-hooks/>).

use std::collections::BTreeMap;
use std::io::{Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use emulator_core::serve::{Response, full};
use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::readiness::{Readiness, ScriptReport};

/// The version whose answers these are.
const VERSION: &str = "4.14.0";
/// The stages of LocalStack's start and end, in order.
const STAGES: [&str; 4] = ["BOOT", "START", "READY", "SHUTDOWN"];

/// Which services have had a request. LocalStack calls a service `available` until its first one
/// and `running` afterwards, and scripts wait for the one or the other.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) sqs: AtomicBool,
    pub(crate) s3: AtomicBool,
}

impl Used {
    /// Notes a request.
    pub(crate) fn note(&self, is_sqs: bool) {
        let service = if is_sqs { &self.sqs } else { &self.s3 };
        service.store(true, Ordering::Relaxed);
    }
}

#[derive(Serialize)]
struct Health {
    services: BTreeMap<&'static str, &'static str>,
    edition: &'static str,
    version: &'static str,
}

pub(crate) fn answer(readiness: &Readiness, used: &Used, method: &Method, page: &str) -> Response {
    let page = page.trim_end_matches('/');
    let body = match (method, page) {
        (&Method::GET | &Method::HEAD, "health") => Some(spaced(&health(used))),
        (&Method::GET | &Method::HEAD, "init") => Some(spaced(&init(readiness))),
        (&Method::GET | &Method::HEAD, page) => page
            .strip_prefix("init/")
            .and_then(|stage| init_stage(readiness, stage))
            .map(|body| spaced(&body)),
        _ => None,
    };
    let (status, body) = match body {
        Some(body) => (StatusCode::OK, body),
        None => {
            let known = "GET /_localstack/health and /_localstack/init; \
                         POST /_localstack/state/reset";
            let error = format!("no page {method} /_localstack/{page}; there are {known}");
            (StatusCode::NOT_FOUND, spaced(&json!({ "error": error })))
        }
    };
    http::Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-localstack", "true")
        .body(full(body))
        .expect("a status and known headers make a response")
}

fn health(used: &Used) -> Health {
    let state = |used: &AtomicBool| {
        if used.load(Ordering::Relaxed) { "running" } else { "available" }
    };
    let services = [("redshift", "available"), ("s3", state(&used.s3)), ("sqs", state(&used.sqs))];
    Health { services: services.into(), edition: "community", version: VERSION }
}

/// JSON with blanks as Python writes it: scripts search it for `"s3": "available"`.
fn spaced(value: &impl Serialize) -> String {
    struct Spaced;
    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> Result<()> {
            if first { Ok(()) } else { to.write_all(b", ") }
        }
        fn begin_object_key<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> Result<()> {
            if first { Ok(()) } else { to.write_all(b", ") }
        }
        fn begin_object_value<W: Write + ?Sized>(&mut self, to: &mut W) -> Result<()> {
            to.write_all(b": ")
        }
    }
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    value.serialize(&mut serializer).expect("it becomes JSON, in memory");
    String::from_utf8(bytes).expect("JSON is text")
}

fn init(readiness: &Readiness) -> Value {
    let completed: serde_json::Map<String, Value> =
        STAGES.iter().map(|stage| ((*stage).to_owned(), is_completed(readiness, stage))).collect();
    json!({ "completed": completed, "scripts": scripts(readiness) })
}

fn init_stage(readiness: &Readiness, stage: &str) -> Option<Value> {
    let stage = STAGES.iter().find(|known| known.eq_ignore_ascii_case(stage))?;
    // All of ours run once everything is ready.
    let scripts = if *stage == "READY" { scripts(readiness) } else { json!([]) };
    Some(json!({ "completed": is_completed(readiness, stage), "scripts": scripts }))
}

fn is_completed(readiness: &Readiness, stage: &str) -> Value {
    Value::Bool(match stage {
        "SHUTDOWN" => false,
        "READY" => readiness.is_ready(),
        _ => true,
    })
}

fn scripts(readiness: &Readiness) -> Value {
    let shown =
        |ScriptReport { name, state }| json!({ "stage": "READY", "name": name, "state": state });
    readiness.scripts().into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readiness::ScriptState;

    #[test]
    fn health_has_localstacks_words_order_and_blanks() {
        let used = Used::default();
        used.note(true);
        let services = r#""redshift": "available", "s3": "available", "sqs": "running""#;
        let rest = r#""edition": "community", "version": "4.14.0""#;
        assert_eq!(spaced(&health(&used)), format!("{{\"services\": {{{services}}}, {rest}}}"));
        assert_eq!(spaced(&json!([1, {"a": []}])), r#"[1, {"a": []}]"#);
    }

    #[test]
    fn scripts_are_shown_as_localstack_shows_them() {
        let readiness = Readiness::default();
        readiness.set_scripts(["a.sql", "b.sh"].map(str::to_owned).into_iter());
        readiness.set_script("a.sql", ScriptState::Successful);
        let expected = json!({
            "completed": { "BOOT": true, "START": true, "READY": false, "SHUTDOWN": false },
            "scripts": [
                { "stage": "READY", "name": "a.sql", "state": "SUCCESSFUL" },
                { "stage": "READY", "name": "b.sh", "state": "UNKNOWN" },
            ],
        });
        assert_eq!(init(&readiness), expected);
        readiness.enter(crate::readiness::Phase::Running);
        let ready = init_stage(&readiness, "ready").expect("a stage");
        assert_eq!((&ready["completed"], &ready["scripts"]), (&json!(true), &expected["scripts"]));
        assert_eq!(init_stage(&readiness, "nonsense"), None);
    }
}
