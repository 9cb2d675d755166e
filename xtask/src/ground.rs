//! Which stack the scenarios run on, from the flags.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use harness::ground::{self, Ground};

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

/// Starts the stack, or attaches to it.
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
            let announcement = aws.announcement();
            if !flags.i_pay {
                bail!("this costs money and needs --i-pay; it makes, {announcement}");
            }
            writeln!(std::io::stderr(), "on AWS, {announcement}").context("announce")?;
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
