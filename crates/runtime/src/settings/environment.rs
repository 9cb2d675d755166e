//! The environment, as far as `clap` does not read it: secrets, and what is blank.
//!
//! A command line is readable by every user of the machine, so secrets have no flags, and `clap`
//! cannot see them. A variable that is set but blank, as `EVENTS_PER_SEC=` in an environment file,
//! counts as not set, as a blank key of the settings file does.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{ArgMatches, Command, Parser};

use super::keys::Key;
use super::profile;

/// The environment's value for `key`, a secret one too; a blank one counts as not given.
#[expect(clippy::disallowed_methods, reason = "the one place besides clap; see the module doc")]
pub fn value(key: &Key) -> Option<String> {
    std::env::var(key.environment()).ok().filter(|value| !is_blank(value.as_ref()))
}

/// The program's flags, with blank environment variables taken for unset. Every program's `main`
/// begins with this instead of [`Parser::parse`]. Ends the process, as that does, after `--help`,
/// `--version` and with exit code 2 when the flags are wrong.
pub fn parse_args<P: Parser>() -> P {
    parse_args_of(P::command(), |_, _| Ok(()))
}

/// [`parse_args`] of a command that differs from what `P` says, with a check of what was given;
/// what the check says ends the process too.
pub fn parse_args_of<P: Parser>(
    command: Command,
    check: impl FnOnce(&Command, &ArgMatches) -> Result<(), String>,
) -> P {
    let mut command = without_blanks(command);
    let mut matches = command.get_matches_mut();
    if let Err(problem) = check(&command, &matches) {
        command.error(ErrorKind::ArgumentConflict, problem).exit();
    }
    refuse_users_in_endpoints(&mut command);
    let parsed = P::from_arg_matches_mut(&mut matches);
    parsed.unwrap_or_else(|error| error.format(&mut command).exit())
}

/// [`parse_args`], with what clap knows of where each value came from.
pub fn parse_args_and_matches<P: Parser>() -> (P, ArgMatches) {
    let mut command = without_blanks(P::command());
    let matches = command.get_matches_mut();
    refuse_users_in_endpoints(&mut command);
    let parsed = P::from_arg_matches(&matches);
    (parsed.unwrap_or_else(|error| error.format(&mut command).exit()), matches)
}

/// Parses the line of a program that is called as a library: as [`parse_args`], but without ending
/// the process, and without the environment of the flags that are the caller's own.
///
/// # Errors
/// If the flags are wrong; clap's own words.
pub fn parse_args_from<P: Parser>(
    line: Vec<OsString>,
    callers_own: &[&str],
) -> Result<P, clap::Error> {
    let command = without_blanks(P::command());
    let command = command.mut_args(|arg| {
        let is_callers = arg.get_long().is_some_and(|long| callers_own.contains(&long));
        if is_callers { arg.env(None::<&'static str>) } else { arg }
    });
    P::from_arg_matches_mut(&mut command.try_get_matches_from(line)?)
}

#[expect(clippy::disallowed_methods, reason = "clap tells the name of a variable, not its value")]
fn without_blanks(command: Command) -> Command {
    command.mut_subcommands(without_blanks).mut_args(|arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        let is_unset = value.is_some_and(|value| is_blank(&value));
        if is_unset { arg.env(None::<&'static str>) } else { arg }
    })
}

/// The SDK logs an endpoint that it dislikes, and errors name it: ends the process before that, with
/// exit code 2, if there is a user or password in one, of the environment or of AWS's own files.
fn refuse_users_in_endpoints(command: &mut Command) {
    let in_variables = user_in_endpoint(std::env::vars_os());
    if let Some(problem) = in_variables.or_else(user_in_endpoint_of_profile) {
        command.error(ErrorKind::InvalidValue, problem).exit();
    }
}

/// What is wrong with the first of these variables that is an endpoint with an `@`, without its value.
fn user_in_endpoint(variables: impl Iterator<Item = (OsString, OsString)>) -> Option<String> {
    let endpoints = variables.filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("AWS_ENDPOINT_URL"))?;
        value.as_encoded_bytes().contains(&b'@').then_some(name)
    });
    // The same one every time.
    let name = endpoints.min()?;
    Some(format!(
        "the environment variable {name} has an '@' in it: an endpoint takes no user and password. \
         Give http://HOST:PORT alone; credentials are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ))
}

/// The same of the profile in use, whose files are where the SDK looks for them (SDKs and Tools
/// Reference Guide, "Finding and changing the location of the shared config and credentials files").
#[expect(clippy::disallowed_methods, reason = "the SDK's own variables")]
fn user_in_endpoint_of_profile() -> Option<String> {
    let variable = |name| std::env::var_os(name).filter(|value| !is_blank(value));
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    let file = |name, default: &str| {
        let of_home = || home.as_ref().map(|home| Path::new(home).join(default));
        variable(name).map(PathBuf::from).or_else(of_home)
    };
    let files = [
        file("AWS_CONFIG_FILE", ".aws/config"),
        file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
    ];
    let profile = variable("AWS_PROFILE").and_then(|name| name.into_string().ok());
    let files: Vec<PathBuf> = files.into_iter().flatten().collect();
    profile::user_in_endpoint(&files, profile.as_deref().unwrap_or("default"))
}

fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|value| value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cargo gives every test the first variable, and it is blank: this package has no homepage.
    #[derive(Debug, Parser)]
    struct Flags {
        #[arg(long, env = "CARGO_PKG_HOMEPAGE", default_value_t = 7)]
        number: u8,
        #[arg(long, env = "CARGO_PKG_NAME")]
        name: Option<String>,
    }

    #[test]
    fn a_blank_variable_counts_as_not_set() {
        let line = ["flags"];
        assert!(Flags::try_parse_from(line).is_err(), "clap alone takes it for a number");
        let matches = without_blanks(<Flags as clap::CommandFactory>::command());
        let matches = matches.try_get_matches_from(line).expect("nothing is wrong");
        let flags = <Flags as clap::FromArgMatches>::from_arg_matches(&matches).expect("complete");
        assert_eq!((flags.number, flags.name.as_deref()), (7, Some("runtime")));
    }

    #[test]
    fn the_environment_of_a_callers_own_flags_is_not_read() {
        let line = || vec![OsString::from("flags"), OsString::from("--number=1")];
        let flags: Flags = parse_args_from(line(), &[]).expect("complete");
        assert_eq!(flags.name.as_deref(), Some("runtime"));
        let flags: Flags = parse_args_from(line(), &["name"]).expect("complete");
        assert_eq!((flags.number, flags.name), (1, None));
    }

    #[test]
    fn a_user_in_an_endpoint_is_refused_and_not_shown() {
        let found =
            |name: &str, value: &str| user_in_endpoint([(name.into(), value.into())].into_iter());
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3"] {
            for value in ["http://u:hunter2@h:1", "http://u:hun/#?ter2@h", "u:hunter2@h"] {
                let problem = found(name, value).expect("refused");
                assert!(problem.contains(&format!("{name} ")) && !problem.contains("hun"));
            }
            assert_eq!(found(name, "http://127.0.0.1:4566"), None);
        }
        assert_eq!(found("REDSHIFT_URL", "postgresql://u:p@h"), None);
    }

    #[test]
    fn blank_is_nothing_but_white_space() {
        for (value, expected) in [("", true), (" \t", true), ("0", false), (" a ", false)] {
            assert_eq!(is_blank(value.as_ref()), expected, "{value:?}");
        }
    }
}
