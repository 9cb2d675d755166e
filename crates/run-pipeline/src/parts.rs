//! Each part's own configuration, made by the part's own flags.
//!
//! A flag that the user gave goes to every part that has it; environment, settings file and
//! defaults are the part's own business. So a part runs here exactly as its program would.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use runtime::failure::WithHint;
use runtime::settings::parse_args_from;

use crate::flags::{Args, PartName, RunArgs};

/// Flags that mean something else here than in the parts: how often to run, and the port that all
/// share. The environment of these is ours too.
const OURS: &[&str] = &["schedule", "time-zone", "metrics-listen", "dry-run"];

/// The flags as they were given, to be passed on.
#[derive(Debug, Clone)]
pub struct Given {
    line: Vec<Flag>,
}

#[derive(Debug, Clone)]
struct Flag {
    long: String,
    /// The environment variable that it wins over.
    variable: Option<String>,
    /// `None`: a flag without one.
    value: Option<OsString>,
}

impl Given {
    /// What was given on the command line, as opposed to the environment and defaults; behind a
    /// subcommand, if there is one.
    pub fn of(matches: &ArgMatches) -> Self {
        let mut command = Args::command();
        command.build();
        let (command, matches) = match matches.subcommand() {
            Some((name, of_subcommand)) => {
                (command.find_subcommand(name).expect("clap found it"), of_subcommand)
            }
            None => (&command, matches),
        };
        let given = command.get_arguments().filter_map(|arg| {
            let (id, long) = (arg.get_id().as_str(), arg.get_long()?);
            let is_known = matches.try_contains_id(id).unwrap_or_default();
            if !is_known || OURS.contains(&long) {
                return None;
            }
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                return None;
            }
            let value = if arg.get_action().takes_values() {
                Some(matches.get_raw(id)?.next()?.to_owned())
            } else {
                None
            };
            let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            Some(Flag { long: long.to_owned(), variable, value })
        });
        Self { line: given.collect() }
    }

    /// The value given by the flag that wins over this environment variable.
    pub fn value_of(&self, variable: &str) -> Option<String> {
        let flag = self.line.iter().find(|flag| flag.variable.as_deref() == Some(variable))?;
        Some(flag.value.as_ref()?.to_string_lossy().into_owned())
    }

    /// The flags of the part `P`: those given that it has, then `own`.
    ///
    /// # Errors
    /// If the part refuses a value; clap's own words.
    pub fn part<P: Parser>(&self, own: &[String]) -> Result<P, clap::Error> {
        let command = P::command();
        let mut line = vec![OsString::from(command.get_name())];
        for Flag { long, value, .. } in &self.line {
            if command.get_arguments().any(|arg| arg.get_long() == Some(long)) {
                let mut flag = OsString::from(format!("--{long}"));
                if let Some(value) = value {
                    flag.push("=");
                    flag.push(value);
                }
                line.push(flag);
            }
        }
        line.extend(own.iter().map(OsString::from));
        parse_args_from(line, OURS)
    }
}

/// Our own flags, and what is passed on of them. Ends the process as clap does if they are wrong.
pub fn parse() -> (Args, Given) {
    let (args, matches) = runtime::settings::parse_args_and_matches::<Args>();
    let given = Given::of(&matches);
    (args, given)
}

/// The configurations of the parts that run, checked before any of them starts: nobody has to set
/// what only others need.
#[derive(Debug, Clone)]
pub struct Configs {
    /// The generator's.
    pub generate: Option<generate_events::Config>,
    /// The consumers'.
    pub consume: Option<consume_events::Config>,
    /// That of a consumer which ends when the queue is empty.
    pub drain: Option<consume_events::Config>,
    /// The upload's.
    pub upload: Option<upload_data::Config>,
    /// The charts'.
    pub visualize: Option<visualize::config::Config>,
}

impl Configs {
    /// Puts together what each part needs that runs. The flags of the others are checked too.
    ///
    /// # Errors
    /// If a part refuses a flag or a setting.
    pub fn resolve(run: &RunArgs, given: &Given) -> anyhow::Result<Self> {
        let count: Vec<String> =
            run.events.iter().map(|count| format!("--count={count}")).collect();
        let generate: generate_events::Args = given.part(&count)?;
        let consume: consume_events::Args = given.part(&[])?;
        let drain: consume_events::Args = given.part(&["--until-empty".to_owned()])?;
        let upload: upload_data::Args = given.part(&[])?;
        let visualize: visualize::config::Args = given.part(&[])?;
        let has = |part| run.parts.contains(&part);
        let consumes = has(PartName::ConsumeEvents);
        let generate = has(PartName::GenerateEvents).then(|| generate.resolve());
        let consume = consumes.then(|| consume.resolve());
        let drain = consumes.then(|| drain.resolve());
        let upload = has(PartName::UploadData).then(|| upload.resolve());
        let visualize = has(PartName::Visualize).then(|| visualize.resolve());
        Ok(Self {
            generate: generate.transpose().or_else(generate_events::hinted)?,
            consume: consume.transpose().or_else(hinted)?,
            drain: drain.transpose().or_else(hinted)?,
            upload: upload.transpose()?,
            visualize: visualize.transpose().or_else(visualize::hinted)?,
        })
    }
}

fn hinted<T>(error: consume_events::config::ConfigError) -> anyhow::Result<T> {
    match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    }
}

/// Parses as the program itself would be called; for tests and for a library's users.
///
/// # Errors
/// If the flags are wrong.
pub fn parse_from(line: &[&str]) -> Result<(Args, Given), clap::Error> {
    let matches = Args::command().try_get_matches_from(line)?;
    Ok((Args::from_arg_matches(&matches)?, Given::of(&matches)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_part_gets_the_flags_it_has_and_no_others() {
        let line = [
            "run-pipeline",
            "--sqs-name=q",
            "--s3-bucket=lake",
            "--redshift-host=warehouse",
            "--rate=3",
            "--time-zone=Europe/Berlin",
            "--metrics-listen=127.0.0.1:0",
        ];
        let (_, given) = parse_from(&line).unwrap();
        let generate: generate_events::Args = given.part(&[]).unwrap();
        assert_eq!(generate.sqs_name.as_deref(), Some("q"));
        assert_eq!(generate.rate, Some(3.0));
        let upload: upload_data::Args = given.part(&[]).unwrap();
        assert_eq!(upload.bucket.s3_bucket.as_deref(), Some("lake"));
        assert_eq!(upload.redshift.redshift_host.as_deref(), Some("warehouse"));
        assert_eq!(upload.metrics.metrics_listen, None, "one port for all");
        assert!(upload.schedule.resolve().is_none());
    }

    #[test]
    fn a_part_that_does_not_run_needs_no_settings() {
        let table = format!("{}/../../create_table.sql", env!("CARGO_MANIFEST_DIR"));
        let table = format!("--create-table={table}");
        let resolve = |parts: &str, more: &[&str]| {
            let parts = format!("--parts={parts}");
            let mut line = vec!["run-pipeline", &parts, "--sqs-name=q"];
            line.extend(more);
            let (args, given) = parse_from(&line).unwrap();
            Configs::resolve(&args.run, &given)
        };
        assert!(resolve("generate-events", &[]).unwrap().consume.is_none());
        let needed = resolve("generate-events,consume-events", &[]).unwrap_err().to_string();
        assert!(needed.contains("s3_bucket"), "{needed}");
        let more = [table.as_str(), "--s3-bucket=lake"];
        let configs = resolve("consume-events", &more).unwrap();
        assert!(configs.drain.is_some() && configs.upload.is_none());
        let needed = resolve("consume-events,upload-data", &more).unwrap_err().to_string();
        assert!(needed.contains("no host is set"), "{needed}");
    }

    #[test]
    fn a_value_that_the_part_refuses_is_refused_with_its_words() {
        let (_, given) = parse_from(&["run-pipeline", "--rate=fast"]).unwrap();
        let error = given.part::<generate_events::Args>(&[]).unwrap_err().to_string();
        assert!(error.contains("'--rate <RATE>'"), "{error}");
    }

    /// Or a flag of a part could not be given here.
    #[test]
    fn every_setting_of_a_part_is_a_flag_here_too() {
        let longs = |command: clap::Command, heading: Option<&str>| -> BTreeSet<String> {
            let arguments = command.get_arguments();
            let wanted = arguments.filter(|arg| {
                heading.is_none_or(|heading| arg.get_help_heading() == Some(heading))
            });
            wanted.filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
        };
        let ours = longs(Args::command(), None);
        for part in [
            generate_events::Args::command(),
            upload_data::Args::command(),
            visualize::config::Args::command(),
        ] {
            let name = part.get_name().to_owned();
            let missing: Vec<_> =
                longs(part, Some("Settings")).difference(&ours).cloned().collect();
            assert_eq!(missing, Vec::<String>::new(), "{name}");
        }
    }
}
