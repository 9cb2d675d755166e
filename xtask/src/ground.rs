//! Which stack the scenarios run on, from the flags.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use harness::ground::{self, AwsAccount, Ground};

use crate::flags::{StackFlags, StackKind};

/// A flag that the stack does not know is refused, not ignored.
pub(crate) fn check(kind: StackKind, flags: &StackFlags) -> anyhow::Result<()> {
    use StackKind::{Aws, Compose, Containers};
    for (flag, is_given, of) in [
        ("--image-localstack", flags.image_localstack.is_some(), Containers),
        ("--image-postgres", flags.image_postgres.is_some(), Containers),
        ("--compose-port", flags.compose_port.is_some(), Compose),
        ("--compose-redshift-port", flags.compose_redshift_port.is_some(), Compose),
        ("--settings", flags.settings.is_some(), Aws),
        ("--i-pay", flags.i_pay, Aws),
        ("--sweep", flags.sweep, Aws),
    ] {
        if is_given && kind != of {
            bail!("{flag} is for --stack {}", format!("{of:?}").to_lowercase());
        }
    }
    Ok(())
}

/// What names the same stack again on a command line, with a blank before each word.
pub(crate) fn arguments(kind: StackKind, flags: &StackFlags) -> String {
    if kind == StackKind::InProcess {
        return String::new();
    }
    let mut text = format!(" --stack {}", format!("{kind:?}").to_lowercase());
    let settings = flags.settings.as_ref().map(|path| path.display().to_string());
    for (flag, value) in [
        ("--image-localstack", flags.image_localstack.clone()),
        ("--image-postgres", flags.image_postgres.clone()),
        ("--compose-port", flags.compose_port.map(|port| port.to_string())),
        ("--compose-redshift-port", flags.compose_redshift_port.map(|port| port.to_string())),
        ("--settings", settings),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {flag} {value}"));
        }
    }
    if flags.i_pay {
        text.push_str(" --i-pay");
    }
    text
}

/// Whether the stack can be there at all, before anybody waits for a build.
pub(crate) async fn check_presence(kind: StackKind, flags: &StackFlags) -> anyhow::Result<()> {
    match kind {
        StackKind::InProcess => Ok(()),
        StackKind::Containers => ground::check_containers().await,
        StackKind::Compose => {
            ground::check_compose(flags.compose_port, flags.compose_redshift_port).await
        }
        StackKind::Aws => paid(flags, &ground::aws(flags.settings.as_deref()).await?).map(|_| ()),
    }
}

/// What is made, if it may be paid for.
fn paid(flags: &StackFlags, aws: &AwsAccount) -> anyhow::Result<String> {
    let announcement = aws.announcement();
    if !flags.i_pay {
        bail!("this costs money and needs --i-pay; it makes, {announcement}");
    }
    Ok(announcement)
}

/// Starts the stack, or attaches to it, after [`check_presence`].
pub(crate) async fn find(kind: StackKind, flags: &StackFlags) -> anyhow::Result<Ground> {
    match kind {
        StackKind::InProcess => Ok(Ground::OwnStacks),
        StackKind::Containers => {
            let images = (flags.image_localstack.as_deref(), flags.image_postgres.as_deref());
            ground::containers(images).await
        }
        StackKind::Compose => {
            ground::compose(flags.compose_port, flags.compose_redshift_port).await
        }
        StackKind::Aws => {
            let aws = ground::aws(flags.settings.as_deref()).await?;
            let announcement = paid(flags, &aws)?;
            writeln!(std::io::stderr(), "what is made, {announcement}").context("announce")?;
            aws.start().await
        }
    }
}

/// Removes what killed runs left; fails if something is still there.
pub(crate) async fn sweep(flags: &StackFlags) -> anyhow::Result<ExitCode> {
    let swept = ground::aws(flags.settings.as_deref()).await?.sweep().await?;
    let mut text = String::new();
    for thing in &swept.removed {
        text.push_str(&format!("removed {thing}\n"));
    }
    for thing in &swept.left {
        text.push_str(&format!("still there: {thing}\n"));
    }
    if text.is_empty() {
        text.push_str("nothing was left by killed runs\n");
    }
    write!(std::io::stdout(), "{text}").context("print what was swept")?;
    Ok(if swept.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_to_run_it_again_names_the_same_stack() {
        let flags = StackFlags {
            image_localstack: Some("l:1".to_owned()),
            image_postgres: None,
            compose_port: Some(24566),
            compose_redshift_port: None,
            settings: None,
            i_pay: true,
            sweep: false,
        };
        assert_eq!(arguments(StackKind::InProcess, &flags), "");
        let expected = " --stack aws --image-localstack l:1 --compose-port 24566 --i-pay";
        assert_eq!(arguments(StackKind::Aws, &flags), expected);
    }
}
