//! Says what is missing, unreachable or forbidden, with the cure, before anything starts.
//!
//! Changes nothing that lasts: permissions are asked for with calls that SQS and S3 refuse for
//! another reason once they are allowed, the empty objects that are written are deleted, and what a
//! load does in Redshift is rolled back. No message is received.

mod aws;
mod folders;
mod report;
mod settings;
mod warehouse;

use runtime::settings::{SettingsError, SettingsFile, TableArgs};

use crate::flags::SharedArgs;
use crate::parts::Given;
use crate::resources::chain;

pub use report::{Check, Report, Status};
pub use settings::Origin;

/// Looks at everything. `given` are the flags that were given, to tell where values come from.
pub async fn examine(shared: &SharedArgs, given: &Given) -> Report {
    let mut report = Report::default();
    let Some(file) = report.accept(
        "settings",
        shared.settings.load(),
        |error| chain(error),
        |error| error.hint().unwrap_or("correct the file").to_owned(),
    ) else {
        return report;
    };
    settings::list(&mut report, &file, given);
    name_missing(&mut report, shared, &file);
    let probe = aws::examine(&mut report, shared, &file).await;
    let upload = upload(&mut report, given);
    if let (Some(upload), Some(probe)) = (&upload, &probe) {
        let charts = charts_prefix(&mut report, given, &file);
        folders::examine(&mut report, probe, upload, charts).await;
    }
    let create_table = read_create_table(&mut report, shared, &file);
    if let (Some(upload), Some(create_table)) = (upload, create_table) {
        warehouse::examine(&mut report, &upload, &create_table, probe.as_ref()).await;
        if let Some(probe) = probe {
            probe.remove(&mut report).await;
        }
    } else if let Some(probe) = probe {
        probe.remove(&mut report).await;
    }
    report
}

/// Names all that nobody sets at once: each group of settings stops at its first. Whoever needs one
/// names it again, and what was told is not told twice.
fn name_missing(report: &mut Report, shared: &SharedArgs, file: &SettingsFile) {
    let groups = [
        shared.queue.resolve(file).map(drop),
        shared.bucket.resolve(file).map(drop),
        shared.redshift.resolve(file).map(drop),
    ];
    for group in groups {
        let hint = |error: &SettingsError| error.hint().unwrap_or("set it").to_owned();
        report.accept("settings", group, |error| chain(error), hint);
    }
}

/// What the upload makes of flags, environment, settings and CREATE TABLE.
fn upload(report: &mut Report, given: &Given) -> Option<upload_data::Config> {
    let resolved = given.part::<upload_data::Args>(&[]).map_err(anyhow::Error::from);
    let resolved = resolved.and_then(|args| args.resolve());
    report.accept(
        "settings",
        resolved,
        |error| format!("{error:#}"),
        |error| runtime::failure::hint(error).unwrap_or("correct flag or setting").to_owned(),
    )
}

/// Where in the bucket `visualize` puts its files, if anywhere.
fn charts_prefix(report: &mut Report, given: &Given, file: &SettingsFile) -> Option<String> {
    let args = given.part::<visualize::config::Args>(&[]).map_err(anyhow::Error::from);
    let target = args.and_then(|args| Ok(args.target(file)?));
    let hint = "correct charts_prefix in [aws] of the settings, or AWS_CHARTS_PREFIX";
    let said = |error: &anyhow::Error| format!("{error:#}");
    let target = report.accept("settings", target, said, |_| hint.to_owned())?;
    target.map(|target| target.prefix)
}

fn read_create_table(
    report: &mut Report,
    shared: &SharedArgs,
    file: &SettingsFile,
) -> Option<String> {
    let table = TableArgs { create_table: shared.create_table.clone(), ..TableArgs::default() };
    let table = table.resolve(file);
    report.accept(
        "settings",
        table.read_create_table(),
        |error| chain(error),
        |_| "name the file that declares the table: --create-table FILE".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Command;

    #[test]
    fn all_that_nobody_sets_is_named_at_once_and_only_once() {
        let (args, _) = crate::parts::parse_from(&["run-pipeline", "doctor"]).unwrap();
        let Some(Command::Doctor(args)) = args.command else { panic!("another command") };
        let mut report = Report::default();
        for _ in 0..2 {
            name_missing(&mut report, &args.shared, &SettingsFile::default());
        }
        let named: Vec<_> = report.checks.iter().map(|check| check.text.as_str()).collect();
        assert_eq!(named.len(), 3, "{report}");
        for (name, text) in ["sqs_name", "s3_bucket", "host"].into_iter().zip(named) {
            assert!(text.contains(&format!("no {name} is set")), "{text}");
        }
    }
}
