//! `blueshift env`: the environment block as statements of a shell.

use std::process::ExitCode;

use anyhow::{Context, bail};
use blueshift::stacks::State;
use clap::ValueEnum;

use crate::{Named, print};

/// Print the environment block.
#[derive(Debug, clap::Args)]
pub(crate) struct Env {
    #[command(flatten)]
    named: Named,
    /// For whom: `eval "$(blueshift env)"`, `blueshift env --shell fish | source`, or plain
    /// KEY=value lines for an env file.
    // Not guessed from SHELL: that is the login shell, and a script of another one would break.
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
}

/// Whose quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// sh, bash, zsh, dash, ksh.
    #[value(aliases = ["bash", "zsh", "dash", "ksh", "posix"])]
    Sh,
    /// fish.
    Fish,
    /// KEY=value as it is, for `docker run --env-file` and the like.
    Plain,
}

impl Env {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let name = &self.named.name;
        let record = match self.named.place.stacks().state(name)? {
            State::Running(record) => record,
            State::Starting { .. } => bail!("stack {name} is not ready yet"),
            State::Absent | State::Stale(_) | State::Malformed { .. } => {
                bail!("no stack named {name} is running: blueshift up --detach --name {name}")
            }
        };
        let mut text = String::new();
        for (variable, value) in &record.environment {
            let line = statement(self.shell, variable, value)
                .with_context(|| format!("print {variable}"))?;
            text.push_str(&line);
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// One variable's statement, with its line break.
fn statement(shell: Shell, variable: &str, value: &str) -> anyhow::Result<String> {
    Ok(match shell {
        Shell::Sh => format!("export {variable}='{}'\n", value.replace('\'', r"'\''")),
        // Inside of single quotes fish reads two escapes: \\ and \'.
        Shell::Fish => {
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            format!("set -gx {variable} '{value}'\n")
        }
        Shell::Plain if value.contains(['\n', '\r']) => {
            bail!("its value has a line break, which an env file cannot say: use --shell sh")
        }
        Shell::Plain => format!("{variable}={value}\n"),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const HOSTILE: &str = "a'b\"c$(touch x)`id`\\'\\\\;&|<>*? !#~\u{fc}\n-e";

    #[test]
    fn a_hostile_value_comes_through_every_shell_as_it_is() {
        for (program, shell) in
            [("sh", Shell::Sh), ("bash", Shell::Sh), ("zsh", Shell::Sh), ("fish", Shell::Fish)]
        {
            let line = statement(shell, "VALUE", HOSTILE).expect("any value does");
            let script = format!("{line}printf '%s' \"$VALUE\"");
            // zsh and fish are not everywhere; sh is.
            let Ok(answer) = Command::new(program).arg("-c").arg(&script).output() else {
                assert_ne!(program, "sh");
                continue;
            };
            assert_eq!(String::from_utf8_lossy(&answer.stdout), HOSTILE, "{program}");
        }
    }

    #[test]
    fn an_env_file_has_one_line_per_variable_or_is_refused() {
        assert_eq!(statement(Shell::Plain, "A", "b c'").expect("one line"), "A=b c'\n");
        assert!(statement(Shell::Plain, "A", HOSTILE).is_err());
    }

    #[test]
    fn fish_escapes_backslashes_and_quotes() {
        let line = statement(Shell::Fish, "A", r"it's \x").expect("any value does");
        assert_eq!(line, "set -gx A 'it\\'s \\\\x'\n");
    }
}
