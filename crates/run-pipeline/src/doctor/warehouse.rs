//! Redshift: session, TLS, table, ledger, and whether its role may read the bucket.

use std::time::Duration;

use events::Table;
use runtime::redshift::{ConnectError, Session, quote_literal};
use runtime::settings::SslMode;
use upload_data::error::LoadError;
use upload_data::rehearsal::{self, Ledger};

use super::aws::Probe;
use super::report::Report;
use crate::resources::chain;
use crate::resources::table::{self, StatementError};

/// How long COPY may take to look at an empty object.
const COPY_TIMEOUT: Duration = Duration::from_secs(60);

const PROVISION: &str = "make it: run-pipeline provision";

/// Looks at everything that is Redshift's.
pub(super) async fn examine(
    report: &mut Report,
    config: &upload_data::Config,
    create_table: &str,
    probe: Option<&Probe>,
) {
    let settings = &config.redshift;
    let session = runtime::redshift::connect(settings).await;
    let text = |error: &ConnectError| chain(error);
    let Some(session) = report.accept("redshift", session, text, |error| error.hint().to_owned())
    else {
        return;
    };
    let place = format!("{}:{} as {}", settings.host, settings.port, settings.user);
    match settings.sslmode {
        SslMode::VerifyFull => report.ok("redshift", format!("{place}, TLS verified")),
        SslMode::Disable if is_loopback(&settings.host) => {
            report.ok("redshift", format!("{place}, without TLS on this machine"));
        }
        SslMode::Disable => {
            let hint = "set sslmode = verify-full in [redshift]";
            report.warn(
                "redshift",
                format!("{place}, without TLS: all can be read on the way"),
                hint,
            );
        }
    }
    let has_table = examine_table(report, &session, config, create_table).await;
    rehearse(report, config, has_table).await;
    match (has_table, probe) {
        (true, Some(probe)) => examine_role(report, &session, config, probe).await,
        _ => {
            let text = "not tried: that needs the table and a bucket that can be written";
            report.warn("copy", text, "cure what failed above, then ask again");
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

async fn examine_table(
    report: &mut Report,
    session: &Session,
    config: &upload_data::Config,
    create_table: &str,
) -> bool {
    let (target, name) = (config.statements.target(), config.statements.table());
    let columns = table::columns(session, target.schema.as_deref(), &target.table).await;
    let Some(present) = report.accept("table", columns, ToString::to_string, cannot_look) else {
        return false;
    };
    if present.is_empty() {
        report.fail("table", format!("there is no table {name}"), PROVISION);
        return false;
    }
    let declared = Table::parse(create_table).expect("the upload has read it too");
    let differences = table::compare(&declared, &present).named;
    if differences.is_empty() {
        report.ok("table", format!("{name} is as the CREATE TABLE file declares it"));
    } else {
        let hint = "run-pipeline provision --update adds columns that may be NULL; all else is by \
                    hand, here or in the CREATE TABLE file";
        report.fail("table", format!("{name}: {}", differences.join("; ")), hint);
    }
    true
}

/// What a load would meet in the table and in the ledger.
async fn rehearse(report: &mut Report, config: &upload_data::Config, has_table: bool) {
    let ledger = config.statements.ledger();
    let tried = rehearsal::rehearse(&config.redshift, &config.statements).await;
    let text = |error: &ConnectError| chain(error);
    let Some(tried) = report.accept("redshift", tried, text, |error| error.hint().to_owned())
    else {
        return;
    };
    match tried.table {
        _ if !has_table => {}
        Ok(()) => report.ok("table", "rows can be read and inserted"),
        Err(error) => judge(report, "table", &error),
    }
    match tried.ledger {
        Ok(Ledger::Ready) => {
            report.ok("ledger", format!("{ledger} is there, and can be locked, read and written"));
        }
        Ok(Ledger::ToBeMade) => {
            let text = format!("there is no table {ledger} yet: the first upload makes it");
            report.warn("ledger", text, PROVISION);
        }
        Err(error) => judge(report, "ledger", &error),
    }
}

/// A load waits longer than we do for what others hold.
fn judge(report: &mut Report, check: &'static str, error: &LoadError) {
    if error.is_busy() {
        let hint = "other sessions hold it, or the cluster is busy: ask again later";
        report.warn(check, format!("not tried: {}", chain(error)), hint);
    } else {
        let hint = error.hint().unwrap_or("see what redshift says");
        report.fail(check, chain(error), hint);
    }
}

fn cannot_look(_: &StatementError) -> String {
    "the user needs USAGE on the schema, and rights on its tables".to_owned()
}

/// `COPY … NOLOAD` of an empty object: reads the bucket as the role, and loads nothing (Database
/// Developer Guide, "Data load operations": NOLOAD).
async fn examine_role(
    report: &mut Report,
    session: &Session,
    config: &upload_data::Config,
    probe: &Probe,
) {
    let sql = format!(
        "COPY {} FROM {} IAM_ROLE {} JSON 'auto' NOLOAD",
        config.statements.table(),
        quote_literal(&format!("s3://{}/{}", probe.bucket, probe.key)),
        config.statements.iam_role(),
    );
    let copying = session.client.batch_execute(&sql);
    let text = match tokio::time::timeout(COPY_TIMEOUT, copying).await {
        Ok(Ok(())) => {
            report.ok("copy", "the role may read the bucket");
            return;
        }
        Ok(Err(error)) => StatementError::new("COPY of a probe", &error).to_string(),
        Err(_) => format!("COPY of a probe: no answer within {COPY_TIMEOUT:?}"),
    };
    let hint = "attach the role of arn_credentials to the cluster and allow it s3:GetObject and \
                s3:ListBucket on the bucket; a bucket in another region needs REGION";
    report.fail("copy", text, hint);
}

#[cfg(test)]
mod tests {
    use upload_data::error::{QUERY_CANCELED, StatementError};

    use super::*;
    use crate::doctor::Status;

    #[test]
    fn what_is_only_busy_does_not_fail() {
        let statement = |sqlstate: &str| LoadError::Statement {
            step: "insert new rows",
            source: StatementError::Refused {
                sqlstate: sqlstate.to_owned(),
                message: "canceling statement due to statement timeout".to_owned(),
            },
        };
        let locked = LoadError::Locked { ledger: "l".to_owned(), waited: Duration::from_secs(5) };
        for (error, expected) in [
            (locked, Status::Warn),
            (statement(QUERY_CANCELED), Status::Warn),
            (statement("42501"), Status::Fail),
        ] {
            let mut report = Report::default();
            judge(&mut report, "table", &error);
            assert_eq!(report.checks[0].status, expected, "{report}");
        }
    }
}
