//! `/_blueshift/faults`: the plan of faults, over HTTP.
//!
//! - `GET` shows the plan and the journal of every hit since it was set.
//! - `PUT` with a plan as JSON replaces it; counts and journal begin anew.
//! - `DELETE` takes it away; what is held goes on.
//! - `POST …/release` lets what is held go on, `POST …/cut` ends its connections.

use emulator_core::faults::plan::Plan;
use emulator_core::faults::{Faults, Release};
use emulator_core::serve::{Request, Response, ResponseFuture};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::json;

use crate::front_door::answer as json_answer;

/// Far more than anybody writes by hand.
const PLAN_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn answer(faults: Faults, request: Request) -> ResponseFuture {
    Box::pin(async move {
        let (parts, body) = request.into_parts();
        let page = parts.uri.path().trim_start_matches("/_blueshift/faults");
        match (&parts.method, page) {
            (&Method::GET, "" | "/") => shown(&faults),
            (&Method::PUT, "" | "/") => match Limited::new(body, PLAN_BYTES_MAX).collect().await {
                Ok(body) => set(&faults, &body.to_bytes()),
                Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            (&Method::DELETE, "" | "/") => {
                faults.clear();
                shown(&faults)
            }
            (&Method::POST, "/release") => released(&faults, Release::Continue),
            (&Method::POST, "/cut") => released(&faults, Release::Cut),
            (method, page) => {
                let known = "GET PUT DELETE /_blueshift/faults, \
                             POST /_blueshift/faults/release and /_blueshift/faults/cut";
                let error = format!("no page {method} /_blueshift/faults{page}; there are {known}");
                refused(StatusCode::NOT_FOUND, &error)
            }
        }
    })
}

fn shown(faults: &Faults) -> Response {
    let body = json!({ "plan": faults.plan(), "journal": faults.journal() });
    json_answer(StatusCode::OK, &body)
}

fn set(faults: &Faults, text: &[u8]) -> Response {
    match serde_json::from_slice::<Plan>(text) {
        Ok(plan) => match plan.check() {
            Ok(()) => {
                faults.set_plan(plan);
                shown(faults)
            }
            Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        Err(error) => refused(StatusCode::BAD_REQUEST, &format!("no plan of faults: {error}")),
    }
}

fn released(faults: &Faults, release: Release) -> Response {
    json_answer(StatusCode::OK, &json!({ "released": faults.release(release) }))
}

fn refused(status: StatusCode, error: &str) -> Response {
    json_answer(status, &json!({ "error": error }))
}
