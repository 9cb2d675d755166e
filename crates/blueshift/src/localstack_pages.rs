//! `/_localstack/…`: the few pages that wait-for scripts ask, answered as LocalStack does.
//!
//! - `GET /_localstack/health`: services, edition, version
//!   (<https://docs.localstack.cloud/aws/configuration/networking/internal-endpoints/>);
//! - `GET /_localstack/init` and `/_localstack/init/<stage>`: how far the init scripts are
//!   (<https://docs.localstack.cloud/aws/configuration/config/initialization-hooks/>).

use emulator_core::serve::Response;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::front_door::answer as json_answer;
use crate::readiness::{Readiness, ScriptReport};

/// The version whose answers these are.
const VERSION: &str = "4.14.0";
/// The stages of LocalStack's start and end, in order.
const STAGES: [&str; 4] = ["BOOT", "START", "READY", "SHUTDOWN"];

pub(crate) fn answer(readiness: &Readiness, method: &Method, page: &str) -> Response {
    let page = page.trim_end_matches('/');
    let body = match (method, page) {
        (&Method::GET | &Method::HEAD, "health") => Some(json!({
            "services": { "redshift": "running", "s3": "running", "sqs": "running" },
            "edition": "community",
            "version": VERSION,
        })),
        (&Method::GET | &Method::HEAD, "init") => Some(init(readiness)),
        (&Method::GET | &Method::HEAD, page) => {
            page.strip_prefix("init/").and_then(|stage| init_stage(readiness, stage))
        }
        _ => None,
    };
    let mut response = match body {
        Some(body) => json_answer(StatusCode::OK, &body),
        None => {
            let known = "GET /_localstack/health and /_localstack/init; \
                         POST /_localstack/state/reset";
            let error = format!("no page {method} /_localstack/{page}; there are {known}");
            json_answer(StatusCode::NOT_FOUND, &json!({ "error": error }))
        }
    };
    response.headers_mut().insert("x-localstack", HeaderValue::from_static(VERSION));
    response
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
        readiness.set_ready();
        let ready = init_stage(&readiness, "ready").expect("a stage");
        assert_eq!((&ready["completed"], &ready["scripts"]), (&json!(true), &expected["scripts"]));
        assert_eq!(init_stage(&readiness, "nonsense"), None);
    }
}
